"""Read the numbers on locker keys; batches are shifted a little at random while training."""
import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


class ShiftedKeys(keras.utils.PyDataset):
    """Batches of key images, each moved by at most one pixel sideways."""

    def __init__(self, images, numbers, batch_size=32, **kwargs):
        super().__init__(**kwargs)
        self.images, self.numbers, self.batch_size = images, numbers, batch_size
        self.draw = np.random.RandomState(0)
        self.order = self.draw.permutation(len(images))

    def __len__(self):
        return len(self.images) // self.batch_size

    def __getitem__(self, index):
        rows = self.order[index * self.batch_size:(index + 1) * self.batch_size]
        return np.roll(self.images[rows], self.draw.randint(-1, 2), axis=2), self.numbers[rows]

    def on_epoch_end(self):
        self.order = self.draw.permutation(len(self.images))


keras.utils.set_random_seed(38)
digits = load_digits()
images = (digits.images[..., None] / 16).astype("float32")
i_train, i_test, n_train, n_test = train_test_split(images, digits.target, test_size=0.25, random_state=38)

model = keras.Sequential(
    [
        layers.Input((8, 8, 1)),
        layers.Conv2D(24, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(48, 3, padding="same", activation="relu"),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=0.2),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
model.fit(ShiftedKeys(i_train, n_train), epochs=14, validation_data=(i_test, n_test), verbose=2)
print("keys read: %.4f" % model.evaluate(i_test, n_test, verbose=0)[1])
