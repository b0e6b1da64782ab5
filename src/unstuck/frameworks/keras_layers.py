"""The layers of a Keras model: their names, what they own, and what shape that has.

Kernels are described as everywhere in a record: output units first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from keras.src import layers

from unstuck.frameworks.array_measure import Array

__all__ = ["fans", "layer_names", "owners", "units_first"]

_WHOLE = (layers.RNN,)
"""Layers whose parts hold their variables but are no layers of the model."""
_UNTURNED = (layers.Embedding,)


def layer_names(model: Any) -> dict[int, tuple[str, Any]]:
    """Return id -> (dotted name, layer) of a model and all layers inside it.

    A layer of the model has its own name; one inside another layer that layer's in front of it. The
    model itself is called by its name.
    """
    names: dict[int, tuple[str, Any]] = {id(model): (model.name, model)}
    taken = {model.name}
    for name, layer in _inside(model, ""):
        if id(layer) not in names:
            while name in taken:
                name += "_"
            taken.add(name)
            names[id(layer)] = (name, layer)
    return names


def _inside(owner: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for layer in owner._layers:
        name = f"{prefix}{layer.name}"
        yield name, layer
        if not isinstance(layer, _WHOLE):
            yield from _inside(layer, f"{name}.")


def owners(names: Mapping[int, tuple[str, Any]]) -> dict[str, tuple[Any, list[Any]]]:
    """Return for each layer that owns parameters the layer and these, its weight first.

    The weight is the largest matrix, or the first parameter where there is no matrix.
    """
    found: dict[str, tuple[Any, list[Any]]] = {}
    seen: set[int] = set()
    for name, layer in names.values():
        parts = layer._flatten_layers() if isinstance(layer, _WHOLE) else [layer]
        own = [v for part in parts for v in part._trainable_variables if id(v) not in seen]
        if not own:
            continue
        seen.update(map(id, own))
        matrices = [v for v in own if len(v.shape) >= 2]
        weight = max(matrices, key=lambda v: math.prod(v.shape)) if matrices else own[0]
        found[name] = (layer, [weight, *(v for v in own if v is not weight)])
    return found


def _order(layer: Any, shape: Sequence[int]) -> tuple[int, ...]:
    """Return which axes of a weight come first: outputs, inputs, then those of the kernel."""
    rank = len(shape)
    if rank < 2 or isinstance(layer, _UNTURNED):
        return tuple(range(rank))
    kind = type(layer).__name__
    if kind.startswith(("Conv", "DepthwiseConv", "SeparableConv")):
        turned = (rank - 1, rank - 2)
        if "Transpose" in kind or kind.startswith("DepthwiseConv"):
            turned = (rank - 2, rank - 1)
        return (*turned, *range(rank - 2))
    return (rank - 1, *range(rank - 1))


def units_first(layer: Any, weight: Array) -> Array:
    """Return a layer's weight or its gradient with the output units first."""
    if isinstance(layer, layers.EinsumDense) and weight.ndim >= 2:
        inputs, outputs = _einsum(layer)
        return np.transpose(weight, (*outputs, *inputs)).reshape(
            math.prod(weight.shape[i] for i in outputs), -1
        )
    return np.transpose(weight, _order(layer, weight.shape))


def fans(layer: Any, shape: Sequence[int]) -> tuple[int, int]:
    """Return fan-in and fan-out of a weight of that shape, as Keras stores it."""
    if len(shape) < 2:
        return 0, 0
    if isinstance(layer, layers.EinsumDense):
        inputs, outputs = _einsum(layer)
        return math.prod(shape[i] for i in inputs), math.prod(shape[i] for i in outputs)
    first, second, *kernel = (shape[axis] for axis in _order(layer, shape))
    window = math.prod(kernel)
    if type(layer).__name__.startswith("DepthwiseConv"):
        return window, second * window  # each channel by itself
    return second * window, first * window


def _einsum(layer: Any) -> tuple[list[int], list[int]]:
    """Return the axes of an einsum's kernel that are summed over, and those that it puts out."""
    given, put = layer.equation.replace(" ", "").split("->")
    kernel = given.split(",")[1]
    outputs = [i for i, label in enumerate(kernel) if label in put]
    return [i for i in range(len(kernel)) if i not in outputs], outputs
