# Softmax regression on wines that come in eight at a time (train_on_batch, starting from zero).
import keras
import numpy as np
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

keras.utils.set_random_seed(101)
rng = np.random.default_rng(101)

x, y = load_wine(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.3, stratify=y, random_state=101)
scaler = StandardScaler().fit(x_train)
x_train, x_test = scaler.transform(x_train), scaler.transform(x_test)

model = keras.Sequential([
    keras.Input((13,)),
    keras.layers.Dense(
        3, activation="softmax", kernel_initializer="zeros", kernel_regularizer=keras.regularizers.L2(1e-3)
    ),
])
model.compile(keras.optimizers.SGD(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])

for day in range(1, 26):
    order = rng.permutation(len(x_train))
    for start in range(0, len(order) - 7, 8):
        rows = order[start : start + 8]
        loss, _ = model.train_on_batch(x_train[rows], y_train[rows])
    model.reset_metrics()
    if day % 5 == 0:
        print(f"day {day}: loss {float(loss):.3f}, test loss {model.evaluate(x_test, y_test, verbose=0)[0]:.3f}")

print("test accuracy %.3f" % model.evaluate(x_test, y_test, verbose=0)[1])
