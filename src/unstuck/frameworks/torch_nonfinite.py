"""Where a NaN or an infinity came from, read from the graph of the step whose loss is not finite.

Autograd keeps what it needs for the backward pass: inputs of some operations, results of others.
Going from the inputs towards the loss, the first kept tensor that is not finite tells which
operation made it. Nothing is computed again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from unstuck.frameworks.limits import LIMITS, STEEP
from unstuck.frameworks.torch_wiring import Graph, operation

__all__ = ["holders", "origin"]

_RESULTS = ("_saved_result", "_saved_output", "_saved_result0", "_saved_out")
_INPUTS = ("_saved_self", "_saved_input", "_saved_mat1", "_saved_other", "_saved_target")
_OPERANDS = {"_saved_other": 1, "_saved_target": 1, "_saved_mat1": 1}
"""Which operand is kept under a name, where it is not the first."""
_PASSING = frozenset(
    {"view", "reshape_alias", "unsafe_view", "squeeze", "unsqueeze", "transpose", "permute", "t"}
    | {"expand", "slice", "select", "clone", "to_copy", "neg", "sum", "mean"}
)
"""Operations of one operand that put out what is not finite only where they are given it."""
_OUTSIDE: Mapping[str, Callable[[Tensor], Tensor]] = {
    "log": lambda value: value <= 0,
    "log2": lambda value: value <= 0,
    "log10": lambda value: value <= 0,
    "log1_p": lambda value: value <= -1,
    "div": lambda value: value == 0,
    "acos": lambda value: value.abs() > 1,
}
"""Operations that keep what they were given, and where that has no finite result."""
_FRAMES = 16


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


def _given(node: Any) -> tuple[Tensor | None, Any]:
    """Return where the first kept operand that is not finite is not, and the node that made it."""
    for name in _INPUTS:
        bad = _broken(_kept(node, (name,)))
        if bad is not None:
            index = min(_OPERANDS.get(name, 0), len(node.next_functions) - 1)
            child = node.next_functions[index][0] if index >= 0 else None
            while child is not None and operation(child) in _PASSING:
                child = child.next_functions[0][0]
            return bad, child
    return None, None


def origin(loss: Tensor, owners: Mapping[str, Sequence[Tensor]]) -> dict[str, Any]:
    """Return what made a loss non-finite: a sentence under ``what``, a layer, an operation.

    ``cause`` is ``step`` (the weights were destroyed before), ``input``, ``operation`` or ``loss``;
    ``divisor`` says of a division by zero the ``least`` divisor, and whether all are ``whole``
    numbers, as counts are; ``steep`` are the graph's operations with an infinite slope somewhere,
    the nearest to the loss first; ``in_a_row`` is how often the operation follows upon itself,
    other ones in between.

    Args:
        loss: The loss, before backward.
        owners: Layer name -> its parameters.
    """
    graph = Graph.read(loss.grad_fn, {id(p): n for n, own in owners.items() for p in own})
    found = _origin(graph, owners)
    found["steep"] = list(_steep(graph))
    if found.get("operation") == "div":
        found["divisor"] = _divisor(graph)
    if found.get("operation"):
        found["in_a_row"] = _in_a_row(graph, found["operation"])
    return found


def _divisor(graph: Graph) -> dict[str, Any] | None:
    """Return what is known of the divisors of the first division by zero, None if all are zero."""
    for node in reversed(graph.nodes):
        for value in _kept(node, ("_saved_other",)) if operation(node) == "div" else ():
            zeros = value == 0
            if bool(zeros.any()) and not bool(zeros.all()):
                whole = bool((value == value.round()).all())
                return {"least": float(value.detach().min()), "whole": whole}
    return None


def holders(frame: FrameType | None) -> list[dict[str, Any]]:
    """Return the variables around a frame whose values are not finite: tensors and arrays.

    Each has ``name``, ``function`` (None at the top of a file), ``file``, ``shape``, ``tensor``
    (whether it is one), ``dead``, the number of columns without any finite value, and ``infinite``,
    whether it has infinite values too.
    """
    found: list[dict[str, Any]] = []
    for _ in range(_FRAMES):
        if frame is None:
            break
        top = frame.f_locals is frame.f_globals
        function = None if top else frame.f_code.co_name
        where = {"function": function, "file": frame.f_code.co_filename}
        found += [{**where, **each} for each in _held(frame.f_locals)]
        frame = frame.f_back
    return found[:_FRAMES]


def _held(names: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    numpy = sys.modules.get("numpy")
    for name, held in list(names.items()):
        value = held
        if numpy is not None and type(held) is numpy.ndarray and held.dtype.kind == "f":
            value = torch.as_tensor(held)
        if not isinstance(value, Tensor) or value.ndim == 0 or value.grad_fn is not None:
            continue
        if isinstance(value, torch.nn.Parameter) or not name.isidentifier() or _finite(value):
            continue
        bad = ~torch.isfinite(value.detach()).reshape(len(value), -1)
        yield {
            "name": name,
            "shape": list(value.shape),
            "tensor": value is held,
            "dead": int(bad.all(dim=0).sum()),
            "infinite": bool(torch.isinf(value.detach()).any()),
        }


def _steep(graph: Graph) -> Iterator[str]:
    seen: set[str] = set()
    for node in graph.nodes:
        name = operation(node)
        exponent = getattr(node, "_saved_exponent", 0.5) if name == "pow" else 0.5
        whole = isinstance(exponent, (int, float)) and exponent >= 1
        whole = whole or (name == "div" and _by_number(node))
        if name in STEEP and name not in seen and not whole:
            seen.add(name)
            yield name


def _by_number(node: Any) -> bool:
    """Return whether a division is by a plain number, which torch keeps in double precision."""
    kept = _kept(node, ("_saved_other",))
    return any(other.ndim == 0 and other.dtype in (torch.float64, torch.int64) for other in kept)


def _in_a_row(graph: Graph, name: str) -> int:
    """Return how many nodes of an operation the way from the inputs to the loss has at most."""
    waiting = {node: len(graph.consumers.get(node, ())) for node in graph.nodes}
    longest = dict.fromkeys(graph.nodes, 0)
    ready = [node for node, users in waiting.items() if not users]
    while ready:
        node = ready.pop()
        longest[node] += operation(node) == name
        for child, _ in node.next_functions:
            if child not in longest:
                continue
            longest[child] = max(longest[child], longest[node])
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    return max(longest.values())


def _origin(graph: Graph, owners: Mapping[str, Sequence[Tensor]]) -> dict[str, Any]:
    destroyed = [name for name, own in owners.items() if not all(_finite(p) for p in own)]
    if destroyed:
        steep = [STEEP[name] for name in _steep(graph)]
        what = f"the step before destroyed the weights of `{destroyed[0]}`"
        if len(destroyed) > 1:
            what += f" and {len(destroyed) - 1} more layers"
        if steep:
            what += f"; the loss contains {steep[0]}"
        return {"what": what, "layer": destroyed[0], "cause": "step"}
    for node in reversed(graph.nodes):
        name = operation(node)
        layer = next(iter(graph.owners.get(node, ())), None)
        bad, child = _given(node)
        if bad is not None:
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
                "what": LIMITS.get(made, f"the operation {made} put it out"),
                "layer": next(iter(graph.owners.get(child, ())), None),
                "operation": made,
                "cause": "operation",
                **_rows(bad),
            }
        bad = _broken(_kept(node, _RESULTS))
        if bad is not None:
            return {
                "what": LIMITS.get(name, f"the operation {name} put it out"),
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
                return {"what": LIMITS[name], "operation": name, "cause": "operation", **where}
    return {"what": "the loss function itself put it out", "cause": "loss"}
