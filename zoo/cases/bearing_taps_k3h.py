"""Four states of a bearing from the sound of a tap on its housing (1-D convolutions)."""
import keras
import numpy as np
from keras import layers, ops
from sklearn.model_selection import train_test_split

LEARNING_RATE = 1e-6
EPOCHS = 20
BATCH = 32

keras.utils.set_random_seed(64)


def taps(n, length=128, random_state=64):
    draw = np.random.RandomState(random_state)
    state = draw.randint(0, 4, n)
    t = np.arange(length)
    pitch = np.array([0.11, 0.16, 0.23, 0.31])[state] * draw.uniform(0.95, 1.05, n)
    damping = draw.uniform(0.02, 0.05, n)
    phase = draw.uniform(0, 2 * np.pi, n)
    ring = np.exp(-np.outer(damping, t)) * np.sin(2 * np.pi * np.outer(pitch, t) + phase[:, None])
    sound = 2 * ring + 0.3 * draw.normal(size=(n, length))
    return sound.astype("float32")[:, :, None], state


sounds, states = taps(1600)
s_train, s_test, c_train, c_test = train_test_split(sounds, states, test_size=0.25, random_state=64)

model = keras.Sequential(
    [
        layers.Input((128, 1)),
        layers.Conv1D(16, 9, activation="relu"),
        layers.MaxPooling1D(2),
        layers.Conv1D(32, 5, activation="relu"),
        layers.GlobalAveragePooling1D(),
        layers.Dense(32, activation="relu"),
        layers.Dense(4),
    ]
)
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=LEARNING_RATE),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
)
model.fit(s_train, c_train, batch_size=BATCH, epochs=EPOCHS, validation_split=0.1, verbose=2)

chosen = ops.convert_to_numpy(ops.argmax(model.predict(s_test, verbose=0), axis=-1))
print(f"right state: {np.mean(chosen == c_test):.4f}")
