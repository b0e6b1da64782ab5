"""Tell the quarry a stone block comes from by twelve trace elements."""
import keras
import numpy as np
from keras import layers
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

config = {
    "hidden": (64, 32),
    "batch_size": 32,
    "epochs": 40,
    "peak_lr": 1e-3,
    "warmup": 10,
}


def load(seed=67):
    x, y = make_classification(
        n_samples=2000, n_features=12, n_informative=9, n_redundant=2, n_classes=5, n_clusters_per_class=2,
        class_sep=1.9, flip_y=0, random_state=seed,
    )
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=seed)
    scaler = StandardScaler().fit(x_train)
    return scaler.transform(x_train), scaler.transform(x_test), y_train, y_test


def build(n_in, n_out, hidden):
    elements = keras.Input((n_in,))
    h = elements
    for units in hidden:
        h = layers.Dense(units, activation="swish")(h)
    return keras.Model(elements, layers.Dense(n_out, activation="softmax")(h))


keras.utils.set_random_seed(67)
x_train, x_test, y_train, y_test = load()
steps_per_epoch = int(np.ceil(len(x_train) / config["batch_size"]))
print(len(x_train), "blocks,", steps_per_epoch, "steps per epoch")

schedule = keras.optimizers.schedules.CosineDecay(
    initial_learning_rate=0.0,
    warmup_target=config["peak_lr"],
    warmup_steps=config["warmup"],
    decay_steps=config["epochs"],
)
model = build(x_train.shape[1], 5, config["hidden"])
model.compile(
    optimizer=keras.optimizers.Adam(schedule), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
)
model.fit(
    x_train, y_train, batch_size=config["batch_size"], epochs=config["epochs"],
    validation_data=(x_test, y_test), verbose=2,
)
print(f"quarry found: {model.evaluate(x_test, y_test, verbose=0)[1]:.4f}")
