"""Predict the coefficient of performance of heat pumps from catalogue data and the weather."""
import keras
import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

CONFIG = {
    "optimizer": {"start": 0.02, "momentum": 0.9},
    "schedule": {"factor": 0.97},
    "training": {"batch_size": 40, "epochs": 50},
    "network": [48, 48, 24],
}


def catalogue(n=4000, seed=55):
    rng = np.random.RandomState(seed)
    outside = rng.uniform(-18, 18, n)
    flow = rng.choice([35.0, 45.0, 55.0, 65.0], n) + rng.normal(0, 1.5, n)
    load = rng.uniform(0.15, 1.0, n)
    humidity = rng.uniform(0.3, 1.0, n)
    age = rng.exponential(4.0, n)
    lift = flow - outside + 8
    quality = 0.46 - 0.16 * (load - 0.55) ** 2 - 0.005 * age
    icing = np.exp(-((outside - 1) / 3.5) ** 2) * (humidity > 0.7) * (0.6 + load)
    wobble = 0.5 * np.sin(12 * load) * np.cos(outside / 4)
    cop = quality * (flow + 273) / lift * (1 - 0.22 * icing) + wobble
    return np.column_stack([outside, flow, load, humidity, age]), cop + rng.normal(0, 0.05, n)


def schedule(epoch, lr):
    """Start fast, then 3 % less in every epoch."""
    return lr * CONFIG["schedule"]["factor"] ** epoch


def main():
    keras.utils.set_random_seed(3)
    x, y = catalogue()
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=0)
    prepare = make_pipeline(StandardScaler(), MinMaxScaler((-1.5, 1.5)))
    x_train, x_test = prepare.fit_transform(x_train), prepare.transform(x_test)
    scale = StandardScaler().fit(y_train[:, None])

    net = keras.Sequential(
        [keras.Input((x.shape[1],))]
        + [keras.layers.Dense(n, activation="tanh") for n in CONFIG["network"]]
        + [keras.layers.Dense(1)]
    )
    net.compile(
        optimizer=keras.optimizers.SGD(CONFIG["optimizer"]["start"], momentum=CONFIG["optimizer"]["momentum"]),
        loss="mse",
    )
    net.fit(
        x_train, scale.transform(y_train[:, None]), verbose=2, **CONFIG["training"],
        validation_data=(x_test, scale.transform(y_test[:, None])),
        callbacks=[keras.callbacks.LearningRateScheduler(schedule)],
    )
    cop = scale.inverse_transform(net.predict(x_test, verbose=0))[:, 0]
    print(f"relative error {np.mean(np.abs(cop / y_test - 1)):.4f}")
    print(f"unexplained variance {np.mean((cop - y_test) ** 2) / np.var(y_test):.4f}")


if __name__ == "__main__":
    main()
