"""Is a collared goat inside the pen or in the ring-shaped meadow around it?"""
import keras
from keras.layers import Dense, Input
from keras.models import Sequential
from sklearn.datasets import make_circles
from sklearn.preprocessing import MinMaxScaler

keras.utils.set_random_seed(1)

positions, inside = make_circles(n_samples=1000, noise=0.1, factor=0.4, random_state=1)
positions = MinMaxScaler((-1, 1)).fit_transform(positions)
trainX, testX = positions[:700], positions[700:]
trainy, testy = inside[:700], inside[700:]

ACTIVATION = "sigmoid"

model = Sequential()
model.add(Input(shape=(2,)))
for _ in range(11):
    model.add(Dense(8, activation=ACTIVATION, kernel_initializer="he_uniform"))
model.add(Dense(1, activation="sigmoid"))
model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])

history = model.fit(trainX, trainy, validation_data=(testX, testy), epochs=120, batch_size=32, verbose=0)
for epoch in range(9, 120, 10):
    print(f"epoch {epoch + 1}: loss {history.history['loss'][epoch]:.4f}  val_loss {history.history['val_loss'][epoch]:.4f}")

_, train_acc = model.evaluate(trainX, trainy, verbose=0)
_, test_acc = model.evaluate(testX, testy, verbose=0)
print(f"Train: {train_acc:.3f}, Test: {test_acc:.3f}")
