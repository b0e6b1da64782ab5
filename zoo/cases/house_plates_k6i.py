"""Numbers on house plates; convolutions with weight decay and dropout, cosine learning rate."""
import keras
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

EPOCHS, BATCH = 15, 32

keras.utils.set_random_seed(33)
plates, numbers = load_digits(return_X_y=True)
plates = plates.reshape(-1, 8, 8, 1).astype("float32") / 16
p_train, p_test, n_train, n_test = train_test_split(plates, numbers, test_size=0.25, stratify=numbers, random_state=33)

steps = EPOCHS * -(-len(p_train) // BATCH)
rate = keras.optimizers.schedules.CosineDecay(
    1e-4, decay_steps=steps, alpha=0.02, warmup_target=3e-3, warmup_steps=steps // 15
)
l2 = keras.regularizers.L2(1e-4)

inputs = keras.Input((8, 8, 1))
x = layers.Conv2D(16, 3, padding="same", kernel_regularizer=l2)(inputs)
x = layers.LeakyReLU(negative_slope=0.1)(x)
x = layers.MaxPooling2D()(x)
x = layers.Conv2D(32, 3, padding="same", kernel_regularizer=l2)(x)
x = layers.LeakyReLU(negative_slope=0.1)(x)
x = layers.Flatten()(x)
x = layers.Dropout(0.3)(x)
x = layers.Dense(48, activation="relu", kernel_regularizer=l2)(x)
x = layers.Dropout(0.3)(x)
model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))

model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(p_train, n_train, batch_size=BATCH, epochs=EPOCHS, validation_data=(p_test, n_test), verbose=2)
print(f"plates read: {model.evaluate(p_test, n_test, verbose=0)[1]:.4f}")
