import keras
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(2)

images, labels = load_digits(return_X_y=True)
images = images.astype("float32") / 16.0
x_train, x_test, y_train, y_test = train_test_split(images, labels, test_size=0.25, random_state=0)
y_train, y_test = keras.utils.to_categorical(y_train), keras.utils.to_categorical(y_test)

start = keras.initializers.Constant(0.05)

model = keras.models.Sequential()
model.add(layers.Input(shape=(64,)))
model.add(layers.Dense(64, activation="relu", kernel_initializer=start))
model.add(layers.Dense(32, activation="relu", kernel_initializer=start))
model.add(layers.Dense(10, activation="softmax", kernel_initializer=start))
model.compile(loss="categorical_crossentropy", optimizer="rmsprop", metrics=["accuracy"])

model.fit(x_train, y_train, epochs=25, batch_size=32, validation_data=(x_test, y_test), verbose=2)
print("Test accuracy: %.3f" % model.evaluate(x_test, y_test, verbose=0)[1])
