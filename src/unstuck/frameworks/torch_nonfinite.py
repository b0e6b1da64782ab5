"""Where a NaN or an infinity came from, read from the graph of the step whose loss is not finite.

Autograd keeps what it needs for the backward pass: inputs of some operations, results of others.
Going from the inputs towards the loss, the first kept tensor that is not finite tells which
operation made it. Nothing is computed again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from unstuck.frameworks.torch_wiring import Graph, operation

__all__ = ["origin"]

_RESULTS = ("_saved_result", "_saved_output", "_saved_result0", "_saved_out")
_INPUTS = ("_saved_self", "_saved_input", "_saved_mat1", "_saved_other", "_saved_target")
_LIMITS: Mapping[str, str] = {
    "log": "the logarithm of zero or of a negative number",
    "log2": "the logarithm of zero or of a negative number",
    "log10": "the logarithm of zero or of a negative number",
    "log1_p": "the logarithm of zero or of a negative number",
    "div": "a division by zero",
    "reciprocal": "a division by zero",
    "sqrt": "the root of a negative number",
    "rsqrt": "one over the root of zero",
    "exp": "an exponential of something large",
    "pow": "a power beyond all numbers",
    "acos": "an arc cosine outside [-1, 1]",
}
_OUTSIDE: Mapping[str, Callable[[Tensor], Tensor]] = {
    "log": lambda value: value <= 0,
    "log2": lambda value: value <= 0,
    "log10": lambda value: value <= 0,
    "log1_p": lambda value: value <= -1,
    "div": lambda value: value == 0,
    "acos": lambda value: value.abs() > 1,
}
"""Operations that keep what they were given, and where that has no finite result."""
_STEEP: Mapping[str, str] = {
    "sqrt": "a root, whose slope at zero is infinite",
    "rsqrt": "one over a root, whose slope at zero is infinite",
    "linalg_vector_norm": "a norm, whose slope at zero is not defined",
    "norm": "a norm, whose slope at zero is not defined",
    "pow": "a power, whose slope at zero may be infinite",
    "acos": "an arc cosine, whose slope at its ends is infinite",
    "log": "a logarithm, whose slope at zero is infinite",
    "div": "a division, whose slope at zero is infinite",
}


def _finite(value: Any) -> bool:
    if not isinstance(value, Tensor) or not value.is_floating_point():
        return True
    return bool(torch.isfinite(value.detach()).all())


def _rows(bad: Tensor) -> dict[str, Any]:
    """Return which rows of the batch hold a bad value, given where the values are bad."""
    if bad.ndim == 0 or bad.shape[0] < 2:
        return {}
    rows = bad.reshape(bad.shape[0], -1).any(dim=1).nonzero().reshape(-1).tolist()
    return {"rows": rows[:8], "bad_rows": len(rows), "batch": bad.shape[0]}


def _broken(tensors: Sequence[Tensor]) -> Tensor | None:
    """Return where the first tensor that is not finite is not, None if all are."""
    value = next((value for value in tensors if not _finite(value)), None)
    return None if value is None else ~torch.isfinite(value.detach())


def _kept(node: Any, names: Sequence[str]) -> list[Tensor]:
    found = []
    for name in names:
        try:
            value = getattr(node, name, None)
        except RuntimeError:  # freed, or changed in place since
            continue
        if isinstance(value, Tensor):
            found.append(value)
    return found


def origin(loss: Tensor, owners: Mapping[str, Sequence[Tensor]]) -> dict[str, Any]:
    """Return what made a loss non-finite: a sentence under ``what``, a layer, an operation.

    Args:
        loss: The loss, before backward.
        owners: Layer name -> its parameters.
    """
    destroyed = [name for name, own in owners.items() if not all(_finite(p) for p in own)]
    graph = Graph.read(loss.grad_fn, {id(p): n for n, own in owners.items() for p in own})
    if destroyed:
        steep = [_STEEP[o] for o in map(operation, graph.nodes[:200]) if o in _STEEP]
        what = f"the step before destroyed the weights of `{destroyed[0]}`"
        if len(destroyed) > 1:
            what += f" and {len(destroyed) - 1} more layers"
        if steep:
            what += f"; the loss contains {steep[0]}"
        return {"what": what, "layer": destroyed[0], "cause": "step"}
    for node in reversed(graph.nodes):
        name = operation(node)
        layer = next(iter(graph.owners.get(node, ())), None)
        bad = _broken(_kept(node, _INPUTS))
        if bad is not None:
            child = next((c for c, _ in node.next_functions if c is not None), None)
            if child is None or operation(child) == "accumulate_grad":
                return {
                    "what": "the data that the model was given is not finite",
                    "layer": layer,
                    "operation": name,
                    "cause": "input",
                    **_rows(bad),
                }
            made = operation(child)
            return {
                "what": _LIMITS.get(made, f"the operation {made} put it out"),
                "layer": next(iter(graph.owners.get(child, ())), None),
                "operation": made,
                "cause": "operation",
                **_rows(bad),
            }
        bad = _broken(_kept(node, _RESULTS))
        if bad is not None:
            return {
                "what": _LIMITS.get(name, f"the operation {name} put it out"),
                "layer": layer,
                "operation": name,
                "cause": "operation",
                **_rows(bad),
            }
    for node in reversed(graph.nodes):  # made by the last operations, which keep nothing
        name = operation(node)
        outside = _OUTSIDE.get(name)
        for value in _kept(node, _INPUTS) if outside else ():
            bad = outside(value.detach()) if outside else value
            if bad.any():
                where = _rows(bad)
                return {"what": _LIMITS[name], "operation": name, "cause": "operation", **where}
    return {"what": "the loss function itself put it out", "cause": "loss"}
