"""Calibrate the yield of washed wool from eight neighbouring bands of a reflectance sensor."""
import argparse

import keras
import numpy as np


def measure(n, rng):
    brightness = rng.normal(size=(n, 1))
    slope = rng.normal(size=(n, 1))
    chemistry = rng.normal(size=(n, 3))
    place = np.linspace(-1, 1, 8)
    shapes = np.stack([np.exp(-((place - c) / 0.35) ** 2) for c in (-0.6, 0.1, 0.7)])
    bands = 1.0 * brightness + 0.3 * slope * place + 0.06 * chemistry @ shapes
    bands = bands + 0.004 * rng.normal(size=bands.shape)
    washed = 0.5 * chemistry[:, 0] - 0.8 * chemistry[:, 1] + 0.6 * chemistry[:, 2] + 0.3 * brightness[:, 0]
    return bands, washed + 0.03 * rng.normal(size=n)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--lr", type=float, default=0.11)
    args = parser.parse_args([])

    keras.utils.set_random_seed(12)
    rng = np.random.default_rng(12)
    x, y = measure(3000, rng)
    x_new, y_new = measure(600, rng)
    centre, spread = x.mean(0), x.std(0)
    x, x_new = (x - centre) / spread, (x_new - centre) / spread
    y_mean, y_std = y.mean(), y.std()

    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1, name="calibration")])
    model.compile(keras.optimizers.SGD(args.lr), loss="mean_squared_error")
    model.fit(
        x, (y - y_mean) / y_std, batch_size=args.batch_size, epochs=args.epochs, verbose=2,
        validation_data=(x_new, (y_new - y_mean) / y_std),
    )
    estimate = model.predict(x_new, verbose=0)[:, 0] * y_std + y_mean
    print("weights of the bands:", np.round(model.get_weights()[0].ravel(), 2))
    print(f"R2 on new bales: {1 - np.mean((estimate - y_new) ** 2) / y_new.var():.4f}")


if __name__ == "__main__":
    main()
