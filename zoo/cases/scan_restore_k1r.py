"""Remove speckle from scanned digits: an autoencoder that draws fresh noise at every step."""
import jax
import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits


class Restorer(keras.Model):
    def __init__(self, code=24, noise=0.3, **kwargs):
        super().__init__(**kwargs)
        self.speckle = layers.GaussianNoise(noise)
        self.encoder = keras.Sequential([layers.Dense(96, activation="relu"), layers.Dense(code, activation="relu")])
        self.decoder = keras.Sequential([layers.Dense(96, activation="relu"), layers.Dense(64, activation="sigmoid")])

    def call(self, x, training=False):
        return self.decoder(self.encoder(self.speckle(x, training=training)))

    def _loss(self, trainable, fixed, x):
        restored, fixed = self.stateless_call(trainable, fixed, x, training=True)
        return keras.ops.mean(keras.losses.binary_crossentropy(x, restored)), fixed

    def train_step(self, state, data):
        trainable, fixed, slots, metrics = state
        x = data[0] if isinstance(data, tuple) else data
        slope = jax.value_and_grad(self._loss, has_aux=True)
        (loss, fixed), grads = slope(trainable, fixed, x)
        trainable, slots = self.optimizer.stateless_apply(slots, grads, trainable)
        return {"loss": loss}, (trainable, fixed, slots, metrics)


keras.utils.set_random_seed(5)
pixels = (load_digits().data / 16).astype("float32")
train, test = pixels[:1500], pixels[1500:]
noisy = test + np.random.default_rng(5).normal(0, 0.3, test.shape).astype("float32")

model = Restorer()
model.build((None, 64))
model.compile(optimizer=keras.optimizers.Adam(5e-6))
model.fit(train, batch_size=32, epochs=40, verbose=2)

error = np.mean((model.predict(noisy, verbose=0) - test) ** 2)
print(f"remaining error {error / np.mean((noisy - test) ** 2):.3f} of the noise's")
