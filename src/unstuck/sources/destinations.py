"""Where a number of a script goes: through variables, defaults, settings and lists, to calls."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeGuard

from unstuck.sources.script import FUNCTIONS, Function, Script, callee, dotted

__all__ = ["Use", "uses"]

_Step = str | frozenset[int] | None
"""One step into a container: a key or attribute, an index (from both ends), any index."""
_Path = tuple[_Step, ...]
_Scope = Function | ast.Module

_BUILTIN = frozenset({"len", "zip", "enumerate", "pairwise", "list", "tuple", "reversed", "int"})
_SPACES = frozenset({"dict", "SimpleNamespace", "Namespace"})


class _UnclearError(Exception):
    """The number goes where it cannot be followed."""


@dataclass(frozen=True)
class Use:
    """An argument of a call of something that the script does not define.

    Attributes:
        call: The call.
        argument: The argument's name, or its position.
        computed: Whether it is not the number itself, but a product or a quotient of it.
    """

    call: ast.Call
    argument: str | int
    computed: bool = False


def uses(script: Script, number: ast.Constant) -> list[Use] | None:
    """Return the calls that a written-out number comes to.

    Followed are assignments, parameters and their defaults, attributes, dicts, namespaces, classes
    of settings, options of argparse, lists and loops over them, products and whole quotients.
    Texts made of it (``print``, f-strings) do not count.

    Returns:
        None where any of its ways cannot be followed for certain.
    """
    way = _Way(script)
    try:
        way.on(number, (), computed=False)
    except (_UnclearError, RecursionError):
        return None
    return way.found


class _Way:
    def __init__(self, script: Script) -> None:
        self.script = script
        self.found: list[Use] = []
        self.seen: set[tuple[ast.AST, _Path, bool]] = set()

    def on(self, node: ast.expr, path: _Path, *, computed: bool) -> None:
        """Follow a number from an expression that holds it at `path`."""
        if (node, path, computed) in self.seen:
            return
        self.seen.add((node, path, computed))
        around = self.script.parents[node]
        if isinstance(around, ast.Assign):
            for target in around.targets:
                self._bind(target, path, computed=computed)
        elif isinstance(around, (ast.AnnAssign, ast.NamedExpr)):
            self._bind(around.target, path, computed=computed)
            if isinstance(around, ast.NamedExpr):
                self.on(around, path, computed=computed)
        elif isinstance(around, (ast.List, ast.Tuple)):
            self.on(around, (_place(around.elts, node), *path), computed=computed)
        elif isinstance(around, ast.Starred) and path:
            self.on_all(self._containers(around), (None, *path[1:]), computed=computed)
        elif isinstance(around, ast.Dict):
            self.on(around, (self._key(around, node), *path), computed=computed)
        elif isinstance(around, ast.keyword):
            self._keyword(around, path, computed=computed)
        elif isinstance(around, ast.Call) and node is not around.func:
            self._given(around, around.args.index(node), path, computed=computed)
        elif isinstance(around, ast.arguments):
            self._default(around, node, path)
        elif isinstance(around, ast.BinOp):
            self._operand(around, path)
        elif _passes(around, node):
            self.on(around, path, computed=computed)
        elif isinstance(around, ast.Subscript) and node is around.value:
            self._subscript(around, path, computed=computed)
        elif isinstance(around, (ast.For, ast.comprehension)) and node is around.iter:
            if not path or isinstance(path[0], str):
                raise _UnclearError
            self._bind(around.target, path[1:], computed=computed)
        elif isinstance(around, ast.Attribute):
            self._attribute(around, path, computed=computed)
        elif isinstance(around, ast.Return):
            function = self.script.scope(around)
            self.on_all(self._calls(function), path, computed=computed)
        elif not isinstance(around, (ast.Expr, ast.FormattedValue)):
            raise _UnclearError

    def on_all(self, nodes: Iterable[ast.expr], path: _Path, *, computed: bool) -> None:
        """Follow it from several expressions."""
        for node in nodes:
            self.on(node, path, computed=computed)

    # ------------------------------------------------------------------ containers

    def _containers(self, node: ast.expr) -> list[ast.expr]:
        around = self.script.parents[node]
        if not isinstance(around, (ast.List, ast.Tuple)):
            raise _UnclearError
        return [around]

    def _key(self, held: ast.Dict, node: ast.expr) -> str:
        if node not in held.values:
            raise _UnclearError
        key = held.keys[held.values.index(node)]
        if not (isinstance(key, ast.Constant) and isinstance(key.value, str)):
            raise _UnclearError
        return key.value

    def _subscript(self, node: ast.Subscript, path: _Path, *, computed: bool) -> None:
        if not path or not isinstance(node.ctx, ast.Load):
            raise _UnclearError
        head, rest = path[0], path[1:]
        if isinstance(node.slice, ast.Slice) and not isinstance(head, str):
            self.on(node, (None, *rest), computed=computed)
            return
        index = _constant(node.slice)
        if isinstance(head, str) and not isinstance(index, str):
            raise _UnclearError
        other = index != head if isinstance(head, str) else head is not None and index not in head
        if index is None or not other:
            self.on(node, rest, computed=computed)

    def _attribute(self, node: ast.Attribute, path: _Path, *, computed: bool) -> None:
        if not path or not isinstance(path[0], str):
            raise _UnclearError
        around = self.script.parents[node]
        if node.attr == path[0]:
            if not isinstance(node.ctx, ast.Load):
                raise _UnclearError
            self.on(node, path[1:], computed=computed)
        elif isinstance(around, ast.Call) and around.func is node:
            if node.attr != "get" or not around.args:
                raise _UnclearError  # items, update, ...: any key
            if _constant(around.args[0]) == path[0]:
                self.on(around, path[1:], computed=computed)

    def _operand(self, around: ast.BinOp, path: _Path) -> None:
        if path and isinstance(around.op, ast.Add) and not isinstance(path[0], str):
            self.on(around, (None, *path[1:]), computed=False)
        elif not path and isinstance(around.op, (ast.Mult, ast.FloorDiv)):
            self.on(around, (), computed=True)
        else:
            raise _UnclearError

    # ------------------------------------------------------------------ calls

    def _keyword(self, word: ast.keyword, path: _Path, *, computed: bool) -> None:
        call = self.script.parents[word]
        if not isinstance(call, ast.Call):
            raise _UnclearError
        if word.arg is not None:
            self._given(call, word.arg, path, computed=computed)
        elif path and isinstance(path[0], str):
            self._given(call, path[0], path[1:], computed=computed, all_words=True)
        else:
            raise _UnclearError

    def _given(
        self,
        call: ast.Call,
        argument: str | int,
        path: _Path,
        *,
        computed: bool,
        all_words: bool = False,
    ) -> None:
        """Follow it into an argument of a call."""
        name = callee(call)
        called = self.script.called(call)
        if called is not None:
            if any(isinstance(other, ast.Starred) for other in call.args):
                raise _UnclearError
            self._into(call, called, argument, path, computed=computed)
        elif name == "print":
            return
        elif name in _SPACES and isinstance(argument, str):
            self.on(call, (argument, *path), computed=computed)
        elif name == "add_argument" and argument == "default":
            for parsed in self._parsings():
                self.on(parsed, (_option(call), *path), computed=computed)
        elif name in _BUILTIN and isinstance(argument, int) and isinstance(call.func, ast.Name):
            self._builtin(call, name, argument, path, computed=computed)
        elif path or all_words:
            raise _UnclearError
        else:
            self.found.append(Use(call, argument, computed))

    def _builtin(
        self, call: ast.Call, name: str, argument: int, path: _Path, *, computed: bool
    ) -> None:
        if name == "int":
            self.on(call, path, computed=computed)
            return
        if not path or isinstance(path[0], str):
            raise _UnclearError
        pairs: dict[str, _Path] = {
            "zip": (None, frozenset({argument})),
            "enumerate": (None, frozenset({1})),
            "pairwise": (None, None),
            "reversed": (None,),
            "list": path[:1],
            "tuple": path[:1],
        }
        if name != "len":
            self.on(call, (*pairs[name], *path[1:]), computed=computed)

    def _parsings(self) -> list[ast.Call]:
        found = [
            node
            for node in ast.walk(self.script.tree)
            if isinstance(node, ast.Call) and callee(node) == "parse_args"
        ]
        if len(found) != 1:
            raise _UnclearError
        return found

    def _into(
        self,
        call: ast.Call,
        called: Function | ast.ClassDef,
        argument: str | int,
        path: _Path,
        *,
        computed: bool,
    ) -> None:
        """Follow it into a function or class of the script."""
        function = called if isinstance(called, FUNCTIONS) else None
        if isinstance(called, ast.ClassDef):
            function = next(
                (n for n in called.body if isinstance(n, FUNCTIONS) and n.name == "__init__"), None
            )
            if function is None:
                self.on(call, (_field(called, argument), *path), computed=computed)
                return
        if function is None:
            raise _UnclearError
        given = function.args
        names = [each.arg for each in (*given.posonlyargs, *given.args)]
        method = isinstance(self.script.parents[function], ast.ClassDef)
        static = any(dotted(each) == "staticmethod" for each in function.decorator_list)
        if isinstance(argument, int):
            index = argument + (method and not static)
            if index >= len(names):
                raise _UnclearError
            argument = names[index]
        elif argument not in (*names, *(each.arg for each in given.kwonlyargs)):
            raise _UnclearError
        self._reads(argument, function, path, computed=computed)

    def _default(self, given: ast.arguments, node: ast.expr, path: _Path) -> None:
        function = self.script.parents[given]
        if not isinstance(function, FUNCTIONS):
            raise _UnclearError
        names = [each.arg for each in (*given.posonlyargs, *given.args)]
        if node in given.defaults:
            name = names[len(names) - len(given.defaults) + given.defaults.index(node)]
        else:
            name = given.kwonlyargs[given.kw_defaults.index(node)].arg
        self._reads(name, function, path, computed=False)

    def _calls(self, function: _Scope) -> list[ast.Call]:
        """Return the calls of a function, all of which must be known."""
        name = getattr(function, "name", "")
        found = [
            node
            for node in ast.walk(self.script.tree)
            if isinstance(node, ast.Call) and self.script.called(node) is function
        ]
        named = [
            node
            for node in ast.walk(self.script.tree)
            if isinstance(node, (ast.Name, ast.Attribute))
            and (dotted(node) or "").rpartition(".")[2] == name
        ]
        if not found or len(named) != len(found):
            raise _UnclearError
        return found

    # ------------------------------------------------------------------ names

    def _bind(self, target: ast.expr, path: _Path, *, computed: bool) -> None:
        """Follow it from what it is assigned to."""
        if isinstance(target, (ast.Tuple, ast.List)):
            if not path or isinstance(path[0], str):
                raise _UnclearError
            for each in target.elts:
                head, place = path[0], _place(target.elts, each)
                if head is None or place is None or place & head:
                    self._bind(each, path[1:], computed=computed)
        elif isinstance(target, ast.Name):
            around = self.script.parents[self.script.statement(target)]
            if isinstance(around, ast.ClassDef) and self._is_field(target):
                self._members(target.id, around, path, computed=computed)
            else:
                self._reads(target.id, self._within(target), path, computed=computed)
        elif isinstance(target, ast.Attribute) and dotted(target.value) == "self":
            kind = self.script.owner(target)
            if kind is None:
                raise _UnclearError
            self._members(target.attr, kind, path, computed=computed)
        else:
            raise _UnclearError

    def _is_field(self, target: ast.Name) -> bool:
        return self.script.statement(target) is self.script.parents[target]

    def _within(self, target: ast.Name) -> ast.AST:
        """Return where a bound name can be read: its scope, or the comprehension it belongs to."""
        for each in self.script.around(target):
            if isinstance(each, (ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp)):
                return each
            if isinstance(each, ast.stmt):
                break
        return self.script.scope(target)

    def _reads(self, name: str, scope: ast.AST, path: _Path, *, computed: bool) -> None:
        """Follow it from where a variable of a scope is read."""
        for node in ast.walk(self.script.tree):
            if isinstance(node, (ast.Global, ast.Nonlocal)) and name in node.names:
                raise _UnclearError
        for read in self.script.loads(name, scope):
            if read in _defaults(scope) or self._shadowed(read, name, scope):
                continue
            self.on(read, path, computed=computed)

    def _shadowed(self, read: ast.Name, name: str, scope: ast.AST) -> bool:
        """Return whether a name that is read is bound again within the scope that binds it."""
        for around in self.script.around(read):
            if around is scope:
                return False
            if isinstance(around, (*FUNCTIONS, ast.Lambda)):
                given = around.args
                names = {e.arg for e in (*given.posonlyargs, *given.args, *given.kwonlyargs)}
                if name in names and read not in (*given.defaults, *given.kw_defaults):
                    return True
                if isinstance(around, FUNCTIONS) and any(
                    isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store)
                    for n in ast.walk(around)
                    if self.script.scope(n) is around
                ):
                    return True
            if isinstance(around, (ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp)):
                targets = [n for g in around.generators for n in ast.walk(g.target)]
                if any(isinstance(n, ast.Name) and n.id == name for n in targets):
                    return read not in list(ast.walk(around.generators[0].iter))
        return False

    def _members(self, name: str, kind: ast.ClassDef, path: _Path, *, computed: bool) -> None:
        """Follow it from where an attribute is read: of ``self`` in its class, or of others."""
        for node in ast.walk(self.script.tree):
            if not (isinstance(node, ast.Attribute) and node.attr == name):
                continue
            own = dotted(node.value) == "self"
            if isinstance(node.ctx, ast.Load) and (not own or self.script.owner(node) is kind):
                self.on(node, path, computed=computed)
        for node in kind.body:
            for read in self.script.loads(name, node):
                if self.script.scope(read) is self.script.scope(kind):
                    self.on(read, path, computed=computed)


def _passes(around: ast.AST, node: ast.expr) -> TypeGuard[ast.expr]:
    """Return whether an expression may be the value of a part of it: ``a if b else c``."""
    if isinstance(around, ast.IfExp):
        return node is not around.test
    return isinstance(around, ast.BoolOp) and isinstance(around.op, ast.Or)


def _place(elements: list[ast.expr], node: ast.expr) -> frozenset[int] | None:
    """Return an element's index from both ends, None if it is not known."""
    if any(isinstance(each, ast.Starred) for each in elements):
        return None
    index = elements.index(node)
    return frozenset({index, index - len(elements)})


