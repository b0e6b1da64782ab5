import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Dense, Conv1D, Flatten, MaxPooling1D, Dropout
from keras.callbacks import EarlyStopping

# ---------------------------------------------------------------
# near infrared spectra of tea, one folder per sort
# ---------------------------------------------------------------
SORTS = ['assam', 'darjeeling', 'sencha', 'oolong', 'white', 'puerh', 'rooibos', 'mate']
BANDS = 48

rng = np.random.RandomState(6)
grid = np.linspace(0, 1, BANDS)
peaks = rng.uniform(0.05, 0.95, (len(SORTS), 4))
heights = rng.uniform(0.3, 1.0, (len(SORTS), 4))


def read_folder(k, count):
    """stand-in for the reader of the instrument's files"""
    out = []
    for _ in range(count):
        h = heights[k] * rng.uniform(0.6, 1.4, 4)
        p = peaks[k] + rng.normal(0, 0.012, 4)
        s = (h[:, None] * np.exp(-((grid - p[:, None]) / 0.05) ** 2)).sum(0)
        s = s + rng.normal(0, 0.3) + rng.normal(0, 0.4) * grid + rng.normal(0, 0.12, BANDS)
        out.append(s)
    return np.array(out)


X, y = [], []
for k, sort in enumerate(SORTS):
    spectra = read_folder(k, 250)
    X.append(spectra)
    y += [k] * len(spectra)
    print('read', len(spectra), sort)
X = np.vstack(X)
y = np.array(y)

X_new = np.vstack([read_folder(k, 60) for k in range(len(SORTS))])
y_new = np.repeat(np.arange(len(SORTS)), 60)

X = (X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, keepdims=True)
X_new = (X_new - X_new.mean(axis=1, keepdims=True)) / X_new.std(axis=1, keepdims=True)
X, X_new = X[..., None], X_new[..., None]
Y = keras.utils.to_categorical(y, len(SORTS))

keras.utils.set_random_seed(6)
model = Sequential()
model.add(keras.Input(shape=(BANDS, 1)))
model.add(Conv1D(16, 5, activation='relu'))
model.add(MaxPooling1D(2))
model.add(Conv1D(32, 5, activation='relu'))
model.add(Flatten())
model.add(Dropout(0.2))
model.add(Dense(len(SORTS), activation='softmax'))
model.compile(loss='categorical_crossentropy', optimizer='adam', metrics=['accuracy'])
model.fit(X, Y, epochs=12, batch_size=32, validation_split=0.25, verbose=2)

pred = model.predict(X_new, verbose=0).argmax(1)
for k, sort in enumerate(SORTS):
    print('%-12s %.2f' % (sort, (pred[y_new == k] == k).mean()))
print('sorts recognised: %.4f' % (pred == y_new).mean())
