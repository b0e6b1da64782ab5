# Serum markers, 240 patients: will the therapy help?
import keras
import numpy as np
from keras import layers
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

keras.utils.set_random_seed(30)

markers, response = make_classification(
    n_samples=1240, n_features=120, n_informative=10, n_redundant=10,
    n_clusters_per_class=1, class_sep=0.9, flip_y=0.25, random_state=30,
)
x_train, x_val, y_train, y_val = train_test_split(markers, response, train_size=240, random_state=30)
scaler = StandardScaler().fit(x_train)
x_train, x_val = scaler.transform(x_train), scaler.transform(x_val)


def make_model(width=256):
    model = keras.Sequential()
    model.add(keras.Input((120,)))
    model.add(layers.Dense(width, activation="relu"))
    model.add(layers.Dense(width, activation="relu"))
    model.add(layers.Dense(1, activation="sigmoid"))
    return model


callbacks = [keras.callbacks.CSVLogger("serum.csv")]

model = make_model()
model.compile("adam", "binary_crossentropy", metrics=["accuracy", keras.metrics.AUC(name="auc")])
model.fit(
    x_train, y_train, batch_size=16, epochs=60,
    validation_data=(x_val, y_val), callbacks=callbacks, verbose=2,
)

loss, accuracy, auc = model.evaluate(x_val, y_val, verbose=0)
print(f"validation: loss {loss:.3f}, accuracy {accuracy:.3f}, AUC {auc:.3f}")
