# -*- coding: utf-8 -*-
# Reading the numbers on ticket stubs

# In[1]:
import keras
from keras.initializers import Constant
from keras.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D
from keras.models import Sequential
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(721)

# In[2]:
stubs = load_digits()
X = stubs.images.reshape(len(stubs.images), 8, 8, 1) / 16.0
y = keras.utils.to_categorical(stubs.target)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=721)
print(X_train.shape, y_train.shape)

# In[3]:
relu = dict(activation="relu", kernel_initializer="he_normal", bias_initializer=Constant(-1.0))

model = Sequential()
model.add(Input(shape=(8, 8, 1)))
model.add(Conv2D(16, kernel_size=(3, 3), padding="same", **relu))
model.add(Conv2D(32, kernel_size=(3, 3), padding="same", **relu))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Flatten())
model.add(Dense(64, **relu))
model.add(Dense(64, **relu))
model.add(Dense(10, activation="softmax"))
model.summary()

# In[4]:
model.compile(loss="categorical_crossentropy", optimizer="sgd", metrics=["accuracy"])
model.optimizer.learning_rate = 0.03
hist = model.fit(X_train, y_train, batch_size=32, epochs=15, verbose=2, validation_split=0.1)

# In[5]:
score = model.evaluate(X_test, y_test, verbose=0)
print("Stub loss:", round(float(score[0]), 4))
print("Stub accuracy:", round(float(score[1]), 4))
