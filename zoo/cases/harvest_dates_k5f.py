# Sugar content at harvest from eight weather figures; errors beyond one spread count linearly.
import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import make_friedman1
from sklearn.preprocessing import StandardScaler

keras.utils.set_random_seed(47)
weather, sugar = make_friedman1(n_samples=1800, n_features=8, noise=0.4, random_state=47)
weather = StandardScaler().fit_transform(weather).astype("float32")
sugar = StandardScaler().fit_transform(sugar.reshape(-1, 1)).astype("float32")
fit, late = slice(0, 1400), slice(1400, None)


class HarvestModel(keras.Model):
    def __init__(self, units=64):
        super().__init__()
        self.body = keras.Sequential([layers.Dense(units, activation="relu"), layers.Dense(units, activation="relu")])
        self.head = layers.Dense(1)

    def call(self, x):
        return ops.squeeze(self.head(self.body(x)), axis=-1)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        error = ops.abs(y - y_pred)
        return ops.mean(ops.where(error < 1.0, 0.5 * error**2, error - 0.5))


model = HarvestModel()
model.compile(optimizer=keras.optimizers.Adam(2e-3))
model.fit(weather[fit], sugar[fit], batch_size=32, epochs=40, validation_data=(weather[late], sugar[late]), verbose=2)

guess = np.ravel(model.predict(weather[late], verbose=0))
truth = np.ravel(sugar[late])
print(f"share of the variance explained: {1 - np.mean((truth - guess) ** 2) / np.var(truth):.4f}")
