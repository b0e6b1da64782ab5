"""Watching Keras on each of its backends: what is seen is true, and nothing is changed.

TensorFlow is in an environment of its own: ``make test-tensorflow``.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts import ours, python, strict, unstuck, write
from unstuck.diagnosis import diagnose
from unstuck.evidence import kept_pass, validation
from unstuck.findings import Severity
from unstuck.record import read

BACKENDS = os.environ.get("UNSTUCK_KERAS", "jax,torch").split(",")
EXAMPLES = Path(__file__).parents[1] / "examples"
pytestmark = pytest.mark.parametrize("backend", BACKENDS)

HEAD = """\
import os, warnings
os.environ["KERAS_BACKEND"] = {backend!r}
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
from keras import layers, ops
keras.utils.set_random_seed(0)
random = np.random.default_rng(0)
"""

TRAININGS = """\
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.convolution = layers.Conv2D(4, 3, padding="same")
        self.norm = layers.BatchNormalization()
        self.drop = layers.Dropout(0.3)
        self.last = layers.Dense(10, kernel_regularizer="l2")

    def call(self, x, training=False):
        x = keras.activations.relu(self.norm(self.convolution(x), training=training))
        return self.last(self.drop(ops.reshape(x, (-1, 256)), training=training))

    def train_step(self, *batch):
        return super().train_step(*batch)

x = random.normal(size=(80, 8, 8, 1)).astype("float32")
y = random.integers(0, 10, 80)
model = Net()
model.compile(
    keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-2, 40)),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
model.fit(x, y, epochs=2, batch_size=32, verbose=0, class_weight={i: 1.0 + i for i in range(10)},
          validation_data=(x[:20], y[:20]))
for _ in range(3):
    model.train_on_batch(x[:32], y[:32])
model.evaluate(x, y, verbose=0)

given = keras.Input((8, 8, 1))
hidden = layers.Dense(8, activation="relu")(layers.Flatten()(given))
outputs = [layers.Dense(3, activation="softmax", name="a")(hidden),
           layers.Dense(1, name="b")(hidden)]
double = keras.Model(given, outputs)
double.compile("rmsprop", loss=["sparse_categorical_crossentropy", "mse"])
def batches():
    while True:
        rows = random.integers(0, 80, 16)
        yield x[rows], (y[rows] % 3, y[rows][:, None].astype("float32"))
double.fit(batches(), steps_per_epoch=4, epochs=2, shuffle=False, verbose=0)
import hashlib
digest = hashlib.sha256()
for weight in (*model.weights, *double.weights):
    digest.update(ops.convert_to_numpy(weight.value).tobytes())
print("weights", digest.hexdigest())
"""

NUMBERS = """\
from unstuck.record import read
from unstuck.runner import Spec, Watching

x = random.normal(size=(64, 5)).astype("float32")
y = (x @ random.normal(size=(5, 1))).astype("float32")
watching = Watching(Spec("numbers.db", 0.5))
watching.start()
model = keras.Sequential([layers.Input((5,)), layers.Dense(7, activation="tanh"), layers.Dense(1)])
model.compile(keras.optimizers.SGD(0.1), loss="mse", metrics=["mae"])
w = [a.copy() for a in model.get_weights()]
model.fit(x, y, epochs=3, batch_size=16, shuffle=False, verbose=0, validation_data=(x[:9], y[:9]))
watching.finish()
run = read("numbers.db").runs[0]

def rms(values):
    return float(np.sqrt((values ** 2).mean()))

