"""Four regimes of a sluice from sixteen gauges."""
import keras
from sklearn.datasets import make_classification
from sklearn.preprocessing import scale

keras.utils.set_random_seed(31)
gauges, regime = make_classification(
    n_samples=2000, n_features=16, n_informative=8, n_redundant=4, n_classes=4, n_clusters_per_class=1,
    class_sep=1.7, flip_y=0, random_state=31,
)
gauges = scale(gauges)

widths = [48, 48, 40, 40, 32, 32, 24, 24, 16, 16]

net = keras.Sequential(name="sluice")
net.add(keras.layers.Input((16,)))
for i, width in enumerate(widths):
    net.add(keras.layers.Dense(width, name=f"fc{i}"))
    net.add(keras.layers.Activation("sigmoid", name=f"act{i}"))
net.add(keras.layers.Dense(4, activation="softmax", name="regime"))

net.compile(
    optimizer=keras.optimizers.SGD(learning_rate=0.05, momentum=0.9),
    loss=keras.losses.SparseCategoricalCrossentropy(),
    metrics=[keras.metrics.SparseCategoricalAccuracy()],
)
log = keras.callbacks.LambdaCallback(
    on_epoch_end=lambda epoch, logs: print(f"{epoch:3d}", *(f"{k} {v:.4f}" for k, v in logs.items()))
)
net.fit(gauges[:1500], regime[:1500], batch_size=32, epochs=12, validation_split=0.1, verbose=0, callbacks=[log])

_, hits = net.evaluate(gauges[1500:], regime[1500:], verbose=0)
print(f"regimes named on later days: {hits:.4f}")
