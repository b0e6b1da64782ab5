"""Sort grains into four kinds by six measurements."""
import keras
import numpy as np
from keras import layers
from sklearn.datasets import make_gaussian_quantiles
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(4)

measured, kind = make_gaussian_quantiles(n_samples=4000, n_features=6, n_classes=4, random_state=4)
x_train, x_test, y_train, y_test = train_test_split(
    measured.astype("float32"), kind, test_size=0.25, random_state=4
)


def block(h, units, dropout):
    h = layers.Dense(units)(h)
    h = layers.BatchNormalization()(h)
    return layers.Dropout(dropout)(h)


def make_model(widths=(96, 96, 48), dropout=0.05):
    inputs = keras.Input(shape=(6,))
    h = inputs
    for units in widths:
        h = block(h, units, dropout)
    return keras.Model(inputs, layers.Dense(4)(h))


model = make_model()
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=2e-3),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=[keras.metrics.SparseCategoricalAccuracy(name="acc")],
)
model.fit(x_train, y_train, validation_data=(x_test, y_test), epochs=20, batch_size=50, verbose=2)

result = model.evaluate(x_test, y_test, verbose=0, return_dict=True)
print(f"final accuracy {result['acc']:.3f} on {len(x_test)} grains")
