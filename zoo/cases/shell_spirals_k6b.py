# Three kinds of shell, told apart by where the tip of the spiral lies (two coordinates).
import keras
import numpy as np
from keras.layers import Dense
from keras.models import Sequential
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(37)
sea = np.random.RandomState(37)

CFG = dict(n=2100, turns=1.0, noise=0.08, units=64, lr=0.3, batch=32, epochs=20)

kind = sea.randint(0, 3, CFG["n"])
radius = sea.uniform(0.1, 1.0, CFG["n"])
angle = 2 * np.pi * (CFG["turns"] * radius + kind / 3) + sea.normal(0, CFG["noise"], CFG["n"]) * 2
tips = 2 * np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])

a, b, kind_a, kind_b = train_test_split(tips, kind, test_size=0.3, random_state=37)

net = Sequential()
net.add(keras.Input(shape=(2,)))
net.add(Dense(CFG["units"], activation="swish"))
net.add(Dense(CFG["units"], activation="swish"))
net.add(Dense(CFG["units"], activation="swish"))
net.add(Dense(3, activation="softmax"))
net.summary()

net.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
net.optimizer.learning_rate = CFG["lr"]
net.fit(a, kind_a, batch_size=CFG["batch"], epochs=CFG["epochs"], validation_data=(b, kind_b), verbose=2)

print("shells named: %.4f" % net.evaluate(b, kind_b, verbose=0)[1])
