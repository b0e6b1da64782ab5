import keras
import numpy as np

keras.utils.set_random_seed(5)

# Daily level of a river: yearly swing, rain that drains slowly, standardised.
rain_rng = np.random.RandomState(77)
days = 2600
rain = rain_rng.gamma(0.3, 6.0, days) * (1 + 0.6 * np.sin(2 * np.pi * np.arange(days) / 365))
level = np.zeros(days)
for t in range(1, days):
    level[t] = 0.93 * level[t - 1] + 0.12 * rain[t - 1] + 0.03 * rain_rng.randn()
level += 1.5 * np.sin(2 * np.pi * np.arange(days) / 365 + 1.0)
level = (level - level.mean()) / level.std()
rain = (rain - rain.mean()) / rain.std()

WINDOW = 24
series = np.stack([level, rain], axis=1).astype("float32")
windows = np.stack([series[t : t + WINDOW] for t in range(days - WINDOW)])
targets = level[WINDOW:].astype("float32")
split = 2000
x_train, y_train = windows[:split], targets[:split]
x_test, y_test = windows[split:], targets[split:]

model = keras.Sequential()
model.add(keras.Input(shape=(WINDOW, 2)))
model.add(keras.layers.GRU(24))
model.add(keras.layers.Dense(16, activation="relu"))
model.add(keras.layers.Dense(1, activation="relu"))
model.compile(optimizer=keras.optimizers.Adam(3e-3), loss="mse", metrics=["mae"])
model.summary()

model.fit(
    x_train,
    y_train,
    validation_data=(x_test, y_test),
    epochs=12,
    batch_size=32,
    callbacks=[keras.callbacks.ReduceLROnPlateau(patience=4, factor=0.5)],
    verbose=2,
)

forecast = model.predict(x_test, verbose=0)[:, 0]
print(f"Test R2: {1 - np.mean((forecast - y_test) ** 2) / np.var(y_test):.3f}")
