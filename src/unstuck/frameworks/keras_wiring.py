"""How a Keras model is wired, read from the events of one training step.

Layers, activations and the loss are met in the order in which they run, which says what names and
lists of layers do not: which activation a layer's output reaches first, which layer is the last,
and what the loss is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from keras.src import layers

from unstuck.frameworks.keras_losses import INSIDE
from unstuck.frameworks.keras_taps import Event

__all__ = ["Wiring", "read"]

NORMS = (
    layers.BatchNormalization,
    layers.LayerNormalization,
    layers.GroupNormalization,
    layers.UnitNormalization,
)
_LOGITS = ("cross_entropy", "binary_cross_entropy_with_logits")
_LINEAR = (
    *(layers.Dense, layers.EinsumDense, layers.Conv1D, layers.Conv2D, layers.Conv3D),
    *(layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose),
    *(layers.DepthwiseConv1D, layers.DepthwiseConv2D, layers.SeparableConv1D),
    *(layers.SeparableConv2D, layers.BatchNormalization, layers.Dropout, layers.Activation),
    *(layers.SpatialDropout1D, layers.SpatialDropout2D, layers.SpatialDropout3D),
    *(layers.Flatten, layers.Reshape, layers.Permute, layers.RepeatVector, layers.InputLayer),
    *(layers.Add, layers.Average, layers.Subtract, layers.Concatenate, layers.Rescaling),
    *(layers.Normalization, layers.AveragePooling1D, layers.AveragePooling2D),
    *(layers.GlobalAveragePooling1D, layers.GlobalAveragePooling2D, layers.ZeroPadding1D),
    *(layers.ZeroPadding2D, layers.Cropping1D, layers.Cropping2D, layers.UpSampling1D),
    *(layers.UpSampling2D, layers.GaussianNoise, layers.GaussianDropout, layers.Identity),
)
"""Layers that are linear in evaluation, but for an activation of their own."""


@dataclass
class Wiring:
    """How a model is wired.

    Attributes:
        layers: Name of each layer that ran -> what is known: ``depth``, ``output``, ``activation``,
            ``activation_name``, ``normalized``, ``residual``.
        outputs: Names of the activations behind the last layer.
        chain: Operations from the loss back to the last layer.
        inputs: For each loss what it does first, what made its predictions, the activation's name.
        taken: The activation whose inputs Keras takes for the logits that it was promised, or None.
        nonlinear: Whether anything between the layers is more than linear.
        unheld: Layers with parameters that ran but belong to no model that is trained.
    """

    layers: dict[str, dict[str, Any]] = field(default_factory=dict)
    outputs: frozenset[str] = frozenset()
    chain: list[str] = field(default_factory=list)
    inputs: list[list[Any]] = field(default_factory=list)
    taken: str | None = None
    nonlinear: bool = True
    unheld: list[Any] = field(default_factory=list)


def read(
    events: Sequence[Event],
    matrices: frozenset[str],
    last: frozenset[str],
    losses: Sequence[tuple[str | None, bool]],
) -> Wiring:
    """Read the wiring of a model from the events of a step.

    Args:
        events: What happened, in order.
        matrices: Names of the layers with a weight matrix.
        last: Names of the layers behind which no other has weights, as far as the model says it;
            empty if it does not.
        losses: For each loss its function, and whether Keras takes the logits in place of the
            probabilities that it is given.
    """
    ran = [e for e in events if e.what in ("layer", "activation")]
    weighted = [e for e in ran if e.what == "layer" and e.name in matrices and e.slots]
    ends = last or frozenset(e.name for e in weighted[-1:])
    wiring = Wiring()
    for event in ran:
        if event.what == "layer" and event.slots and event.name not in wiring.layers:
            wiring.layers[event.name] = {
                "depth": len(wiring.layers),
                "output": event.name in ends,
                **_next(ran, ran.index(event), matrices),
            }
    behind = {name: wiring.layers[name] for name in ends if name in wiring.layers}
    wiring.outputs = frozenset(
        facts["activation_name"] for facts in behind.values() if facts["activation_name"]
    )
    kinds = {e.name: e.facts["kind"] for e in ran if e.what == "activation"}
    wiring.inputs = [
        _given(function, restored, behind, kinds)
        for function, restored in losses
        if function is not None
    ][:8]
    promised = any(restored and function in _LOGITS for function, restored in losses)
    wiring.taken = next(
        (n for n in wiring.outputs if promised and kinds.get(n) in ("softmax", "sigmoid")), None
    )
    wiring.chain = [part for given in wiring.inputs[:1] for part in _chain(losses[0][0], given)]
    wiring.nonlinear = _nonlinear(ran, ends, wiring.outputs)
    wiring.unheld = [
        e.source
        for e in ran
        if e.what == "layer" and not e.facts["known"] and e.source.trainable_weights
    ]
    return wiring


def _next(ran: Sequence[Event], start: int, matrices: frozenset[str]) -> dict[str, Any]:
    """Return the activation that a layer's output reaches, if it does before the next layer."""
    found: dict[str, Any] = {
        "activation": None,
        "activation_name": None,
        "normalized": False,
        "residual": False,
    }
    for event in ran[start + 1 :]:
        if event.what == "activation":
            found["activation"], found["activation_name"] = event.facts["kind"], event.name
            return found
        if event.name in matrices and event.slots:
            break
        found["normalized"] = found["normalized"] or isinstance(event.source, NORMS)
        found["residual"] = found["residual"] or isinstance(event.source, layers.Add)
    own = _own_activation(ran[start].source)
    return {**found, "activation": own, "normalized": False, "residual": False}


def _own_activation(layer: Any) -> str | None:
    """Return the name of a layer's activation that is no event of its own, None if it is linear."""
    if isinstance(layer, layers.RNN):  # it acts inside of the layer, at every step of a sequence
        return None
    function = getattr(layer, "activation", None)
    name = getattr(function, "__name__", type(function).__name__)
    return None if function is None or name == "linear" else str(name)


def _given(
    function: str | None,
    restored: bool,
    behind: Mapping[str, Mapping[str, Any]],
    kinds: Mapping[str, str],
) -> list[Any]:
    """Return what a loss does first, what made its predictions, and that activation's name."""
    names = [facts["activation_name"] for facts in behind.values()]
    name = names[-1] if names else None
    made_by = kinds.get(name or "", "linear")
    if restored and function in _LOGITS and made_by in ("softmax", "sigmoid"):
        made_by, name = "linear", None
    return [INSIDE.get(function or "", function), made_by, name]


def _chain(function: str | None, given: Sequence[Any]) -> list[str]:
    inside = ["nll_loss", given[0]] if function in INSIDE else [given[0]]
    return [*inside, *([given[1]] if given[1] != "linear" else []), "dense"]


def _nonlinear(ran: Sequence[Event], ends: frozenset[str], outputs: frozenset[str]) -> bool:
    """Return whether anything between the layers is more than linear, or may be."""
    for event in ran:
        if event.what == "activation":
            if event.name not in outputs:
                return True
        elif event.name not in ends and (
            _own_activation(event.source) is not None
            or not (isinstance(event.source, _LINEAR) or _container(event.source))
        ):
            return True
    return False


def _container(layer: Any) -> bool:
    """Return whether a layer only runs the layers that it is made of."""
    return type(layer).__module__.startswith("keras.") and hasattr(layer, "layers")
