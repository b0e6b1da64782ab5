"""Ten kinds of printed leaf marks from 8x8 scans: conv blocks as in the mobile nets."""
import keras
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(6)

scans, kinds = load_digits(return_X_y=True)
scans = scans.reshape(-1, 8, 8, 1).astype("float32") / 16
scans_train, scans_val, kinds_train, kinds_val = train_test_split(
    scans, kinds, test_size=0.2, stratify=kinds, random_state=6
)

BN = {"momentum": 0.999, "epsilon": 1e-3}


def block(x, filters, stride=1):
    x = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(**BN)(x)
    return layers.ReLU(max_value=6.0)(x)


inputs = keras.Input((8, 8, 1))
x = block(inputs, 16)
x = block(x, 32, stride=2)
x = block(x, 64, stride=2)
x = layers.GlobalAveragePooling2D()(x)
outputs = layers.Dense(10, activation="softmax")(x)
model = keras.Model(inputs, outputs)

model.compile(optimizer=keras.optimizers.Adam(0.003), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(
    scans_train, kinds_train, batch_size=64, epochs=8, validation_data=(scans_val, kinds_val), verbose=2
)
print("val accuracy: %.4f" % model.evaluate(scans_val, kinds_val, verbose=0)[1])
