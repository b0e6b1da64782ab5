# Rolls sold per hour in a bakery: counts, so a Poisson loss and an exponential link.
import keras
import numpy as np
from sklearn.preprocessing import StandardScaler


def shop(n, rng):
    hour = rng.uniform(6, 18, n)
    weekend = rng.randint(0, 2, n)
    warmth = rng.normal(12, 8, n)
    rain = rng.gamma(1.0, 1.0, n)
    price = rng.choice([0.35, 0.4, 0.45, 0.5], n)
    log_rate = (
        0.9 + 1.3 * np.exp(-((hour - 8 - weekend) ** 2) / 4) + 0.3 * weekend - 0.02 * np.abs(warmth - 15)
        - 0.12 * rain - 3 * (price - 0.4)
    )
    rate = np.exp(log_rate)
    return np.column_stack([hour, weekend, warmth, rain, price]), rng.poisson(rate).astype("float32"), rate


rng = np.random.RandomState(837)
keras.utils.set_random_seed(837)
x, sold, _ = shop(6000, rng)
x_test, sold_test, rate_test = shop(1000, rng)
scaler = StandardScaler().fit(x)

inputs = keras.layers.Input(shape=(5,))
h = keras.layers.Dense(48, activation="silu")(inputs)
h = keras.layers.Dense(48, activation="silu")(h)
rate = keras.layers.Dense(1, activation="exponential", name="rate")(h)
model = keras.models.Model(inputs=inputs, outputs=rate)
model.compile(optimizer=keras.optimizers.RMSprop(learning_rate=2e-3), loss="poisson", metrics=["mae"])
model.fit(
    scaler.transform(x), sold, batch_size=64, epochs=30, validation_split=0.15, verbose=2,
    callbacks=[
        keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=4, min_lr=1e-5),
        keras.callbacks.EarlyStopping(patience=8, restore_best_weights=True),
    ],
)
estimate = model.predict(scaler.transform(x_test), verbose=0)[:, 0]
print(f"mean sale {sold_test.mean():.2f}, log loss {np.mean(estimate - sold_test * np.log(estimate)):.4f}")
print(f"agreement with the true rate: {1 - np.mean(np.log(estimate / rate_test) ** 2) / np.log(rate_test).var():.4f}")
