"""Classify handwritten digits with a deep network, in Keras."""

import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(0)

images, labels = load_digits(return_X_y=True)
train_x, test_x, train_y, test_y = train_test_split(
    images.astype("float32") / 16, labels, test_size=0.25, random_state=0
)

model = keras.Sequential([keras.layers.Input((64,))])
for _ in range(6):
    model.add(keras.layers.Dense(64, activation="sigmoid"))
model.add(keras.layers.Dense(10, activation="softmax"))

model.compile(
    optimizer=keras.optimizers.SGD(learning_rate=0.1),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
model.fit(
    train_x, train_y, batch_size=64, epochs=25, validation_data=(test_x, test_y), verbose=2
)

loss, accuracy = model.evaluate(test_x, test_y, verbose=0)
print(f"test accuracy: {accuracy:.3f}")
