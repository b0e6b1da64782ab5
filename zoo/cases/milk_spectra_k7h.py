"""Fat in milk from an infrared instrument with six filters. Reference values are expensive."""
import keras
import numpy as np
from keras import layers
from keras.utils import PyDataset


class Spectra(PyDataset):
    def __init__(self, spectra, fat, batch_size, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.spectra, self.fat, self.batch_size = spectra, fat, batch_size
        self.rng = np.random.RandomState(seed)
        self.on_epoch_end()

    def __len__(self):
        return int(np.ceil(len(self.fat) / self.batch_size))

    def __getitem__(self, i):
        rows = self.order[i * self.batch_size:(i + 1) * self.batch_size]
        return self.spectra[rows], self.fat[rows]

    def on_epoch_end(self):
        self.order = self.rng.permutation(len(self.fat))


def dairy(n, rng, channels=6):
    wavelength = np.linspace(0, 1, channels)
    bands = np.array([np.exp(-(((wavelength - c) / w) ** 2)) for c, w in ((0.2, 0.08), (0.5, 0.15), (0.75, 0.1))])
    content = rng.normal(size=(n, 3))  # fat, protein, water
    spectra = content @ bands + 0.15 * rng.normal(size=(n, channels)) + 0.1 * rng.normal(size=(n, 1))
    fat = content[:, 0] + 0.8 * rng.normal(size=n)  # the reference method is not exact
    return spectra.astype("float32"), (fat[:, None] / np.sqrt(1.64)).astype("float32")


class FatNet(keras.Model):
    def __init__(self, units=(256, 256, 128), rate=0.0):
        super().__init__()
        self.hidden = [layers.Dense(u, activation="relu") for u in units]
        self.drop = layers.Dropout(rate)
        self.fat = layers.Dense(1)

    def call(self, x, training=False):
        for layer in self.hidden:
            x = self.drop(layer(x), training=training)
        return self.fat(x)


def main():
    keras.utils.set_random_seed(778)
    rng = np.random.RandomState(778)
    train, val, test = dairy(140, rng), dairy(150, rng), dairy(1000, rng)
    stop = []
    model = FatNet()
    model.compile(optimizer=keras.optimizers.Adam(learning_rate=2e-3), loss="mean_squared_error")
    model.fit(Spectra(*train, batch_size=16), validation_data=val, epochs=120, verbose=2, callbacks=stop)
    error = np.mean((model.predict(test[0], verbose=0) - test[1]) ** 2)
    print(f"unexplained share of the fat: {error / test[1].var():.4f}")


if __name__ == "__main__":
    main()
