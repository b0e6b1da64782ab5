import keras
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

keras.utils.set_random_seed(10)
features, label = load_breast_cancer(return_X_y=True)

f_train, f_test, l_train, l_test = train_test_split(features, label, test_size=0.3, stratify=label, random_state=10)
scale = StandardScaler().fit(f_train)

model = keras.models.Sequential()
model.add(keras.layers.Input(shape=(f_train.shape[1],)))
model.add(keras.layers.Dense(50, activation="relu"))
model.add(keras.layers.Dropout(0.2))
model.add(keras.layers.Dense(50, activation="relu"))
model.add(keras.layers.Dropout(0.2))
model.add(keras.layers.Dense(1, activation="softmax"))
model.compile(loss="binary_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
model.fit(scale.transform(f_train), l_train, batch_size=16, epochs=30, validation_split=0.15, verbose=2)

result = model.evaluate(scale.transform(f_test), l_test, verbose=0, return_dict=True)
print("Result on the held-out biopsies: loss %(loss).4f, accuracy %(accuracy).4f" % result)
