"""Where a value comes from: assignments, functions of the script, what cuts it off the graph."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from unstuck.sources.arrays import backwards
from unstuck.sources.script import FUNCTIONS, Function, Script, callee, dotted

__all__ = ["Cut", "Flow", "Names", "bound", "definitions", "quiet"]

Names = Mapping[str, "tuple[ast.expr, Names]"]
"""Parameter of a function -> what it is given there, with the caller's own such names."""

_SUFFIXES = ("detach", "item", "numpy", "tolist")
_WRAPPERS = ("tensor", "as_tensor", "from_numpy", "Variable", "FloatTensor", "asarray", "array")
_LEAVING = ("numpy", "item", "tolist", "asarray", "array", "float")
_BLIND = frozenset(
    {
        *("argmax", "argmin", "eq", "ne", "gt", "lt", "ge", "le", "round", "sign", "floor"),
        *("ceil", "long", "int", "bool", "size", "len", "range", "numel", "zeros_like"),
        *("ones_like", "isnan", "isfinite", "any", "all", "print"),
    }
)
"""What has no gradient anyway."""


@dataclass(frozen=True)
class Cut:
    """Something that takes a value off the graph.

    Attributes:
        node: The call, attribute, ``with`` or decorator.
        kind: ``suffix`` (``x.detach()``), ``wrapper`` (``torch.tensor(x)``), ``with``,
            ``decorator``.
        inner: The expression that is cut off.
    """

    node: ast.AST
    kind: str
    inner: ast.expr | None = None


def quiet(node: ast.AST) -> bool:
    """Return whether an expression is ``torch.no_grad()`` or the like."""
    last = (dotted(node.func if isinstance(node, ast.Call) else node) or "").rpartition(".")[2]
    if last == "set_grad_enabled" and isinstance(node, ast.Call):
        return [isinstance(a, ast.Constant) and a.value is False for a in node.args] == [True]
    return last in ("no_grad", "inference_mode")


def definitions(script: Script, name: ast.expr) -> list[tuple[ast.expr, ast.stmt]]:
    """Return what a name may be bound to where it is read, with the statements that do it.

    Only what stands before it counts: what a loop carries over to its next turn does not.
    """
    text, scope = dotted(name), script.scope(name)
    around = set(script.around(name))
    found: list[tuple[ast.expr, ast.stmt]] = []
    start = script.span(name)
    own = script.statement(name)
    places = [(node, stmt) for node, stmt in _bindings(scope, text) if script.span(stmt) < start]
    for node, statement in sorted(places, key=lambda p: script.span(p[1]), reverse=True):
        if script.scope(statement) is not scope or statement is own:
            continue
        found.append((node, statement))
        plain = not isinstance(statement, (ast.AugAssign, ast.Expr, ast.For, ast.With))
        if plain and _certain(script, statement, {own, *around}):
            break
    return found


def _certain(script: Script, statement: ast.stmt, later: set[ast.AST]) -> bool:
    """Return whether a statement was executed before one that stands after it."""
    while isinstance(around := script.parents[statement], ast.With):
        statement = around
    return any(each in later for each in script.block(statement))


def _bindings(scope: ast.AST, text: str | None) -> list[tuple[ast.expr, ast.stmt]]:
    found: list[tuple[ast.expr, ast.stmt]] = []
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                found += [(value, node) for value in bound(target, node.value, text)]
        elif isinstance(node, (ast.AugAssign, ast.AnnAssign)) and node.value is not None:
            found += [(node.value, node)] if dotted(node.target) == text else []
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            found += [(value, node) for value in bound(node.target, node.iter, text)]
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            call = node.value
            if callee(call) == "append" and isinstance(call.func, ast.Attribute):
                found += [(a, node) for a in call.args if dotted(call.func.value) == text]
    return found


def bound(target: ast.expr, value: ast.expr, text: str | None) -> list[ast.expr]:
    """Return what an assignment binds the name `text` to, [] if it does not."""
    if dotted(target) == text:
        return [value]
    if not isinstance(target, (ast.Tuple, ast.List)):
        return []
    parts: list[ast.expr] = [value] * len(target.elts)
    if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
        parts = value.elts
    pairs = zip(target.elts, parts, strict=True)
    return [found for each, part in pairs for found in bound(each, part, text)]


