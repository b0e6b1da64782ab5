"""Water level behind a pump from forty readings of the current, with a recurrent cell of our own."""
import keras
import numpy as np
from keras import layers, ops


class PumpCell(keras.Layer):
    """h' = relu(x W + h U + b)"""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = units
        self.output_size = units

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="glorot_uniform", name="w")
        self.u = self.add_weight(
            shape=(self.units, self.units), initializer=keras.initializers.RandomNormal(stddev=0.4), name="u"
        )
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", name="b")

    def call(self, inputs, states):
        h = ops.relu(ops.matmul(inputs, self.w) + ops.matmul(states[0], self.u) + self.b)
        return h, [h]


def readings(n, length=40, seed=0):
    draw = np.random.RandomState(seed)
    current = draw.uniform(-1, 1, (n, length))
    level = np.zeros(n)
    for step in range(length):
        level = 0.95 * level + 0.3 * current[:, step]
    return current[:, :, None].astype("float32"), level[:, None].astype("float32")


keras.utils.set_random_seed(17)
x, y = readings(2000, seed=17)
x_new, y_new = readings(500, seed=18)

inputs = keras.Input((40, 1))
hidden = layers.RNN(PumpCell(32))(inputs)
model = keras.Model(inputs, layers.Dense(1)(hidden))
model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse")
model.fit(x, y, batch_size=32, epochs=15, validation_split=0.1, verbose=2)

error = np.mean((model.predict(x_new, verbose=0) - y_new) ** 2)
print(f"explained on new readings: {1 - error / y_new.var():.4f}")
