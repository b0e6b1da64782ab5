"""Which floor button is it? An own layer with gating, trained on small grey pictures (8x8)."""
import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


class Gated(layers.Layer):
    """A dense layer whose output is multiplied by a gate of its own."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        start = keras.initializers.Constant(0.02)
        shape = (input_shape[-1], self.units)
        self.w = self.add_weight(shape=shape, initializer=start, name="w")
        self.v = self.add_weight(shape=shape, initializer=start, name="v")
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", name="b")

    def call(self, x):
        return ops.tanh(ops.matmul(x, self.w) + self.b) * ops.sigmoid(ops.matmul(x, self.v))


class ButtonReader(keras.Model):
    def __init__(self, width=64, floors=10):
        super().__init__()
        self.first = Gated(width)
        self.second = Gated(width)
        self.out = layers.Dense(floors, activation="softmax")

    def call(self, x):
        return self.out(self.second(self.first(x)))


keras.utils.set_random_seed(77)
x, y = load_digits(return_X_y=True)
x = (x / 16.0).astype("float32")
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, stratify=y, random_state=1)

reader = ButtonReader()
reader.compile(
    optimizer=keras.optimizers.Adam(learning_rate=2e-3),
    loss=keras.losses.SparseCategoricalCrossentropy(),
    metrics=["accuracy"],
)
log = reader.fit(x_train, y_train, epochs=30, batch_size=32, validation_split=0.1, verbose=0)
print("epoch  loss   val_loss")
for e, (a, b) in enumerate(zip(log.history["loss"], log.history["val_loss"])):
    print(f"{e + 1:4d}  {a:.4f}  {b:.4f}")
floor = np.argmax(reader.predict(x_test, verbose=0), axis=1)
print(f"buttons read: {np.mean(floor == y_test):.4f}")
