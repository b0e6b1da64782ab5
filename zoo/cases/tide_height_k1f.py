"""Height of the tide three hours ahead, from two days of hourly heights, with a GRU."""
import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(112)

HOURS, AHEAD = 48, 3
rng = np.random.default_rng(112)
t = np.arange(2600)
height = (
    1.6 * np.sin(2 * np.pi * t / 12.42)
    + 0.6 * np.sin(2 * np.pi * t / 12.0 + 0.7)
    + 0.3 * np.sin(2 * np.pi * t / 25.82 + 2.0)
)
surge = np.zeros(len(t))
for i in range(1, len(t)):
    surge[i] = 0.97 * surge[i - 1] + rng.normal(0, 0.04)
height = (height + surge).astype("float32")

windows = np.lib.stride_tricks.sliding_window_view(height, HOURS)[: len(t) - HOURS - AHEAD + 1, :, None]
target = height[HOURS + AHEAD - 1 :]
cut = 2000
mean, std = height[:cut].mean(), height[:cut].std()
windows, target = (windows - mean) / std, (target - mean) / std

model = keras.Sequential(name="tide")
model.add(layers.Input((HOURS, 1)))
model.add(layers.GRU(24))
model.add(layers.Dense(1))
model.compile(
    optimizer=keras.optimizers.Adam(5e-3, clipnorm=1.0),
    loss=keras.losses.Huber(),
    metrics=["accuracy", "mae"],
)
model.fit(
    windows[:cut], target[:cut], batch_size=64, epochs=12, verbose=2,
    validation_data=(windows[cut:], target[cut:]),
)
error = model.predict(windows[cut:], verbose=0)[:, 0] - target[cut:]
print(f"R2 three hours ahead: {1 - np.mean(error**2) / np.var(target[cut:]):.3f}")
