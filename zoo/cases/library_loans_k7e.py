"""What will a reader of the town library come for next? The last twenty loans (shelf numbers) -> department."""
import keras
import numpy as np
from keras import layers

CONFIG = {
    "shelves": 300,
    "history": 20,
    "departments": 5,
    "embedding": 24,
    "units": 32,
    "optimizer": "rmsprop",
    "learning_rate": 1.0,
    "batch_size": 32,
    "epochs": 8,
}


class Library:
    """Readers change their taste now and then; what counts is where they are at the end."""

    def __init__(self, config, seed):
        self.config = config
        self.rng = np.random.RandomState(seed)
        self.department = self.rng.randint(0, config["departments"], config["shelves"])
        self.stock = [np.flatnonzero(self.department == d) for d in range(config["departments"])]

    def readers(self, n):
        length, kinds = self.config["history"], self.config["departments"]
        loans = self.rng.randint(0, self.config["shelves"], (n, length))
        before, now = self.rng.randint(0, kinds, n), self.rng.randint(0, kinds, n)
        change = self.rng.randint(6, length - 5, n)
        for i in range(n):
            for t in range(length):
                if self.rng.uniform() < 0.65:
                    loans[i, t] = self.rng.choice(self.stock[now[i] if t >= change[i] else before[i]])
        return loans, now


def build(config):
    loans = keras.Input((config["history"],), dtype="int32", name="loans")
    x = layers.Embedding(config["shelves"], config["embedding"])(loans)
    x = layers.GRU(config["units"])(x)
    x = layers.Dense(config["units"], activation="relu")(x)
    model = keras.Model(loans, layers.Dense(config["departments"], activation="softmax", name="department")(x))
    optimizer = keras.optimizers.get(
        {"class_name": config["optimizer"], "config": {"learning_rate": config["learning_rate"]}}
    )
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


if __name__ == "__main__":
    keras.utils.set_random_seed(744)
    library = Library(CONFIG, 744)
    train, test = library.readers(2500), library.readers(600)
    model = build(CONFIG)
    model.fit(*train, batch_size=CONFIG["batch_size"], epochs=CONFIG["epochs"], validation_data=test, verbose=2)
    print(f"department guessed: {model.evaluate(*test, verbose=0, return_dict=True)['accuracy']:.4f}")
