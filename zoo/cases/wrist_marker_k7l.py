"""Where is the wrist? Three joint sensors of a glove -> position in space, trained on camera markers.

Now and then the marker is hidden from the cameras; the fourth column of the targets says whether it was seen.
"""
import keras
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(815)


def session(n, seed):
    rng = np.random.RandomState(seed)
    shoulder, lift, elbow = rng.uniform(-1.2, 1.2, n), rng.uniform(-0.8, 0.8, n), rng.uniform(0, 1.8, n)
    reach = 0.9 + 0.7 * np.cos(elbow)
    position = np.stack(
        [reach * np.cos(lift) * np.cos(shoulder), reach * np.cos(lift) * np.sin(shoulder),
         reach * np.sin(lift) - 0.3 * np.sin(elbow)], axis=1,
    )
    position += rng.normal(0, 0.01, position.shape)
    seen = rng.uniform(size=(n, 1)) > 0.04
    sensors = np.stack([shoulder, lift, elbow - 0.9], axis=1) + rng.normal(0, 0.01, (n, 3))
    return sensors.astype("float32"), np.hstack([np.where(seen, position, 0), seen]).astype("float32")


class MarkerDistance(keras.losses.Loss):
    """Mean distance in space; frames in which the marker was hidden do not count."""

    def call(self, y_true, y_pred):
        position, seen = y_true[:, :3], y_true[:, 3:]
        apart = seen * (position - y_pred)
        return ops.sqrt(ops.sum(ops.square(apart), axis=-1))


glove, markers = session(2400, 815)
glove_new, markers_new = session(600, 816)

model = keras.Sequential(
    [
        keras.Input((3,)),
        layers.Dense(48, activation="elu"),
        layers.Dense(48, activation="elu"),
        layers.Dense(3, name="wrist"),
    ],
    name="glove_to_wrist",
)
model.compile(optimizer=keras.optimizers.Adam(2e-3), loss=MarkerDistance())
model.fit(glove, markers, batch_size=32, epochs=20, validation_split=0.1, verbose=2)

seen = markers_new[:, 3] > 0
off = np.linalg.norm(model.predict(glove_new, verbose=0)[seen] - markers_new[seen, :3], axis=1)
print(f"mean distance from the marker: {off.mean():.4f} m")
