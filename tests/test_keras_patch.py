"""Edits of Keras scripts, from what a run of them would have recorded; no framework is needed."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from patching import rewritten
from unstuck.findings import Location
from unstuck.signals import Activation, Layer, Loss, Optimizer, Run, Series
from unstuck.sources.script import standing
from unstuck.working_files import rewrites

HEAD = "import keras\nfrom keras import layers\n"
FIT = "model.fit(x, y, epochs=9)\n"


def places(path: Path, source: str, snippet: str) -> list[Location]:
    """Return the spans of the calls that are written so."""
    found = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call)]
    spans = [n for n in found if ast.get_source_segment(source, n) == snippet]
    assert spans, snippet
    return [
        Location(str(path), n.lineno, n.col_offset, n.end_lineno, n.end_col_offset) for n in spans
    ]


class Sick:
    """A Keras script and what a run of it recorded.

    Args:
        folder: Where to write it.
        body: Its source behind the imports.
        hidden: The calls that construct hidden layers, as they are written.
        output: The call that constructs the last layer.
        kind: The activation of hidden layers.
        apart: The calls that make the activations of hidden layers, where these are apart.
        last: The activation of the last layer.
        optimizer: Class and settings.
    """

    def __init__(
        self,
        folder: Path,
        body: str,
        hidden: Sequence[str],
        output: str | None = None,
        *,
        kind: str | None = "sigmoid",
        apart: Sequence[str] = (),
        functional: bool = False,
        last: str | None = "softmax",
        loss: str = "nll_loss",
        optimizer: tuple[str, Mapping[str, float]] = ("SGD", {"lr": 0.1}),
        head: str = HEAD,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self.path = folder / "train.py"
        self.source = head + textwrap.dedent(body)
        self.path.write_text(self.source)
        layers: list[Layer] = []
        activations: list[Activation] = []
        calls = [(text, False) for text in hidden] + ([(output, True)] if output else [])
        for number, (text, ends) in enumerate(calls):
            made, name = self.at(text), f"layer_{number}"
            act, act_name, act_at = last if ends else kind, f"{name}.activation", made
            if apart and not ends:
                act_name, act_at = f"act_{number}", self.at(apart[min(number, len(apart) - 1)])
            what = text.partition("(")[0].rpartition(".")[2]
            layers.append(
                Layer(
                    name,
                    what if what in ("Dense", "Conv2D", "Linear", "RNN") else "Dense",
                    (64, 64),
                    64,
                    location=made,
                    activation=act,
                    activation_name=act_name if act else None,
                    output=ends,
                    dimensions=4 if what == "Conv2D" else 2,
                    depth=number,
                )
            )
            if act:
                own = functional and not ends
                activations.append(Activation(act_name, act, act_at, own, ends, 64))
        compiled = self.found("compile")
        constructed = self.found(optimizer[0])
        self.run = Run(
            tuple(layers),
            tuple(activations),
            Optimizer(optimizer[0], optimizer[1], constructed or compiled, self.found("fit")),
            Loss(loss, compiled, prediction_shape=(32, 10)),
            steps=90,
            series={("", "batch_size"): Series((0,), (32.0,))},
            facts={"compile": {"location": compiled.to_json() if compiled else None}}
            | dict(facts or {}),
            framework="keras",
        )

    def at(self, snippet: str) -> Location:
        return places(self.path, self.source, snippet)[0]

    def found(self, name: str) -> Location | None:
        calls = [n for n in ast.walk(ast.parse(self.source)) if isinstance(n, ast.Call)]
        for call in calls:
            text = ast.get_source_segment(self.source, call.func) or ""
            if text.rpartition(".")[2] == name:
                return places(self.path, self.source, ast.get_source_segment(self.source, call))[0]
        return None

    def treated(self, *names: str, **settings: float) -> str:
        """Return the patched body; "" where a remedy has no effect."""
        return rewritten(self.run, tuple((name, settings) for name in names))


def holds(text: str, lines: Iterable[str]) -> None:
    """Check that lines stand in a text one after the other, whatever their indentation."""
    stripped = "\n".join(line.strip() for line in text.splitlines())
    wanted = "\n".join(line.strip() for line in lines)
    assert wanted in stripped, text


SEQUENTIAL = """
    model = keras.Sequential([
        layers.Input((64,)),
        layers.Dense(64, activation='sigmoid'),
        layers.Dense(32, activation='sigmoid'),
        layers.Dense(10, activation='softmax'),
    ])
    model.compile(optimizer='sgd', loss='sparse_categorical_crossentropy')
    model.fit(x, y, epochs=9)
