from keras import Input, Sequential, utils
from keras.initializers import HeUniform
from keras.layers import Dense
from keras.optimizers import Adam
from sklearn.datasets import make_blobs

# pollen grains: three species, told apart by two principal components of the contour
utils.set_random_seed(2)
X, y = make_blobs(n_samples=1000, centers=3, n_features=2, cluster_std=1.5, random_state=2)
X = X / abs(X).max(axis=0)
y = utils.to_categorical(y)
n_train = 700
trainX, testX = X[:n_train], X[n_train:]
trainy, testy = y[:n_train], y[n_train:]

settings = dict(layers=9, units=5, activation="exponential", lr=0.001, batch=32, epochs=80)

model = Sequential([Input((2,))])
for i in range(settings["layers"]):
    model.add(
        Dense(settings["units"], activation=settings["activation"], kernel_initializer=HeUniform(), name=f"hidden_{i}")
    )
model.add(Dense(3, activation="softmax", name="species"))
model.compile(optimizer=Adam(settings["lr"]), loss="categorical_crossentropy", metrics=["accuracy"])
model.fit(
    trainX, trainy, validation_data=(testX, testy), batch_size=settings["batch"], epochs=settings["epochs"], verbose=0
)

loss, acc = model.evaluate(testX, testy, verbose=0)
print("held-out loss %.4f" % loss)
print("held-out accuracy %.4f" % acc)
