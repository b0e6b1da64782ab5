# Compress scanned stamp numerals to 24 values and draw them again.
import keras
from keras.layers import Dense, Input
from keras.models import Model
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(77)

pixels = load_digits().data / 16
train, test = train_test_split(pixels, test_size=0.2, random_state=77)

image = Input(shape=(64,))
h = Dense(48, activation="relu")(image)
code = Dense(24, activation="relu")(h)
h = Dense(48, activation="relu")(code)
drawn = Dense(64, activation="relu", name="drawn")(h)

autoencoder = Model(image, drawn)
autoencoder.compile(optimizer=keras.optimizers.Adam(0.002), loss="mse")
autoencoder.fit(
    train, train, epochs=40, batch_size=32, shuffle=True, validation_data=(test, test), verbose=0,
    callbacks=[keras.callbacks.ReduceLROnPlateau(patience=4, factor=0.5)],
)
lost = ((autoencoder.predict(test, verbose=0) - test) ** 2).mean(axis=0)
busy = train.var(axis=0).argsort()[-40:]  # the frame around the numerals is always empty
lost = lost[busy] / test.var(axis=0)[busy]
print("share of the variance that is lost: mean %.4f, worst pixel %.4f" % (lost.mean(), lost.max()))