"""
HIDDEN = ("layers.Dense(64, activation='sigmoid')", "layers.Dense(32, activation='sigmoid')")
LAST = "layers.Dense(10, activation='softmax')"


def sequential(folder: Path, **more: Any) -> Sick:
    """Return a list of layers, and an optimizer by name."""
    return Sick(folder, SEQUENTIAL, HIDDEN, LAST, **more)


def test_activation_initializer_and_optimizer_together(tmp_path: Path) -> None:
    text = sequential(tmp_path).treated("use-relu", "use-he-initialization", "use-adam", lr=0.001)
    assert "layers.Dense(64, activation='relu', kernel_initializer='he_normal')," in text
    assert "layers.Dense(10, activation='softmax')," in text
    assert "model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.001), loss=" in text


def test_batch_norm_goes_between_a_layer_and_its_activation(tmp_path: Path) -> None:
    text = sequential(tmp_path).treated("use-relu", "add-batch-norm", "add-dropout", p=0.5)
    holds(
        text,
        [
            "layers.Dense(32),",
            "layers.BatchNormalization(momentum=0.9),",
            "layers.Activation('relu'),",
            "layers.Dropout(0.5),",
            LAST + ",",
        ],
    )


def test_batch_norm_keeps_an_activation_that_stays(tmp_path: Path) -> None:
    text = sequential(tmp_path).treated("add-batch-norm")
    assert text.count("layers.Activation('sigmoid'),") == 2


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("use-momentum", {"momentum": 0.9, "lr": 0.1}, "SGD(learning_rate=0.1, momentum=0.9)"),
        ("use-rmsprop", {"lr": 0.001}, "RMSprop(learning_rate=0.001)"),
        ("lower-learning-rate", {"factor": 0.1}, "SGD(learning_rate=0.01)"),
        ("raise-learning-rate", {"factor": 10.0}, "SGD(learning_rate=1.0)"),
        ("clip-gradients", {"max_norm": 1.0}, "SGD(learning_rate=0.1, global_clipnorm=1.0)"),
    ],
)
@pytest.mark.parametrize("written", ["'sgd'", "keras.optimizers.SGD(0.1)"])
def test_optimizers_by_name_and_as_objects(
    tmp_path: Path, name: str, settings: dict[str, float], expected: str, written: str
) -> None:
    body = SEQUENTIAL.replace("'sgd'", written)
    text = Sick(tmp_path, body, HIDDEN, LAST).treated(name, **settings)
    if written != "'sgd'":
        expected = expected.replace("SGD(learning_rate=", "SGD(")
    assert f"optimizer=keras.optimizers.{expected}, loss" in text


def test_two_remedies_of_one_optimizer(tmp_path: Path) -> None:
    for written in ("'sgd'", "keras.optimizers.SGD(0.1, momentum=0.5)"):
        body = SEQUENTIAL.replace("'sgd'", written)
        text = Sick(tmp_path, body, HIDDEN, LAST).treated(
            "use-adam", "clip-gradients", lr=0.001, max_norm=1.0
        )
        assert "keras.optimizers.Adam(learning_rate=0.001, global_clipnorm=1.0), loss" in text


def test_a_schedule_keeps_its_shape(tmp_path: Path) -> None:
    body = """
        schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 100, 0.96)
        model = keras.Sequential([layers.Dense(10, activation='softmax')])
        model.compile(keras.optimizers.SGD(learning_rate=schedule), 'mse')
        model.fit(x, y)
    """
    text = Sick(tmp_path, body, [], LAST).treated("lower-learning-rate", factor=0.1)
    assert "ExponentialDecay(0.01, 100, 0.96)" in text
    assert "SGD(learning_rate=schedule)" in text


def test_layers_that_are_added_in_a_loop(tmp_path: Path) -> None:
    body = """
        model = keras.Sequential()
        for width in (64, 32):
            model.add(layers.Dense(width, activation="sigmoid"))  # hidden
        model.add(layers.Dense(10, activation="softmax"))
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.fit(x, y)
    """
    made = 'layers.Dense(width, activation="sigmoid")'
    sick = Sick(tmp_path, body, [made, made], 'layers.Dense(10, activation="softmax")')
    text = sick.treated("use-relu", "add-batch-norm")
    holds(
        text,
        [
            "model.add(layers.Dense(width))  # hidden",
            "model.add(layers.BatchNormalization(momentum=0.9))",
            'model.add(layers.Activation("relu"))',
        ],
    )
    assert 'Dense(10, activation="softmax")' in text


def test_functional_calls(tmp_path: Path) -> None:
    body = """
        inputs = keras.Input((64,))
        h = layers.Dense(64, "sigmoid")(inputs)
        outputs = layers.Dense(10, activation="softmax")(layers.Dense(32, "sigmoid")(h))
        model = keras.Model(inputs, outputs)
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.fit(x, y)
    """
    hidden = ['layers.Dense(64, "sigmoid")', 'layers.Dense(32, "sigmoid")']
    sick = Sick(tmp_path, body, hidden, 'layers.Dense(10, activation="softmax")')
    assert 'layers.Dense(32, "relu")(h)' in sick.treated("use-relu")
    text = sick.treated("add-batch-norm")
    holds(
        text,
        [
            "h = layers.Dense(64)(inputs)",
            "h = layers.BatchNormalization(momentum=0.9)(h)",
            'h = layers.Activation("sigmoid")(h)',
        ],
    )
    norm = 'layers.Activation("sigmoid")(layers.BatchNormalization(momentum=0.9)('
    assert norm + "layers.Dense(32)(h)))" in text
    facts = {"input_mean": [3.0], "input_std": [2.0]}
    scaled = Sick(tmp_path, body, hidden, 'layers.Dense(10, activation="softmax")', facts=facts)
    first = 'h = layers.Dense(64, "sigmoid")(layers.Rescaling(0.5, '
    assert first + "offset=-1.5)(inputs))" in scaled.treated("scale-inputs")


def test_a_model_class(tmp_path: Path) -> None:
    body = """
        class Net(keras.Model):
            def __init__(self):
                super().__init__()
                self.hidden = [layers.Dense(64, activation="tanh") for _ in range(3)]
                self.out = layers.Dense(10)

        model = Net()
        model.compile("sgd", "mse")
        model.fit(x, y)
    """
    made = 'layers.Dense(64, activation="tanh")'
    sick = Sick(tmp_path, body, [made] * 3, "layers.Dense(10)", kind="tanh", last=None)
    assert 'layers.Dense(64, activation="relu") for _' in sick.treated("use-relu")
    norm = "keras.Sequential([layers.Dense(64), layers.BatchNormalization(momentum=0.9), "
    assert norm + 'layers.Activation("tanh")]) for _' in sick.treated("add-batch-norm")


@pytest.mark.parametrize(
    ("head", "made", "optimizer"),
    [
        ("import keras as k\n", "k.layers.Dense(8, activation='sigmoid')", "k.optimizers.Adam"),
        (
            "import keras\nfrom keras import layers as L\n",
            "L.Dense(8, activation=keras.activations.sigmoid)",
            "keras.optimizers.Adam",
        ),
        (
            "import tensorflow as tf\nfrom tensorflow.keras.layers import Dense\n",
            "Dense(8, activation=tf.nn.sigmoid)",
            "tf.keras.optimizers.Adam",
        ),
        (
            "from tensorflow import keras\nfrom tensorflow.keras import layers\n",
            "layers.Dense(8, activation='sigmoid')",
            "keras.optimizers.Adam",
        ),
        (
            "from tensorflow.keras.models import Sequential\n"
            "from tensorflow.keras.layers import *\n",
            "Dense(8, activation='sigmoid')",
            "keras.optimizers.Adam",
        ),
    ],
)
def test_names_that_scripts_give(tmp_path: Path, head: str, made: str, optimizer: str) -> None:
    body = f"""
        model = build([{made}])
        model.compile('sgd', 'mse')
        model.fit(x, y)
    """
    sick = Sick(tmp_path, body, [made], head=head)
    text = sick.treated("use-relu", "use-adam", lr=0.001)
    assert "Dense(8, activation='relu')" in text or 'Dense(8, activation="relu")' in text
    assert f"model.compile({optimizer}(learning_rate=0.001), 'mse')" in text


def test_a_partial_of_a_layer(tmp_path: Path) -> None:
    head = "from functools import partial\nimport keras\n"
    body = """
        Hidden = partial(keras.layers.Dense, activation="sigmoid", kernel_initializer="zeros")
        model = keras.Sequential([Hidden(64)])
        model.compile("sgd", "mse")
        model.fit(x, y)
    """
    sick = Sick(tmp_path, body, ["Hidden(64)"], head=head)
    text = sick.treated("use-relu", "use-he-initialization")
    assert 'Hidden(64, activation="relu", kernel_initializer="he_normal")' in text
    text = sick.treated("add-batch-norm")
    assert "Hidden(64, activation=None), keras.layers.BatchNormalization(momentum=0.9)" in text


def test_activations_that_are_layers_or_functions(tmp_path: Path) -> None:
    body = """
        model = keras.Sequential([
            layers.Dense(64),
            layers.Activation("tanh"),
            layers.Dense(10, activation="softmax"),
        ])
        model.compile("sgd", "mse")
        model.fit(x, y)
    """
    last = 'layers.Dense(10, activation="softmax")'
    apart = ('layers.Activation("tanh")',)
    sick = Sick(tmp_path, body, ["layers.Dense(64)"], last, kind="tanh", apart=apart)
    assert 'layers.Activation("relu"),' in sick.treated("use-relu")
    leaky = "layers.LeakyReLU(negative_slope=0.01),"
    assert leaky in sick.treated("use-leaky-relu", negative_slope=0.01)
    holds(
        sick.treated("add-batch-norm", "add-dropout", p=0.2),
        [
            "layers.Dense(64),",
            "layers.BatchNormalization(momentum=0.9),",
            'layers.Activation("tanh"),',
            "layers.Dropout(0.2),",
        ],
    )
    body = """
        h = keras.ops.sigmoid(dense(x))
        model.compile("sgd", "mse")
        model.fit(x, y)
        dense = layers.Dense(64)
    """
    apart = ("keras.ops.sigmoid(dense(x))",)
    sick = Sick(tmp_path, body, ["layers.Dense(64)"], apart=apart, functional=True)
    assert "h = keras.ops.relu(dense(x))" in sick.treated("use-relu")


def test_a_call_that_makes_the_output_too_is_left_alone(tmp_path: Path) -> None:
    body = """
        def dense(units, activation):
            return layers.Dense(units, activation=activation)

        model = keras.Sequential([dense(64, "sigmoid"), dense(1, "sigmoid")])
        model.compile("sgd", "mse")
        model.fit(x, y)
    """
    made = "layers.Dense(units, activation=activation)"
    sick = Sick(tmp_path, body, [made], made, last="sigmoid")
    assert sick.treated("use-relu") == ""
    assert sick.treated("add-batch-norm") == ""
    assert sick.treated("use-relu", "use-adam") == ""
    assert 'kernel_initializer="zeros"' not in sick.treated("use-adam")


def test_initializers_by_name_and_as_objects(tmp_path: Path) -> None:
    body = """
        model = keras.Sequential([
            layers.Dense(64, activation="relu", kernel_initializer="zeros"),
            layers.Dense(10, kernel_initializer=keras.initializers.RandomNormal(stddev=9.0)),
        ])
        model.compile("sgd", "mse")
        model.fit(x, y)
    """
    hidden = 'layers.Dense(64, activation="relu", kernel_initializer="zeros")'
    last = "layers.Dense(10, kernel_initializer=keras.initializers.RandomNormal(stddev=9.0))"
    sick = Sick(tmp_path, body, [hidden], last, kind="relu", last=None)
    holds(
        sick.treated("use-he-initialization"),
        [
            'layers.Dense(64, activation="relu", kernel_initializer="he_normal"),',
            "layers.Dense(10),",
        ],
    )
    assert 'kernel_initializer="glorot_uniform"' in sick.treated("use-xavier-initialization")
    assert sequential(tmp_path).treated("use-xavier-initialization") == ""  # Keras' own


def test_recurrent_layer_gets_the_initializers_of_keras(tmp_path: Path) -> None:
    rnn = "layers.SimpleRNN(48, recurrent_initializer=keras.initializers.RandomNormal(0.0, 0.3))"
    body = f"""
        model = keras.Sequential([keras.Input((50, 2)), {rnn}, layers.Dense(1)])
        model.compile("adam", "mse")
        model.fit(x, y)
    """
    sick = Sick(tmp_path, body, [rnn], "layers.Dense(1)", kind=None, last=None)
    first, last = sick.run.layers
    sick.run = replace(sick.run, layers=(replace(first, kind="SimpleRNN"), last))
    text = sick.treated("use-xavier-initialization")
    assert "[keras.Input((50, 2)), layers.SimpleRNN(48), layers.Dense(1)]" in text


LINEAR = """
    class Linear(layers.Layer):
        def __init__(self, units, act={default}, **kwargs):
            super().__init__(**kwargs)
            self.units, self.act = units, keras.activations.get(act)
        def build(self, shape):
            self.w = self.add_weight(
                shape=(shape[-1], self.units), initializer=keras.initializers.RandomNormal(stddev=1)
            )
            self.b = self.add_weight(shape=(self.units,), initializer="zeros")
        def call(self, x):
            return self.act(keras.ops.matmul(x, self.w) + self.b)
    net = keras.Sequential([{first}, {second}, layers.Dense(10)])
    net.compile("sgd", "mse")
    net.fit(x, y)