losses, wanted = [], None
for _ in range(3):
    for rows in range(0, 64, 16):
        a, b = x[rows:rows + 16], y[rows:rows + 16]
        z = a @ w[0] + w[1]
        h = np.tanh(z)
        p = h @ w[2] + w[3]
        losses.append(((p - b) ** 2).mean())
        d = 2 * (p - b) / 16
        e = (d @ w[2].T) * (1 - h ** 2)
        g = [a.T @ e, e.sum(0), h.T @ d, d.sum(0)]
        wanted = wanted or {
            ("dense", "weight_rms"): rms(w[0]),
            ("dense", "gradient_rms"): rms(g[0]),
            ("dense", "update_ratio"): rms(0.1 * g[0]) / rms(w[0]),
            ("dense", "bias_update"): rms(0.1 * g[1]),
            ("dense", "output_rms"): rms(z),
            ("dense.activation", "active_rms"): rms(h),
            ("dense_1", "output_std"): p.std(),
            ("dense_1", "input_rms"): rms(h),
            ("", "batch_loss"): losses[0],
            ("", "gradient_norm"): np.sqrt(sum((v ** 2).sum() for v in g)),
            ("", "predicted_decrease"): 0.1 * ((g[0] ** 2).sum() + (g[2] ** 2).sum()),
            ("", "target_std"): b.std(),
            ("", "learning_rate"): 0.1,
        }
        w = [u - 0.1 * v for u, v in zip(w, g)]
for (layer, signal), value in wanted.items():
    assert np.isclose(run.of(signal, layer)[0], value, rtol=1e-4), (layer, signal, value)
assert np.allclose(run.loss.values, losses, atol=1e-5), (run.loss, losses)
assert len(run.of("validation_loss:0")) == len(run.of("metric:mae")) == 3
"""

FAULTS = """\
import unstuck.frameworks.keras_taps as taps
x, y = random.normal(size=(64, 5)).astype("float32"), np.arange(64) % 2
def fresh():
    model = keras.Sequential([layers.Input((5,)), layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", loss="binary_crossentropy")
    return model

class Raises(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        raise KeyError("the script's own")

model = fresh()
model.make_train_function()
own = model.train_function
try:
    model.fit(x, y, verbose=0, callbacks=[Raises()])
except KeyError:
    print("restored", model.train_function is own)
def broken(*arguments):
    raise RuntimeError("a tap is broken")
taps.Taps._ran = broken
model = fresh()
model.fit(x, y, epochs=3, verbose=0)
print("steps", int(model.optimizer.iterations.value))
"""

WIRING = """\
class Broadcast(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred), axis=-1)

x = random.normal(size=(128, 6)).astype("float32")
sorted_classes = np.repeat(np.arange(4), 32)
def dense(units, **more):
    return layers.Dense(units, **more)
def train(model, loss, y, **more):
    model.compile(keras.optimizers.SGD(0.05), loss=loss)
    model.fit(x, y, epochs=8, verbose=0, **more)
cross = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
train(keras.Sequential([layers.Input((6,)), dense(8), dense(4, activation="softmax")]), cross,
      sorted_classes)
train(keras.Sequential([layers.Input((6,)), dense(8, activation="relu"), dense(4)]),
      "sparse_categorical_crossentropy", sorted_classes, validation_split=0.25)
train(keras.Sequential([layers.Input((6,)), dense(8, activation="relu"), dense(1)]), Broadcast(),
      x[:, 0])
train(keras.Sequential([layers.Input((6,)), dense(8, activation="exponential"), dense(1)]), "mse",
      random.normal(size=(128, 1)))
class Crossing(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.log(ops.cosh(y_true - y_pred)))
train(keras.Sequential([layers.Input((6,)), dense(8, activation="relu"), dense(1)]), Crossing(),
      x[:, 0])
train(keras.Sequential([layers.Input((6,)), dense(8, activation="relu"), dense(1)]), Crossing(),
      x[:, :1])
def smooth(y_true, y_pred):
    goal = ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), 4) * 0.9 + 0.025
    return -ops.sum(goal * ops.log_softmax(y_pred), axis=-1)
def margin(y_true, y_pred):
    goal = ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), 4)
    return ops.maximum(0.0, 1 - ops.sum(goal * y_pred, -1) + ops.max((1 - goal) * y_pred, -1))
for loss in smooth, margin:
    train(keras.Sequential([layers.Input((6,)), layers.Rescaling(1 / 255),
                            dense(4, activation="softmax")]), loss, sorted_classes)
a, b = layers.Input((6,), name="a"), layers.Input((3,), name="b")
x = {"b": 400 * x[:, :3], "a": x}
train(keras.Model([a, b], dense(1)(layers.Concatenate()([a, b]))), "mse", x["a"][:, 0])
"""


def script(folder: Path, backend: str, source: str) -> Path:
    return write(folder, HEAD.format(backend=backend) + source)


def test_layer_without_a_constructor_of_its_own(backend: str, tmp_path: Path) -> None:
    source = """\
