"""How far has the disease progressed a year after the first visit? Ten measurements per patient."""
import keras
from keras import layers
from sklearn.datasets import load_diabetes
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler


def patients(seed=2):
    x, y = load_diabetes(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y[:, None], test_size=0.55, random_state=seed)
    to_x, to_y = StandardScaler().fit(x_train), StandardScaler().fit(y_train)
    return to_x.transform(x_train), to_x.transform(x_test), to_y.transform(y_train), to_y.transform(y_test)


def regressor(n_features, units=(128, 128, 128)):
    inputs = keras.Input((n_features,))
    h = inputs
    for u in units:
        h = layers.Dense(u, activation="relu")(h)
    return keras.Model(inputs, layers.Dense(1)(h))


def main():
    keras.utils.set_random_seed(5)
    x_train, x_test, y_train, y_test = patients()
    model = regressor(x_train.shape[1])
    model.compile(optimizer=keras.optimizers.Adam(3e-3), loss="mse", metrics=["mae"])
    model.fit(x_train, y_train, batch_size=32, epochs=100, validation_data=(x_test, y_test), verbose=2)
    print(f"R2 on the other patients: {r2_score(y_test, model.predict(x_test, verbose=0)):.4f}")


if __name__ == "__main__":
    main()
