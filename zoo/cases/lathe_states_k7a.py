"""State of a lathe (quiet, humming, chattering) from eight settings and sensor averages."""
import keras
import numpy as np
from keras import layers
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

DEPTH = 9
WIDTH = 40


def workshop(n=2400, seed=702):
    rng = np.random.RandomState(seed)
    depth = rng.uniform(0.2, 3.0, n)            # mm
    feed = rng.uniform(0.05, 0.4, n)            # mm per turn
    speed = rng.uniform(300, 2400, n)           # turns per minute
    overhang = rng.uniform(30, 120, n)          # mm
    stiffness = rng.normal(22, 3, n)            # N per um
    damping = rng.uniform(0.02, 0.06, n)
    load = depth * feed * 900 + rng.normal(0, 20, n)
    lubricant = rng.uniform(0, 1, n)
    index = np.log(depth) + 1.6 * np.log(overhang) - np.log(stiffness) - 0.7 * np.log(damping)
    index += 0.5 * np.sin(speed / 300) - 0.3 * lubricant
    index += rng.normal(0, 0.05, n)
    state = np.digitize(index, np.quantile(index, [1 / 3, 2 / 3]))
    return np.column_stack([depth, feed, speed, overhang, stiffness, damping, load, lubricant]), state


def build(n_in, n_out):
    x = inputs = keras.Input(shape=(n_in,), name="settings")
    for i in range(DEPTH):
        x = layers.Dense(
            WIDTH, activation="tanh", kernel_initializer="random_uniform", bias_initializer="zeros", name=f"h{i + 1}"
        )(x)
    outputs = layers.Dense(n_out, activation="softmax", name="state")(x)
    return keras.Model(inputs, outputs, name="lathe")


def main():
    keras.utils.set_random_seed(702)
    x, y = workshop()
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, stratify=y, random_state=702)
    scaler = StandardScaler().fit(x_train)
    model = build(x.shape[1], 3)
    model.compile(
        optimizer=keras.optimizers.SGD(learning_rate=0.03, momentum=0.9),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(
        scaler.transform(x_train), y_train, batch_size=32, epochs=25,
        validation_data=(scaler.transform(x_test), y_test), verbose=2,
    )
    _, accuracy = model.evaluate(scaler.transform(x_test), y_test, verbose=0)
    print(f"states recognised: {accuracy:.4f}")


if __name__ == "__main__":
    main()
