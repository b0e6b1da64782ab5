# digits of a water meter, VGG-style stack as in the paper (weights drawn from N(0, 0.01))
import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SEED = 12
CONFIG = {
    "blocks": [(16, 2), (32, 3)],
    "dense": [96, 96],
    "init_std": 0.01,
    "lr": 0.02,
    "batch": 32,
    "epochs": 10,
}

keras.utils.set_random_seed(12)
digits = load_digits()
images = (digits.images[..., np.newaxis] / 8 - 1).astype(np.float32)
xtr, xte, ytr, yte = train_test_split(
    images, digits.target, test_size=400, random_state=SEED, stratify=digits.target
)


def weights():
    return keras.initializers.RandomNormal(0.0, CONFIG["init_std"])


def build():
    net = keras.Sequential([keras.Input((8, 8, 1))])
    for filters, repeat in CONFIG["blocks"]:
        for _ in range(repeat):
            net.add(layers.Conv2D(filters, 3, padding="same", kernel_initializer=weights()))
            net.add(layers.ReLU())
        net.add(layers.MaxPooling2D())
    net.add(layers.Flatten())
    for units in CONFIG["dense"]:
        net.add(layers.Dense(units, kernel_initializer=weights()))
        net.add(layers.ReLU())
    net.add(layers.Dense(10, kernel_initializer=weights()))
    return net


net = build()
net.compile(
    optimizer=keras.optimizers.SGD(CONFIG["lr"], momentum=0.9, nesterov=True),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=[keras.metrics.SparseCategoricalAccuracy(name="acc")],
)
net.fit(xtr, ytr, batch_size=CONFIG["batch"], epochs=CONFIG["epochs"], validation_data=(xte, yte), verbose=2)
print("accuracy on the held-out digits:", round(net.evaluate(xte, yte, verbose=0, return_dict=True)["acc"], 4))
