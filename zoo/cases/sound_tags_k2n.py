"""Recognise the sound of twelve machines from band energies."""
import numpy as np
from keras import Input, Model, callbacks, layers, utils
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

SETTINGS = {
    "hidden": [64, 64, 64],
    "dropout": 0.85,
    "optimizer": "adam",
    "batch_size": 64,
    "epochs": 25,
}

utils.set_random_seed(17)
bands, machine = make_classification(
    n_samples=4800, n_features=32, n_informative=14, n_redundant=8, n_classes=12,
    n_clusters_per_class=1, class_sep=1.7, flip_y=0.01, random_state=17,
)
x_train, x_test, y_train, y_test = train_test_split(bands, machine, test_size=0.25, random_state=17)
scaler = StandardScaler().fit(x_train)
x_train, x_test = scaler.transform(x_train).astype(np.float32), scaler.transform(x_test).astype(np.float32)


class Recogniser(Model):
    def __init__(self, hidden, rate, classes):
        super().__init__()
        self.hidden = [layers.Dense(units, activation="relu") for units in hidden]
        self.drops = [layers.Dropout(rate) for _ in hidden]
        self.out = layers.Dense(classes, activation="softmax")

    def call(self, x, training=False):
        for dense, drop in zip(self.hidden, self.drops):
            x = drop(dense(x), training=training)
        return self.out(x)


recogniser = Recogniser(SETTINGS["hidden"], SETTINGS["dropout"], classes=12)
recogniser.compile(SETTINGS["optimizer"], loss="sparse_categorical_crossentropy", metrics=["accuracy"])
log = recogniser.fit(
    x_train, y_train, batch_size=SETTINGS["batch_size"], epochs=SETTINGS["epochs"],
    validation_data=(x_test, y_test), verbose=0,
    callbacks=[callbacks.EarlyStopping(monitor="val_loss", patience=8)],
)
for epoch, (a, b) in enumerate(zip(log.history["loss"], log.history["val_loss"])):
    print(f"{epoch:2d} loss {a:.3f} val {b:.3f}")
print(f"accuracy on held-out sounds = {recogniser.evaluate(x_test, y_test, verbose=0)[1]:.3f}")
