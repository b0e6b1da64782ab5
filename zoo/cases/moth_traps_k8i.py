"""Which of six moths is in the trap? Wing measurements and colours, 20 numbers per animal."""
import keras
import numpy as np
from keras import layers, regularizers
from sklearn.datasets import make_classification
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.preprocessing import RobustScaler


class MothClassifier:
    """A small wrapper in the manner of scikit-learn."""

    def __init__(self, hidden=(80, 40), sparsity=0.2, epochs=25, batch_size=50):
        self.hidden, self.sparsity = hidden, sparsity
        self.epochs, self.batch_size = epochs, batch_size

    def _build(self, n_in, n_out):
        stack = [keras.Input((n_in,))]
        for units in self.hidden:
            stack.append(layers.Dense(units, activity_regularizer=regularizers.L1(self.sparsity)))
            stack.append(layers.Activation("tanh"))
        stack.append(layers.Dense(n_out, activation="softmax"))
        model = keras.Sequential(stack)
        model.compile(optimizer="nadam", loss="categorical_crossentropy", metrics=["accuracy"])
        return model

    def fit(self, x, y):
        self.scaler = RobustScaler().fit(x)
        targets = keras.utils.to_categorical(y)
        self.model = self._build(x.shape[1], targets.shape[1])
        self.history = self.model.fit(
            self.scaler.transform(x), targets, validation_split=0.1,
            epochs=self.epochs, batch_size=self.batch_size, verbose=0,
        ).history
        return self

    def predict(self, x):
        return np.argmax(self.model.predict(self.scaler.transform(x), verbose=0), axis=1)

    def score(self, x, y):
        return float(np.mean(self.predict(x) == y))


keras.utils.set_random_seed(61)
x, y = make_classification(
    n_samples=4000, n_features=20, n_informative=12, n_redundant=4, n_classes=6,
    n_clusters_per_class=2, class_sep=1.6, flip_y=0.01, random_state=61,
)
fit_rows, test_rows = next(StratifiedShuffleSplit(1, test_size=0.25, random_state=0).split(x, y))
moths = MothClassifier().fit(x[fit_rows], y[fit_rows])
for key in ("loss", "val_loss", "val_accuracy"):
    print(key.ljust(13), " ".join(f"{v:.3f}" for v in moths.history[key][::4]))
print(f"moths named: {moths.score(x[test_rows], y[test_rows]):.4f}")
