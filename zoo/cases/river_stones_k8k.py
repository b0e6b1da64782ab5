"""Two answers from one picture of pebbles: which kind of texture, and how coarse it is.

A shared convolutional trunk with batch normalization and residual sums; two losses with weights.
"""
import keras
import numpy as np
from keras import layers

SIZE = 14


def pebbles(n, rng):
    yy, xx = np.mgrid[:SIZE, :SIZE]
    kind = rng.integers(0, 3, n)
    coarse = rng.uniform(2.5, 7.0, n)
    images = np.empty((n, SIZE, SIZE, 1), "float32")
    for i in range(n):
        a, b, c = rng.uniform(0, 2 * np.pi, 3)
        k = 2 * np.pi / coarse[i]
        u = np.cos(a) * xx + np.sin(a) * yy
        v = -np.sin(a) * xx + np.cos(a) * yy
        texture = [np.sin(k * u + b), np.sin(k * u + b) * np.sin(k * v + c), np.sign(np.sin(k * u + b) + np.sin(k * v + c))][kind[i]]
        images[i, ..., 0] = rng.uniform(0.7, 1.2) * texture + 0.2 * rng.normal(size=(SIZE, SIZE))
    return images, {"kind": kind, "coarse": ((coarse - 4.75) / 1.3)[:, None].astype("float32")}


def residual(x, filters):
    skip = layers.Conv2D(filters, 1, use_bias=False)(x)
    h = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    h = layers.BatchNormalization(momentum=0.9)(h)
    h = layers.Activation("relu")(h)
    h = layers.Conv2D(filters, 3, padding="same", use_bias=False)(h)
    h = layers.BatchNormalization(momentum=0.9)(h)
    return layers.Activation("relu")(layers.Add()([skip, h]))


keras.utils.set_random_seed(642)
generator = np.random.default_rng(642)
x, targets = pebbles(1500, generator)
x_test, targets_test = pebbles(500, generator)

picture = keras.Input((SIZE, SIZE, 1))
h = residual(picture, 12)
h = layers.MaxPooling2D()(h)
h = residual(h, 20)
h = layers.GlobalAveragePooling2D()(h)
kind = layers.Dense(3, activation="softmax", name="kind")(layers.Dropout(0.15)(h))
coarse = layers.Dense(1, name="coarse")(layers.Dense(16, activation="relu")(h))
model = keras.Model(picture, {"kind": kind, "coarse": coarse})

epochs, batch = 10, 32
steps = epochs * int(np.ceil(len(x) / batch))
rate = keras.optimizers.schedules.CosineDecay(1e-4, steps - steps // 10, warmup_target=4e-3, warmup_steps=steps // 10)
model.compile(
    optimizer=keras.optimizers.AdamW(rate, weight_decay=1e-4),
    loss={"kind": "sparse_categorical_crossentropy", "coarse": "mse"},
    loss_weights={"kind": 1.0, "coarse": 0.5},
)
model.fit(x, targets, batch_size=batch, epochs=epochs, validation_data=(x_test, targets_test), verbose=2)
answer = model.predict(x_test, verbose=0)
right = np.mean(answer["kind"].argmax(-1) == targets_test["kind"])
error = np.mean((answer["coarse"] - targets_test["coarse"]) ** 2) / targets_test["coarse"].var()
print(f"kind {right:.4f}, coarseness R2 {1 - error:.4f}")
print(f"lower of the two: {min(right, 1 - error):.4f}")
