"""Torque of an engine from ten sensor readings; SELU net, learning rate warmed up."""
import keras
import numpy as np
from sklearn.datasets import make_friedman1
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(7)
EPOCHS, WARM, PEAK = 25, 5, 2e-3

readings, torque = make_friedman1(n_samples=3000, n_features=10, noise=0.7, random_state=7)
readings = ((readings - 0.5) * 12**0.5).astype("float32")
torque = ((torque - torque.mean()) / torque.std()).astype("float32")
x_train, x_test, y_train, y_test = train_test_split(readings, torque, test_size=0.25, random_state=7)


def rate(epoch, _):
    if epoch < WARM:
        return PEAK * (epoch + 1) / WARM
    return PEAK * 0.5 * (1 + np.cos(np.pi * (epoch - WARM) / (EPOCHS - WARM)))


selu = {"activation": "selu", "kernel_initializer": "lecun_normal"}
model = keras.Sequential(
    [
        keras.Input((10,)),
        keras.layers.Dense(64, **selu),
        keras.layers.Dense(64, **selu),
        keras.layers.Dense(32, **selu),
        keras.layers.Dense(1),
    ]
)
model.compile(optimizer="nadam", loss="huber", metrics=["accuracy", "mae"])
model.fit(
    x_train,
    y_train,
    epochs=EPOCHS,
    batch_size=32,
    validation_data=(x_test, y_test),
    callbacks=[keras.callbacks.LearningRateScheduler(lambda epoch, lr: float(rate(epoch, lr)))],
    verbose=2,
)
print(f"R2 = {r2_score(y_test, model.predict(x_test, verbose=0)[:, 0]):.3f}")
