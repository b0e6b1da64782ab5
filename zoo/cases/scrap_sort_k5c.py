"""Sort scrap by alloy: 24 lines of a spectrum, six alloys."""
import argparse

import keras
from keras.layers import Dense, Input
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--epochs", type=int, default=40)
parser.add_argument("--lr", type=float, default=0.02)
parser.add_argument("--batch", type=int, default=0)
parser.add_argument("--hidden", type=int, nargs="*", default=[64, 64])
options = parser.parse_args()

keras.utils.set_random_seed(23)

spectra, alloys = make_classification(
    n_samples=2400, n_features=24, n_informative=12, n_redundant=6, n_classes=6, n_clusters_per_class=1,
    class_sep=1.6, flip_y=0, random_state=23,
)
spectra = StandardScaler().fit_transform(spectra)
x_train, x_test, y_train, y_test = train_test_split(spectra, alloys, test_size=0.25, random_state=23)

model = keras.Sequential(
    [
        Input((24,)),
        *[Dense(units, activation="relu") for units in options.hidden],
        Dense(6, activation="softmax"),
    ]
)
model.compile(
    optimizer=keras.optimizers.SGD(options.lr), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
)
model.fit(
    x_train, y_train, batch_size=options.batch or len(x_train), epochs=options.epochs,
    validation_data=(x_test, y_test), verbose=2,
)
print("sorted correctly: {accuracy:.4f}".format(**model.evaluate(x_test, y_test, verbose=0, return_dict=True)))
