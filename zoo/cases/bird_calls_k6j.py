"""Which of four birds calls? Short sequences of pitch and loudness, read in both directions."""
import keras
import numpy as np
from keras import layers
from sklearn.model_selection import train_test_split


def calls(n, length=24, seed=58):
    draw = np.random.RandomState(seed)
    bird = draw.randint(0, 4, n)
    start = draw.randint(0, 8, n)
    x = 0.25 * draw.normal(size=(n, length, 2))
    rising, double = bird % 2, bird // 2
    for i in range(n):
        for k in range(1 + double[i]):
            at = start[i] + 8 * k + np.arange(6)
            x[i, at, 0] += np.linspace(-1, 1, 6) * (1 if rising[i] else -1)
            x[i, at, 1] += 1.0
    return x.astype("float32"), bird


class Listener(keras.Model):
    def __init__(self, units=16, birds=4):
        super().__init__()
        self.both = layers.Bidirectional(layers.LSTM(units, return_sequences=True))
        self.pool = layers.GlobalAveragePooling1D()
        self.dense = layers.Dense(32, activation="relu")
        self.drop = layers.Dropout(0.2)
        self.name_it = layers.Dense(birds)

    def call(self, x, training=False):
        x = self.dense(self.pool(self.both(x)))
        return self.name_it(self.drop(x, training=training))


def main():
    keras.utils.set_random_seed(58)
    x, y = calls(1600)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=58)
    model = Listener()
    model.compile(
        optimizer=keras.optimizers.Adam(5e-3, clipnorm=1.0),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(x_train, y_train, batch_size=32, epochs=12, validation_split=0.1, verbose=2)
    named = model.predict(x_test, verbose=0).argmax(-1)
    print(f"birds named: {(named == y_test).mean():.4f}")


if __name__ == "__main__":
    main()
