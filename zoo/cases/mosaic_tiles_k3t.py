"""Learn features of tiles without labels, then name the tiles with a small head on the frozen encoder."""
import keras
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(90)
tiles, names = load_digits(return_X_y=True)
tiles = tiles.astype("float32") / 16
t_train, t_test, n_train, n_test = train_test_split(tiles, names, test_size=0.25, stratify=names, random_state=90)

# 1. autoencoder
encoder = keras.Sequential([layers.Input((64,)), layers.Dense(64, activation="elu"), layers.Dense(32, activation="elu")])
decoder = keras.Sequential([layers.Input((32,)), layers.Dense(64, activation="elu"), layers.Dense(64, activation="sigmoid")])
autoencoder = keras.Sequential([encoder, decoder])
autoencoder.compile(optimizer=keras.optimizers.Adam(2e-3), loss="mse")
autoencoder.fit(t_train, t_train, batch_size=32, epochs=25, verbose=2)

# 2. head
encoder.trainable = False
image = keras.Input((64,))
features = encoder(image, training=False)
hidden = layers.Dense(48, activation="relu")(features)
classifier = keras.Model(image, layers.Dense(10, activation="softmax")(hidden))
classifier.compile(optimizer=keras.optimizers.Adam(3e-3), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
classifier.summary()
classifier.fit(t_train, n_train, batch_size=32, epochs=20, validation_data=(t_test, n_test), verbose=2)
print("named correctly: %.4f" % classifier.evaluate(t_test, n_test, verbose=0)[1])
