"""Do two glyphs come from the same class? A twin network over pairs of digits."""
import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_digits

keras.utils.set_random_seed(23)
rng = np.random.RandomState(23)

images, labels = load_digits(return_X_y=True)
images = (images / 16.0).astype("float32")
train, test = np.arange(1300), np.arange(1300, len(images))


def pairs(rows, count):
    """Half of the pairs from one class, half from two."""
    by_class = [rows[labels[rows] == c] for c in range(10)]
    left, right, same = [], [], []
    for i in range(count):
        a = rng.randint(10)
        b = a if i % 2 else (a + rng.randint(1, 10)) % 10
        left.append(rng.choice(by_class[a]))
        right.append(rng.choice(by_class[b]))
        same.append(float(a == b))
    return images[left], images[right], np.array(same, dtype="float32")[:, None]


class Distance(layers.Layer):
    """Euclidean distance of two batches of vectors."""

    def call(self, a, b):
        return ops.sqrt(ops.sum(ops.square(a - b), axis=-1, keepdims=True))


def contrastive(y_true, distance, margin=1.0):
    apart = ops.maximum(margin - distance, 0.0)
    return ops.mean(y_true * ops.square(distance) + (1 - y_true) * ops.square(apart))


encoder = keras.Sequential(
    [keras.Input((64,)), layers.Dense(64, activation="relu"), layers.Dense(16)], name="encoder"
)
left_in, right_in = keras.Input((64,)), keras.Input((64,))
distance = Distance()(encoder(left_in), encoder(right_in))
twin = keras.Model([left_in, right_in], distance)
twin.compile(optimizer=keras.optimizers.RMSprop(1e-3), loss=contrastive)

a, b, same = pairs(train, 6000)
a_test, b_test, same_test = pairs(test, 1000)
twin.fit([a, b], same, batch_size=64, epochs=12, validation_data=([a_test, b_test], same_test), verbose=2)

found = twin.predict([a_test, b_test], verbose=0) < 0.5
print(f"pairs judged rightly: {np.mean(found == (same_test == 1)):.3f}")
