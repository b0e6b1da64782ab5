"""k-fold check of a net that says how high a dough will rise; early stopping in every fold."""
import keras
import numpy as np
from keras import layers
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler


def bakery_log(n=900, seed=9):
    rng = np.random.RandomState(seed)
    flour = rng.choice([405, 550, 812, 1050], n)
    water = rng.normal(62, 4, n)
    yeast = rng.gamma(4, 0.5, n)
    warmth = rng.normal(26, 3.5, n)
    minutes = rng.uniform(30, 180, n)
    salt = rng.normal(2, 0.2, n)
    speed = yeast * np.exp(-((warmth - 31) / 8) ** 2) * (1.3 - 0.12 * salt)
    rise = 1 + 1.6 * (1 - np.exp(-speed * minutes / 120)) * (1 - flour / 3000) * (1 - ((water - 64) / 25) ** 2)
    return np.column_stack([flour, water, yeast, warmth, minutes, salt]), rise * np.exp(rng.normal(0, 0.03, n))


def fresh_model(n_inputs):
    model = keras.Sequential(name="dough")
    model.add(keras.Input((n_inputs,)))
    model.add(layers.Dense(32, activation="swish", kernel_regularizer=keras.regularizers.L2(1e-5)))
    model.add(layers.Dense(32, activation="swish", kernel_regularizer=keras.regularizers.L2(1e-5)))
    model.add(layers.Dense(1))
    model.compile(optimizer=keras.optimizers.Adam(learning_rate=3e-3), loss="huber", metrics=["mae"])
    return model


keras.utils.set_random_seed(100)
x, rise = bakery_log()
scores = []
for fold, (inside, outside) in enumerate(KFold(3, shuffle=True, random_state=4).split(x)):
    to_x = StandardScaler().fit(x[inside])
    to_y = StandardScaler().fit(rise[inside, None])
    model = fresh_model(x.shape[1])
    history = model.fit(
        to_x.transform(x[inside]), to_y.transform(rise[inside, None]),
        validation_split=0.15, epochs=60, batch_size=20, verbose=0,
        callbacks=[keras.callbacks.EarlyStopping(patience=10, restore_best_weights=True)],
    )
    guess = to_y.inverse_transform(model.predict(to_x.transform(x[outside]), verbose=0))[:, 0]
    scores.append(r2_score(rise[outside], guess))
    print(f"fold {fold}: {len(history.epoch)} epochs, val_loss {min(history.history['val_loss']):.4f}, R2 {scores[-1]:.4f}")
print(f"mean R2 of the folds: {np.mean(scores):.4f}")
