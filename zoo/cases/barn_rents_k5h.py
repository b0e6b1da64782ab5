import keras
import numpy as np
from keras import layers

# yearly rent of a barn (in the local currency) from its measures, age and distance to the road
keras.utils.set_random_seed(55)
survey = np.random.RandomState(55)
n = 2200
area = survey.gamma(6, 60, n)
height = survey.uniform(3, 9, n)
age = survey.randint(0, 90, n)
road = survey.exponential(2.5, n)
power = survey.uniform(size=n) < 0.6
rent = 52000 + 410 * area * (1 + 0.05 * height) - 650 * age + 38000 * power * np.exp(-road / 3)
rent = rent + survey.normal(0, 6000, n)

barns = np.column_stack([area, height, age, road, power]).astype("float32")
train, test = np.arange(n) < 1700, np.arange(n) >= 1700
normalize = layers.Normalization()
normalize.adapt(barns[train])

model = keras.Sequential(
    [
        layers.Input((5,)),
        normalize,
        layers.Dense(64, activation="relu"),
        layers.Dense(64, activation="relu"),
        layers.Dense(1),
    ]
)
model.compile(optimizer="adam", loss="mse", metrics=["mae"])
model.fit(
    barns[train], rent[train], epochs=40, batch_size=32, validation_split=0.15, verbose=2,
    callbacks=[keras.callbacks.TerminateOnNaN()],
)

estimate = model.predict(barns[test], verbose=0)[:, 0]
print(f"R2 of the rent {1 - ((estimate - rent[test]) ** 2).mean() / rent[test].var():.4f}")
