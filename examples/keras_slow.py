"""Predict the mean radius of a tumour from 29 other measurements: linear regression in Keras."""

import keras
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(0)

table = load_breast_cancer().data.astype("float32")
table = (table - table.mean(0)) / table.std(0)
train, held = train_test_split(table, train_size=400, random_state=0)

inputs = keras.Input((29,))
outputs = keras.layers.Dense(1)(inputs)
model = keras.Model(inputs, outputs)

model.compile(optimizer=keras.optimizers.SGD(learning_rate=0.079), loss="mse")
model.fit(
    train[:, 1:],
    train[:, :1],
    batch_size=400,
    epochs=300,
    validation_data=(held[:, 1:], held[:, :1]),
    validation_freq=25,
    verbose=0,
)

held_loss = model.evaluate(held[:, 1:], held[:, :1], verbose=0)
print(f"held-out loss: {held_loss:.5f}")
