"""Asking price of flats from size, age, floor and district."""
import numpy as np
import keras
from keras import layers
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(20)
rng = np.random.RandomState(20)

n = 3000
size = rng.gamma(9, 9, n) + 18
age = rng.uniform(0, 90, n)
floor = rng.randint(0, 12, n)
district = rng.randint(0, 15, n)
per_metre = rng.normal(4200, 900, 15)
price = size * per_metre[district] * (1.15 - 0.004 * age + 0.00003 * age**2) * (1 + 0.012 * floor)
price = (price * np.exp(0.05 * rng.randn(n))).astype("float32")

numbers = np.column_stack([size, age, floor]).astype("float32")
rows = np.arange(n)
train, test = train_test_split(rows, test_size=0.2, random_state=1)

scaling = layers.Normalization()
scaling.adapt(numbers[train])

number_in = keras.Input((3,), name="numbers")
district_in = keras.Input((), dtype="int32", name="district")
place = layers.Embedding(15, 4)(district_in)
h = layers.Concatenate()([scaling(number_in), place])
h = layers.Dense(64, activation="relu")(h)
h = layers.Dense(64, activation="relu")(h)
model = keras.Model({"numbers": number_in, "district": district_in}, layers.Dense(1)(h))
model.compile(optimizer="adam", loss="mean_squared_error", metrics=["mean_absolute_error"])


def feed(which):
    return {"numbers": numbers[which], "district": district[which]}


centre, spread = price[train].mean(), price[train].std()
print(f"prices: {centre:.0f} +- {spread:.0f} EUR")

model.fit(feed(train), price[train], epochs=12, batch_size=32, validation_split=0.1, verbose=2)
guess = model.predict(feed(test), verbose=0)[:, 0]
print(f"R2 of the prices: {r2_score(price[test], guess):.3f}")
