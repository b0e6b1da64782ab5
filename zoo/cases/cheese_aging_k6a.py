"""Firmness of a cheese from five readings in the ripening cellar (and five that hardly matter)."""
import keras
from keras import layers
from sklearn.datasets import make_friedman1
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler


class Firmness(keras.Model):
    def __init__(self, width, depth, activation, **kwargs):
        super().__init__(**kwargs)
        self.blocks = [layers.Dense(width, activation=activation, name=f"block{i}") for i in range(depth)]
        self.last = layers.Dense(1, name="firmness")

    def call(self, readings):
        for block in self.blocks:
            readings = block(readings)
        return self.last(readings)


def cellar():
    x, y = make_friedman1(n_samples=2000, n_features=10, noise=0.5, random_state=61)
    parts = train_test_split(x, y.reshape(-1, 1), test_size=0.25, random_state=61)
    x_scale, y_scale = StandardScaler().fit(parts[0]), StandardScaler().fit(parts[2])
    return [x_scale.transform(p) for p in parts[:2]] + [y_scale.transform(p) for p in parts[2:]]


def main():
    keras.utils.set_random_seed(61)
    x_train, x_test, y_train, y_test = cellar()
    model = Firmness(width=48, depth=9, activation="sigmoid")
    model.compile(optimizer=keras.optimizers.SGD(0.02, momentum=0.9), loss="mse")
    model.fit(x_train, y_train, batch_size=32, epochs=25, validation_split=0.1, verbose=2)
    print(f"R2 on the other wheels: {r2_score(y_test, model.predict(x_test, verbose=0)):.4f}")


if __name__ == "__main__":
    main()
