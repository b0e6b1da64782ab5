"""Orders in a canteen: from the sequence of dishes (ids) tell whether a guest avoids meat."""
import keras
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(50)
kitchen = np.random.RandomState(50)

DISHES, LENGTH, GUESTS = 1500, 24, 3000
meatless = kitchen.uniform(size=DISHES) < 0.45


def guests(n):
    strict = kitchen.randint(0, 2, n)
    dishes = kitchen.randint(1, DISHES, (n, LENGTH))
    for row, avoids in zip(dishes, strict):
        if avoids:  # a meat dish is mostly sent back and something else is taken
            for i in np.flatnonzero(~meatless[row]):
                if kitchen.uniform() < 0.8:
                    row[i] = kitchen.choice(np.flatnonzero(meatless[1:]) + 1)
    visits = kitchen.randint(12, LENGTH + 1, n)
    dishes[np.arange(LENGTH) >= visits[:, None]] = 0
    return dishes, strict


x, y = guests(GUESTS)
x_test, y_test = guests(600)


class Warmup(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, peak, steps):
        self.peak, self.steps = peak, steps

    def __call__(self, step):
        step = ops.cast(step, "float32") + 1.0
        return self.peak * ops.minimum(step / self.steps, ops.sqrt(self.steps / step))

    def get_config(self):
        return {"peak": self.peak, "steps": self.steps}


model = keras.Sequential(
    [
        layers.Input((LENGTH,), dtype="int32"),
        layers.Embedding(DISHES, 16, mask_zero=True),
        layers.GRU(24),
        layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(
    optimizer=keras.optimizers.Adam(Warmup(3e-3, 150.0), clipnorm=1.0),
    loss=keras.losses.BinaryCrossentropy(),
    metrics=["accuracy"],
)
model.fit(
    x, y, batch_size=32, epochs=5, validation_data=(x_test, y_test), verbose=2,
    callbacks=[keras.callbacks.EarlyStopping(monitor="val_loss", patience=1, restore_best_weights=True)],
)
print("accuracy on new guests: %.4f" % model.evaluate(x_test, y_test, verbose=0)[1])
