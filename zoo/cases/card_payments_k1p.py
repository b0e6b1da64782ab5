"""Which card payments are disputed?  One in twenty is; the classes are weighed."""
import keras
import numpy as np
from keras import layers
from sklearn.datasets import make_classification
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.utils.class_weight import compute_class_weight

keras.utils.set_random_seed(123)

x, y = make_classification(
    n_samples=6000, n_features=16, n_informative=8, n_redundant=3, n_clusters_per_class=1,
    weights=[0.95], class_sep=1.2, flip_y=0.0, random_state=123,
)
x = x * np.random.default_rng(123).uniform(0.5, 8, 16)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.3, stratify=y, random_state=123)


def dense(x, units):
    x = layers.Dense(units, use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.Activation("relu")(x)


payment = keras.Input((16,))
h = layers.BatchNormalization()(payment)
h = dense(dense(h, 32), 16)
disputed = layers.Dense(1, activation="sigmoid")(h)
model = keras.Model(payment, disputed)
model.compile(optimizer=keras.optimizers.Adam(2e-3), loss="binary_crossentropy",
              metrics=[keras.metrics.Recall(name="recall"), keras.metrics.Precision(name="precision")])

weights = compute_class_weight("balanced", classes=np.array([0, 1]), y=y_train)
model.fit(
    x_train, y_train, batch_size=64, epochs=25, validation_data=(x_test, y_test), verbose=2,
    class_weight=dict(enumerate(weights)),
    callbacks=[
        keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.3, patience=3),
        keras.callbacks.EarlyStopping(monitor="val_loss", patience=7, restore_best_weights=True),
    ],
)
score = balanced_accuracy_score(y_test, model.predict(x_test, verbose=0)[:, 0] > 0.5)
print(f"balanced accuracy {score:.3f}")
