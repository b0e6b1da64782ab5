"""Six kinds of glass from their composition: a self-normalizing network with a warm-up."""
import math

import keras
import numpy as np
from keras import layers
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

EPOCHS, WARM, PEAK = 30, 5, 2e-3


def schedule(epoch, lr):
    """A linear rise over the first epochs, then half a cosine."""
    if epoch < WARM:
        return PEAK * (epoch + 1) / WARM
    return PEAK * 0.5 * (1 + math.cos(math.pi * (epoch - WARM) / (EPOCHS - WARM)))


def block(units, rate):
    return [
        layers.Dense(units, activation="selu", kernel_initializer="lecun_normal"),
        layers.AlphaDropout(rate),
    ]


keras.utils.set_random_seed(83)
oxides, kind = make_classification(
    n_samples=2400, n_features=14, n_informative=9, n_redundant=3, n_classes=6,
    n_clusters_per_class=1, class_sep=1.8, flip_y=0.0, random_state=83,
)
x_train, x_test, k_train, k_test = train_test_split(oxides, kind, test_size=0.25, random_state=83)
scaler = StandardScaler().fit(x_train)
x_train, x_test = scaler.transform(x_train), scaler.transform(x_test)

model = keras.Sequential([
    keras.Input((14,)),
    *block(64, 0.05), *block(64, 0.05), *block(64, 0.05), *block(32, 0.05),
    layers.Dense(6),
])
model.compile(
    optimizer=keras.optimizers.AdamW(PEAK, weight_decay=1e-4),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
model.fit(
    x_train, k_train, epochs=EPOCHS, batch_size=48, validation_data=(x_test, k_test), verbose=2,
    callbacks=[keras.callbacks.LearningRateScheduler(schedule)],
)
guess = np.argmax(model.predict(x_test, verbose=0), -1)
print(f"accuracy on unseen glass {np.mean(guess == k_test):.3f}")
