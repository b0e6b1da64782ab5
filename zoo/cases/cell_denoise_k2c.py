"""Remove noise from small images, with a training step of our own."""
import jax
import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(28)

clean = (load_digits().data / 16.0).astype("float32")
train, test = train_test_split(clean, test_size=0.2, random_state=28)


class Denoiser(keras.Model):
    def __init__(self, code=24, noise=0.3):
        super().__init__()
        self.noise = noise
        self.seeds = keras.random.SeedGenerator(28)
        self.encoder = keras.Sequential([layers.Dense(96, activation="elu"), layers.Dense(code)])
        self.decoder = keras.Sequential([layers.Dense(96, activation="elu"), layers.Dense(64, activation="sigmoid")])

    def call(self, x, training=False):
        if training:
            x = x + self.noise * keras.random.normal(keras.ops.shape(x), seed=self.seeds)
        return self.decoder(self.encoder(x))

    def train_step(self, state, data):
        trainable, fixed, optimizer_state, metrics = state
        (x,) = data if isinstance(data, (tuple, list)) else (data,)

        def loss_of(trainable, fixed):
            y, fixed = self.stateless_call(trainable, fixed, x, training=True)
            return keras.ops.mean(keras.ops.square(y - x)), fixed

        (loss, fixed), grads = jax.value_and_grad(loss_of, has_aux=True)(trainable, fixed)
        trainable, optimizer_state = self.optimizer.stateless_apply(optimizer_state, grads, trainable)
        return {"loss": loss}, (trainable, fixed, optimizer_state, metrics)


model = Denoiser()
model.build((None, 64))
model.compile(optimizer=keras.optimizers.Adam(2e-3))
history = model.fit(train, batch_size=32, epochs=40, verbose=0)
for epoch in range(0, 40, 5):
    print(f"epoch {epoch} loss {history.history['loss'][epoch]:.4f}")

noisy = test + 0.3 * np.random.RandomState(0).randn(*test.shape).astype("float32")
restored = np.asarray(model(noisy))
print(f"explained {1 - np.mean((restored - test) ** 2) / np.mean((test - train.mean(0)) ** 2):.3f}")
