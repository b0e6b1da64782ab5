"""Tag short articles with up to eight topics, from word counts."""
import argparse

import keras
import numpy as np
from keras import layers, regularizers
from sklearn.datasets import make_multilabel_classification
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split

parser = argparse.ArgumentParser()
parser.add_argument("--units", type=int, default=96)
parser.add_argument("--l2", type=float, default=0.1)
parser.add_argument("--epochs", type=int, default=25)
parser.add_argument("--batch-size", type=int, default=64)
args = parser.parse_args()

keras.utils.set_random_seed(3)

counts, topics = make_multilabel_classification(
    n_samples=4000, n_features=60, n_classes=8, n_labels=3, length=80, random_state=3
)
frequencies = np.log1p(counts).astype("float32")
frequencies = (frequencies - frequencies.mean(axis=0)) / (frequencies.std(axis=0) + 1e-6)
x_train, x_test, y_train, y_test = train_test_split(
    frequencies, topics.astype("float32"), test_size=0.25, random_state=3
)


def build(units, strength):
    inputs = keras.Input(shape=(x_train.shape[1],), name="words")
    h = inputs
    for width in (units, units // 2):
        h = layers.Dense(width, activation="relu", kernel_regularizer=regularizers.L2(strength))(h)
    outputs = layers.Dense(8, activation="sigmoid", kernel_regularizer=regularizers.L2(strength))(h)
    return keras.Model(inputs, outputs, name="tagger")


tagger = build(args.units, args.l2)
tagger.compile(
    optimizer=keras.optimizers.Adam(2e-3),
    loss="binary_crossentropy",
    metrics=[keras.metrics.BinaryAccuracy(name="hits")],
)
tagger.fit(
    x_train,
    y_train,
    validation_data=(x_test, y_test),
    epochs=args.epochs,
    batch_size=args.batch_size,
    verbose=2,
)

predicted = tagger.predict(x_test, verbose=0) > 0.5
print(f"macro F1 {f1_score(y_test, predicted, average='macro', zero_division=0):.3f}")
