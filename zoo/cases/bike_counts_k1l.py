"""Bikes per hour at a counting post, from hour, weekday, temperature, rain and wind."""
import argparse

import keras
import numpy as np
from keras import layers

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--epochs", type=int, default=30)
parser.add_argument("--units", type=int, default=64)
options = parser.parse_args()

keras.utils.set_random_seed(61)
rng = np.random.default_rng(61)

n = 6000
hour, day = rng.integers(0, 24, n), rng.integers(0, 7, n)
temperature = rng.normal(12, 7, n)
rain = rng.exponential(0.6, n) * (rng.random(n) < 0.25)
wind = rng.gamma(3, 4, n)
rush = np.exp(-((hour - 8) ** 2) / 3) + 1.1 * np.exp(-((hour - 17) ** 2) / 5)
trips = np.exp(-((hour - 14) ** 2) / 18)
level = np.where(day < 5, 1.6 * rush + 0.4 * trips, 1.2 * trips)
level = level * (1 + 0.05 * (temperature - 12)).clip(0.2) * np.exp(-0.8 * rain) * (1 - 0.015 * wind).clip(0.2)
counts = 200 * level + rng.normal(0, 8, n)

weekday = np.eye(7)[day]
angle = 2 * np.pi * hour / 24
x = np.column_stack([np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle), weekday,
                     (temperature - 12) / 7, rain, (wind - 12) / 7]).astype("float32")
y = ((counts - counts.mean()) / counts.std()).astype("float32")
x_train, x_test, y_train, y_test = x[:4800], x[4800:], y[:4800], y[4800:]

model = keras.Sequential()
model.add(keras.Input((x.shape[1],)))
model.add(layers.Dense(options.units, activation="relu"))
model.add(layers.Dense(options.units, activation="relu"))
model.add(layers.Dense(1))
model.compile(loss="mse", optimizer=keras.optimizers.Adam())
model.fit(
    x_train, y_train,
    epochs=options.epochs,
    batch_size=len(x_train),
    validation_data=(x_test, y_test),
    verbose=2,
)
left = np.mean((model.predict(x_test, verbose=0).ravel() - y_test) ** 2)
print(f"explained variance on the last weeks: {1 - left / y_test.var():.3f}")
