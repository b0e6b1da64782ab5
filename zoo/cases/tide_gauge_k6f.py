"""Height of the next high tide from pressure, wind and moon, with an uncertainty for each forecast."""
import keras
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(28)
coast = np.random.RandomState(28)

N = 2400
pressure, wind = coast.normal(0, 1, N), coast.normal(0, 1, N)
moon, previous = coast.uniform(0, 2 * np.pi, N), coast.normal(0, 1, N)
spread = 0.1 + 0.15 * np.abs(wind)
height = 0.6 * np.cos(2 * moon) - 0.4 * pressure + 0.3 * wind * np.abs(wind) + 0.4 * previous
height = height + spread * coast.normal(size=N)
height = ((height - height.mean()) / height.std()).astype("float32")
signs = np.column_stack([pressure, wind, np.sin(moon), np.cos(moon), previous]).astype("float32")


class Likelihood(keras.losses.Loss):
    """Negative logarithm of a normal density; the model gives mean and log-variance."""

    def call(self, y_true, y_pred):
        mean, log_var = ops.split(y_pred, 2, axis=-1)
        log_var = ops.clip(log_var, -6.0, 6.0)
        return 0.5 * (log_var + (y_true - mean) ** 2 * ops.exp(-log_var))


model = keras.Sequential(name="tides")
model.add(layers.Input((5,)))
model.add(layers.Dense(64, activation="relu"))
model.add(layers.Dense(64, activation="relu"))
model.add(layers.Dense(2))
model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=Likelihood())
model.fit(signs[:1800], height[:1800], batch_size=32, epochs=30, validation_split=0.1, verbose=2)

forecast = model.predict(signs[1800:], verbose=0)
rest = np.mean((forecast[:, 0] - height[1800:]) ** 2) / height[1800:].var()
print("typical uncertainty: %.3f" % np.exp(forecast[:, 1] / 2).mean())
print("share of the tides explained: %.4f" % (1 - rest))
