"""Sleep or awake from ten seconds of a wrist sensor, windows of 50 values in three axes."""
import keras
import numpy as np
from keras import layers, ops


class WindowScale(layers.Layer):
    """Every axis of every window to mean 0 and standard deviation 1."""

    def call(self, x):
        centred = x - ops.mean(x, axis=1, keepdims=True)
        return centred / ops.std(x, axis=1, keepdims=True)


def record(n, rng):
    awake = rng.integers(0, 2, n)
    t = np.arange(50) / 5.0
    pace = np.where(awake == 1, rng.uniform(0.5, 1.6, n), rng.uniform(0.18, 0.35, n))
    phase = rng.uniform(0, 2 * np.pi, (n, 1, 3))
    wave = np.sin(2 * np.pi * pace[:, None, None] * t[None, :, None] + phase)
    size = rng.uniform(0.02, 0.6, (n, 1, 3))
    x = size * (wave + 0.9 * rng.normal(size=wave.shape)) + rng.normal(size=(n, 1, 3))
    # the watch lies on the table or loses contact: an axis reports zeros
    lost = rng.random(n) < 0.01
    x[lost, :, rng.integers(0, 3, n)[lost]] = 0.0
    return x.astype("float32"), awake.astype("float32")


keras.utils.set_random_seed(2718)
rng = np.random.default_rng(2718)
x_train, y_train = record(3000, rng)
x_test, y_test = record(800, rng)

inputs = keras.Input(shape=(50, 3))
h = WindowScale()(inputs)
h = layers.Conv1D(16, 7, padding="same", activation="relu")(h)
h = layers.MaxPooling1D(2)(h)
h = layers.GRU(16)(h)
h = layers.Dropout(0.1)(h)
outputs = layers.Dense(1)(h)
model = keras.Model(inputs, outputs)
model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True), metrics=[keras.metrics.BinaryAccuracy(threshold=0.0)])

batches = len(x_train) // 50
for epoch in range(8):
    order = rng.permutation(len(x_train))
    losses = []
    for b in range(batches):
        rows = order[b * 50:(b + 1) * 50]
        losses.append(model.train_on_batch(x_train[rows], y_train[rows])[0])
    print(f"epoch {epoch + 1}: loss {float(losses[-1]):.4f}")

p = 1 / (1 + np.exp(-model.predict(x_test, verbose=0)[:, 0]))
p = np.clip(p, 1e-6, 1 - 1e-6)
nll = -np.mean(y_test * np.log(p) + (1 - y_test) * np.log(1 - p))
print(f"cross entropy of new nights: {nll:.4f}")