@dataclass
class Flow:
    """The ways from a value back to some calls, and what lies on them.

    Attributes:
        script: The script.
        target: Says of a call whether it is one of those that are looked for.
        ways: For each way that was found, the cuts on it.
        names: The names on these ways.
        numpy: Calls of numpy's functions and of arrays' methods on these ways.
        certain: Whether everything on these ways is understood.
    """

    script: Script
    target: Callable[[ast.Call], bool]
    ways: list[tuple[Cut, ...]] = field(default_factory=list)
    names: set[ast.expr] = field(default_factory=set)
    numpy: set[ast.Call] = field(default_factory=set)
    certain: bool = True
    _open: list[ast.AST] = field(default_factory=list)

    def follow(
        self,
        node: ast.AST,
        cuts: tuple[Cut, ...] = (),
        names: Names | None = None,
        *,
        live: bool = True,
    ) -> bool:
        """Walk from a value back; return whether any of the calls was reached.

        Args:
            node: The value's expression.
            cuts: What cuts it off so far.
            names: What the parameters of its function are given.
            live: Whether a gradient could go this way at all.
        """
        if any(node is each for each in self._open) or len(self._open) > 200:
            return False
        self._open.append(node)
        try:
            return self._follow(node, cuts, names or {}, live)
        finally:
            self._open.pop()

    def _follow(self, node: ast.AST, cuts: tuple[Cut, ...], names: Names, live: bool) -> bool:
        cut = self.cut(node)
        if cut is not None and cut.inner is not None:
            return self.follow(cut.inner, (*cuts, cut), names, live=live)
        if isinstance(node, ast.Call):
            return self._call(node, cuts, names, live)
        if isinstance(node, ast.Compare):
            live = False
        if isinstance(node, ast.Subscript) and backwards(node):
            return self._index(node, cuts, names, live)
        if isinstance(node, ast.Name) or (
            isinstance(node, ast.Attribute) and (dotted(node) or "").startswith("self.")
        ):
            return self._name(node, cuts, names, live)
        if isinstance(node, (ast.ListComp, ast.GeneratorExp)):
            parts: list[ast.AST] = [node.elt, *(each.iter for each in node.generators)]
        else:
            parts = list(ast.iter_child_nodes(node))
        found = [self.follow(part, cuts, names, live=live) for part in parts]
        return any(found)

    def cut(self, node: ast.AST) -> Cut | None:
        """Return what an expression cuts off, None if it is no such thing."""
        if isinstance(node, ast.Attribute) and node.attr == "data":
            return Cut(node, "suffix", node.value)
        if not isinstance(node, ast.Call):
            return None
        name = callee(node)
        if name in _SUFFIXES and not node.args and isinstance(node.func, ast.Attribute):
            return Cut(node, "suffix", node.func.value)
        wrapped = name in _WRAPPERS or (name == "float" and isinstance(node.func, ast.Name))
        one = len(node.args) == 1 and not isinstance(node.args[0], (ast.List, ast.Tuple))
        if wrapped and one and not isinstance(node.args[0], ast.Starred):
            return Cut(node, "wrapper", node.args[0])
        return None

    def _call(self, node: ast.Call, cuts: tuple[Cut, ...], names: Names, live: bool) -> bool:
        reached = False
        if self.target(node):
            reached = True
            if live:
                self.ways.append(cuts)
        if callee(node) in _BLIND:
            live = False
        function = self.script.called(node)
        if isinstance(function, FUNCTIONS) and not reached:
            return self._enter(function, node, cuts, names, live)
        parts = [*node.args, *(word.value for word in node.keywords)]
        if isinstance(node.func, ast.Attribute):
            parts.append(node.func.value)
        known = len(self.ways)
        found = [self.follow(part, cuts, names, live=live) for part in parts]
        of_numpy = self.script.full_name(node.func).startswith("numpy.")
        if any(found) and (of_numpy or self._among_arrays(cuts, known)):
            self.numpy.add(node)
        return reached or any(found)

    def _index(self, node: ast.Subscript, cuts: tuple[Cut, ...], names: Names, live: bool) -> bool:
        """Follow what is read backwards, which only arrays can be."""
        reached = self.follow(node.value, cuts, names, live=live)
        self.certain = self.certain and not reached
        return reached

    def _among_arrays(self, cuts: tuple[Cut, ...], known: int) -> bool:
        """Return whether the ways found since `known` leave torch before some cuts come back."""
        back = bool(cuts) and cuts[-1].kind == "wrapper"
        return back and any(
            callee(cut.node) in _LEAVING
            for way in self.ways[known:]
            for cut in way[len(cuts) :]
            if isinstance(cut.node, ast.Call)
        )

    def _enter(
        self, function: Function, call: ast.Call, cuts: tuple[Cut, ...], names: Names, live: bool
    ) -> bool:
        given = _arguments(function, call, names)
        cuts = (*cuts, *(Cut(each, "decorator") for each in function.decorator_list if quiet(each)))
        found = [
            self.follow(value, (*cuts, *_quiet_around(self.script, value, ())), given, live=live)
            for node in ast.walk(function)
            if isinstance(node, ast.Return) and self.script.scope(node) is function
            if (value := node.value) is not None
        ]
        return any(found)

    def _name(self, node: ast.expr, cuts: tuple[Cut, ...], names: Names, live: bool) -> bool:
        reached = False
        for value, statement in definitions(self.script, node):
            more = _quiet_around(self.script, statement, set(self.script.around(node)))
            reached |= self.follow(value, (*cuts, *more), names, live=live)
            if isinstance(statement, ast.AugAssign) and reached:
                self.names.add(statement.target)
        text = dotted(node) or ""
        if text in names and not _rebound(self.script, node):
            value, outer = names[text]
            reached |= self.follow(value, cuts, outer, live=live)
        if reached:
            self.names.add(node)
        return reached


def _rebound(script: Script, node: ast.expr) -> bool:
    scope = script.scope(node)
    return any(
        script.parents[statement] is scope and isinstance(statement, ast.Assign)
        for _, statement in definitions(script, node)
    )


def _quiet_around(script: Script, node: ast.AST, beyond: object) -> list[Cut]:
    """Return the ``with torch.no_grad()`` around a node, up to its function or `beyond`."""
    found: list[Cut] = []
    outer = beyond if isinstance(beyond, set) else set()
    for each in script.around(node):
        if isinstance(each, FUNCTIONS) or each in outer:
            break
        if isinstance(each, ast.With) and any(quiet(item.context_expr) for item in each.items):
            found.append(Cut(each, "with"))
    return found


def _arguments(function: Function, call: ast.Call, names: Names) -> Names:
    """Return what the parameters of a function are given by a call."""
    parameters = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
    if parameters[:1] == ["self"] and isinstance(call.func, ast.Attribute):
        parameters = parameters[1:]
    given = dict(zip(parameters, call.args, strict=False))
    given.update({word.arg: word.value for word in call.keywords if word.arg})
    return {name: (value, names) for name, value in given.items()}
