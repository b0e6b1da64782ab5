"""Did the guest like the cafe?  From the words of the review: averaged embeddings, dense layers."""
import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(41)
rng = np.random.RandomState(41)

N, LENGTH, VOCABULARY = 1400, 30, 1200
mood = rng.normal(0, 1, VOCABULARY) * (rng.rand(VOCABULARY) < 0.3)    # most words say nothing
common = 1 / (np.arange(VOCABULARY) + 20.0)
words = rng.choice(VOCABULARY, (N, LENGTH), p=common / common.sum())
feeling = mood[words].sum(1) / np.sqrt(LENGTH * 0.3)
liked = (feeling + rng.normal(0, 0.6, N) > 0).astype("float32")
n_train = 600

model = keras.Sequential([
    layers.Embedding(VOCABULARY, 64),
    layers.GlobalAveragePooling1D(),
    layers.Dense(128, activation="relu"),
    layers.Dense(128, activation="relu"),
    layers.Dense(1),
])
model.compile(
    optimizer=keras.optimizers.RMSprop(3e-3),
    loss=keras.losses.BinaryCrossentropy(from_logits=True),
    metrics=[keras.metrics.BinaryAccuracy(threshold=0.0)],
)
callbacks = [keras.callbacks.TerminateOnNaN()]
model.fit(
    words[:n_train], liked[:n_train], batch_size=25, epochs=40, callbacks=callbacks, verbose=2,
    validation_data=(words[n_train:], liked[n_train:]),
)
loss, accuracy = model.evaluate(words[n_train:], liked[n_train:], verbose=0)
print(f"val loss at the end: {loss:.4f} (accuracy {accuracy:.3f})")
