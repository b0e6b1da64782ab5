# How far does the arm reach? Three joint angles and two loads -> distance of the gripper (functional API).
import keras
import numpy as np

keras.utils.set_random_seed(52)
workshop = np.random.RandomState(52)


def measure(n):
    joints = workshop.uniform(-1.5, 1.5, (n, 3))
    loads = workshop.uniform(0, 1, (n, 2))
    total = np.cumsum(joints, axis=1)
    lengths = np.array([1.0, 0.8, 0.5])
    x, y = (lengths * np.cos(total)).sum(1), (lengths * np.sin(total)).sum(1)
    reach = np.hypot(x, y) - 0.1 * loads[:, 0] * np.abs(x) + 0.02 * workshop.normal(size=n)
    return np.hstack([joints, 2 * loads - 1]), reach


def hidden(tensor, units, i):
    init = keras.initializers.RandomNormal(mean=0.0, stddev=1.0)
    return keras.layers.Dense(units, activation="relu", kernel_initializer=init, name=f"hidden_{i}")(tensor)


angles, reach = measure(2500)
reach = (reach - reach.mean()) / reach.std()
reach = reach[:, None]

entry = keras.layers.Input(shape=(5,), name="pose")
out = entry
for i, units in enumerate([96, 96, 96, 96]):
    out = hidden(out, units, i)
out = keras.layers.Dense(1, name="reach")(out)

arm = keras.Model(entry, out)
arm.compile(optimizer=keras.optimizers.Adam(1e-3), loss="mean_squared_error")
arm.fit(angles[:2000], reach[:2000], batch_size=32, epochs=25, validation_data=(angles[2000:], reach[2000:]), verbose=2)
error = arm.evaluate(angles[2000:], reach[2000:], verbose=0)
print(f"mean squared error at new poses: {error:.4f}")
