"""What a remedy changes in a script that writes its updates out: ``w -= rate * w.grad``.

There is no optimizer whose construction a live treatment could wait for, so that trials execute the
edited script.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from unstuck.edits import Insert, ReplaceCall, Rewrite
from unstuck.remedies import Change
from unstuck.signals import Activation, Run
from unstuck.sources.numbers import literal, written
from unstuck.sources.penalties import shown
from unstuck.sources.script import FUNCTIONS, Script, callee, dotted

__all__ = ["HandSubject"]

_NAMESPACES = {"relu": "torch"}


@dataclass(frozen=True)
class _Update:
    """A statement that moves a parameter.

    Attributes:
        statement: It.
        name: What it calls the parameter.
        step: The expression that it moves it by.
    """

    statement: ast.stmt
    name: str
    step: ast.expr


class HandSubject:
    """What a remedy changes in such a script: activations, matrices, the step.

    Args:
        run: The untreated run; its optimizer's ``step_location`` is the call of ``backward`` or
            ``torch.autograd.grad``.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.script = Script.read(run.optimizer.step_location)
        node = self.script.at(run.optimizer.step_location) if self.script else None
        self._backward = node
        self._kinds: dict[str, str] = {}
        self._loops = self.script.loops(node) if self.script and node is not None else []

    # ------------------------------------------------------------------ activations

    def hidden(self, kinds: Iterable[str]) -> list[Activation]:
        """Return the hidden activations of some kinds whose calls make no other activation."""
        wanted = set(kinds)
        outputs = {act.location for act in self.run.activations if act.output}
        return [
            act
            for act in self.run.activations
            if act.kind in wanted and act.location is not None and act.location not in outputs
        ]

    def replace_activations(
        self, activations: Iterable[Activation], name: str, kind: str, **settings: float
    ) -> list[Change]:
        """Make some activations another one.

        Args:
            activations: Which; modules and functional calls.
            name: Class in `torch.nn`, such as ``LeakyReLU``.
            kind: The kind that this is, also its function's name.
            settings: Arguments of that class and function.
        """
        arguments = {key: shown(value) for key, value in settings.items()}
        changes: dict[str, Change] = {}
        for act in activations:
            script = Script.read(act.location)
            call = script.at(act.location) if script is not None else None
            if call is None or act.location is None or callee(call).endswith("_"):
                continue
            to, keep = f"{_NAMESPACES.get(kind, 'torch.nn.functional')}.{kind}", 1
            if not act.functional:
                to, keep = f"torch.nn.{name}", 0
            what = f"{act.name}: {callee(call)} -> {name if not act.functional else kind}"
            edit = ReplaceCall(act.location, callee(call), to, keep, arguments)
            changes.setdefault(str(act.location), Change(what, edit, (act.name,)))
            self._kinds[act.kind] = kind
        return list(changes.values())

    def fed(self) -> Counter[str]:
        """Count the kinds of activation that hidden layers feed, as remedies have left them."""
        return Counter(
            self._kinds.get(layer.activation, layer.activation)
            for layer in self.run.weights
            if layer.activation and layer.matrix and not layer.output
        )

    # ------------------------------------------------------------------ matrices

    def initialize(self, draw: str, transposed: str, *, comment: str, what: str) -> list[Change]:
        """Draw the matrices anew, in a loop before the training.

        Args:
            draw: Statement that draws ``$module.weight`` where its rows are units.
            transposed: The same where its columns are.
            comment: For the source.
            what: For the report.
        """
        tensors = self._tensors()
        if tensors is None or self.script is None or not self._loops:
            return []
        statement = transposed if self.run.facts.get("by_columns") else draw
        weight = self._unused("weight")
        lines = (
            f"with torch.random.fork_rng():  # {comment}\n"
            f"    for {weight} in {tensors}:\n"
            f"        if {weight}.ndim == 2:\n"
            f"            {statement.replace('$module.weight', weight)}\n"
        )
        place = self.script.location(_head(self._loops[-1]))
        return [Change(f"{what} of {tensors}", Insert(place, lines))]

    def _unused(self, name: str) -> str:
        assert self.script is not None
        while any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(self.script.tree)):
            name += "_"
        return name

    # ------------------------------------------------------------------ the step

    def scale_rate(self, factor: float) -> list[Change]:
        """Multiply the learning rate, where the updates write it."""
        if self.script is None:
            return []
        script, rates = self.script, [rate for u in self._updates() if (rate := _rate(u))]
        edits: dict[Rewrite, None] = {}
        for rate in rates:
            places = written(script, rate, rates)
            for place in places:
                edits[script.replace(place, shown((literal(place) or 0.0) * factor))] = None
            if not places and script.editable(rate):
                edits[script.replace(rate, f"{shown(factor)} * {script.text(rate)}")] = None
        return [Change(f"learning rate x {factor:g}", edit) for edit in edits]

    def clip(self, norm: float) -> list[Change]:
        """Clip the gradients behind ``backward``, which leaves them in ``.grad``."""
        tensors, call = self._tensors(), self._backward
        if tensors is None or call is None or callee(call) != "backward":
            return []
        line = f"torch.nn.utils.clip_grad_norm_({tensors}, max_norm={norm!r})\n"
        place = self.run.optimizer.step_location
        assert place is not None
        return [Change(f"gradients clipped to norm {norm:g}", Insert(place, line, "after"))]

    # ------------------------------------------------------------------ updates

    def _tensors(self) -> str | None:
        """Return what the script calls all that it moves, None if it cannot be said."""
        if not self._loops or self.script is None:
            return None
        direct = self._direct()
        held = list(dict.fromkeys(_iterated(self.script, u) or u.name for u in direct))
        if held:
            if _iterated(self.script, direct[0]) is not None:
                return held[0] if len(held) == 1 else None
            return f"({', '.join(held)})" if len(held) > 1 else f"({held[0]},)"
        called = {
            text
            for call, function in self._functions()
            for update in _moves(function)
            if (text := self._given(call, function, _iterated(self.script, update)))
        }
        return called.pop() if len(called) == 1 else None

    def _direct(self) -> list[_Update]:
        return list(_moves(self._loops[0])) if self._loops else []

    def _updates(self) -> list[_Update]:
        return self._direct() or [u for _, function in self._functions() for u in _moves(function)]

    def _functions(self) -> Iterator[tuple[ast.Call, ast.AST]]:
        """Yield the script's own functions that the innermost loop calls."""
        for node in ast.walk(self._loops[0]) if self._loops and self.script else ():
            if isinstance(node, ast.Call) and self.script is not None:
                function = self.script.called(node)
                if isinstance(function, FUNCTIONS):
                    yield node, function

    def _given(self, call: ast.Call, function: ast.AST, name: str | None) -> str | None:
        """Return what a function is given for a parameter."""
        if not isinstance(function, FUNCTIONS) or self.script is None or name is None:
            return None
        names = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
        names = names[self.script.owner(function) is not None :]
        given = {word.arg: word.value for word in call.keywords}
        given |= dict(zip(names, call.args, strict=False))
        return self.script.text(given[name]) if name in given else None


