"""Read the digits of postcodes: a deep, plain network on the 8x8 scans."""
import numpy as np
import keras
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(4)

scans, labels = load_digits(return_X_y=True)
scans = (scans / 16.0).astype("float32")
x_train, x_test, y_train, y_test = train_test_split(
    scans, labels, test_size=0.25, stratify=labels, random_state=4
)
y_train, y_test = keras.utils.to_categorical(y_train, 10), keras.utils.to_categorical(y_test, 10)

HIDDEN = [64] * 7

model = keras.Sequential()
model.add(keras.Input(shape=(64,)))
for units in HIDDEN:
    model.add(layers.Dense(units, activation="sigmoid"))
model.add(layers.Dense(10, activation="softmax"))

model.compile(
    optimizer=keras.optimizers.SGD(learning_rate=0.01, momentum=0.9),
    loss="categorical_crossentropy",
    metrics=["accuracy"],
)
model.summary()
model.fit(x_train, y_train, epochs=30, batch_size=32, validation_data=(x_test, y_test), verbose=2)

guess = np.argmax(model.predict(x_test, verbose=0), axis=1)
print("test accuracy: %.4f" % np.mean(guess == np.argmax(y_test, axis=1)))
