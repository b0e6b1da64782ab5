"""Passengers of a ferry line next day, from the last three weeks (GRU)."""
import keras
import numpy as np
from keras import layers

WINDOW = 21
DAYS = 1500


def passengers(rng):
    day = np.arange(DAYS)
    season = 1 + 0.5 * np.sin(2 * np.pi * (day - 110) / 365)
    week = np.array([0.8, 0.75, 0.8, 0.9, 1.2, 1.45, 1.3])[day % 7]
    storm = np.zeros(DAYS)
    for d in range(1, DAYS):
        storm[d] = 0.7 * storm[d - 1] + rng.normal(0, 0.08)
    return 14000 * season * week * np.exp(storm) + rng.normal(0, 300, DAYS)


def windows(series, scaled):
    x = np.stack([scaled[i:i + WINDOW] for i in range(len(series) - WINDOW)])
    y = series[WINDOW:]
    return x[..., None].astype("float32"), y[:, None].astype("float32")


def main():
    keras.utils.set_random_seed(796)
    counts = passengers(np.random.RandomState(796))
    cut = int(0.8 * DAYS)
    mean, std = counts[:cut].mean(), counts[:cut].std()
    scaled = (counts - mean) / std
    x, y = windows(counts, scaled)
    x_train, y_train, x_test, y_test = x[:cut], y[:cut], x[cut:], y[cut:]

    model = keras.Sequential()
    model.add(layers.Input((WINDOW, 1)))
    model.add(layers.GRU(48))
    model.add(layers.Dense(24, activation="relu"))
    model.add(layers.Dense(1))
    model.compile(loss="mean_squared_error", optimizer="adam")
    model.fit(x_train, y_train, epochs=30, batch_size=32, validation_data=(x_test, y_test), verbose=2)

    forecast = model.predict(x_test, verbose=0)
    naive = np.mean((y_test - y_test.mean()) ** 2)
    print(f"skill of the forecast: {1 - np.mean((forecast - y_test) ** 2) / naive:.4f}")


if __name__ == "__main__":
    main()
