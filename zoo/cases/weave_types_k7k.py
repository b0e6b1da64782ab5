"""Tell five weaves of cloth apart from small photographs; soft labels, batches by hand."""
import keras
import numpy as np
from keras import layers, ops

WEAVES = ["plain", "twill", "satin", "rib", "basket"]
SIZE = 12


def photographs(n, rng):
    row, column = np.mgrid[:SIZE, :SIZE]
    patterns = [
        lambda r, c: (r + c) % 2,
        lambda r, c: (r + c) % 4 < 2,
        lambda r, c: (2 * r + c) % 5 == 0,
        lambda r, c: (r // 2) % 2,
        lambda r, c: (r // 2 + c // 2) % 2,
    ]
    kind = rng.randint(0, len(WEAVES), n)
    images = np.empty((n, SIZE, SIZE))
    for i, k in enumerate(kind):
        dr, dc = rng.randint(0, 10, 2)
        images[i] = patterns[k](row + dr, column + dc)
    images = images * rng.uniform(0.6, 1.2, (n, 1, 1)) + rng.normal(0, 0.4, images.shape)
    return images[..., None].astype("float32"), kind


def soft_cross_entropy(y_true, y_pred, smooth=0.02):
    classes = len(WEAVES)
    target = ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), classes) * (1 - smooth) + smooth / classes
    return -ops.sum(target * ops.log_softmax(y_pred, axis=-1), axis=-1)


keras.utils.set_random_seed(804)
rng = np.random.RandomState(804)
cloth, weave = photographs(1600, rng)
new_cloth, new_weave = photographs(500, rng)

image = keras.Input((SIZE, SIZE, 1), name="cloth")
x = layers.Conv2D(12, 3, activation="relu")(image)
x = layers.MaxPooling2D()(x)
x = layers.Conv2D(24, 3, activation="relu")(x)
x = layers.Flatten()(x)
x = layers.Dense(48, activation="relu")(x)
x = layers.Dense(len(WEAVES), name="weave", activation="softmax")(x)
model = keras.Model(image, x)
model.compile(optimizer=keras.optimizers.SGD(0.02, momentum=0.9, nesterov=True), loss=soft_cross_entropy)

for epoch in range(14):
    order = rng.permutation(len(cloth))
    losses = []
    for batch in np.array_split(order, len(order) // 32):
        losses.append(float(model.train_on_batch(cloth[batch], weave[batch])))
        model.reset_metrics()
    print(f"epoch {epoch + 1:2d}: {np.mean(losses):.4f}")

print("named correctly:", (model.predict(new_cloth, verbose=0).argmax(-1) == new_weave).mean())
print(f"loss on new cloth: {float(model.test_on_batch(new_cloth, new_weave)):.4f}")
