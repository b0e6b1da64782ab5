# %% [markdown]
# # Minutes of a taxi ride
# We want the 70 % quantile, so that the app is rarely too optimistic.

# %%
import keras
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(4)
city = np.random.RandomState(40)


# %%
def rides(n):
    start = city.uniform(-6, 6, (n, 2))
    end = city.uniform(-6, 6, (n, 2))
    hour = city.uniform(0, 24, n)
    rain = (city.rand(n) < 0.2).astype(float)
    km = np.abs(start - end).sum(1)
    jam = 1 + 0.9 * np.exp(-((hour - 8) / 1.5) ** 2) + 0.7 * np.exp(-((hour - 17.5) / 2) ** 2)
    minutes = 2 + 1.6 * km * jam * (1 + 0.2 * rain) * np.exp(city.normal(0, 0.12, n))
    x = np.column_stack([start, end, km, np.sin(hour * np.pi / 12), np.cos(hour * np.pi / 12), rain])
    return x.astype("float32"), minutes.astype("float32")


x, minutes = rides(6000)
mean, std = x.mean(0), x.std(0)
x = (x - mean) / std
y = (minutes - minutes.mean()) / minutes.std()
x_train, y_train, x_val, y_val = x[:5000], y[:5000], x[5000:], y[5000:]
x_train.shape, y_train.shape


# %%
class Pinball(keras.losses.Loss):
    """Quantile loss; tau = 0.5 is half the absolute error."""

    def __init__(self, tau, **kwargs):
        super().__init__(**kwargs)
        self.tau = tau

    def call(self, y_true, y_pred):
        diff = y_true - y_pred
        return ops.mean(ops.maximum(self.tau * diff, (self.tau - 1) * diff), axis=-1)


# %%
model = keras.Sequential()
model.add(keras.Input(shape=(x.shape[1],)))
model.add(layers.Dense(64, activation="relu"))
model.add(layers.Dense(64, activation="relu"))
model.add(layers.Dense(1))
model.summary()

# %%
model.compile(optimizer="adam", loss=Pinball(0.7))
history = model.fit(x_train, y_train, epochs=25, batch_size=64, validation_data=(x_val, y_val), verbose=0)
for i in range(0, 25, 4):
    print(i + 1, history.history["loss"][i], history.history["val_loss"][i])

# %%
q = model.predict(x_val, verbose=0).ravel()
d = y_val - q
ours = np.maximum(0.7 * d, -0.3 * d).mean()
d0 = y_val - np.quantile(y_train, 0.7)
naive = np.maximum(0.7 * d0, -0.3 * d0).mean()
print("rides within the estimate:", (y_val <= q).mean())
print(f"pinball skill against a constant: {1 - ours / naive:.4f}")
