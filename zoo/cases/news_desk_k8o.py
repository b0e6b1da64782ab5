"""Which desk gets the agency report? Two small readers (word means, word order) vote together."""
import keras
import numpy as np
from keras import layers

DESKS = ["politics", "economy", "sports", "culture", "science", "local"]
WORDS, LENGTH = 800, 24


def reports(n, rng, topics):
    desk = rng.integers(0, len(DESKS), n)
    text = np.zeros((n, LENGTH), dtype="int32")
    for i in range(n):
        size = rng.integers(14, LENGTH + 1)
        text[i, :size] = rng.choice(WORDS, size, p=topics[desk[i]])
    return text, desk


def reader_of_means(text):
    h = layers.Embedding(WORDS, 24)(text)
    h = layers.GlobalAveragePooling1D()(h)
    h = layers.Dense(32, activation="relu")(h)
    return layers.Dense(len(DESKS), activation="softmax", name="means")(h)


def reader_of_order(text):
    h = layers.Embedding(WORDS, 24)(text)
    h = layers.Conv1D(32, 3, activation="relu")(h)
    h = layers.GlobalMaxPooling1D()(h)
    return layers.Dense(len(DESKS), activation="softmax", name="order")(h)


def main():
    keras.utils.set_random_seed(515)
    rng = np.random.default_rng(515)
    base = 1.0 / (np.arange(WORDS) + 5.0)
    topics = base * np.exp(1.5 * rng.normal(size=(len(DESKS), WORDS)) * (rng.random(WORDS) < 0.4))
    topics[:, 0] = 0
    topics /= topics.sum(axis=1, keepdims=True)
    train, val, test = (reports(n, rng, topics) for n in (4000, 500, 800))

    text = keras.Input((LENGTH,), dtype="int32")
    model = keras.Model(text, layers.Average(name="vote")([reader_of_means(text), reader_of_order(text)]))
    model.compile(
        optimizer=keras.optimizers.Adam(2e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(*train, batch_size=64, epochs=10, validation_data=val, verbose=2)
    loss, accuracy = model.evaluate(*test, verbose=0)
    print(f"{accuracy:.1%} of the reports reach their desk")
    print(f"loss of the test reports {loss:.4f}")


if __name__ == "__main__":
    main()
