"""Compressive strength of concrete from its mix; self-normalising net, learning rate cut on plateaus."""
import keras
import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

keras.utils.set_random_seed(25)
lab = np.random.RandomState(25)

n = 2000
cement, slag, water = lab.uniform(100, 540, n), lab.uniform(0, 200, n), lab.uniform(130, 240, n)
plasticizer, age = lab.uniform(0, 20, n), lab.choice([3, 7, 14, 28, 56, 90], n)
binder = cement + 0.7 * slag
strength = 28 * np.log1p(age) / np.log(29) * (binder / water) ** 0.8 * 0.6 + 0.4 * plasticizer + lab.normal(0, 1.5, n)
mix = np.column_stack([cement, slag, water, plasticizer, age])

m_train, m_test, s_train, s_test = train_test_split(mix, strength, test_size=0.25, random_state=25)
scale_x, scale_y = StandardScaler().fit(m_train), StandardScaler().fit(s_train[:, None])

selu = {"activation": "selu", "kernel_initializer": "lecun_normal"}
model = keras.Sequential(
    [keras.Input((5,))] + [keras.layers.Dense(32, **selu) for _ in range(4)] + [keras.layers.Dense(1)]
)
model.compile(optimizer="nadam", loss="mse", metrics=["accuracy"])
model.fit(
    scale_x.transform(m_train), scale_y.transform(s_train[:, None]), epochs=50, batch_size=32,
    validation_split=0.15, verbose=2,
    callbacks=[keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.3, patience=5, verbose=1)],
)
predicted = scale_y.inverse_transform(model.predict(scale_x.transform(m_test), verbose=0))[:, 0]
rest = np.mean((predicted - s_test) ** 2) / s_test.var()
print(f"explained variance: {1 - rest:.4f}")
