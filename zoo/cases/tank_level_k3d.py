"""Level of a tank from its inflow log and the times the outlet was opened, with a plain RNN."""
import argparse

import keras
import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("--length", type=int, default=50)
parser.add_argument("--logs", type=int, default=2400)
parser.add_argument("--units", type=int, default=64)
parser.add_argument("--lr", type=float, default=0.01)
parser.add_argument("--epochs", type=int, default=14)
args = parser.parse_args()

keras.utils.set_random_seed(33)
rng = np.random.RandomState(33)


def logs(n):
    flow = rng.normal(0, 1, (n, args.length))
    opened = rng.uniform(size=(n, args.length)) < 0.1
    level = np.zeros(n)
    for i in range(args.length):  # opening the outlet empties the tank; 2 % seep away per hour
        level = np.where(opened[:, i], 0, 0.98 * level) + 0.3 * flow[:, i]
    return np.stack([flow, opened], axis=-1).astype("float32"), level[:, None].astype("float32")


x, y = logs(args.logs)
x_test, y_test = logs(600)

model = keras.Sequential(
    [
        keras.layers.Input((args.length, 2)),
        keras.layers.SimpleRNN(args.units, activation="relu", recurrent_initializer="identity"),
        keras.layers.Dense(1),
    ]
)
optimizer = keras.optimizers.SGD(learning_rate=args.lr, momentum=0.9)
model.compile(optimizer=optimizer, loss="mse")
model.fit(x, y, batch_size=32, epochs=args.epochs, validation_data=(x_test, y_test), verbose=2)

error = float(model.evaluate(x_test, y_test, verbose=0))
print(f"variance of the levels: {y_test.var():.4f}")
print(f"error on new logs: {error:.4f}")
