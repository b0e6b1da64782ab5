"""Strength of a fired brick from the settings of the kiln, with a loss of our own."""
import keras
import numpy as np
from keras import ops
from sklearn.datasets import make_friedman1
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(41)


class PseudoHuber(keras.losses.Loss):
    """Quadratic for small errors, linear for large ones."""

    def __init__(self, delta=1.0, name="pseudo_huber"):
        super().__init__(name=name)
        self.delta = delta

    def call(self, y_true, y_pred):
        error = (y_true - y_pred) / self.delta
        return self.delta**2 * ops.mean(ops.sqrt(1.0 + ops.square(error)) - 1.0)


settings, strength = make_friedman1(n_samples=1500, n_features=8, noise=0.5, random_state=41)
strength = (strength - strength.mean()) / strength.std()
s_fit, s_new, y_fit, y_new = train_test_split(settings - 0.5, strength, test_size=0.25, random_state=41)

model = keras.Sequential(
    [
        keras.Input((8,)),
        keras.layers.Dense(64, activation="gelu"),
        keras.layers.Dense(32, activation="gelu"),
        keras.layers.Dense(1),
    ]
)
model.compile(optimizer=keras.optimizers.Adam(2e-3), loss=PseudoHuber(delta=1.0))
model.fit(s_fit, y_fit, batch_size=32, epochs=40, verbose=2)
print(f"R2 of the predicted strength: {r2_score(y_new, model.predict(s_new, verbose=0)):.3f}")
