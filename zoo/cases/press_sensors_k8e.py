"""Ejects, sticks or runs: the state of a hot press from six raw channels.

The channels come in their own units (bar, degC, mm, A, Hz, N); the first layer brings them to one scale.
"""
from dataclasses import dataclass

import keras
import numpy as np


@dataclass(frozen=True)
class Settings:
    rows: int = 1600
    batch: int = 64
    epochs: int = 16
    units: int = 48
    rate: float = 2e-3
    bn_momentum: float = 0.999


OFFSET = np.array([160.0, 185.0, 12.0, 40.0, 50.0, 900.0])
SPREAD = np.array([9.0, 6.0, 1.5, 5.0, 4.0, 60.0])


def channels(n, generator):
    state = generator.integers(0, 3, n)
    z = generator.normal(size=(n, 6))
    z[:, 0] += np.where(state == 1, 1.4, 0.0)
    z[:, 3] += np.where(state == 1, 0.9, -0.3)
    z[:, 2] = np.where(state == 2, np.abs(z[:, 2]) + 0.9, z[:, 2] * 0.7)
    z[:, 5] += np.where(state == 2, -1.5, 0.3) * np.sign(z[:, 1])
    return (OFFSET + SPREAD * z).astype("float32"), state


class Rows(keras.utils.PyDataset):
    def __init__(self, x, y, batch, seed, **kwargs):
        super().__init__(**kwargs)
        self.x, self.y, self.batch = x, y, batch
        self.generator = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self):
        return len(self.x) // self.batch

    def __getitem__(self, i):
        rows = self.order[i * self.batch:(i + 1) * self.batch]
        return self.x[rows], self.y[rows]

    def on_epoch_end(self):
        self.order = self.generator.permutation(len(self.x))


def network(s):
    return keras.Sequential([
        keras.layers.Input(shape=(6,)),
        keras.layers.BatchNormalization(momentum=s.bn_momentum),
        keras.layers.Dense(s.units, activation="relu"),
        keras.layers.BatchNormalization(momentum=s.bn_momentum),
        keras.layers.Dense(s.units, activation="relu"),
        keras.layers.Dense(3, activation="softmax"),
    ])


def main(s=Settings()):
    keras.utils.set_random_seed(90)
    generator = np.random.default_rng(90)
    x, y = channels(s.rows, generator)
    x_val, y_val = channels(500, generator)
    model = network(s)
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=s.rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    history = model.fit(Rows(x, y, s.batch, 3), epochs=s.epochs, validation_data=(x_val, y_val), verbose=2)
    print("training accuracy:", round(history.history["accuracy"][-1], 3))
    print(f"state of the press: {model.evaluate(x_val, y_val, verbose=0)[1]:.4f}")


main()
