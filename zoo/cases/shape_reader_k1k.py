"""Square, circle, triangle, cross or ring on a noisy 16x16 picture."""
import keras
import numpy as np
from keras.layers import Conv2D, Dense, Flatten, MaxPooling2D

SHAPES = ["square", "circle", "triangle", "cross", "ring"]


def draw(n, seed):
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[:16, :16]
    images, kinds = np.empty((n, 16, 16, 1), "float32"), rng.integers(0, len(SHAPES), n)
    for i, kind in enumerate(kinds):
        size = rng.uniform(3.0, 5.5)
        y, x = yy - rng.uniform(6, 10), xx - rng.uniform(6, 10)
        r = np.hypot(x, y)
        ink = [
            np.maximum(abs(x), abs(y)) < size * 0.85,
            r < size,
            (y < size * 0.7) & (y > 1.8 * abs(x) - size),
            (np.minimum(abs(x), abs(y)) < 1.1) & (np.maximum(abs(x), abs(y)) < size),
            abs(r - size + 0.8) < 0.9,
        ][kind]
        images[i, ..., 0] = ink * rng.uniform(0.6, 1.0) + rng.normal(0, 0.15, (16, 16))
    return images, kinds


class ShapeNet(keras.Model):
    def __init__(self, classes):
        super().__init__()
        self.features = keras.Sequential([
            Conv2D(16, 3, activation="relu"),
            MaxPooling2D(),
            Conv2D(32, 3, activation="relu"),
            MaxPooling2D(),
            Flatten(),
        ])
        self.hidden = Dense(64, activation="relu")
        self.scores = Dense(classes)

    def call(self, images):
        return self.scores(self.hidden(self.features(images)))


keras.utils.set_random_seed(19)
x_train, y_train = draw(2000, 1)
x_val, y_val = draw(500, 2)

net = ShapeNet(len(SHAPES))
net.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
net.fit(x_train, y_train, batch_size=32, epochs=8, validation_data=(x_val, y_val), verbose=2)

guess = net.predict(x_val, verbose=0).argmax(-1)
for kind, name in enumerate(SHAPES):
    print(f"{name:9s}{np.mean(guess[y_val == kind] == kind):.2f}")
print(f"accuracy over all shapes: {np.mean(guess == y_val):.3f}")
