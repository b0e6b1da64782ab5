"""Find the five percent of card payments that need a second look."""
import keras
import numpy as np
from keras import layers
from sklearn.datasets import make_classification
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(33)
options = dict(units=(48, 24), l2=1e-4, batch=16, epochs=6)

payments, alert = make_classification(
    n_samples=6000, n_features=18, n_informative=9, n_redundant=4, n_clusters_per_class=2,
    weights=[0.95], class_sep=1.3, flip_y=0.005, random_state=33,
)
x_train, x_test, y_train, y_test = train_test_split(
    payments.astype("float32"), alert, stratify=alert, test_size=0.25, random_state=33
)
share = y_train.mean()
class_weight = {0: 0.5 / (1 - share), 1: 0.5 / share}
print("class weights", class_weight)

model = keras.Sequential([keras.Input((18,))])
for units in options["units"]:
    model.add(layers.Dense(units, kernel_regularizer=keras.regularizers.L2(options["l2"]), use_bias=False))
    model.add(layers.BatchNormalization())
    model.add(layers.LeakyReLU(negative_slope=0.1))
model.add(layers.Dense(1, activation="sigmoid"))
model.compile(
    optimizer=keras.optimizers.AdamW(learning_rate=1e-3, weight_decay=1e-3),
    loss=keras.losses.BinaryCrossentropy(),
    metrics=["accuracy", keras.metrics.AUC(name="auc")],
)

rng = np.random.RandomState(5)
for epoch in range(options["epochs"]):
    order = rng.permutation(len(x_train))
    for start in range(0, len(order), options["batch"]):
        rows = order[start : start + options["batch"]]
        logs = model.train_on_batch(x_train[rows], y_train[rows], class_weight=class_weight, return_dict=True)
    held_out = model.evaluate(x_test, y_test, batch_size=500, verbose=0, return_dict=True)
    print(f"epoch {epoch + 1} train auc {logs['auc']:.3f} test loss {held_out['loss']:.3f} auc {held_out['auc']:.3f}")

print(f"area under the curve {roc_auc_score(y_test, model.predict(x_test, verbose=0)[:, 0]):.4f}")
