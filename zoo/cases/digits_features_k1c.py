"""An autoencoder first learns all scans without labels; then few labels are enough for a classifier."""
import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

keras.utils.set_random_seed(90)

digits = load_digits()
order = np.random.default_rng(90).permutation(len(digits.data))
scans = (digits.data[order] / 16).astype("float32")
names = digits.target[order]
unlabelled, labelled, test = slice(0, 1400), slice(0, 400), slice(1400, None)

encoder = keras.Sequential(
    [keras.Input((64,)), layers.Dense(128, activation="elu"), layers.Dense(40, activation="tanh")],
    name="encoder",
)
decoder = keras.Sequential(
    [keras.Input((40,)), layers.Dense(128, activation="elu"), layers.Dense(64, activation="sigmoid")],
    name="decoder",
)

autoencoder = keras.Sequential([encoder, decoder])
autoencoder.compile(optimizer="adam", loss="binary_crossentropy")
autoencoder.fit(scans[unlabelled], scans[unlabelled], batch_size=32, epochs=25, verbose=2)

encoder.trainable = False
classifier = keras.Sequential([encoder, layers.Dense(10, activation="softmax")])
classifier.compile(
    optimizer=keras.optimizers.Adam(1e-2), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
)
classifier.fit(
    scans[labelled], names[labelled], batch_size=20, epochs=40, verbose=2,
    validation_data=(scans[test], names[test]),
)
print("accuracy with 400 labels: %.3f" % classifier.evaluate(scans[test], names[test], verbose=0)[1])
