"""Gradients through time: a weight that one forward pass uses again and again.

A recurrent layer has one gradient for all its time steps, in which the late ones drown the early
ones. Autograd still holds each use as a node of its own (``nn.RNN`` on the CPU and every cell
written by hand; a fused kernel on an accelerator shows none), so the gradient that reaches a use
can be measured where it passes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from unstuck.frameworks import torch_measure as measure
from unstuck.frameworks.torch_wiring import Graph

__all__ = ["listen", "repeated", "through_time"]

USES = 8
"""Uses of one weight in one pass from which on it counts as recurrent."""


def repeated(root: Any, owners: Mapping[str, Sequence[Tensor]]) -> dict[str, list[Any]]:
    """Return for each layer with a weight used at least USES times the nodes of these uses.

    Args:
        root: The loss's autograd node.
        owners: Layer -> its parameters.
    """
    matrices = {
        id(p): f"{name}\0{index}"
        for name, own in owners.items()
        for index, p in enumerate(own)
        if p.ndim >= 2
    }
    graph = Graph.read(root, matrices)
    uses: dict[str, list[Any]] = {}
    by_weight: dict[str, list[Any]] = defaultdict(list)
    for node, weights in graph.owners.items():
        for weight in weights:
            by_weight[weight].append(node)
    for weight, nodes in by_weight.items():
        name = weight.partition("\0")[0]
        if len(nodes) >= max(USES, len(uses.get(name, ())) + 1):
            uses[name] = nodes
    return uses


def listen(nodes: Sequence[Any]) -> list[Tensor]:
    """Return a list that the coming backward fills with each node's gradient size, latest first."""
    sizes: list[Tensor] = []

    def note(gradients: Sequence[Tensor | None]) -> None:
        if gradients and gradients[0] is not None:
            sizes.append(measure.rms(measure.thin(gradients[0])))

    for node in nodes:
        node.register_prehook(note)
    return sizes


def through_time(sizes: Sequence[Tensor]) -> Tensor | None:
    """Return the gradient at the earliest use over that at the latest, None if too few passed."""
    return sizes[-1] / sizes[0].clamp_min(1e-30) if len(sizes) >= USES else None
