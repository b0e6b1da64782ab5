"""Sugar content of syrups from near-infrared spectra: a linear calibration."""
import keras
import numpy as np

keras.utils.set_random_seed(14)
generator = np.random.RandomState(14)

wavelengths = np.linspace(0.0, 1.0, 40)
centres = np.array([0.15, 0.3, 0.42, 0.55, 0.7, 0.85])
bands = np.exp(-(((wavelengths[None, :] - centres[:, None]) / 0.21) ** 2))

n = 1600
amounts = generator.gamma(4.0, 0.25, size=(n, 6))
path = generator.normal(1.0, 0.25, size=(n, 1))
spectra = path * 3 + amounts @ bands + 0.01 * generator.randn(n, 40)
sugar = amounts[:, 2] - 0.6 * amounts[:, 3] + 0.02 * generator.randn(n)

spectra = ((spectra - spectra.mean(0)) / spectra.std(0)).astype("float32")
sugar = ((sugar - sugar.mean()) / sugar.std()).astype("float32").reshape(-1, 1)
x_train, x_test = spectra[:1200], spectra[1200:]
y_train, y_test = sugar[:1200], sugar[1200:]

model = keras.Sequential([keras.Input(shape=(40,)), keras.layers.Dense(1)])
model.compile(optimizer=keras.optimizers.SGD(learning_rate=0.031), loss="mse")
history = model.fit(
    x_train, y_train, validation_data=(x_test, y_test), batch_size=200, epochs=120, verbose=0
)
for epoch in range(0, 120, 12):
    print(f"epoch {epoch:3d} mse {history.history['loss'][epoch]:.4f}")

residual = y_test - model.predict(x_test, verbose=0)
print(f"R2 on new syrups: {1 - np.mean(residual**2) / np.var(y_test):.3f}")
