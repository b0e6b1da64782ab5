"""Good or bad? Token sequences with negations, read by attention over a GRU."""
import keras
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(19)

# vocabulary: 0 padding, 1..40 praise, 41..80 blame, 81 "not", 82..400 filler
LENGTH, WORDS = 30, 401


def write_reviews(count, seed):
    rng = np.random.RandomState(seed)
    texts = np.zeros((count, LENGTH), dtype="int32")
    mood = np.zeros(count)
    for text in texts:
        length = rng.randint(14, LENGTH + 1)
        text[:length] = rng.randint(82, WORDS, length)
    for i, text in enumerate(texts):
        length = np.count_nonzero(text)
        total = 0
        for place in rng.choice(np.arange(1, length), size=rng.choice([3, 5]), replace=False):
            good = rng.rand() < 0.5
            text[place] = rng.randint(1, 41) if good else rng.randint(41, 81)
        for place in range(1, length):
            if text[place] <= 80:
                sign = 1 if text[place] <= 40 else -1
                if text[place - 1] > 81 and rng.rand() < 0.25:
                    text[place - 1] = 81
                total += -sign if text[place - 1] == 81 else sign
        mood[i] = total > 0
    return texts, mood.astype("float32")


class AttentionPool(layers.Layer):
    """Mean over time, weighted by a learned relevance."""

    def build(self, shape):
        self.relevance = self.add_weight(shape=(shape[-1], 1), initializer="glorot_uniform", name="relevance")

    def call(self, states):
        weights = ops.softmax(ops.matmul(ops.tanh(states), self.relevance), axis=1)
        return ops.sum(weights * states, axis=1)


x_train, y_train = write_reviews(6000, seed=100)
x_test, y_test = write_reviews(1000, seed=101)

tokens = keras.Input((LENGTH,), dtype="int32")
h = layers.Embedding(WORDS, 16)(tokens)
h = layers.Bidirectional(layers.GRU(16, return_sequences=True))(h)
h = AttentionPool()(h)
h = layers.Dropout(0.2)(h)
answer = layers.Dense(1, activation="sigmoid")(h)
model = keras.Model(tokens, answer)
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=4e-3, clipnorm=1.0),
    loss="binary_crossentropy",
    metrics=["accuracy"],
)
model.fit(x_train, y_train, batch_size=64, epochs=6, validation_data=(x_test, y_test), verbose=2)
print(f"accuracy on new reviews {model.evaluate(x_test, y_test, verbose=0)[1]:.3f}")
