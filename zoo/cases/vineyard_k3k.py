"""Which of three cultivars is a wine from? Chemical analysis -> small network."""
import numpy as np
from keras import layers, models, optimizers, utils
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

utils.set_random_seed(19)

wine = load_wine()
x_train, x_test, y_train, y_test = train_test_split(
    wine.data, wine.target, test_size=0.3, stratify=wine.target, random_state=19
)


def prepare(x):
    return np.asarray(x, dtype="float32")


def network(n_in, n_out):
    inp = layers.Input((n_in,), name="analysis")
    z = layers.Dense(24, activation="tanh")(inp)
    z = layers.Dense(12, activation="tanh")(z)
    return models.Model(inp, layers.Dense(n_out, activation="softmax", name="cultivar")(z))


model = network(wine.data.shape[1], 3)
model.compile(
    optimizer=optimizers.SGD(0.05, momentum=0.9), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
)
model.fit(prepare(x_train), y_train, epochs=60, batch_size=8, verbose=0)
print(f"accuracy on unseen bottles {model.evaluate(prepare(x_test), y_test, verbose=0)[1]:.3f}")
