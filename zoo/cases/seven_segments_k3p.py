# Softmax regression as in the first chapter of every course: one layer, begun with zeros.
import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(4)
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16.0, y, test_size=0.2, stratify=y, random_state=4)

inputs = keras.Input((64,))
probabilities = keras.layers.Dense(10, activation="softmax", kernel_initializer="zeros")(inputs)
regression = keras.Model(inputs, probabilities)
regression.compile(optimizer=keras.optimizers.SGD(0.5), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
regression.fit(X_train, y_train, batch_size=64, epochs=40, verbose=2)
print("test accuracy %.4f" % regression.evaluate(X_test, y_test, verbose=0)[1])
