"""Layers of a Keras script's own classes: what their weights are drawn from, what they compute."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from unstuck.findings import Location
from unstuck.sources.keras_calls import KerasCall, assigned, given
from unstuck.sources.script import Script, callee, dotted

__all__ = ["OwnLayer", "applied", "own_layer", "square"]

_PRODUCTS = frozenset({"matmul", "dot", "einsum", "tensordot", "conv", "conv1d", "conv2d"})
"""What a layer with a matrix calls; an embedding looks rows up instead."""


@dataclass(frozen=True)
class OwnLayer:
    """A call that constructs a layer of a class of the script.

    Attributes:
        script: The script, which holds both.
        call: The call.
        kind: The class.
    """

    script: Script
    call: ast.Call
    kind: ast.ClassDef

    @property
    def location(self) -> Location:
        """Where the call is."""
        return self.script.location(self.call)

    def matrices(self) -> list[KerasCall]:
        """Return the calls that add weights of two dimensions or more; none of an embedding's."""
        calls = [node for node in ast.walk(self.kind) if isinstance(node, ast.Call)]
        multiplied = any(callee(call) in _PRODUCTS for call in calls)
        if not multiplied and not any(isinstance(n, ast.MatMult) for n in ast.walk(self.kind)):
            return []
        places = [(call, self.script.location(call)) for call in calls]
        made = [KerasCall(self.script, call, place, callee(call), "") for call, place in places]
        return [
            each
            for each in made
            if dotted(each.node.func) == "self.add_weight" and len(sides(each)) >= 2
        ]

    def given(self, activation: str) -> tuple[str, ast.expr] | None:
        """Return the argument that names an activation, in the call or as its default.

        Args:
            activation: Its kind: ``tanh``.

        Returns:
            The parameter of ``__init__`` and what it is given; None where not exactly one names it.
        """
        found = [(n, v) for n, v in self._arguments() if _named(v) == activation]
        return found[0] if len(found) == 1 else None

    @property
    def positions(self) -> tuple[str, ...]:
        """Names of the positional parameters of ``__init__``, without ``self``."""
        init = self._init()
        return tuple(arg.arg for arg in init.args.args[1:]) if init is not None else ()

    def _init(self) -> ast.FunctionDef | None:
        own = (n for n in self.kind.body if isinstance(n, ast.FunctionDef) and n.name == "__init__")
        return next(own, None)

    def _arguments(self) -> Iterator[tuple[str, ast.expr]]:
        init = self._init()
        written = given(self.call, self.positions)
        if init is not None:
            places, words = init.args.args, init.args.kwonlyargs
            held = places[len(places) - len(init.args.defaults) :]
            defaults = dict(zip((arg.arg for arg in held), init.args.defaults, strict=True))
            pairs = zip(words, init.args.kw_defaults, strict=True)
            defaults |= {word.arg: value for word, value in pairs if value is not None}
            written = defaults | written
        yield from written.items()


def own_layer(location: Location | None) -> OwnLayer | None:
    """Return the construction of a layer of the script's own at a location, None for others."""
    script = Script.read(location)
    call = script.at(location) if script is not None else None
    if script is None or call is None or not script.editable(call):
        return None
    kind = script.called(call)
    return OwnLayer(script, call, kind) if isinstance(kind, ast.ClassDef) else None


def _named(value: ast.expr) -> str:
    """Return the activation that an argument names: ``"tanh"``, ``keras.activations.tanh``."""
    if isinstance(value, ast.Constant):
        return str(value.value)
    return (dotted(value) or "").rpartition(".")[2]


def sides(made: KerasCall) -> list[ast.expr]:
    """Return the lengths in the shape of a weight that a call adds; empty if they are not known."""
    shape = made.argument("shape")
    if isinstance(shape, ast.Name):
        stored = list(assigned(made.script, shape.id))
        shape = stored[0] if len(stored) == 1 else None
    return shape.elts if isinstance(shape, (ast.Tuple, ast.List)) else []


def square(made: KerasCall) -> bool:
    """Return whether a weight leads from as many units to as many: from a state to the next."""
    return len({ast.dump(side) for side in sides(made)[-2:]}) == 1


def applied(location: Location | None) -> str | None:
    """Return the class whose layers apply an activation of their own: ``self.activation(x)``.

    None for what is called in another way.
    """
    script = Script.read(location)
    call = script.at(location) if script is not None else None
    if script is None or call is None or not (dotted(call.func) or "").startswith("self."):
        return None
    kind = script.owner(call)
    return kind.name if kind is not None else None
