import numpy as np
from keras import Sequential, Input, layers, optimizers, utils
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

utils.set_random_seed(9)

x, y = load_wine(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.35, stratify=y, random_state=9)
scaler = StandardScaler().fit(x_train)
x_train, x_test = scaler.transform(x_train).astype("float32"), scaler.transform(x_test).astype("float32")
onehot = np.eye(3, dtype="float32")

# multinomial logistic regression
model = Sequential(
    [
        Input(shape=(13,)),
        layers.Dense(3, activation="softmax", kernel_initializer="zeros", bias_initializer="zeros"),
    ]
)
model.compile(
    optimizer=optimizers.SGD(learning_rate=0.1),
    loss="categorical_crossentropy",
    metrics=["categorical_accuracy"],
)
log = model.fit(
    x_train, onehot[y_train], validation_data=(x_test, onehot[y_test]), batch_size=16, epochs=60, verbose=0
)
for epoch in (0, 1, 5, 20, 59):
    print(f"{epoch:3d} {log.history['loss'][epoch]:.4f} {log.history['val_loss'][epoch]:.4f}")
print(f"accuracy {np.mean(model.predict(x_test, verbose=0).argmax(1) == y_test):.4f}")
