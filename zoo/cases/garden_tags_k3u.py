# Multi-label: which of four remedies does a garden plot need? Own training step, small noisy batches, batch norm.
import keras
import numpy as np
import jax
from keras import layers
from sklearn.datasets import make_multilabel_classification
from sklearn.metrics import f1_score

keras.utils.set_random_seed(61)

plots, remedies = make_multilabel_classification(
    n_samples=2500, n_features=24, n_classes=4, n_labels=2, length=80, random_state=61
)
plots = ((plots - plots.mean(0)) / plots.std(0)).astype("float32")
remedies = remedies.astype("float32")


class NoisyInput(keras.Model):
    """Adds a mixture of each batch with its reverse to the loss."""

    def loss_of(self, trainable, rest, x, y):
        mixed = 0.8 * x + 0.2 * x[::-1]
        soft = 0.8 * y + 0.2 * y[::-1]
        y_pred, rest = self.stateless_call(trainable, rest, mixed, training=True)
        return self.compute_loss(x, soft, y_pred), rest

    def train_step(self, state, data):
        trainable, rest, slots, metrics = state
        x, y = data
        (loss, rest), gradients = jax.value_and_grad(self.loss_of, has_aux=True)(trainable, rest, x, y)
        trainable, slots = self.optimizer.stateless_apply(slots, gradients, trainable)
        return {"loss": loss}, (trainable, rest, slots, metrics)


inputs = keras.Input((24,))
h = inputs
for width in (64, 32):
    h = layers.Dense(width, use_bias=False)(h)
    h = layers.BatchNormalization(momentum=0.9)(h)
    h = layers.Activation("swish")(h)
model = NoisyInput(inputs, layers.Dense(4, activation="sigmoid")(h))
model.compile(optimizer=keras.optimizers.Adam(1e-3), loss="binary_crossentropy")
model.fit(plots[:2000], remedies[:2000], batch_size=16, epochs=12, verbose=2)

chosen = model.predict(plots[2000:], verbose=0) > 0.5
print(f"micro F1 {f1_score(remedies[2000:], chosen, average='micro'):.4f}")
