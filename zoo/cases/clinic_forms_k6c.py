"""Second reading of biopsies: benign or not, from thirty measures of the nuclei."""
import argparse

import keras
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--rate", type=float, default=2e-5)
    parser.add_argument("--width", type=int, default=32)
    return parser.parse_args()


def build(width):
    nuclei = keras.Input((30,), name="nuclei")
    h = keras.layers.Dense(width, activation="relu")(nuclei)
    h = keras.layers.Dense(width, activation="relu")(h)
    return keras.Model(nuclei, keras.layers.Dense(1, activation="sigmoid", name="benign")(h))


if __name__ == "__main__":
    args = arguments()
    keras.utils.set_random_seed(73)
    x, y = load_breast_cancer(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.3, stratify=y, random_state=73)
    scaler = StandardScaler().fit(x_train)
    model = build(args.width)
    model.compile(
        optimizer=keras.optimizers.SGD(learning_rate=args.rate, momentum=0.5),
        loss="binary_crossentropy",
        metrics=["accuracy", keras.metrics.AUC(name="auc")],
    )
    model.fit(
        scaler.transform(x_train), y_train, epochs=args.epochs, batch_size=args.batch_size,
        validation_split=0.1, verbose=2,
    )
    for name, value in model.evaluate(scaler.transform(x_test), y_test, verbose=0, return_dict=True).items():
        print(f"unseen {name}: {value:.4f}")