"""


@pytest.mark.parametrize(
    ("default", "more", "changed"),
    [
        ("None", ', "tanh"', ', "relu"'),
        ("None", ', act="tanh"', ', act="relu"'),
        ('"tanh"', "", ', act="relu"'),
        ("None", ", keras.activations.tanh", ", keras.activations.relu"),
    ],
)
def test_layers_of_a_class_that_the_script_writes(
    tmp_path: Path, default: str, more: str, changed: str
) -> None:
    first, second = f"Linear(32{more})", f"Linear(16{more})"
    sick = Sick(
        tmp_path,
        LINEAR.format(default=default, first=first, second=second),
        [first, second],
        "layers.Dense(10)",
        kind="tanh",
        apart=["self.act(keras.ops.matmul(x, self.w) + self.b)"],
        functional=True,
        last=None,
    )
    patched = sick.treated("use-relu", "use-he-initialization")
    assert f"[Linear(32{changed}), Linear(16{changed}), " in patched
    holds(patched, ['shape=(shape[-1], self.units), initializer="he_normal"'])
    assert 'shape=(self.units,), initializer="zeros"' in patched
    leaky = sick.treated("use-leaky-relu")
    assert leaky.count("layers.LeakyReLU(negative_slope=") == 2
    glorot = sick.treated("use-xavier-initialization")
    holds(glorot, ['shape=(shape[-1], self.units), initializer="glorot_uniform"'])


def test_a_recurrent_cell_of_the_script(tmp_path: Path) -> None:
    body = """
    class Cell(layers.Layer):
        def __init__(self, units):
            super().__init__()
            self.units = self.state_size = units
        def build(self, shape):
            start = keras.initializers.Constant(0.1)
            square = (self.units, self.units)
            self.w = self.add_weight(shape=(shape[-1], self.units), initializer="glorot_uniform")
            self.u = self.add_weight(square, start)
            self.b = self.add_weight(shape=(self.units,), initializer="zeros")
        def call(self, x, states):
            h = keras.ops.tanh(keras.ops.matmul(x, self.w) + keras.ops.matmul(states[0], self.u))
            return h, [h]
    net = keras.Sequential([layers.RNN(Cell(32)), layers.Dense(1)])
    net.compile("sgd", "mse")
    net.fit(x, y)
    """
    sick = Sick(tmp_path, body, ["layers.RNN(Cell(32))"], "layers.Dense(1)", kind="tanh", last=None)
    patched = sick.treated("use-xavier-initialization")
    assert patched.count("glorot_uniform") == 1
    assert patched.count('"zeros"') == 1
    holds(patched, ['self.u = self.add_weight(square, "orthogonal")'])


def test_regularization(tmp_path: Path) -> None:
    sick = sequential(tmp_path)
    text = sick.treated("add-weight-decay", weight_decay=0.01)
    assert text.count("kernel_regularizer=keras.regularizers.L2(0.005)") == 3
    text = sick.treated("add-l1", strength=0.001)
    assert text.count("kernel_constraint=soft_threshold") == 3
    assert "keras.ops.relu(keras.ops.abs(weights) - 0.0001)" in text
    assert text.index("def soft_threshold") < text.index("model =")


def test_logits_and_probabilities(tmp_path: Path) -> None:
    loss = "keras.losses.SparseCategoricalCrossentropy(from_logits=True)"
    body = SEQUENTIAL.replace("'sparse_categorical_crossentropy'", loss)
    sick = Sick(tmp_path, body, HIDDEN, LAST, loss="cross_entropy")
    text = sick.treated("drop-softmax")
    assert "loss=keras.losses.SparseCategoricalCrossentropy())" in text
    assert LAST in text
    body = SEQUENTIAL.replace(", activation='softmax'", "")
    facts = {"loss_inputs": [["log", "linear", None]]}
    sick = Sick(tmp_path, body, HIDDEN, "layers.Dense(10)", last=None, facts=facts)
    assert LAST in sick.treated("fix-output-activation")


def test_an_output_activation_that_cuts_off_the_targets(tmp_path: Path) -> None:
    facts = {"loss_inputs": [["mse_loss", "relu", "layer_2.activation"]]}
    body = SEQUENTIAL.replace("'softmax'", "'relu'")
    last = LAST.replace("softmax", "relu")
    sick = Sick(tmp_path, body, HIDDEN, last, last="relu", loss="mse_loss", facts=facts)
    assert "layers.Dense(10)," in sick.treated("fix-output-activation")
    body = body.replace(last, "layers.Dense(10), layers.ReLU()")
    sick = Sick(tmp_path, body, HIDDEN, "layers.Dense(10)", last=None, loss="mse_loss", facts=facts)
    apart = Activation("layer_2.activation", "relu", sick.at("layers.ReLU()"), False, True)
    sick.run = replace(sick.run, activations=(*sick.run.activations, apart))
    holds(sick.treated("fix-output-activation"), ["layers.Dense(10),", "])"])


def test_what_fit_takes(tmp_path: Path) -> None:
    facts = {"fit": {"data": "arrays", "shuffle": False}, "class_counts": [90, 10]}
    sick = sequential(tmp_path, facts=facts)
    text = sick.treated("use-mini-batches", batch_size=32.0)
    assert "model.fit(x, y, epochs=9, batch_size=32)" in text
    text = sick.treated("weigh-classes", power=1.0)
    assert "class_weight={0: 0.556, 1: 5.0}" in text
    body = SEQUENTIAL.replace("epochs=9", "epochs=9, shuffle=False")
    sick = Sick(tmp_path, body, HIDDEN, LAST, facts=facts)
    assert "model.fit(x, y, epochs=9)" in sick.treated("shuffle-data")
    sick = sequential(tmp_path, facts={**facts, "held_unseen": {"share": 1.0}})
    holds(
        sick.treated("shuffle-data"),
        [
            "order = np.random.permutation(len(x))  # rows in no order",
            "x, y = x[order], y[order]",
            "model.fit(x, y, epochs=9)",
        ]
        if "import numpy as np" in sick.source
        else ["x, y = x[order], y[order]", "model.fit(x, y, epochs=9)"],
    )


def test_the_first_layer_that_says_the_input_shape(tmp_path: Path) -> None:
    head = "import tensorflow as tf\nfrom tensorflow.keras.layers import Dense\n"
    body = """
        model = tf.keras.Sequential([
            Dense(128, activation='relu', input_shape=(30,)),
            Dense(1, activation='sigmoid')
        ])
        model.compile(optimizer='adam', loss='binary_crossentropy')
        model.fit(x, y)
    """
    made = "Dense(128, activation='relu', input_shape=(30,))"
    facts = {"input_mean": [5.0], "input_std": [2.0]}
    sick = Sick(tmp_path, body, [made], head=head, kind="relu", facts=facts)
    holds(
        sick.treated("scale-inputs"),
        [
            "tf.keras.layers.Rescaling(0.5, offset=-2.5, input_shape=(30,)),",
            "Dense(128, activation='relu'),",
        ],
    )


def test_stopping_early_joins_other_callbacks(tmp_path: Path) -> None:
    stopping = 'EarlyStopping(monitor="val_loss", patience=5, restore_best_weights=True)'
    for given, expected in (
        ("", f"callbacks=[keras.callbacks.{stopping}]"),
        (", callbacks=[a, b]", f"callbacks=[a, b, keras.callbacks.{stopping}]"),
        (", callbacks=held", f"callbacks=[*(held or []), keras.callbacks.{stopping}]"),
        (", callbacks=list(held)", f"callbacks=[*list(held), keras.callbacks.{stopping}]"),
        (", callbacks=Shown(3)", f"callbacks=[Shown(3), keras.callbacks.{stopping}]"),
        (", callbacks=(a,)", f"callbacks=[a, keras.callbacks.{stopping}]"),
        (", callbacks=None", f"callbacks=[keras.callbacks.{stopping}]"),
    ):
        body = SEQUENTIAL.replace("epochs=9", f"epochs=9{given}")
        sick = Sick(tmp_path, body, HIDDEN, LAST, facts={"fit": {"validation_rows": 9}})
        assert f"epochs=9, {expected})" in sick.treated("stop-early", patience=5.0)


def test_lighter_regularization(tmp_path: Path) -> None:
    body = """
        strength = 0.5
        model = keras.Sequential([
            layers.Dense(64, activation="relu", kernel_regularizer=keras.regularizers.l2(strength)),
            layers.Dropout(rate=0.9),
            layers.Dense(10, kernel_regularizer="l2"),
        ])
        model.compile("sgd", "mse")
        model.fit(x, y)
    """
    made = 'layers.Dense(10, kernel_regularizer="l2")'
    sick = Sick(tmp_path, body, [], made, last=None, facts={"dropout": [0.9]})
    text = sick.treated("lighten-regularization", factor=0.01, dropout=0.5)
    assert "strength = 0.005" in text
    assert "layers.Dropout(rate=0.5)" in text
    assert "layers.Dense(10, kernel_regularizer=None)" in text


def test_a_strength_that_several_layers_use(tmp_path: Path) -> None:
    body = """
        def build(strength, drop, unknown):
            regular = {"kernel_regularizer": keras.regularizers.L2(unknown * 2)}
            return keras.Sequential([
                layers.Dense(64, kernel_regularizer=keras.regularizers.L2(strength)),
                layers.Dropout(drop), layers.Dropout(drop),
                layers.Dense(9, kernel_regularizer=keras.regularizers.L2(strength)),
                layers.Dense(10, **regular),
            ])
        options = parser.parse_args()
        parser.add_argument("--l2", default=0.3)
        model = build(options.l2, 0.9, float(sys.argv[1]))
        model.compile("sgd", "mse")
        model.fit(x, y)
    """
    made = "layers.Dense(10, **regular)"
    sick = Sick(tmp_path, body, [], made, last=None, facts={"dropout": [0.9]})
    text = sick.treated("lighten-regularization", factor=0.01, dropout=0.5)
    assert 'parser.add_argument("--l2", default=0.003)' in text
    assert "model = build(options.l2, 0.5, float(sys.argv[1]))" in text
    assert "keras.regularizers.L2(0.01 * (unknown * 2))" in text


CROSSING = """
    class Own(keras.losses.Loss):
        def call(self, y_true, y_pred):
            \"\"\"What it is.\"\"\"
            return keras.ops.mean(keras.ops.abs(y_true - y_pred) ** 1.5)

    model = keras.Sequential([layers.Dense(1)])
    model.compile("sgd", Own())
    model.fit(x, y[:9] - 1, validation_data=(x, y))
