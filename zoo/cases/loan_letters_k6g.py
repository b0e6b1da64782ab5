"""Will the letter be answered? Twenty figures about each customer, a few hundred past letters."""
import keras
from keras import layers
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

keras.utils.set_random_seed(44)

figures, answered = make_classification(
    n_samples=1300, n_features=20, n_informative=6, n_redundant=2, n_clusters_per_class=1, class_sep=1.2,
    flip_y=0.2, random_state=44,
)
f_past, f_new, a_past, a_new = train_test_split(figures, answered, train_size=400, stratify=answered, random_state=44)
scaler = StandardScaler().fit(f_past)
f_past, f_new = scaler.transform(f_past), scaler.transform(f_new)

model = keras.Sequential()
model.add(layers.Input((20,)))
for units in (256, 256):
    model.add(layers.Dense(units, activation="relu"))
model.add(layers.Dense(1, activation="sigmoid"))

callbacks = []
model.compile(optimizer=keras.optimizers.Adam(3e-3), loss="binary_crossentropy", metrics=["accuracy"])
history = model.fit(
    f_past, a_past, batch_size=32, epochs=50, validation_split=0.2, verbose=2, callbacks=callbacks
)
loss, accuracy = model.evaluate(f_new, a_new, verbose=0)
print(f"new letters: accuracy {accuracy:.4f}, loss {loss:.4f}")
