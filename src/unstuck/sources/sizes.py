"""The sizes of layers: which arguments say them, and how to make hidden layers wider."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from unstuck.edits import Rewrite
from unstuck.evidence import hidden_units, units
from unstuck.signals import Layer, Run
from unstuck.sources.destinations import Use, uses
from unstuck.sources.script import Script, callee, inside

__all__ = ["bottlenecks", "widened"]

Role = Literal["in", "out", "both"]
Slot = tuple[Layer, Role]
"""A size of a layer: of what it takes, of what it puts out, or of both (a normalization)."""

_CONV = ("in_channels", "out_channels")
_NORM = ("num_features",)
_RECURRENT = ("input_size", "hidden_size")
_ARGUMENTS: Mapping[str, Sequence[str]] = {
    "Linear": ("in_features", "out_features"),
    **{f"Conv{n}d": _CONV for n in (1, 2, 3)},
    **{f"{kind}{cell}": _RECURRENT for kind in ("RNN", "GRU", "LSTM") for cell in ("", "Cell")},
    **{f"{kind}Norm{n}d": _NORM for kind in ("Batch", "Instance") for n in (1, 2, 3)},
    "Embedding": ("num_embeddings", "embedding_dim"),
    "LayerNorm": ("normalized_shape",),
    "GroupNorm": ("num_groups", "num_channels"),
}
"""Constructors of layers with their first parameters."""
_CONVOLUTIONS = [kind for kind, names in _ARGUMENTS.items() if names is _CONV]
_GATED = [kind for kind, names in _ARGUMENTS.items() if names is _RECURRENT]
_ROLES: Mapping[str, Role] = {
    **dict.fromkeys(("in_features", "in_channels", "input_size"), "in"),
    **dict.fromkeys(("out_features", "out_channels", "hidden_size", "embedding_dim"), "out"),
    **dict.fromkeys(("num_features", "normalized_shape", "num_channels"), "both"),
}
_SHAPED = frozenset({"zeros", "new_zeros", "view", "reshape"})
"""Calls that take sizes and whose results have no values of their own."""


def bottlenecks(run: Run) -> set[int]:
    """Return the units of layers that are narrow on purpose: an autoencoder's middle.

    An autoencoder puts out as much as it takes; its middle has fewer units than what is around.
    """
    weights = [la for la in run.layers if la.matrix]
    found = list(hidden_units(run).values())
    if len(found) < 3 or units(weights[-1]) != weights[0].fan_in:
        return set()
    low = min(found)
    return {low} if low < found[0] and low < found[-1] else set()


def widened(script: Script, run: Run, wanted: Iterable[int], factor: int) -> list[Rewrite]:
    """Return the edits that make hidden layers wider, with all that depends on their sizes.

    Args:
        script: Where the layers are constructed.
        run: A run of it.
        wanted: Layers with so many units are made wider, the first of them for certain.
        factor: How many times as many units they get.

    Returns:
        Nothing where a size that would have to change with the others cannot be found, or also
        means something else.
    """
    values = list(dict.fromkeys(wanted))
    model = _Model(script, run)
    while values:
        numbers = model.numbers(values)
        odd = model.torn(numbers, values)
        if not odd:
            return [script.replace(n, str(int(str(n.value)) * factor)) for n in numbers]
        if values[0] in odd:
            return []
        values = [value for value in values if value not in odd]
    return []


class _Model:
    """The layers of a run and the calls of its script that construct them."""

    def __init__(self, script: Script, run: Run) -> None:
        self.script = script
        self.layers = run.layers
        self.hidden = hidden_units(run)
        self.made: dict[ast.Call, list[Layer]] = {}
        for layer in run.layers:
            call = script.at(layer.location)
            if call is not None and callee(call) == layer.kind:
                self.made.setdefault(call, []).append(layer)
        self._ways: dict[ast.Constant, list[Use] | None] = {}
        self._numbers = [
            node
            for node in ast.walk(script.tree)
            if isinstance(node, ast.Constant) and type(node.value) is int and script.editable(node)
        ]

    # ------------------------------------------------------------------ what has to change

    def needed(self, value: int) -> set[Slot] | None:
        """Return the sizes that change together with hidden layers of `value` units.

        None where a layer has such a size that cannot be told, or whose output nobody takes.
        """
        found: set[Slot] = set()
        first = None
        for index, layer in enumerate(self.layers):
            sizes = _sizes(layer)
            if sizes is None:
                if any(size % value == 0 for size in layer.shape):
                    return None
                continue
            if sizes.get("out") == value and layer.name in self.hidden:
                taken = self._taken(index, value)
                if not taken:
                    return None
                found |= {(layer, "out"), *taken}
                first = index if first is None else first
            if sizes.get("in") == value and first is not None and index > first:
                found.add((layer, "in"))
            if sizes.get("both") == value and first is not None:
                found.add((layer, "both"))
        return found

    def _taken(self, index: int, value: int) -> set[Slot]:
        """Return the sizes of later layers that take what a layer puts out."""
        layer = self.layers[index]
        later = [(la, (_sizes(la) or {}).get("in")) for la in self.layers[index + 1 :] if la.matrix]
        found: set[Slot] = {(la, "in") for la, size in later if size == value}
        for following, size in later[:1]:
            both = layer.kind in _GATED and size == 2 * value  # directions
            flattened = layer.kind in _CONVOLUTIONS and size and size % value == 0
            if size == 0 or ((both or flattened) and not found):
                found.add((following, "in"))
        return found

    # ------------------------------------------------------------------ what can change

    def numbers(self, values: Sequence[int]) -> list[ast.Constant]:
        """Return the numbers of the script that are nothing but the sizes to change."""
        needed = {slot for value in values for slot in self.needed(value) or ()}
        found: list[ast.Constant] = []
        products: set[tuple[ast.Call, str | int]] = set()
        for node in self._numbers:
            reached = self.reached(node)
            if not reached or not reached <= needed or not self._fits(node, values, reached):
                continue
            ways = [(use.call, use.argument) for use in self._ways[node] or () if use.computed]
            own = {way for way in ways if inside(node, [way[0]])}
            if not own & products:  # of 8 * 8 * 8, one
                found.append(node)
            products |= own
        return found

    def _fits(self, node: ast.Constant, values: Sequence[int], reached: set[Slot]) -> bool:
        """Return whether a number is one of `values`, or a size that is a multiple of one."""
        sizes = {(_sizes(layer) or {}).get(role, 0) for layer, role in reached}
        return node.value in values or node.value in sizes

    def torn(self, numbers: Iterable[ast.Constant], values: Sequence[int]) -> set[int]:
        """Return the values of which some sizes would change and others would not."""
        slots = [slot for node in numbers for slot in self.reached(node) or ()]
        changed = set(slots)
        odd = set()
        for value in values:
            needed = self.needed(value)
            if not needed or not needed <= changed:
                odd.add(value)
        return odd

    def reached(self, node: ast.Constant) -> set[Slot] | None:
        """Return the sizes that a number of the script is, None if it is also something else."""
        if node not in self._ways:
            self._ways[node] = uses(self.script, node)
        ways = self._ways[node]
        if ways is None:
            return None
        found: set[Slot] = set()
        for use in ways:
            role = self._role(use)
            if role is None:
                if callee(use.call) in _SHAPED and use.call not in self.made:
                    continue
                return None
            layers = self.made.get(use.call, [])
            if not layers:
                return None  # a layer of which nothing is known
            for layer in layers:
                size = (_sizes(layer) or {}).get(role, 0)
                if use.computed or size in (0, node.value):
                    found.add((layer, role))
        return found

    def _role(self, use: Use) -> Role | None:
        """Return which size of a layer an argument is."""
        names = _ARGUMENTS.get(callee(use.call), ())
        name = use.argument
        if isinstance(name, int):
            name = names[name] if name < len(names) else ""
        return _ROLES.get(name) if names else None


def _sizes(layer: Layer) -> dict[Role, int] | None:
    """Return the sizes of a layer, 0 for one that is not known; None for an unknown kind."""
    names = _ARGUMENTS.get(layer.kind)
    if names is None or not layer.shape:
        return None
    if names is _RECURRENT:
        return {"in": 0, "out": units(layer)}
    if layer.kind == "Embedding":
        return {"out": units(layer)}
    if len(layer.shape) == 1:
        return {"both": layer.shape[0]}
    return {"in": layer.shape[1], "out": layer.shape[0]}
