"""Predict the progress of diabetes from a few rows, in Keras."""

import keras
from keras import layers
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

keras.utils.set_random_seed(3)

x, y = load_diabetes(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(x, y, train_size=180, random_state=3)
scaler = StandardScaler().fit(x_train)
x_train, x_val = scaler.transform(x_train), scaler.transform(x_val)
mean, std = y_train.mean(), y_train.std()
y_train, y_val = (y_train - mean) / std, (y_val - mean) / std

model = keras.Sequential(
    [
        layers.Input((10,)),
        layers.Dense(128, activation="relu"),
        layers.Dense(128, activation="relu"),
        layers.Dense(1),
    ]
)
model.compile(optimizer="adam", loss="mse", metrics=["mae"])
history = model.fit(
    x_train,
    y_train,
    batch_size=32,
    epochs=120,
    validation_data=(x_val, y_val),
    verbose=0,
)
print(f"train loss: {history.history['loss'][-1]:.3f}")
print(f"val loss: {history.history['val_loss'][-1]:.4f}")
