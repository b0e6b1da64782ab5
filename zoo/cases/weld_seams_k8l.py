"""Grade weld seams: good, pore, crack or undercut, from a current trace and the settings of the robot."""
import keras
import numpy as np
from keras import layers
from sklearn.metrics import confusion_matrix, recall_score

GRADES = ["good", "pore", "crack", "undercut"]
SHARES = [0.94, 0.03, 0.015, 0.015]


def seams(n, rng, shares=SHARES):
    grade = rng.choice(4, size=n, p=shares)
    t = np.linspace(0, 1, 32)
    trace = 0.4 * rng.normal(size=(n, 32)) + 0.6 * rng.normal(size=(n, 1))
    setting = rng.normal(size=(n, 4))
    at = rng.uniform(0.25, 0.75, (n, 1))
    bump = np.exp(-((t - at) / 0.08) ** 2)
    trace += np.select([grade == 1, grade == 2, grade == 3], [0.55, -0.55, 0.0])[:, None] * bump
    trace += np.where(grade == 3, 0.8, 0.0)[:, None] * (t - 0.5)
    setting[:, 0] += np.select([grade == 1, grade == 2, grade == 3], [0.8, 0.4, -0.9])
    setting[:, 1] += np.select([grade == 1, grade == 2, grade == 3], [-0.4, 1.0, 0.5])
    return {"trace": trace[..., None].astype("float32"), "setting": setting.astype("float32")}, grade


def grader():
    trace = keras.Input((32, 1), name="trace")
    setting = keras.Input((4,), name="setting")
    h = layers.Conv1D(12, 5, activation="elu", padding="same")(trace)
    h = layers.MaxPooling1D(2)(h)
    h = layers.Conv1D(16, 5, activation="elu", padding="same")(h)
    h = layers.Concatenate()([layers.GlobalMaxPooling1D()(h), layers.GlobalAveragePooling1D()(h), layers.Flatten()(layers.AveragePooling1D(4)(h)), setting])
    h = layers.Dense(24, activation="elu")(h)
    return keras.Model([trace, setting], layers.Dense(4, activation="softmax", name="grade")(h))


keras.utils.set_random_seed(404)
train, grade = seams(6000, np.random.default_rng(1))
held_out, truth = seams(4000, np.random.default_rng(2))

model = grader()
model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(train, grade, batch_size=64, epochs=10, verbose=0)
for epoch, (loss, accuracy) in enumerate(zip(history.history["loss"], history.history["accuracy"]), 1):
    print(f"epoch {epoch:2d}: loss {loss:.4f}, accuracy {accuracy:.4f}")

guess = model.predict(held_out, batch_size=500, verbose=0).argmax(axis=1)
print(confusion_matrix(truth, guess))
print(f"accuracy {np.mean(guess == truth):.4f}")
print(f"mean recall of the grades {recall_score(truth, guess, average='macro'):.4f}")
