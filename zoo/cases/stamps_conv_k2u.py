import keras
import numpy as np
from keras import layers
from keras.optimizers.schedules import ExponentialDecay
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(13)

digits = load_digits()
x = (digits.images / 16.0).astype("float32")[..., None]
x_train, x_test, y_train, y_test = train_test_split(
    x, digits.target, test_size=0.25, stratify=digits.target, random_state=13
)

BATCH, EPOCHS = 32, 20
steps_per_epoch = int(np.ceil(len(x_train) / BATCH))
print(f"{steps_per_epoch} steps per epoch")

# halve the learning rate now and then
schedule = ExponentialDecay(initial_learning_rate=0.05, decay_steps=8, decay_rate=0.5)

model = keras.Sequential(
    [
        layers.Input((8, 8, 1)),
        layers.Conv2D(16, (3, 3), activation="relu"),
        layers.Conv2D(32, (3, 3), activation="relu"),
        layers.MaxPooling2D((2, 2)),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile(
    optimizer=keras.optimizers.SGD(schedule, momentum=0.5),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
model.fit(x_train, y_train, batch_size=BATCH, epochs=EPOCHS, validation_data=(x_test, y_test), verbose=2)
print("Accuracy on the test set: {:.3f}".format(model.evaluate(x_test, y_test, verbose=0)[1]))