def _constant(node: ast.expr) -> str | int | None:
    """Return a constant index or key."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _constant(node.operand)
        return -inner if isinstance(inner, int) else None
    held = node.value if isinstance(node, ast.Constant) else None
    return held if type(held) in (int, str) else None  # type: ignore[return-value]


def _option(call: ast.Call) -> str:
    """Return under which name argparse keeps an option."""
    for word in call.keywords:
        if word.arg == "dest" and isinstance(word.value, ast.Constant):
            return str(word.value.value)
    flags = [str(each.value) for each in call.args if isinstance(each, ast.Constant)]
    flag = next((each for each in flags if each.startswith("--")), flags[0] if flags else "")
    return flag.lstrip("-").replace("-", "_")


def _field(kind: ast.ClassDef, argument: str | int) -> str:
    """Return which field of a dataclass or named tuple an argument sets."""
    names = [
        node.target.id
        for node in kind.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    ]
    if isinstance(argument, int) and argument < len(names):
        return names[argument]
    if argument not in names:
        raise _UnclearError
    return str(argument)


def _defaults(scope: ast.AST) -> list[ast.AST]:
    """Return what is evaluated outside a function though it stands in it."""
    if not isinstance(scope, FUNCTIONS):
        return []
    outside = [*scope.args.defaults, *(d for d in scope.args.kw_defaults if d is not None)]
    return [node for each in outside for node in ast.walk(each)]
