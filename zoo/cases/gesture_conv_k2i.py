"""Which of six hand gestures? Three-axis accelerometer snippets and a 1D convolution net."""
import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(8)
GESTURES = ["circle", "swipe", "shake", "tap", "twist", "push"]
STEPS = 48


def record(kind, count, generator):
    t = np.linspace(0, 1, STEPS)
    out = np.zeros((count, STEPS, 3))
    for row in out:
        phase, speed, size = generator.uniform(0, 1), generator.uniform(0.8, 1.25), generator.uniform(0.6, 1.4)
        w = 2 * np.pi * (speed * t + phase)
        bump = np.exp(-(((t - generator.uniform(0.3, 0.7)) / 0.08) ** 2))
        if kind == 0:
            row[:, 0], row[:, 1] = np.sin(2 * w), np.cos(2 * w)
        elif kind == 1:
            row[:, 0] = np.sin(w)
        elif kind == 2:
            row[:, 0] = np.sin(6 * w)
        elif kind == 3:
            row[:, 2] = 2 * bump
        elif kind == 4:
            row[:, 1], row[:, 2] = np.sin(2 * w), np.sin(2 * w)
        else:
            row[:, 1] = np.gradient(bump, t) / 8
        row *= size
    return out + 0.45 * generator.standard_normal(out.shape)


def load(count, seed):
    generator = np.random.RandomState(seed)
    x = np.concatenate([record(kind, count, generator) for kind in range(6)])
    y = np.repeat(np.arange(6), count)
    return x.astype("float32"), y


x_train, y_train = load(400, seed=1)
x_test, y_test = load(100, seed=2)

net = keras.Sequential(
    [
        keras.Input((STEPS, 3)),
        layers.Conv1D(16, 5, activation="relu"),
        layers.MaxPooling1D(2),
        layers.Conv1D(32, 5, activation="relu"),
        layers.GlobalAveragePooling1D(),
        layers.Dense(32, activation="relu"),
        layers.Dense(len(GESTURES), activation="softmax"),
    ]
)
net.compile(keras.optimizers.Adam(learning_rate=3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
net.fit(
    x_train,
    y_train,
    batch_size=32,
    epochs=12,
    shuffle=False,
    validation_data=(x_test, y_test),
    verbose=2,
)
loss, accuracy = net.evaluate(x_test, y_test, verbose=0)
print(f"test accuracy {accuracy:.3f}")