def _head(loop: ast.For | ast.AsyncFor | ast.While) -> ast.expr:
    return loop.test if isinstance(loop, ast.While) else loop.iter


def _moves(within: ast.AST) -> Iterator[_Update]:
    """Yield the statements that move a parameter in place by something made of gradients."""
    for node in ast.walk(within):
        target: ast.expr | None = None
        steps: Sequence[ast.expr] = ()
        if isinstance(node, ast.AugAssign) and isinstance(node.op, (ast.Sub, ast.Add)):
            target, steps = node.target, [node.value]
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
            moved = isinstance(target, ast.Attribute) and target.attr == "data"
            steps = [node.value] if moved else ()
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            method = node.value.func
            if isinstance(method, ast.Attribute) and method.attr in ("sub_", "add_"):
                target = method.value
                steps = [*node.value.args, *(word.value for word in node.value.keywords)]
        if isinstance(target, ast.Attribute) and target.attr == "data":
            target = target.value
        name = dotted(target) if target is not None else None
        if name is None or not steps or not isinstance(node, ast.stmt):
            continue
        if name.endswith("grad") or not _downhill(node, name):
            continue
        joined = steps[0] if len(steps) == 1 else ast.Tuple(list(steps), ast.Load())
        yield _Update(node, name, joined)


def _downhill(statement: ast.stmt, name: str) -> bool:
    """Return whether a statement subtracts something that is multiplied: ``p -= rate * g``."""
    text = ast.unparse(statement)
    scaled = any(
        isinstance(n, ast.BinOp) and isinstance(n.op, ast.Mult) for n in ast.walk(statement)
    )
    signed = "alpha" in text or "-" in text or ".sub_(" in text
    return (scaled or "alpha" in text) and signed and name in text


def _iterated(script: Script, update: _Update) -> str | None:
    """Return over what a loop goes whose variable is the parameter, None without such a loop."""
    for around in script.around(update.statement):
        if isinstance(around, FUNCTIONS):
            return None
        if not isinstance(around, ast.For):
            continue
        targets = around.target.elts if isinstance(around.target, ast.Tuple) else [around.target]
        names = [dotted(target) for target in targets]
        if update.name not in names:
            continue
        given = around.iter
        index = names.index(update.name)
        if isinstance(given, ast.Call) and callee(given) == "zip" and index < len(given.args):
            return script.text(given.args[index])
        return script.text(given) if len(names) == 1 else None
    return None


def _rate(update: _Update) -> ast.expr | None:
    """Return the factor of an update that is its learning rate, None if it is not certain."""
    found: list[ast.expr] = []
    for node in ast.walk(update.step):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            found += [side for side in (node.left, node.right) if _plain(side, update.name)]
    call = update.statement.value if isinstance(update.statement, ast.Expr) else None
    for word in call.keywords if isinstance(call, ast.Call) else ():
        if word.arg == "alpha":
            sign = isinstance(word.value, ast.UnaryOp)
            found.append(word.value.operand if sign else word.value)  # type: ignore[attr-defined]
    named = [n for n in found if any(w in (dotted(n) or "").lower() for w in ("lr", "rate", "eta"))]
    chosen = named or found
    return chosen[0] if len(chosen) == 1 else None


def _plain(node: ast.expr, name: str) -> bool:
    """Return whether a factor is a number, or a name that is no gradient."""
    if literal(node) is not None:
        return True
    text = dotted(node)
    return text is not None and not text.startswith(name) and "grad" not in text
