"""How will a reader rate a book?  Embeddings of both and the reader's age, a subclassed model."""
import keras
import numpy as np
from keras import layers, ops

READERS, BOOKS = 300, 200


class Ratings(keras.Model):
    def __init__(self, dim=8, **kwargs):
        super().__init__(**kwargs)
        l2 = keras.regularizers.L2(1e-5)
        self.reader = layers.Embedding(READERS, dim, embeddings_regularizer=l2)
        self.book = layers.Embedding(BOOKS, dim, embeddings_regularizer=l2)
        self.reader_bias = layers.Embedding(READERS, 1, embeddings_initializer="zeros")
        self.book_bias = layers.Embedding(BOOKS, 1, embeddings_initializer="zeros")
        self.age = layers.Dense(dim, activation="tanh")

    def call(self, inputs):
        taste = self.reader(inputs["reader"]) + self.age(inputs["age"])
        match = ops.sum(taste * self.book(inputs["book"]), axis=-1, keepdims=True)
        return match + self.reader_bias(inputs["reader"]) + self.book_bias(inputs["book"])


def ratings(n, seed):
    rng = np.random.default_rng(seed)
    taste, style = rng.normal(0, 1, (READERS, 3)), rng.normal(0, 0.6, (BOOKS, 3))
    mild, good, age = rng.normal(0, 0.4, READERS), rng.normal(0, 0.7, BOOKS), rng.uniform(0, 1, READERS)
    reader, book = rng.integers(0, READERS, n), rng.integers(0, BOOKS, n)
    stars = 3.3 + mild[reader] + good[book] + (taste[reader] * style[book]).sum(1) + rng.normal(0, 0.3, n)
    inputs = {"reader": reader, "book": book, "age": age[reader, None].astype("float32")}
    return inputs, stars.astype("float32")


keras.utils.set_random_seed(134)
inputs, stars = ratings(24000, 134)
part = {key: value[:20000] for key, value in inputs.items()}
rest = {key: value[20000:] for key, value in inputs.items()}
mean = stars[:20000].mean()

model = Ratings()
model.compile(optimizer=keras.optimizers.Adam(5e-3), loss="mse")
model.fit(part, stars[:20000] - mean, batch_size=128, epochs=12, verbose=2,
          validation_data=(rest, stars[20000:] - mean))
guess = model.predict(rest, batch_size=512, verbose=0)[:, 0] + mean
print(f"R2 of unseen ratings {1 - np.mean((guess - stars[20000:]) ** 2) / stars[20000:].var():.3f}")
