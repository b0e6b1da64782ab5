"""Stencilled digits on crates, read by a small dense net."""
from functools import partial

import keras
from keras import layers, regularizers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SETTINGS = {
    "units": (96, 64),
    "l1": 0.1,
    "learning_rate": 1e-3,
    "batch_size": 32,
    "epochs": 25,
}


def make_model(settings, n_pixels, n_classes):
    dense = partial(layers.Dense, activation="relu", kernel_regularizer=regularizers.L1(settings["l1"]))
    inputs = keras.Input((n_pixels,))
    outputs = inputs
    for n in settings["units"]:
        outputs = dense(n)(outputs)
    outputs = layers.Dense(n_classes, activation="softmax")(outputs)
    model = keras.Model(inputs, outputs)
    model.compile(
        optimizer=keras.optimizers.RMSprop(settings["learning_rate"]),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def run(settings):
    keras.utils.set_random_seed(91)
    crates, digit = load_digits(return_X_y=True)
    crates = (crates - 8) / 8
    digit = keras.utils.to_categorical(digit, 10)
    c_train, c_test, d_train, d_test = train_test_split(crates, digit, test_size=0.25, random_state=91)
    model = make_model(settings, crates.shape[1], 10)
    model.fit(
        c_train, d_train, batch_size=settings["batch_size"], epochs=settings["epochs"],
        validation_data=(c_test, d_test), verbose=2,
    )
    return model.evaluate(c_test, d_test, verbose=0)[1]


print(f"crates read: {run(SETTINGS):.4f}")
