"""Add up the marked numbers of a long sequence."""
import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(6)
LENGTH = 50


def draw(count, seed):
    rng = np.random.RandomState(seed)
    values = rng.uniform(0, 1, (count, LENGTH))
    marks = (rng.uniform(0, 1, (count, LENGTH)) < 0.15).astype(float)
    x = np.stack([values, marks], axis=-1).astype("float32")
    return x, (values * marks).sum(axis=1, keepdims=True).astype("float32")


x_train, y_train = draw(4000, seed=1)
x_test, y_test = draw(800, seed=2)

model = keras.Sequential(name="adder")
model.add(keras.Input(shape=(LENGTH, 2)))
model.add(
    layers.SimpleRNN(
        48,
        activation="relu",
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.1),
        recurrent_initializer=keras.initializers.RandomNormal(stddev=0.25),
    )
)
model.add(layers.Dense(1))
model.compile(loss="mse", optimizer=keras.optimizers.Adam(learning_rate=1e-3))
model.fit(x_train, y_train, epochs=12, batch_size=32, validation_data=(x_test, y_test), verbose=2)

print(f"mean squared error {model.evaluate(x_test, y_test, verbose=0):.4g}")
