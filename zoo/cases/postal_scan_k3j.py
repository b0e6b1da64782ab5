# Postal codes, digit by digit. Small conv net, sparse integer labels.
import keras
from keras import layers
from sklearn.datasets import load_digits
from sklearn.utils import shuffle

keras.utils.set_random_seed(3)
x, y = load_digits(return_X_y=True)
x, y = shuffle(x, y, random_state=3)
x = (x / 16.0).reshape(-1, 8, 8, 1)

cnn = keras.Sequential(name="postal")
cnn.add(layers.Input((8, 8, 1)))
cnn.add(layers.Conv2D(32, (3, 3), activation="relu", padding="same"))
cnn.add(layers.MaxPooling2D((2, 2)))
cnn.add(layers.Conv2D(64, (3, 3), activation="relu", padding="same"))
cnn.add(layers.Flatten())
cnn.add(layers.Dense(64, activation="relu"))
cnn.add(layers.Dense(10))

cnn.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
cnn.fit(x[:1400], y[:1400], epochs=12, batch_size=32, validation_data=(x[1400:], y[1400:]), verbose=2)

_, accuracy = cnn.evaluate(x[1400:], y[1400:], verbose=0)
print(f"digits read correctly: {accuracy:.4f}")
