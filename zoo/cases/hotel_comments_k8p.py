"""Stars (1-5 in three groups) of hotel comments given as word numbers.

python hotel_comments.py
"""
import keras
import numpy as np
from keras import layers
from sklearn.metrics import classification_report, f1_score

VOCABULARY = 1500
MAX_WORDS = 30
DIM = 8


def comments(n, rng, tone):
    """Words are drawn by frequency; a mood makes some of them likelier."""
    frequency = 1.0 / (np.arange(VOCABULARY) + 8.0)
    mood = rng.integers(0, 3, n)
    tables = []
    for m in range(3):
        p = frequency * np.exp(1.1 * tone[:, m])
        p[0] = 0.0
        tables.append(p / p.sum())
    words = np.stack([rng.choice(VOCABULARY, MAX_WORDS, p=tables[m]) for m in mood])
    return words.astype("int32"), mood


def embedding_layer():
    # word vectors stay as they are, otherwise the net overfits
    return layers.Embedding(VOCABULARY, DIM, embeddings_initializer="normal", trainable=False, name="word_vectors")


def build_model():
    words = keras.Input(shape=(MAX_WORDS,), dtype="int32")
    x = embedding_layer()(words)
    x = layers.GlobalAveragePooling1D()(x)
    x = layers.BatchNormalization()(x)
    x = layers.Dense(32, activation="relu")(x)
    x = layers.Dropout(0.2)(x)
    return keras.Model(words, layers.Dense(3, activation="softmax")(x))


def run():
    keras.utils.set_random_seed(31)
    rng = np.random.default_rng(31)
    tone = rng.normal(size=(VOCABULARY, 3)) * (rng.random((VOCABULARY, 1)) < 0.3)
    x_train, y_train = comments(4000, rng, tone)
    x_test, y_test = comments(1000, rng, tone)

    model = build_model()
    model.compile("rmsprop", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(
        x_train, y_train, batch_size=64, epochs=12, validation_split=0.1, verbose=2,
        callbacks=[keras.callbacks.EarlyStopping(monitor="val_loss", patience=4, restore_best_weights=True)],
    )
    predicted = model.predict(x_test, verbose=0).argmax(axis=-1)
    print(classification_report(y_test, predicted, target_names=["1-2", "3", "4-5"], zero_division=0))
    print("F1 of the comments = {:.4f}".format(f1_score(y_test, predicted, average="macro")))


run()
