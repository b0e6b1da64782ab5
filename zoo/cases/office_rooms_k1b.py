"""Is an office room in use?  From its sensors: CO2, light, humidity, pressure, time of day, door."""
import keras
import numpy as np
from keras import layers

FEATURES = ["co2", "light", "humidity", "pressure", "minute", "door"]


def rooms(n, rng):
    minute = rng.integers(0, 1440, n)                                 # of the day
    used = rng.random(n) < np.where((minute > 480) & (minute < 1080), 0.7, 0.25)
    door = (rng.random(n) < 0.3 + 0.25 * used).astype(float)
    co2 = 430 + used * rng.gamma(4, 60, n) * (1 - 0.6 * door) + rng.gamma(5, 30, n)        # ppm
    daylight = np.clip(np.sin((minute - 360) / 720 * np.pi), 0, None)
    light = 700 * daylight * rng.beta(2, 2, n) + used * rng.choice([0, 350], n, p=[0.4, 0.6])   # lux
    humidity = 0.35 + 0.04 * used + rng.normal(0, 0.04, n)             # as a share
    pressure = rng.normal(101300, 900, n)                             # Pa
    table = np.stack([co2, light, humidity, pressure, minute, door], 1)
    return table.astype("float32"), used.astype("float32")


def main(seed=14, epochs=25):
    keras.utils.set_random_seed(14)
    x, y = rooms(3000, np.random.default_rng(seed))
    x_train, x_val, y_train, y_val = x[:2400], x[2400:], y[:2400], y[2400:]

    inputs = keras.Input((len(FEATURES),))
    h = layers.Dense(32, activation="relu")(inputs)
    h = layers.Dense(16, activation="relu")(h)
    outputs = layers.Dense(1, activation="sigmoid")(h)
    model = keras.Model(inputs, outputs)
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    model.fit(x_train, y_train, epochs=epochs, batch_size=32, validation_data=(x_val, y_val), verbose=2)

    guess = model.predict(x_val, verbose=0)[:, 0] > 0.5
    right = [np.mean(guess[y_val == c] == c) for c in (0, 1)]
    print(f"balanced accuracy {np.mean(right):.3f}")


main()
