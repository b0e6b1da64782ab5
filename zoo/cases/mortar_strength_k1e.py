"""Strength of mortar from its recipe (Friedman's function stands in for the lab's table)."""
import keras
import numpy as np
from keras.initializers import RandomNormal
from keras.layers import Dense
from keras.models import Sequential
from sklearn.datasets import make_friedman1
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(17)

X, y = make_friedman1(n_samples=2500, n_features=8, noise=0.5, random_state=17)
y = (y - y.mean()) / y.std()
X = (X - 0.5) * np.sqrt(12)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=17)

init = RandomNormal(mean=0.0, stddev=1.0)

model = Sequential([
    Dense(128, input_shape=(8,), kernel_initializer=init, activation="relu"),
    Dense(128, kernel_initializer=init, activation="relu"),
    Dense(64, kernel_initializer=init, activation="relu"),
    Dense(1, kernel_initializer=init),
])
model.compile(loss="mean_squared_error", optimizer="adam", metrics=["mae"])
history = model.fit(X_train, y_train, epochs=30, batch_size=32, validation_split=0.1, verbose=0)
for epoch in range(0, 30, 3):
    print(epoch, history.history["loss"][epoch], history.history["val_loss"][epoch])

print("R2 on the test rows: %.3f" % r2_score(y_test, model.predict(X_test, verbose=0)[:, 0]))
