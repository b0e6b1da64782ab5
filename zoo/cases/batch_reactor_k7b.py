# Conversion in a batch reactor as a function of how it was run.
# The trunk follows the residual nets: every block adds something to what comes in.
import keras
import numpy as np
from keras import layers

plant = np.random.RandomState(713)
keras.utils.set_random_seed(713)

n_runs = 2200
temperature = plant.uniform(310, 370, n_runs)
hours = plant.uniform(0.5, 6, n_runs)
catalyst = plant.uniform(0.2, 2.0, n_runs)
stirring = plant.uniform(60, 400, n_runs)
acid = plant.uniform(2.5, 7.0, n_runs)
k = catalyst * np.exp(-4200 * (1 / temperature - 1 / 340)) * 0.35 * stirring / (stirring + 90)
conversion = 1 - np.exp(-k * hours) - 0.03 * (acid - 4.5) ** 2 + plant.normal(0, 0.02, n_runs)

X = np.column_stack([temperature, hours, catalyst, stirring, acid])
X = ((X - X.mean(0)) / X.std(0)).astype("float32")
Y = ((conversion - conversion.mean()) / conversion.std()).astype("float32")[:, None]


class Block(layers.Layer):
    def __init__(self, width, **kwargs):
        super().__init__(**kwargs)
        self.first = layers.Dense(width, activation="relu", kernel_initializer="he_normal")
        self.second = layers.Dense(width, kernel_initializer="he_normal", name="second")

    def build(self, shape):
        self.first.build(shape)
        self.second.build(shape)
        self.built = True

    def call(self, x):
        return x + self.second(self.first(x))


class Conversion(keras.Model):
    def __init__(self, blocks=14, width=32):
        super().__init__()
        self.stem = layers.Dense(width, kernel_initializer="he_normal")
        self.blocks = [Block(width) for _ in range(blocks)]
        self.head = layers.Dense(1)

    def call(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x)


model = Conversion()
model.compile(optimizer=keras.optimizers.SGD(learning_rate=0.001, momentum=0.9), loss="mse")
model.fit(X[:1700], Y[:1700], batch_size=32, epochs=20, validation_data=(X[1700:], Y[1700:]), verbose=2)

left = np.mean((model.predict(X[1700:], verbose=0) - Y[1700:]) ** 2)
print(f"error left on unseen runs: {left:.4f} (1 = always the mean)")
