"""Which of six farms do the beans come from? Fourteen aroma compounds."""
import keras
from keras import layers
from keras.callbacks import LearningRateScheduler
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

EPOCHS = 25


def schedule(epoch, lr):
    return lr * 0.5**epoch


def farms():
    x, y = make_classification(
        n_samples=2200, n_features=14, n_informative=10, n_redundant=2, n_classes=6, n_clusters_per_class=2,
        class_sep=1.7, flip_y=0, random_state=12,
    )
    return train_test_split(StandardScaler().fit_transform(x), y, test_size=0.25, random_state=12)


keras.utils.set_random_seed(12)
beans_train, beans_test, farm_train, farm_test = farms()

model = keras.Sequential(
    [
        layers.Input((14,)),
        layers.Dense(96, activation="relu", kernel_initializer="he_normal"),
        layers.Dense(48, activation="relu", kernel_initializer="he_normal"),
        layers.Dense(6),
    ]
)
model.compile(
    optimizer=keras.optimizers.SGD(learning_rate=0.003, momentum=0.9),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
model.fit(
    beans_train, farm_train, batch_size=64, epochs=EPOCHS, validation_split=0.1, verbose=2,
    callbacks=[LearningRateScheduler(schedule)],
)
print(f"farm found: {model.evaluate(beans_test, farm_test, verbose=0)[1]:.4f}")
