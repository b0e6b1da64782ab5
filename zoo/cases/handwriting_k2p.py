"""Small convolution net for handwritten digits; the images come folder by folder."""
import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

keras.utils.set_random_seed(11)
raw = load_digits()


def read_folder(digit):
    """All images of one digit, as 8x8 arrays from 0 to 1."""
    return raw.images[raw.target == digit] / 16.0


images, labels = [], []
for digit in range(10):
    folder = read_folder(digit)
    images.extend(folder)
    labels.extend([digit] * len(folder))
x = np.array(images, dtype="float32")[..., np.newaxis]
y = np.array(labels)

inputs = keras.Input(shape=(8, 8, 1))
h = layers.Conv2D(16, 3, padding="same", activation="relu")(inputs)
h = layers.MaxPooling2D()(h)
h = layers.Conv2D(32, 3, padding="same", activation="relu")(h)
h = layers.Flatten()(h)
h = layers.Dense(64, activation="relu")(h)
outputs = layers.Dense(10, activation="softmax")(h)
model = keras.Model(inputs, outputs)
model.compile(
    optimizer=keras.optimizers.Adam(),
    loss=keras.losses.SparseCategoricalCrossentropy(),
    metrics=["accuracy"],
)
history = model.fit(x, y, batch_size=32, epochs=10, validation_split=0.2, verbose=2)
print(f"validation accuracy: {history.history['val_accuracy'][-1]:.3f}")
