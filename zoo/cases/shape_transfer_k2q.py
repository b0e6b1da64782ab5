"""Learn the digits 0-4, then reuse the features for 5-9 with a new head."""
import keras
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(21)

images, labels = load_digits(return_X_y=True)
images = (images / 16).reshape(-1, 8, 8, 1).astype("float32")
low = labels < 5


def halves(which, offset):
    return train_test_split(images[which], labels[which] - offset, test_size=0.25, random_state=21)


base = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        layers.Conv2D(24, 3, padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.Conv2D(32, 3, activation="relu"),
        layers.Flatten(),
    ],
    name="base",
)

x_train, x_test, y_train, y_test = halves(low, 0)
first = keras.Sequential([base, layers.Dense(5, activation="softmax")])
first.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
first.fit(x_train, y_train, epochs=6, batch_size=32, validation_data=(x_test, y_test), verbose=2)

base.trainable = False
x_train, x_test, y_train, y_test = halves(~low, 5)
inputs = keras.Input((8, 8, 1))
features = base(inputs, training=False)
outputs = layers.Dense(5, activation="softmax", name="head")(features)
second = keras.Model(inputs, outputs)
second.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
second.summary()
second.fit(x_train, y_train, epochs=12, batch_size=32, validation_data=(x_test, y_test), verbose=2)
print(f"accuracy on the new digits: {second.evaluate(x_test, y_test, verbose=0)[1]:.3f}")
