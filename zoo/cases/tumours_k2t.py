from keras import Input, Model, layers, utils
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

utils.set_random_seed(42)

data = load_breast_cancer()
x_train, x_test, y_train, y_test = train_test_split(
    data.data, data.target, test_size=0.3, stratify=data.target, random_state=42
)
scaler = StandardScaler().fit(x_train)
x_train, x_test = scaler.transform(x_train), scaler.transform(x_test)


def views(x):
    """The columns are ten means, ten errors and ten worst values."""
    return [x[:, :10], x[:, 10:20], x[:, 20:]]


parts = [Input(shape=(10,), name=name) for name in ("mean", "error", "worst")]
branches = [layers.Dense(12, activation="relu")(part) for part in parts]
merged = layers.concatenate(branches)
merged = layers.Dropout(0.2)(merged)
merged = layers.Dense(16, activation="relu")(merged)
answer = layers.Dense(1, activation="softmax", name="benign")(merged)

model = Model(inputs=parts, outputs=answer)
model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(views(x_train), y_train, batch_size=16, epochs=30, validation_data=(views(x_test), y_test), verbose=2)

score = model.evaluate(views(x_test), y_test, verbose=0)
print("test loss %.3f, test accuracy %.3f" % tuple(score))
