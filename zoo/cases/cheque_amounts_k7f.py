#!/usr/bin/env python
# coding: utf-8
'''Trains a simple convnet on the figures of cheque amounts (8x8 pixels).'''
import keras
from keras import backend as K
from keras.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from keras.models import Sequential
from sklearn.datasets import load_digits

batch_size = 32
num_classes = 10
epochs = 12
keras.utils.set_random_seed(757)

# the data, split between train and test sets
figures = load_digits()
x_train, y_train = figures.images[:1350], figures.target[:1350]
x_test, y_test = figures.images[1350:], figures.target[1350:]

if K.image_data_format() == 'channels_first':
    input_shape = (1, 8, 8)
else:
    input_shape = (8, 8, 1)
x_train = x_train.reshape((-1,) + input_shape).astype('float32') / 16
x_test = x_test.reshape((-1,) + input_shape).astype('float32') / 16
print(x_train.shape[0], 'train samples,', x_test.shape[0], 'test samples')

# convert class vectors to binary class matrices
y_train = keras.utils.to_categorical(y_train, num_classes)
y_test = keras.utils.to_categorical(y_test, num_classes)

model = Sequential()
model.add(keras.Input(shape=input_shape))
model.add(Conv2D(32, kernel_size=(3, 3), activation='relu'))
model.add(Conv2D(48, (3, 3), activation='relu'))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Dropout(0.25))
model.add(Flatten())
model.add(Dense(96, activation='relu'))
model.add(Dropout(0.3))
model.add(Dense(num_classes, activation='softmax'))

model.compile(loss=keras.losses.categorical_crossentropy,
              optimizer=keras.optimizers.Adadelta(),
              metrics=['accuracy'])

model.fit(x_train, y_train,
          batch_size=batch_size,
          epochs=epochs,
          verbose=2,
          validation_data=(x_test, y_test))
score = model.evaluate(x_test, y_test, verbose=0)
print('Test loss: %.4f' % score[0])
print('Test accuracy: %.4f' % score[1])
