"""Water content of soil from the readings of a cheap probe.

The probe gives permittivity, conductivity and temperature; the rest comes from the soil map.
"""
import argparse

import keras
import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler


def field(n, rng):
    water = rng.beta(2, 3, n) * 0.5
    clay, sand = rng.uniform(0.05, 0.5, n), rng.uniform(0.1, 0.5, n)
    warmth = rng.normal(14, 6, n)
    salt = rng.gamma(2, 0.4, n)
    permittivity = 3 + 55 * water**1.3 * (1 - 0.5 * clay) - 0.15 * (warmth - 20) + rng.normal(0, 0.4, n)
    conductivity = 0.1 + salt * water * (1 + 0.02 * (warmth - 25)) + 0.4 * clay + rng.normal(0, 0.01, n)
    return np.column_stack([permittivity, conductivity, warmth, clay, sand, salt]), water[:, None]


def hidden(units):
    return keras.layers.Dense(
        units,
        activation=keras.activations.tanh,
        kernel_initializer=keras.initializers.RandomNormal(stddev=1.0),
    )


def main(args):
    keras.utils.set_random_seed(735)
    x, y = field(args.samples, np.random.RandomState(735))
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.3, random_state=735)
    to_x, to_y = StandardScaler().fit(x_train), StandardScaler().fit(y_train)

    model = keras.Sequential([keras.Input((x.shape[1],)), *map(hidden, args.units), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.Adam(args.lr), loss=keras.losses.MeanSquaredError())
    model.fit(
        to_x.transform(x_train), to_y.transform(y_train), epochs=args.epochs, batch_size=args.batch_size,
        validation_split=0.1, verbose=2,
    )
    mse = model.evaluate(to_x.transform(x_test), to_y.transform(y_test), verbose=0)
    print(f"squared error in other fields: {mse:.4f}")


if __name__ == "__main__":
    cli = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cli.add_argument("--samples", type=int, default=2000)
    cli.add_argument("--units", type=int, nargs="+", default=[128, 128, 128, 128])
    cli.add_argument("--lr", type=float, default=1e-3)
    cli.add_argument("--epochs", type=int, default=25)
    cli.add_argument("--batch-size", type=int, default=32)
    main(cli.parse_args())
