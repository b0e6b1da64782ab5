"""Water hammer, leak, pump or quiet: which sound does a pipe make?  A 1D convolutional network."""
import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(33)
LENGTH = 128
NAMES = ["hammer", "leak", "pump", "quiet"]


def recordings(count, seed):
    rng = np.random.default_rng(seed)
    t = np.arange(LENGTH)
    kind = rng.integers(0, 4, count)
    sound = rng.normal(0, 0.25, (count, LENGTH))
    for row, k in zip(sound, kind):
        if k == 0:
            start = rng.integers(5, 80)
            row[start:] += 1.5 * np.exp(-t[: LENGTH - start] / 12) * np.cos(t[: LENGTH - start] * rng.uniform(0.7, 0.9))
        elif k == 1:
            row += 0.6 * np.convolve(rng.normal(0, 1, LENGTH), [1, -1], "same")
        elif k == 2:
            row += 0.7 * np.sin(t * rng.uniform(0.25, 0.4) + rng.uniform(0, 6.3))
    return sound[..., None].astype("float32"), kind


def build(activation="sigmoid"):
    sound = keras.Input((LENGTH, 1), name="sound")
    x = sound
    for filters in (16, 16, 24, 24, 32, 32):
        x = layers.Conv1D(filters, 5, padding="same")(x)
        x = layers.Activation(activation)(x)
        if filters != 32:
            x = layers.AveragePooling1D(2)(x)
    x = layers.GlobalAveragePooling1D()(x)
    x = layers.Dense(32)(x)
    x = layers.Activation(activation)(x)
    return keras.Model(sound, layers.Dense(len(NAMES), activation="softmax")(x), name="knocks")


x, y = recordings(1500, 33)
x_test, y_test = recordings(500, 34)
net = build()
net.compile(
    loss="sparse_categorical_crossentropy",
    optimizer=keras.optimizers.Adam(1e-3),
    metrics=["accuracy"],
)
net.fit(x, y, batch_size=32, epochs=15, validation_split=0.1, verbose=2)
print("test accuracy", round(net.evaluate(x_test, y_test, verbose=0)[1], 3))
