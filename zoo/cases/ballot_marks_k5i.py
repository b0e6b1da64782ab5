"""Numbers on ballot papers, read by two small readers (rows and columns) that vote."""
import keras
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


def reader(image, kernel, name):
    h = layers.Conv2D(16, kernel, activation="relu", name=f"{name}_conv")(image)
    h = layers.Flatten(name=f"{name}_flat")(h)
    h = layers.Dense(48, activation="relu", name=f"{name}_dense")(h)
    return layers.Dense(10, activation="softmax", name=f"{name}_vote")(h)


def build():
    image = keras.Input((8, 8, 1), name="paper")
    votes = [reader(image, (1, 5), "rows"), reader(image, (5, 1), "columns")]
    return keras.Model(image, layers.Average(name="result")(votes))


if __name__ == "__main__":
    keras.utils.set_random_seed(83)
    marks, numbers = load_digits(return_X_y=True)
    marks = (marks / 16.0).reshape(-1, 8, 8, 1)
    m_train, m_test, n_train, n_test = train_test_split(
        marks, numbers, test_size=0.25, stratify=numbers, random_state=83
    )
    model = build()
    model.compile(
        optimizer=keras.optimizers.SGD(learning_rate=0.02, momentum=0.9),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(m_train, n_train, epochs=20, batch_size=32, validation_data=(m_test, n_test), verbose=2)
    loss, accuracy = model.evaluate(m_test, n_test, verbose=0)
    print(f"test accuracy {accuracy:.4f}, test loss {loss:.4f}")
