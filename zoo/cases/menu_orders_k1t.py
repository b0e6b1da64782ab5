"""Is an order for the kitchen, the bar or the desk?  Word ids -> embeddings -> one attention block."""
import keras
import numpy as np
from keras import layers, ops

WORDS = {
    "kitchen": "soup bread rice steak pasta salad fries omelette stew".split(),
    "bar": "beer wine tonic juice water cola cider espresso rum".split(),
    "desk": "key towel taxi invoice pillow room luggage wifi map".split(),
}
FILLER = "please one two another the a for table with and no extra some to my now could we have".split()
VOCAB = [""] + FILLER + sum(WORDS.values(), [])
LENGTH = 14


def orders(n, rng):
    """Two things of the right place and one that is only mentioned, in any order."""
    names = list(WORDS)
    x, y = np.zeros((n, LENGTH), "int32"), rng.integers(0, 3, n)
    for i in range(n):
        things = list(rng.choice(WORDS[names[y[i]]], 2))
        things.append(rng.choice(WORDS[names[(y[i] + rng.integers(1, 3)) % 3]]))
        rng.shuffle(things)
        text = []
        for thing in things:
            text += list(rng.choice(FILLER, rng.integers(1, 4))) + [thing]
        x[i, : len(text)] = [VOCAB.index(w) for w in text]
    return x, y


class Positions(layers.Layer):
    def __init__(self, length, dim):
        super().__init__()
        self.table = layers.Embedding(length, dim)
        self.length = length

    def call(self, x):
        return x + self.table(ops.arange(self.length))


keras.utils.set_random_seed(8)
x_train, y_train = orders(3000, np.random.default_rng(1))
x_val, y_val = orders(600, np.random.default_rng(2))

tokens = keras.Input((LENGTH,), dtype="int32")
h = layers.Embedding(len(VOCAB), 32)(tokens)
h = Positions(LENGTH, 32)(h)
a = layers.MultiHeadAttention(num_heads=2, key_dim=16)(h, h)
h = layers.LayerNormalization()(h + a)
f = layers.Dense(64, activation="relu")(h)
h = layers.LayerNormalization()(h + layers.Dense(32)(f))
h = layers.GlobalAveragePooling1D()(h)
model = keras.Model(tokens, layers.Dense(3, activation="softmax")(h))

model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=0.1),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
model.fit(x_train, y_train, batch_size=32, epochs=10, validation_data=(x_val, y_val), verbose=2)
_, accuracy = model.evaluate(x_val, y_val, verbose=0)
print(f"orders sent to the right place: {accuracy:.3f}")
