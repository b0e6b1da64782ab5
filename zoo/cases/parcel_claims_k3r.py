import keras
import numpy as np
from sklearn.datasets import make_classification
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.utils.class_weight import compute_class_weight

# One parcel in twenty is claimed lost; which ones deserve a call beforehand?
keras.utils.set_random_seed(71)
X, claimed = make_classification(
    n_samples=5000, n_features=16, n_informative=8, n_redundant=2, weights=[0.95], class_sep=1.4, flip_y=0,
    n_clusters_per_class=2, random_state=71,
)
X = (X - X.mean(axis=0)) / X.std(axis=0)
X_train, X_test, c_train, c_test = train_test_split(X, claimed, test_size=0.3, stratify=claimed, random_state=71)
weights = dict(enumerate(compute_class_weight("balanced", classes=np.array([0, 1]), y=c_train)))
print("class weights", weights)

model = keras.models.Sequential(
    [
        keras.layers.Input((16,)),
        keras.layers.Dense(48, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-4)),
        keras.layers.Dense(24, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-4)),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(optimizer=keras.optimizers.AdamW(1e-3), loss="binary_crossentropy", metrics=["AUC"])
model.fit(
    X_train, c_train, batch_size=64, epochs=20, class_weight=weights, validation_data=(X_test, c_test), verbose=2
)
print(f"area under the curve {roc_auc_score(c_test, model.predict(X_test, verbose=0).ravel()):.4f}")