"""


def test_targets_in_the_shape_of_the_predictions(tmp_path: Path) -> None:
    facts: dict[str, Any] = {"broadcast": [32, 32], "fit": {"data": "arrays"}}
    sick = Sick(tmp_path, CROSSING, [], "layers.Dense(1)", last=None, facts=facts)
    sick.run = replace(
        sick.run, loss_function=Loss(None, None, prediction_shape=(32, 1), target_shape=(32,))
    )
    text = sick.treated("fix-shapes")
    assert "model.fit(x, (y[:9] - 1)[:, None], validation_data=(x, y[:, None]))" in text
    line = sick.source[: sick.source.index("def call")].count("\n") + 1
    place = Location(str(sick.path), line).to_json()
    known = {"location": place, "target": "y_true", "prediction": "y_pred"}
    sick.run = replace(sick.run, facts={**sick.run.facts, "crossing": known})
    holds(
        sick.treated("fix-shapes"),
        [
            "y_true = y_true[:, None]",
            "return keras.ops.mean(" + "keras.ops.abs(y_true - y_pred) ** 1.5)",
        ],
    )
    sick.run = replace(sick.run, facts={"fit": facts["fit"]})
    assert sick.treated("fix-shapes") == ""


def test_layers_that_are_frozen(tmp_path: Path) -> None:
    body = """
        base = layers.Dense(64, activation="relu", trainable=False)
        base.trainable = False
        model = keras.Sequential([base, layers.Dense(10)])
        model.compile("sgd", "mse")
        model.fit(x, y)
    """
    made = 'layers.Dense(64, activation="relu", trainable=False)'
    sick = Sick(tmp_path, body, [made], "layers.Dense(10)", kind="relu", last=None)
    first = replace(sick.run.layers[0], trainable=False)
    sick.run = replace(sick.run, layers=(first, *sick.run.layers[1:]))
    text = sick.treated("register-layers")
    assert "trainable=True" in text
    assert "base.trainable = False" not in text


def test_a_schedule_that_is_over_too_soon(tmp_path: Path) -> None:
    body = """
        rate = keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=5, decay_rate=0.5)
        model = keras.Sequential([layers.Dense(10, activation='softmax')])
        model.compile(optimizer=keras.optimizers.SGD(rate), loss='mse')
        model.fit(x, y)
    """
    sick = Sick(tmp_path, body, [], LAST)
    rates = Series(tuple(range(90)), tuple(0.1 * 0.5 ** (s / 5) for s in range(90)))
    sick.run = replace(sick.run, series={("", "learning_rate"): rates})
    text = sick.treated("fix-schedule", left=0.01)
    assert re.search(r"ExponentialDecay\(0.1, decay_steps=(1[0-9]|2[0-9]), decay_rate", text), text


@pytest.mark.parametrize(
    ("defined", "given", "expected"),
    [
        (
            "def decay(epoch): return 0.1 * 0.3 ** epoch",
            "decay",
            "lambda epoch: decay(int(epoch / 18.0))",
        ),
        (
            "def decay(epoch, lr): return 0.1 * 0.3 ** epoch",
            "schedule=decay",
            "schedule=lambda epoch, lr: decay(int(epoch / 18.0), lr)",
        ),
        (
            "def decay(epoch, lr): return lr * 0.3",
            "decay",
            "lambda epoch, lr: lr * (decay(epoch, lr) / lr) ** 0.25",
        ),
        (
            "",
            "lambda e: 0.1 * 0.3 ** e, verbose=1",
            "lambda epoch: (lambda e: 0.1 * 0.3 ** e)(int(epoch / 18.0)), verbose=1",
        ),
        ("", "made(3)", None),
    ],
)
def test_a_function_that_lowers_the_rate_too_soon(
    tmp_path: Path, defined: str, given: str, expected: str | None
) -> None:
    body = f"""
        {defined}
        callbacks = [keras.callbacks.LearningRateScheduler({given})]
        model = keras.Sequential([layers.Dense(10)])
        model.compile(keras.optimizers.SGD(0.1), "mse")
        model.fit(x, y, callbacks=callbacks)
    """
    sick = Sick(tmp_path, body, [], "layers.Dense(10)", last=None)
    rates = Series((0, 10, 80), (0.1, 1e-3, 1e-5))
    sick.run = replace(sick.run, series={**sick.run.series, ("", "learning_rate"): rates})
    text = sick.treated("fix-schedule", left=0.1)
    wanted = f"callbacks = [keras.callbacks.LearningRateScheduler({expected})]"
    assert (wanted in text) if expected is not None else text == "", text


def test_a_patch_that_is_built_upon_is_read_as_it_stands(tmp_path: Path) -> None:
    sick = sequential(tmp_path)
    then = sick.source.replace("layers.Input((64,)),", "layers.Input((64,)), layers.Flatten(),")
    with standing({str(sick.path): then}):
        assert rewrites(sick.run, (("use-adam", {}),))  # the calls below are where they were
