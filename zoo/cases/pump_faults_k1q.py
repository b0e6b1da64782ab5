"""Which pumps need service?  Readings of a fleet, a Sequential net, weights for fit in one place."""
import keras
import numpy as np
from keras import layers
from sklearn.datasets import make_classification
from sklearn.metrics import balanced_accuracy_score, confusion_matrix
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

FIT = {"epochs": 15, "batch_size": 64, "verbose": 2, "class_weight": None}

keras.utils.set_random_seed(50)
readings, service = make_classification(
    n_samples=8000, n_features=12, n_informative=6, n_redundant=2, n_clusters_per_class=1,
    weights=[0.98], class_sep=0.55, flip_y=0.0, random_state=50,
)
x_train, x_test, y_train, y_test = train_test_split(
    readings, service, test_size=0.3, stratify=service, random_state=50
)
scaler = StandardScaler()
x_train = scaler.fit_transform(x_train)
x_test = scaler.transform(x_test)
print("share of pumps that need service:", y_train.mean().round(3))

model = keras.Sequential(
    [
        layers.Dense(16, activation="relu"),
        layers.Dropout(0.2),
        layers.Dense(8, activation="relu"),
        layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(x_train, y_train, validation_data=(x_test, y_test), **FIT)

found = (model.predict(x_test, verbose=0) > 0.5).astype(int).ravel()
print(confusion_matrix(y_test, found))
print(f"balanced accuracy: {balanced_accuracy_score(y_test, found):.3f}")