class Halved(layers.Layer):
    def call(self, x):
        return x / 2

print(sorted(Halved(name="half", trainable=False).get_config()))
model = keras.Sequential([layers.Input((3,)), Halved(), layers.Dense(1)])
model.compile("sgd", "mse")
model.fit(random.normal(size=(32, 3)), random.normal(size=(32, 1)), verbose=0)
"""
    path = script(tmp_path, backend, source)
    bare = python(path, cwd=tmp_path)
    watched = unstuck("run", "--record", "r.db", path, cwd=tmp_path)
    assert bare.returncode == watched.returncode == 0, (bare.stderr, watched.stderr)
    assert watched.stdout == bare.stdout
    assert read(tmp_path / "r.db").runs[0].steps == 1


def test_final_weights_are_those_without_watching(backend: str, tmp_path: Path) -> None:
    path = script(tmp_path, backend, TRAININGS)
    bare = python(path, cwd=tmp_path)
    watched = unstuck("run", "--record", "r.db", path, cwd=tmp_path)
    assert bare.returncode == watched.returncode == 0, (bare.stderr, watched.stderr)
    assert watched.stdout == bare.stdout
    recording = read(tmp_path / "r.db")
    assert recording.facts.get("failed") is None
    first, second = recording.runs  # once each, by one watcher
    assert (first.framework, first.steps, second.steps) == ("keras", 9, 8)
    assert [layer.name for layer in first.weights] == ["conv2d", "dense"]
    convolution = first.layers[0]
    assert convolution.shape == (4, 1, 3, 3)
    assert (convolution.fan_in, convolution.activation, convolution.normalized) == (9, "relu", True)
    functional = next(a for a in first.activations if a.name == convolution.activation_name)
    assert functional.functional
    assert functional.location is not None
    lines = path.read_text().splitlines()
    assert "keras.activations.relu" in lines[functional.location.line - 1]
    assert convolution.location is not None
    assert "Conv2D(" in lines[convolution.location.line - 1]
    assert first.optimizer.location is not None
    assert "keras.optimizers.Adam" in lines[first.optimizer.location.line - 1]
    assert {layer.name for layer in second.layers if layer.output} == {"a", "b"}
    assert len(first.of("validation_accuracy:0")) == 2


def test_sampled_numbers_are_those_computed_by_hand(backend: str, tmp_path: Path) -> None:
    done = python(script(tmp_path, backend, NUMBERS), cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_fault_of_ours_is_one_line_and_one_of_the_script_is_its_own(
    backend: str, tmp_path: Path
) -> None:
    path = script(tmp_path, backend, FAULTS)
    done = unstuck("run", "--record", "r.db", path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["restored", "True", "steps", "6"]
    said = [line for line in ours(done.stderr) if "watching stopped" in line]
    assert len(said) == 1
    assert "a tap is broken" in said[0]
    assert "Traceback" not in done.stderr


def test_wiring_and_data_are_seen(backend: str, tmp_path: Path) -> None:
    path = script(tmp_path, backend, WIRING)
    done = unstuck("run", "--record", "r.db", path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    findings = diagnose(str(tmp_path / "r.db"))
    found = [{f.obstacle for f in findings if f.run == run} for run in range(9)]
    # On TensorFlow, Keras computes the loss of the logits that the softmax was given.
    double = next(f for f in findings if f.obstacle == "softmax-before-cross-entropy")
    assert (double.run, double.severity is Severity.INFO) == (0, backend == "tensorflow")
    assert {"unshuffled-data", "output-activation-mismatch"} <= found[1]
    assert "shape-broadcast" in found[2]
    assert "missing-nonlinearity" not in found[3]
    assert "shape-broadcast" in found[4]
    assert "shape-broadcast" not in found[5]
    assert "softmax-before-cross-entropy" in found[6]  # by the loss itself, on TensorFlow too
    assert "softmax-before-cross-entropy" not in found[7]
    assert "unscaled-inputs" in found[8]  # the larger of two
    runs = read(tmp_path / "r.db").runs
    assert all(0 < deviation < 0.01 for deviation in runs[6].facts["input_std"])
    assert runs[3].layers[0].activation == "exponential"
    crossing = runs[4].facts["crossing"]
    line = path.read_text().splitlines()[crossing["location"]["line"] - 1]
    assert line.strip() == "def call(self, y_true, y_pred):"
    assert (crossing["target"], crossing["prediction"]) == ("y_true", "y_pred")


def test_penalties_and_the_pass_that_a_run_went_back_to(backend: str, tmp_path: Path) -> None:
    source = """\
