"""Litres per 100 km of a delivery fleet: vehicle data and trip data, two inputs."""
import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(29)
fleet = np.random.RandomState(29)

N = 3000
weight = fleet.uniform(1600, 5200, N)           # kg
displacement = fleet.uniform(1400, 4800, N)     # cm3
year = fleet.randint(1998, 2021, N)
climb = fleet.gamma(2.0, 120.0, N)              # m
stops = fleet.poisson(14, N)
speed = fleet.normal(58, 12, N)                 # km/h
litres = (4 + 0.0011 * weight + 0.0007 * displacement - 0.08 * (year - 2010) + 0.004 * climb
          + 0.12 * stops + 0.002 * (speed - 60) ** 2 + fleet.normal(0, 0.3, N))
target = (litres - litres[:2400].mean()) / litres[:2400].std()

vehicle = np.column_stack([weight, displacement, year]).astype("float32")
trip = np.column_stack([climb, stops, speed]).astype("float32")

vehicle_in, trip_in = layers.Input((3,), name="vehicle"), layers.Input((3,), name="trip")
v, t = vehicle_in, trip_in
v = layers.Dense(16, activation="relu")(v)
t = layers.Dense(16, activation="relu")(t)
both = layers.Concatenate()([v, t])
both = layers.Dense(32, activation="relu")(both)
model = keras.Model([vehicle_in, trip_in], layers.Dense(1)(both))

model.compile(optimizer=keras.optimizers.Adam(3e-3), loss="mse", metrics=["mae"])
model.fit([vehicle[:2400], trip[:2400]], target[:2400], epochs=25, batch_size=32, validation_split=0.1, verbose=2)

guess = model.predict([vehicle[2400:], trip[2400:]], verbose=0)[:, 0]
r2 = 1 - np.mean((guess - target[2400:]) ** 2) / target[2400:].var()
print(f"R2 on new trips: {r2:.4f}")
