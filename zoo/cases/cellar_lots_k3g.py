from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from keras.models import Sequential
from keras.layers import Dense, Input
from keras.optimizers import SGD
from keras.utils import set_random_seed, to_categorical

# Five growers deliver to one cellar; who made this lot? (20 lab values per lot)
set_random_seed(8)
X, y = make_classification(n_samples=1500, n_features=20, n_informative=10, n_redundant=4, n_classes=5,
                           n_clusters_per_class=1, class_sep=1.5, flip_y=0, random_state=8)
X_train, X_test, y_train, y_test = train_test_split(X, to_categorical(y), test_size=0.3, random_state=8)
scaler = StandardScaler()
X_train = scaler.fit_transform(X_train)
X_test = scaler.transform(X_test)

model = Sequential()
model.add(Input((20,)))
model.add(Dense(40, activation='tanh'))
model.add(Dense(40, activation='tanh'))
model.add(Dense(5, activation='softmax'))

sgd = SGD(learning_rate=1.0, momentum=0.9, nesterov=True)
model.compile(loss='categorical_crossentropy', optimizer=sgd, metrics=['accuracy'])
history = model.fit(X_train, y_train, epochs=40, batch_size=16, verbose=0, validation_data=(X_test, y_test))

print('loss', ' '.join('%.2f' % v for v in history.history['loss']))
print('val ', ' '.join('%.2f' % v for v in history.history['val_loss']))
score = model.evaluate(X_test, y_test, verbose=0)
print('Test loss: %.4f' % score[0])
print('Test accuracy: %.4f' % score[1])