x = random.normal(size=(96, 6)).astype("float32")
y = random.normal(size=(96, 1)).astype("float32")
def dense(units, regularizer, **more):
    return layers.Dense(units, kernel_regularizer=regularizer, **more)
first, second = keras.regularizers.L1L2(0.01, 0.02), keras.regularizers.OrthogonalRegularizer(0.05)
model = keras.Sequential([layers.Input((6,)), dense(64, first, activation="relu"),
                          dense(8, second), dense(1, "l1")])
model.compile(keras.optimizers.Adam(0.03), loss="mse")
print(float(sum(model.losses)))
stop = keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
model.fit(x[:64], y[:64], batch_size=16, epochs=40, validation_data=(x[64:], y[64:]), verbose=0,
          callbacks=[stop])
print(4 * (stop.best_epoch + 1) - 1)
"""
    done = unstuck("run", "--record", "r.db", script(tmp_path, backend, source), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    penalty, best = map(float, done.stdout.split())
    (run,) = read(tmp_path / "r.db").runs
    assert run.of("penalty")[0] == pytest.approx(penalty, rel=1e-4)
    assert kept_pass(run) == best < run.steps - 1
    passes = validation(run)
    assert passes is not None
    assert passes[0][-1] == min(passes[0])


def test_several_steps_at_once_are_counted_and_it_is_said(backend: str, tmp_path: Path) -> None:
    source = """
x, y = random.normal(size=(96, 5)).astype("float32"), np.arange(96) % 2
model = keras.Sequential([layers.Input((5,)), layers.Dense(1, activation="sigmoid")])
model.compile("sgd", loss="binary_crossentropy", steps_per_execution=3)
model.fit(x, y, epochs=4, batch_size=8, verbose=0)
print(int(model.optimizer.iterations.value))
"""
    if backend == "torch":
        pytest.skip("Keras refuses it on PyTorch")
    done = unstuck("run", "--record", "r.db", script(tmp_path, backend, source), cwd=tmp_path)
    assert done.stdout.split() == ["48"], done.stderr
    run = read(tmp_path / "r.db").runs[0]
    assert run.steps == 48
    assert len(run.loss) == 16
    assert len(run.of("weight_rms", "dense")) == 4
    assert "several steps run as one" in done.stderr


MODEL = """
x = random.normal(size=(256, 6)).astype("float32")
y = (x[:, :1] * x[:, 1:2]).astype("float32")
model = keras.Sequential([
    layers.Input((6,)),
    layers.Dense(16, activation="relu"),
    layers.Dropout(0.1),
    layers.Dense(1),
])
mse = keras.losses.MeanSquaredError()
optimizer = keras.optimizers.Adam(1e-2)
def batches():
    for start in range(0, 256, 32):
        yield x[start:start + 32], y[start:start + 32]
"""

SHOW = """
import hashlib
print(hashlib.sha256(b"".join(ops.convert_to_numpy(w).tobytes() for w in weights)).hexdigest())
"""

TAPE = """
import tensorflow as tf
{decorator}
def step(a, b):
    with tf.GradientTape() as tape:
        loss = mse(b, model(a, training=True))
    grads = tape.gradient(loss, model.trainable_weights)
    optimizer.apply_gradients(zip(grads, model.trainable_weights))
    return loss
for epoch in range(4):
    for a, b in batches():
        loss = step(tf.constant(a), tf.constant(b))
    print(float(loss), float(mse(y, model(x, training=False))))
weights = model.weights
"""

PURE = """
import jax
optimizer.build(model.trainable_variables)
def compute(trained, others, a, b):
    out, others = model.stateless_call(trained, others, a, training=True)
    return mse(b, out), others
