"""Predict how the answers of a town split over five options, from its statistics."""
import keras
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(31)
rng = np.random.RandomState(31)

# 3000 towns with twelve indicators; forty people were asked in each.
towns, options, asked = 3000, 5, 40
indicators = rng.randn(towns, 12)
tendency = np.tanh(indicators @ rng.randn(12, 10) / 3) @ rng.randn(10, options)
odds = np.exp(1.2 * (tendency - tendency.max(1, keepdims=True)))
true_shares = odds / odds.sum(1, keepdims=True)
answers = np.stack([rng.multinomial(asked, p) for p in true_shares])
shares = (answers / asked).astype("float32")
indicators = indicators.astype("float32")


def divergence(y_true, y_pred):
    """How far the predicted shares are from the measured ones."""
    return ops.sum(y_true * ops.log(y_true / y_pred), axis=-1)


model = keras.Sequential(
    [
        keras.Input(shape=(12,)),
        layers.Dense(64, activation="tanh"),
        layers.Dense(32, activation="tanh"),
        layers.Dense(options, activation="softmax"),
    ]
)
model.compile(optimizer=keras.optimizers.Adam(2e-3), loss=divergence)
model.fit(
    indicators[:2400],
    shares[:2400],
    epochs=15,
    batch_size=32,
    validation_data=(indicators[2400:], shares[2400:]),
    verbose=2,
)

error = np.abs(model.predict(indicators[2400:], verbose=0) - true_shares[2400:]).mean()
print(f"mean error of a share: {error:.4f}")
