"""Handwritten weekday codes 0..9, a dense net with a lot of dropout, trained batch by batch."""
import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(15)
x, y = load_digits(return_X_y=True)
x_fit, x_val, y_fit, y_val = train_test_split((x / 16).astype("float32"), y, test_size=0.25, stratify=y, random_state=15)

model = keras.Sequential([keras.layers.Input((64,))])
for width in (256, 128):
    model.add(keras.layers.Dense(width, activation="relu"))
    model.add(keras.layers.Dropout(0.5))
model.add(keras.layers.Dense(10, activation="softmax"))
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

batch = 32
order = np.random.RandomState(15)
for epoch in range(20):
    rows = order.permutation(len(x_fit))
    sums = []
    for start in range(0, len(rows), batch):
        chosen = rows[start:start + batch]
        sums.append(model.train_on_batch(x_fit[chosen], y_fit[chosen], return_dict=True)["loss"])
    val = model.test_on_batch(x_val, y_val, return_dict=True)
    print(f"epoch {epoch:2d}  train {np.mean(sums):.3f}  val {val['loss']:.3f}")
    model.reset_metrics()

right = (model.predict(x_val, verbose=0).argmax(axis=1) == y_val).mean()
print(f"right on validation: {right:.4f}")
