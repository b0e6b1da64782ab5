"""Does a support ticket need a second reply? Word ids of the first message, some old tickets."""
import keras
import numpy as np
from keras import layers

VOCABULARY, WORDS = 300, 30
keras.utils.set_random_seed(763)
desk = np.random.RandomState(763)

weight = np.where(desk.uniform(size=VOCABULARY) < 0.4, desk.normal(0, 1.0, VOCABULARY), 0)
weight[0] = 0
frequency = 1 / (np.arange(VOCABULARY) + 8.0)
frequency[0] = 0
frequency /= frequency.sum()


def tickets(n):
    words = desk.choice(VOCABULARY, size=(n, WORDS), p=frequency)
    words[np.arange(WORDS) >= desk.randint(12, WORDS + 1, n)[:, None]] = 0
    score = weight[words].sum(axis=1)
    second = score > np.median(score)
    flipped = desk.uniform(size=n) < 0.1  # colleagues forget to close tickets
    return words, (second ^ flipped).astype("float32")


old_words, old_second = tickets(1200)
val_words, val_second = tickets(250)
new_words, new_second = tickets(1500)


def fit_and_report(callbacks=()):
    message = keras.Input((WORDS,), dtype="int32")
    x = layers.Embedding(VOCABULARY, 64)(message)
    x = layers.Conv1D(64, 3, padding="same", activation="relu")(x)
    x = layers.GlobalAveragePooling1D()(x)
    x = layers.Dense(64, activation="relu")(x)
    model = keras.Model(message, layers.Dense(1, activation="sigmoid")(x))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(
        old_words, old_second, batch_size=32, epochs=40, validation_data=(val_words, val_second), verbose=0,
        callbacks=list(callbacks),
    )
    for key, values in history.history.items():
        print(f"{key:13s}", " ".join(f"{v:.3f}" for v in values[::4]))
    return model.evaluate(new_words, new_second, verbose=0)


loss, accuracy = fit_and_report()
print(f"tickets of next month: accuracy {accuracy:.3f}, log loss {loss:.4f}")
