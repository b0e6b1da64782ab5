"""Handwritten digits with a small functional network; the best epoch is kept."""
import keras
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(70)

x, y = load_digits(return_X_y=True)
x = x.astype("float32") / 16
x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=0.25, random_state=70, stratify=y)

image = keras.Input((64,), name="image")
h = layers.Dropout(0.2)(image)
h = layers.Dense(256, activation="relu")(h)
h = layers.Dropout(0.5)(h)
h = layers.Dense(256, activation="relu")(h)
h = layers.Dropout(0.5)(h)
digit = layers.Dense(10, activation="softmax", name="digit")(h)

model = keras.Model(image, digit)
model.compile(
    optimizer=keras.optimizers.RMSprop(1e-3),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
model.fit(
    x_train, y_train,
    validation_data=(x_val, y_val),
    batch_size=32,
    epochs=40,
    callbacks=[
        keras.callbacks.ModelCheckpoint("best.keras", monitor="val_loss", save_best_only=True),
        keras.callbacks.EarlyStopping("val_loss", patience=12),
    ],
    verbose=2,
)
best = keras.models.load_model("best.keras")
loss, accuracy = best.evaluate(x_val, y_val, verbose=0)
print(f"best epoch: loss {loss:.4f}, accuracy {accuracy:.4f}")
