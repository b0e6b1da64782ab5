"""The calls of a Keras script: which class they construct, and where its arguments stand."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from unstuck.findings import Location
from unstuck.sources.script import Script, callee, dotted

__all__ = ["COMPILE", "FIT", "POSITIONS", "KerasCall", "assigned", "given", "keras_call"]

_CONV = ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate")
_DEPTHWISE = ("kernel_size", "strides", "padding", "depth_multiplier", "data_format")
_OPTIMIZED = ("weight_decay", "clipnorm", "clipvalue", "global_clipnorm")
COMPILE = ("optimizer", "loss", "loss_weights", "metrics", "weighted_metrics")
FIT = (
    *("x", "y", "batch_size", "epochs", "verbose", "callbacks", "validation_split"),
    *("validation_data", "shuffle", "class_weight", "sample_weight"),
)
POSITIONS: Mapping[str, Sequence[str]] = {
    "Dense": ("units", "activation", "use_bias", "kernel_initializer", "bias_initializer"),
    "EinsumDense": ("equation", "output_shape", "activation", "bias_axes", "kernel_initializer"),
    **dict.fromkeys(
        ("Conv1D", "Conv2D", "Conv3D"),
        (*_CONV, "groups", "activation", "use_bias", "kernel_initializer", "bias_initializer"),
    ),
    **dict.fromkeys(
        ("Conv1DTranspose", "Conv2DTranspose"),
        (*_CONV[:4], "output_padding", *_CONV[4:], "activation", "use_bias", "kernel_initializer"),
    ),
    "Conv3DTranspose": (*_CONV[:5], "output_padding", "dilation_rate", "activation", "use_bias"),
    **dict.fromkeys(
        ("DepthwiseConv1D", "DepthwiseConv2D"),
        (*_DEPTHWISE, "dilation_rate", "activation", "use_bias"),
    ),
    **dict.fromkeys(
        ("SeparableConv1D", "SeparableConv2D"),
        (*_CONV, "depth_multiplier", "activation", "use_bias"),
    ),
    "Activation": ("activation",),
    "Dropout": ("rate",),
    "SGD": ("learning_rate", "momentum", "nesterov", *_OPTIMIZED),
    "Adam": ("learning_rate", "beta_1", "beta_2", "epsilon", "amsgrad", *_OPTIMIZED),
    "AdamW": ("learning_rate", "weight_decay", "beta_1", "beta_2", "epsilon", "amsgrad"),
    "RMSprop": ("learning_rate", "rho", "momentum", "epsilon", "centered", *_OPTIMIZED),
    **dict.fromkeys(
        ("Nadam", "Adamax"), ("learning_rate", "beta_1", "beta_2", "epsilon", *_OPTIMIZED)
    ),
    "Adagrad": ("learning_rate", "initial_accumulator_value", "epsilon", *_OPTIMIZED),
    "Adadelta": ("learning_rate", "rho", "epsilon", *_OPTIMIZED),
    "Lion": ("learning_rate", "beta_1", "beta_2", *_OPTIMIZED),
    **dict.fromkeys(
        ("BinaryCrossentropy", "CategoricalCrossentropy", "SparseCategoricalCrossentropy"),
        ("from_logits",),
    ),
    **dict.fromkeys(
        ("ExponentialDecay", "CosineDecay", "PolynomialDecay", "InverseTimeDecay"),
        ("initial_learning_rate", "decay_steps"),
    ),
    "RNN": ("cell",),
    "add_weight": ("shape", "initializer"),
    "compile": COMPILE,
    "fit": FIT,
}
"""Names of the first parameters of what remedies edit, in order, as of Keras 3.15."""


@dataclass(frozen=True)
class KerasCall:
    """A call of something of Keras.

    Attributes:
        script: The script it is in.
        node: The call.
        location: Its span.
        name: The class that it constructs, or the function or method that it calls, by its own
            name: ``Dense``, ``compile``.
        package: What that is in: ``keras.layers``; "" for methods of the script's objects.
        partial: A ``functools.partial`` that the call goes through, None if there is none.
    """

    script: Script
    node: ast.Call
    location: Location
    name: str
    package: str
    partial: ast.Call | None = None

    @property
    def positions(self) -> tuple[str, ...]:
        """Names of its positional parameters, as far as they are known."""
        return () if self.partial is not None else tuple(POSITIONS.get(self.name, ()))

    @property
    def given(self) -> Mapping[str, ast.expr]:
        """Arguments that are written in the call itself, by name."""
        return given(self.node, self.positions)

    def argument(self, name: str) -> ast.expr | None:
        """Return an argument, in the call or in the partial call behind it."""
        behind = given(self.partial, ()) if self.partial is not None else {}
        return self.given.get(name, behind.get(name))

    @property
    def expects(self) -> str:
        """What the call names, for an edit's check."""
        return callee(self.node)


def given(call: ast.Call, positions: Sequence[str]) -> dict[str, ast.expr]:
    """Return the arguments that are written in a call, by name; none behind a starred one."""
    found: dict[str, ast.expr] = {}
    for name, value in zip(positions, call.args, strict=False):
        if isinstance(value, ast.Starred):
            break
        found[name] = value
    return found | {word.arg: word.value for word in call.keywords if word.arg is not None}


def keras_call(location: Location | None) -> KerasCall | None:
    """Return the call at a location, None where it is not surely one of Keras.

    A class under another name, by import or assignment, is followed, and so is a ``partial``. A
    method (``compile``, ``fit``) counts where the run saw it called.
    """
    script = Script.read(location)
    node = script.at(location) if script is not None else None
    if script is None or node is None or location is None or not script.editable(node):
        return None
    if callee(node) in ("compile", "fit") and isinstance(node.func, ast.Attribute):
        return KerasCall(script, node, location, node.func.attr, "")
    full, partial = _meaning(script, node.func), None
    if full is None and isinstance(node.func, ast.Name):
        partial = next(_partials(script, node.func.id), None)
        full = _meaning(script, partial.args[0]) if partial is not None else None
    if full is None:
        return None
    package, _, name = full.rpartition(".")
    return KerasCall(script, node, location, name, package, partial)


def _meaning(script: Script, node: ast.expr, depth: int = 0) -> str | None:
    """Return the full name of something of Keras or TensorFlow, None for anything else."""
    full = script.full_name(node)
    if full.partition(".")[0] in ("keras", "tensorflow", "jax"):
        return full
    if isinstance(node, ast.Name):
        stars = [s for s in script.stars() if s.startswith(("keras", "tensorflow"))]
        if len(stars) == 1 and node.id in POSITIONS:
            return f"{stars[0]}.{node.id}"
        values = list(assigned(script, node.id))
        if len(values) == 1 and depth < 3 and isinstance(values[0], (ast.Name, ast.Attribute)):
            return _meaning(script, values[0], depth + 1)
    return None


def _partials(script: Script, name: str) -> Iterator[ast.Call]:
    values = list(assigned(script, name))
    for value in values[:1] if len(values) == 1 else ():
        if isinstance(value, ast.Call) and callee(value) == "partial" and len(value.args) == 1:
            yield value


def assigned(script: Script, name: str) -> Iterator[ast.expr]:
    """Yield what a script assigns to a name, in any of its scopes."""
    for node in ast.walk(script.tree):
        targets = node.targets if isinstance(node, ast.Assign) else ()
        if isinstance(node, ast.Assign) and any(dotted(target) == name for target in targets):
            yield node.value
