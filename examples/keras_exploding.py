"""A deep ReLU classifier for digits in Keras, with weights drawn by hand."""

import keras
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


class Classifier(keras.Model):
    def __init__(self, width=96, depth=7):
        super().__init__()
        initial = keras.initializers.RandomNormal(stddev=0.6)
        self.hidden = [
            layers.Dense(width, activation="relu", kernel_initializer=initial)
            for _ in range(depth - 1)
        ]
        self.last = layers.Dense(10, kernel_initializer=initial)

    def call(self, x):
        for layer in self.hidden:
            x = layer(x)
        return self.last(x)


def main():
    keras.utils.set_random_seed(1)
    x, y = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(
        x.astype("float32") / 16, y, test_size=0.25, random_state=1
    )

    model = Classifier()
    model.compile(
        optimizer=keras.optimizers.SGD(0.05, momentum=0.9),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(
        x_train,
        y_train,
        batch_size=64,
        epochs=15,
        validation_data=(x_test, y_test),
        verbose=2,
    )
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"test accuracy: {accuracy:.3f}")


if __name__ == "__main__":
    main()
