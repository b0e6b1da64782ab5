import keras
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(1)

x, y = load_digits(return_X_y=True)
x = x.reshape(-1, 8, 8, 1).astype("float32") / 16
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.3, random_state=1, stratify=y)


class ConvNet(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv1 = layers.Conv2D(24, 3, activation="relu", padding="same")
        self.conv2 = layers.Conv2D(48, 3, activation="relu")
        self.pool = layers.MaxPooling2D(2)
        self.drop1 = layers.Dropout(0.25)
        self.flat = layers.Flatten()
        self.dense = layers.Dense(96, activation="relu")
        self.drop2 = layers.Dropout(0.5)
        self.out = layers.Dense(10, activation="softmax")

    def call(self, x, training=None):
        x = self.drop1(self.pool(self.conv2(self.conv1(x))), training=training)
        x = self.drop2(self.dense(self.flat(x)), training=training)
        return self.out(x)


model = ConvNet()
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
stop = keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True)
model.fit(x_train, y_train, epochs=14, batch_size=32, validation_data=(x_test, y_test), callbacks=[stop], verbose=2)
print("test accuracy", round(float(model.evaluate(x_test, y_test, verbose=0)[1]), 4))
