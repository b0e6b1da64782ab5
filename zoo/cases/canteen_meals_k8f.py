# How many meals will the canteen sell tomorrow? LSTM over the last three weeks.
import numpy as np
import keras
from keras import layers
from sklearn.preprocessing import StandardScaler

LOOKBACK = 21


def sales(days=1600):
    rng = np.random.RandomState(88)
    day = np.arange(days)
    week = np.array([410, 450, 470, 440, 330, 90, 60])[day % 7]
    year = 1 + 0.18 * np.cos(2 * np.pi * day / 365)
    drift = np.zeros(days)
    for i in range(1, days):
        drift[i] = 0.93 * drift[i - 1] + rng.normal(0, 10)
    holiday = rng.rand(days) < 0.02
    return (week * year + drift + rng.normal(0, 8, days)) * np.where(holiday, 0.6, 1.0)


def create_dataset(series, lookback):
    dataX, dataY = [], []
    for i in range(len(series) - lookback):
        dataX.append(series[i:i + lookback])
        dataY.append(series[i + lookback])
    return np.array(dataX), np.array(dataY)


keras.utils.set_random_seed(7)
meals = sales().reshape(-1, 1)
split = 1300
scaler = StandardScaler()
scaler.fit(meals[:split])
scaled = scaler.transform(meals)

trainX, trainY = create_dataset(scaled[:split], LOOKBACK)
testX, testY = create_dataset(scaled[split - LOOKBACK:], LOOKBACK)
print(trainX.shape, trainY.shape, testX.shape, testY.shape)

model = keras.Sequential()
model.add(layers.Input(shape=(LOOKBACK, 1)))
model.add(layers.LSTM(24))
model.add(layers.Dense(16, activation="tanh"))
model.add(layers.Dense(1, activation="sigmoid"))
model.compile(loss="mean_squared_error", optimizer=keras.optimizers.Adam(0.004))
model.fit(trainX, trainY, epochs=25, batch_size=32, validation_data=(testX, testY), verbose=2)

forecast = scaler.inverse_transform(model.predict(testX, verbose=0))
real = scaler.inverse_transform(testY)
rmse = np.sqrt(np.mean((forecast - real) ** 2))
print("RMSE: %.1f meals" % rmse)
print("share explained: %.4f" % (1 - rmse ** 2 / real.var()))
