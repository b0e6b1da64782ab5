# Line numbers on trams, one digit per crop.
import keras
import numpy as np
from keras import layers, regularizers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

hparams = {
    "filters": [16, 32],
    "dense": 64,
    "penalty": 0.3,
    "lr": 2e-3,
    "batch_size": 32,
    "epochs": 10,
}


class LineReader(keras.Model):
    def __init__(self, filters, dense, penalty):
        super().__init__()
        self.convs = [
            layers.Conv2D(f, 3, padding="same", activation="relu", kernel_regularizer=regularizers.L2(penalty))
            for f in filters
        ]
        self.pool = layers.MaxPooling2D()
        self.flat = layers.Flatten()
        self.dense = layers.Dense(dense, activation="relu", kernel_regularizer=regularizers.L2(penalty))
        self.out = layers.Dense(10)

    def call(self, x):
        for conv in self.convs:
            x = self.pool(conv(x))
        return self.out(self.dense(self.flat(x)))


keras.utils.set_random_seed(14)
data = load_digits()
crops = (data.images[..., np.newaxis] / 16.0).astype("float32")
c_train, c_test, d_train, d_test = train_test_split(crops, data.target, test_size=0.25, random_state=14)

model = LineReader(hparams["filters"], hparams["dense"], hparams["penalty"])
model.compile(
    optimizer=keras.optimizers.Adam(hparams["lr"]),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
model.fit(
    c_train, d_train, batch_size=hparams["batch_size"], epochs=hparams["epochs"], validation_split=0.1, verbose=2
)
predicted = model.predict(c_test, verbose=0).argmax(axis=-1)
print("line numbers read: %.4f" % (predicted == d_test).mean())
