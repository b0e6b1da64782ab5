# Species of a bird from a quarter second of its call (downsampled). Homework 4, part b.
import keras
import numpy as np
from keras.layers import Conv1D, Dense, Dropout, GlobalAveragePooling1D, Input, MaxPooling1D, AveragePooling1D

settings = {
    "length": 128,
    "species": 5,
    "conv": {"kernel_size": 9, "padding": "same", "strides": 1},
    "filters": [16, 32, 32],
    "batch": 32,
    "epochs": 14,
}


def make_calls(n, seed):
    r = np.random.RandomState(seed)
    t = np.arange(settings["length"])
    X = np.zeros((n, settings["length"], 1), dtype="float32")
    Y = r.randint(settings["species"], size=n)
    low = np.array([0.04, 0.07, 0.07, 0.12, 0.18])
    sweep = np.array([0.0, 0.0, 0.09, 0.0, -0.08])
    for k in range(n):
        f = low[Y[k]] * r.uniform(0.92, 1.08) + sweep[Y[k]] * t / len(t) / 2
        call = np.sin(2 * np.pi * f * t + r.uniform(0, 2 * np.pi))
        env = np.exp(-((t - r.uniform(40, 88)) / r.uniform(25, 45)) ** 2)
        X[k, :, 0] = r.uniform(0.8, 1.3) * call * env + r.normal(0, 0.25, len(t))
    return X, Y


keras.utils.set_random_seed(2023)
X_train, Y_train = make_calls(2400, 10)
X_test, Y_test = make_calls(600, 11)

inp = Input(shape=(settings["length"], 1))
z = inp
for nf in settings["filters"]:
    z = Conv1D(nf, **settings["conv"])(z)
    z = AveragePooling1D(2)(z)
z = GlobalAveragePooling1D()(z)
z = Dense(32)(z)
z = Dropout(0.1)(z)
out = Dense(settings["species"], activation="softmax")(z)
net = keras.Model(inp, out, name="calls")
net.compile(loss="sparse_categorical_crossentropy", optimizer=keras.optimizers.Adam(0.002), metrics=["acc"])

net.fit(X_train, Y_train, batch_size=settings["batch"], epochs=settings["epochs"], validation_data=(X_test, Y_test), verbose=2)
score = net.evaluate(X_test, Y_test, verbose=0)
print("test loss %.4f" % score[0])
print("species right %.4f" % score[1])