differentiate = jax.value_and_grad(compute, has_aux=True)
{decorator}
def step(state, a, b):
    trained, others, moments = state
    (loss, others), grads = differentiate(trained, others, a, b)
    {update}
    return (trained, others, moments), loss
state = [[v.value for v in variables] for variables in (
    model.trainable_variables, model.non_trainable_variables, optimizer.variables)]
for epoch in range(4):
    for a, b in batches():
        state, loss = step(state, a, b)
    print(float(loss))
weights = state[0]
"""
STATELESS = "trained, moments = optimizer.stateless_apply(moments, grads, trained)"

BACKWARD = """
import torch
for epoch in range(4):
    for a, b in batches():
        loss = mse(b, model(a, training=True))
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            optimizer.apply([w.value.grad for w in model.trainable_weights],
                            model.trainable_weights)
    with torch.no_grad():
        print(float(loss), float(mse(y, model(x, training=False))))
weights = model.weights
"""

LOOPS = {
    "tensorflow": [TAPE.format(decorator=""), TAPE.format(decorator="@tf.function")],
    "jax": [
        PURE.format(decorator="", update=STATELESS),
        PURE.format(decorator="@jax.jit", update=STATELESS),
    ],
    "torch": [BACKWARD],
}


@pytest.mark.parametrize("form", [0, 1])
def test_steps_of_the_scripts_own_are_watched(backend: str, form: int, tmp_path: Path) -> None:
    if form >= len(LOOPS[backend]):
        pytest.skip("there is one form of it")
    path = script(tmp_path, backend, MODEL + LOOPS[backend][form] + SHOW)
    bare = python(path, cwd=tmp_path)
    watched = unstuck("run", "--record", "r.db", path, cwd=tmp_path)
    assert bare.returncode == watched.returncode == 0, (bare.stderr, watched.stderr)
    assert watched.stdout == bare.stdout
    recording = read(tmp_path / "r.db")
    assert recording.facts.get("failed") is None
    (run,) = recording.runs
    assert (run.framework, run.steps, len(run.loss)) == ("keras", 32, 32)
    printed = [float(line.split()[0]) for line in bare.stdout.splitlines()[:4]]
    assert [run.loss.at(step) for step in (7, 15, 23, 31)] == pytest.approx(printed, rel=1e-5)
    hidden, last = run.weights
    assert (hidden.name, hidden.activation, last.output) == ("dense", "relu", True)
    lines = path.read_text().splitlines()
    assert hidden.location is not None
    assert "layers.Dense(16" in lines[hidden.location.line - 1]
    assert run.optimizer.name == "Adam"
    assert run.optimizer.location is not None
    assert "optimizers.Adam(" in lines[run.optimizer.location.line - 1]
    assert run.loss_function.function == "mse_loss"
    assert run.of("learning_rate")[0] == pytest.approx(1e-2)
    assert run.of("gradient_norm")[0] > 0
    assert run.of("update_ratio", "dense")[0] > 0
    assert run.of("input_std")[0] > 0


def test_updates_without_an_optimizer_are_said_not_to_be_seen(backend: str, tmp_path: Path) -> None:
    if backend != "jax":
        pytest.skip("parameters updated by hand are plain arrays on JAX")
    update = "trained = [w - 0.05 * g for w, g in zip(trained, grads)]"
    loop = PURE.format(decorator="@jax.jit", update=update)
    path = script(tmp_path, backend, MODEL + loop + SHOW)
    bare = python(path, cwd=tmp_path)
    done = unstuck("run", "--record", "r.db", path, cwd=tmp_path)
    assert done.stdout == bare.stdout != ""
    assert "trained without an optimizer of Keras" in done.stderr


NANS = """\
def entropy(y_true, y_pred):
    return -ops.mean(y_true * ops.log(y_pred), axis=-1)

x = random.normal(size=(64, 5)).astype("float32")
y = ops.one_hot(np.arange(64) % 3, 3)
def train(x, loss, activation, rate=0.1):
    model = keras.Sequential([layers.Input((5,)), layers.Dense(3, activation=activation)])
    model.compile(keras.optimizers.SGD(rate), loss=loss)
    model.fit(x, y, batch_size=16, epochs=8, shuffle=False, verbose=0)
