# Read the digits of gas meters (8x8 crops) with a LeNet-like network, functional API.
import numpy as np
import keras
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


def build(hidden=7, width=84, nonlinearity="sigmoid"):
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(8, 3, padding="same", activation=nonlinearity)(inputs)
    x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(16, 3, padding="same", activation=nonlinearity)(x)
    x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    for _ in range(hidden):
        x = layers.Dense(width, activation=nonlinearity)(x)
    outputs = layers.Dense(10, activation="softmax")(x)
    return keras.Model(inputs, outputs, name="meter_reader")


if __name__ == "__main__":
    keras.utils.set_random_seed(12)
    digits = load_digits()
    images = (digits.images / 16.0).astype("float32")[..., np.newaxis]
    labels = keras.utils.to_categorical(digits.target, 10)
    x_train, x_test, y_train, y_test = train_test_split(
        images, labels, test_size=0.25, stratify=digits.target, random_state=12
    )

    net = build()
    net.summary()
    net.compile(optimizer=keras.optimizers.Adam(1e-3), loss="categorical_crossentropy", metrics=["accuracy"])
    net.fit(x_train, y_train, batch_size=32, epochs=15, validation_split=0.1, verbose=2)
    loss, accuracy = net.evaluate(x_test, y_test, verbose=0)
    print("test loss:", round(loss, 4))
    print("test accuracy:", round(accuracy, 4))
