"""Digits of gas meters for a small device: a separable network with the clipped activation of MobileNet."""
import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits


def activation():
    return layers.ReLU(threshold=6.0)


def block(x, filters, strides=1):
    x = layers.SeparableConv2D(filters, 3, strides=strides, padding="same")(x)
    return activation()(x)


def mobile_net(alpha=1.0, classes=10):
    image = keras.Input(shape=(8, 8, 1))
    x = layers.Conv2D(int(24 * alpha), 3, padding="same")(image)
    x = activation()(x)
    x = block(x, int(32 * alpha))
    x = block(x, int(48 * alpha), strides=2)
    x = layers.Flatten()(x)
    x = layers.Dense(64)(x)
    x = activation()(x)
    return keras.Model(image, layers.Dense(classes)(x), name="meter_net")


def load():
    data = load_digits()
    images = data.images[..., None].astype("float32")
    images = (images - images.mean()) / images.std()
    order = np.random.RandomState(11).permutation(len(images))
    images, labels = images[order], data.target[order]
    return (images[:1400], labels[:1400]), (images[1400:], labels[1400:])


if __name__ == "__main__":
    keras.utils.set_random_seed(303)
    (train_x, train_y), (test_x, test_y) = load()
    net = mobile_net()
    net.compile(
        optimizer=keras.optimizers.Adam(learning_rate=2e-3, clipnorm=5.0),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="acc")],
    )
    net.fit(train_x, train_y, validation_data=(test_x, test_y), epochs=12, batch_size=32, verbose=2)
    loss, acc = net.evaluate(test_x, test_y, verbose=0)
    print(f"size: {net.count_params()} weights")
    print(f"digits of the meters: {acc:.4f} (loss {loss:.4f})")
