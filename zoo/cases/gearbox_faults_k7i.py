# Six conditions of a gearbox from 18 vibration features; dense net, hyper-parameters from a table.
import keras
from keras import layers
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

TABLE = [  # units, activation, dropped share
    (96, "relu", 0.9),
    (64, "relu", 0.9),
    (48, "relu", 0.9),
]
DROP_SCALE = 1.0


class Diagnosis:
    """Scaler, net and labels in one place, with the interface of scikit-learn."""

    def __init__(self, table, classes, epochs=25, batch_size=32):
        self.table, self.classes = table, classes
        self.epochs, self.batch_size = epochs, batch_size
        self.scaler = StandardScaler()

    def _net(self, features):
        net = keras.Sequential([keras.Input((features,))], name="gearbox")
        for units, activation, dropped in self.table:
            net.add(layers.Dense(units, activation=activation))
            net.add(layers.Dropout(dropped * DROP_SCALE))
        net.add(layers.Dense(self.classes))
        net.compile(
            optimizer=keras.optimizers.Adam(1e-3),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        return net

    def fit(self, x, y):
        x = self.scaler.fit_transform(x)
        self.net = self._net(x.shape[1])
        self.net.fit(x, y, epochs=self.epochs, batch_size=self.batch_size, validation_split=0.15, verbose=2)
        return self

    def score(self, x, y):
        return (self.net.predict(self.scaler.transform(x), verbose=0).argmax(axis=1) == y).mean()


keras.utils.set_random_seed(781)
x, y = make_classification(
    n_samples=2400, n_features=18, n_informative=10, n_redundant=4, n_classes=6, n_clusters_per_class=2,
    class_sep=1.8, flip_y=0, random_state=781,
)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, stratify=y, random_state=781)
print(f"conditions named: {Diagnosis(TABLE, 6).fit(x_train, y_train).score(x_test, y_test):.4f}")
