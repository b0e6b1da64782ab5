"""Tell malignant from benign tumours, with tf.keras."""

import tensorflow as tf
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tensorflow.keras.layers import Dense, Dropout

tf.keras.utils.set_random_seed(0)

x, y = load_breast_cancer(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=0)
scaler = StandardScaler().fit(x_train)

model = tf.keras.Sequential([
    Dense(128, activation='relu', input_shape=(30,)),
    Dropout(0.5),
    Dense(1, activation='sigmoid')
])

model.compile(optimizer='adam', loss='binary_crossentropy', metrics=['accuracy'])
model.fit(scaler.transform(x_train), y_train, epochs=20, batch_size=32, validation_split=0.2, verbose=0)
loss, accuracy = model.evaluate(scaler.transform(x_test), y_test, verbose=0)
print(f"test accuracy: {accuracy:.3f}")