train(x, entropy, "relu")
gaps = x.copy()
gaps[2, 1] = np.nan
train(gaps, "mse", None)
big = x.copy()
big[5] = 1e30
train(big, "mse", None)
"""


def test_where_a_nan_first_appeared(backend: str, tmp_path: Path) -> None:
    path = script(tmp_path, backend, NANS)
    done = unstuck("run", "--record", "r.db", path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    firsts = [f for f in diagnose(str(tmp_path / "r.db")) if f.obstacle == "non-finite-values"]
    own, gaps, big = sorted(firsts, key=lambda f: f.run)
    lines = path.read_text().splitlines()
    assert own.location is not None
    assert "ops.log(y_pred)" in lines[own.location.line - 1]
    assert "the logarithm of zero" in own.message
    assert "the data that the model was given is not finite, in 1 of 16 rows of the batch (2)" in (
        gaps.message
    )
    assert "the loss `mse` put it out" in big.message


SICK = {
    "deep_sigmoid": ("vanishing-gradient", "keras.layers.Dense(64"),
    "exploding": ("mismatched-initialization", "layers.Dense(width"),
    "slow": ("zigzag-descent", "keras.optimizers.SGD("),
    "overfitting": ("overfitting", "layers.Dense(128"),
}


@pytest.mark.parametrize("name", SICK)
def test_examples_are_diagnosed_like_their_twins(backend: str, name: str, tmp_path: Path) -> None:
    if BACKENDS == ["jax", "torch"] and (backend == "jax") != (name in ("exploding", "slow")):
        pytest.skip("two examples a backend are enough here")
    path = EXAMPLES / f"keras_{name}.py"
    done = unstuck(
        *("run", "--record", "r.db", "--format", "json", "--output", "o.json", path),
        cwd=tmp_path,
        env={"KERAS_BACKEND": backend},
    )
    assert done.returncode == 0, done.stderr
    found = strict((tmp_path / "o.json").read_text())
    assert found["framework"] == "keras"
    first = found["findings"][0]
    obstacle, line = SICK[name]
    assert first["obstacle"] == obstacle
    assert line in path.read_text().splitlines()[first["location"]["line"] - 1]


def test_a_healthy_example_is_silent(backend: str, tmp_path: Path) -> None:
    names = ("healthy", "tumours") if backend == "tensorflow" else ("healthy",)
    for name in names:
        path = EXAMPLES / f"keras_{name}.py"
        done = unstuck(
            *("run", "--record", "r.db", "--format", "json", "--output", "o.json", path),
            cwd=tmp_path,
            env={"KERAS_BACKEND": backend},
        )
        assert done.returncode == 0, done.stderr
        assert strict((tmp_path / "o.json").read_text())["findings"] == []


OWN_LOSSES = """\
from unstuck.frameworks.keras_losses import crosses
y, p = (random.normal(size=(32, 1)).astype("float32") for _ in range(2))
both = np.concatenate([p, p], axis=1)

class Own(keras.losses.Loss):
    def __init__(self, function):
        super().__init__()
        self.call = function

def density(y, p):
    mean, width = ops.split(p, 2, axis=-1)
    return 0.5 * (width + (y - mean) ** 2 * ops.exp(-width))

def sorted_apart(y, p):
    return ops.mean(ops.abs(ops.sort(y, axis=0) - ops.sort(p, axis=0)))

def power(y, p):
    return ops.mean(ops.abs(y - p) ** 1.5)

for function, target, prediction in (
    (power, y[:, 0], p), (power, y, p[:, 0]), (density, y[:, 0], both), (power, y[:, 0], 0 * p),
    (power, y, p), (density, y, both), (sorted_apart, y, p), (lambda y, p: ops.mean(p), y[:, 0], p),
):
    print(crosses(Own(function), target, prediction))
"""


def test_losses_that_compare_everything_with_everything(backend: str, tmp_path: Path) -> None:
    done = python(script(tmp_path, backend, OWN_LOSSES), cwd=tmp_path)
    said = done.stdout.split()
    assert said == ["True", "True", "True", "None", "False", "False", "False", "None"], done.stderr
