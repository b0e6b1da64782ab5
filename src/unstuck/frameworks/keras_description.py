"""A Keras model as a record describes it: its layers in the order in which they run, its wiring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from unstuck.findings import Location
from unstuck.frameworks import keras_wiring as wiring
from unstuck.frameworks.keras_batches import Judged
from unstuck.frameworks.keras_births import Births
from unstuck.frameworks.keras_layers import fans, units_first
from unstuck.frameworks.keras_taps import RECURRENT, Event

__all__ = ["Description", "describe", "json_of"]


@dataclass(frozen=True)
class Description:
    """What is known of a model's layers and wiring.

    Attributes:
        layers: What a record says of each layer with parameters, in the order in which they run.
        outputs: Names of the activations behind the last layer.
        chain: Operations from the loss back to the last layer.
        facts: Facts of the run.
    """

    layers: list[dict[str, Any]] = field(default_factory=list)
    outputs: frozenset[str] = frozenset()
    chain: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


def describe(
    model: Any,
    names: Mapping[int, tuple[str, Any]],
    owners: Mapping[str, tuple[Any, Sequence[Any]]],
    births: Births,
    events: Sequence[Event],
    losses: Judged,
) -> Description:
    """Return what one step's events say of a model.

    Args:
        model: The model, None if it is gone.
        names: id of each of its layers -> dotted name, layer.
        owners: Name of each layer that owns parameters -> the layer and these, its weight first.
        births: Where layers were constructed.
        events: What happened in the step, in order.
        losses: What its losses compared.
    """
    matrices = frozenset(n for n, (_, own) in owners.items() if len(own[0].shape) >= 2)
    found = wiring.read(
        events,
        matrices,
        _last_layers(model, names, matrices),
        [(loss.function, restored) for loss, restored in losses],
    )
    held = {id(v) for v in model.trainable_variables} if model is not None else set()
    layers: list[dict[str, Any]] = []
    for name, (layer, own) in owners.items():
        place = births.location(layer) or _parent_location(name, names, births)
        fan_in, fan_out = fans(layer, own[0].shape)
        shape = units_first(layer, np.empty(own[0].shape, dtype=np.bool_)).shape
        layers.append(
            {
                "name": name,
                "kind": type(layer).__name__,
                "shape": list(shape),
                "fan_in": fan_in,
                "fan_out": fan_out,
                "location": json_of(place),
                "trainable": bool(own[0].trainable),
                "optimized": id(own[0]) in held,
                "depth": len(owners),
                **found.layers.get(name, {}),
            }
        )
    # What is inside of these is not heard.
    deaf = [n for n, held in names.values() if isinstance(held, RECURRENT) and n in found.layers]
    inside = tuple(f"{name}." for name in deaf)
    facts = {
        "unused_layers": [n for n in owners if n not in found.layers and not n.startswith(inside)],
        "loss_inputs": found.inputs,
        "logits_taken": found.taken,
        "nonlinear": found.nonlinear,
        "unheld": [
            {"layer": layer.name, "location": json_of(births.location(layer)), "matrix": True}
            for layer in found.unheld[:32]
        ],
    }
    layers.sort(key=lambda layer: layer["depth"])
    return Description(layers, found.outputs, found.chain, facts)


def _parent_location(
    name: str, names: Mapping[int, tuple[str, Any]], births: Births
) -> Location | None:
    """Return the place of the nearest layer around `name` that has one."""
    by_name = dict(names.values())
    while "." in name:
        name = name.rpartition(".")[0]
        place = births.location(by_name.get(name))
        if place is not None:
            return place
    return None


def _last_layers(
    model: Any, names: Mapping[int, tuple[str, Any]], matrices: frozenset[str]
) -> frozenset[str]:
    """Return the last layers with weights on the way to each output, if the model's graph says."""
    outputs = getattr(model, "outputs", None)
    if not outputs or not type(model).__module__.startswith("keras."):
        return frozenset()
    found: set[str] = set()
    for output in outputs:
        stack, seen = [output], set()
        while stack:
            tensor = stack.pop()
            history = getattr(tensor, "_keras_history", None)
            if history is None or id(tensor) in seen:
                continue
            seen.add(id(tensor))
            name = names.get(id(history.operation), ("", None))[0]
            if hasattr(history.operation, "layers"):
                return frozenset()  # a model in the model: the order in which layers run decides
            if name in matrices:
                found.add(name)
                continue
            stack += history.operation._inbound_nodes[history.node_index].input_tensors
    return frozenset(found)


def json_of(place: Location | None) -> dict[str, Any] | None:
    """Return a location as it stands in a record."""
    return place.to_json() if place else None
