"""Buoys on small sea images: a fully convolutional net gives for each 4x4 cell whether one is in it."""
import math

import keras
import numpy as np
from keras import layers, ops

SIZE, CELLS = 24, 6


def sea(n, rng):
    yy, xx = np.mgrid[:SIZE, :SIZE]
    images = rng.uniform(0.1, 0.3, (n, SIZE, SIZE))
    target = np.zeros((n, CELLS, CELLS, 1), "float32")
    for i in range(n):
        images[i] += 0.08 * np.sin(yy / rng.uniform(1.5, 4) + rng.uniform(0, 6))
        for _ in range(rng.integers(1, 4)):
            r, c = rng.integers(2, SIZE - 2, 2)
            images[i] += 0.6 * np.exp(-((yy - r) ** 2 + (xx - c) ** 2) / 2.0)
            target[i, r // 4, c // 4] = 1
    return images[..., None].astype("float32"), target


def detector(prior=0.05):
    """The outputs start at the share of cells that hold a buoy, as RetinaNet's do."""
    bias = keras.initializers.Constant(-math.log((1 - prior) / prior))
    conv = dict(kernel_size=3, padding="same", bias_initializer=bias)
    x = inputs = keras.Input((SIZE, SIZE, 1))
    for filters, stride in [(16, 1), (24, 2), (32, 2), (32, 1)]:
        x = layers.Conv2D(filters, strides=stride, activation="relu", **conv)(x)
    logits = layers.Conv2D(1, 1, bias_initializer=bias)(x)
    return keras.Model(inputs, logits, name="detector")


def f1(net, x, y):
    hit = ops.convert_to_numpy(net.predict(x, verbose=0)) > 0
    true = y > 0.5
    return 2 * np.sum(hit & true) / max(np.sum(hit) + np.sum(true), 1)


def main():
    keras.utils.set_random_seed(3)
    rng = np.random.default_rng(3)
    x_train, y_train = sea(1200, rng)
    x_test, y_test = sea(300, rng)
    net = detector()
    net.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
    )
    net.fit(x_train, y_train, batch_size=32, epochs=6, validation_data=(x_test, y_test), verbose=2)
    print(f"F1 of the cells: {f1(net, x_test, y_test):.3f}")


if __name__ == "__main__":
    main()
