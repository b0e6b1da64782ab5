"""Noise level (dB over the floor) of a wind tunnel as a function of the yaw angle and the speed."""
import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(5)
measure = np.random.RandomState(5)

yaw = measure.uniform(-np.sqrt(3), np.sqrt(3), 2000)
speed = measure.uniform(-np.sqrt(3), np.sqrt(3), 2000)
level = np.abs(yaw) + 0.5 * np.abs(speed) + 0.02 * measure.normal(size=2000)
X = np.column_stack([yaw, speed])


class TunnelNoise(keras.Model):
    def __init__(self, depth=20, width=3, activation="relu"):
        super().__init__()
        self.blocks = [
            layers.Dense(width, activation=activation, kernel_initializer="he_uniform") for _ in range(depth)
        ]
        self.readout = layers.Dense(1)

    def call(self, x):
        for block in self.blocks:
            x = block(x)
        return self.readout(x)


model = TunnelNoise()
model.compile(optimizer=keras.optimizers.Adam(0.003), loss="mean_squared_error")
log = model.fit(X[:1600], level[:1600], epochs=40, batch_size=64, validation_split=0.1, verbose=0)
print("loss per 5 epochs:", np.round(log.history["loss"][::5], 4))

predicted = model.predict(X[1600:], verbose=0).ravel()
rmse = np.sqrt(np.mean((predicted - level[1600:]) ** 2))
print(f"rmse {rmse:.4f} dB, spread of the levels {level[1600:].std():.4f} dB")
