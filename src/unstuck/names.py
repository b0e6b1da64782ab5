"""What names mean in a script, and how that script would write the full name of something.

Python binds a module under many names (``from torch import nn``, ``import torch.nn as nn``,
``import torch as t``, ``from torch.nn import *``, ``nn = torch.nn``). `Names` resolves them with
LibCST's scopes in both directions: from an expression to full names, and from a full name to what
the script can write at a given place, adding an import where nothing reaches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import libcst as cst
from libcst.metadata import (
    Assignment,
    BuiltinAssignment,
    CodeRange,
    ImportAssignment,
    MetadataWrapper,
    ParentNodeProvider,
    PositionProvider,
    Scope,
    ScopeProvider,
)

__all__ = ["Meaning", "Names", "dotted", "last_name"]

_ROOTS = frozenset({"torch", "keras", "tensorflow", "numpy", "math", "copy", "unstuck"})
"""Packages whose full names an edit may speak of."""

_CUSTOMARY = {
    "torch": "torch",
    "nn": "torch.nn",
    "F": "torch.nn.functional",
    "optim": "torch.optim",
}
"""What these names mean where a star import of the user's own module brought them."""

_TWICE = frozenset(
    {"celu", "log_softmax", "prelu", "relu", "relu_", "rrelu", "selu", "sigmoid", "softmax", "tanh"}
)
"""Functions that are the same in ``torch`` and in ``torch.nn.functional``."""

_DEEPEST = 6


def dotted(node: cst.CSTNode) -> str | None:
    """Return the source of a plain dotted name such as ``self.net.act``, else None."""
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute):
        owner = dotted(node.value)
        return None if owner is None else f"{owner}.{node.attr.value}"
    return None


def last_name(node: cst.CSTNode) -> str:
    """Return the last part of the name of a callee, "" for ``CALLS[name]`` and the like."""
    if isinstance(node, cst.Attribute):
        return node.attr.value
    return node.value if isinstance(node, cst.Name) else ""


@dataclass(frozen=True)
class Meaning:
    """What an expression may stand for.

    Attributes:
        names: Full names it may be.
        unknown: Whether it may be something else as well.
        built: Whether it may be an object that a call returned, such as a module.
    """

    names: frozenset[str] = frozenset()
    unknown: bool = False
    built: bool = False

    def __or__(self, other: Meaning) -> Meaning:
        """Return the meaning of something that is either."""
        return Meaning(
            self.names | other.names, self.unknown or other.unknown, self.built or other.built
        )


class Names:
    """The names of one script.

    Attributes:
        added: Imports that `write` had to ask for: statement -> (name it binds, full name).
    """

    def __init__(self, wrapper: MetadataWrapper) -> None:
        metadata = wrapper.resolve_many([PositionProvider, ParentNodeProvider, ScopeProvider])
        self.positions: Any = metadata[PositionProvider]
        self.parents: Any = metadata[ParentNodeProvider]
        self._scopes: Any = metadata[ScopeProvider]
        self.added: dict[str, tuple[str, str]] = {}
        self._facts = _Facts()
        wrapper.module.visit(self._facts)
        self._calls_by_name: dict[str, list[cst.Call]] = {}
        for call in self._facts.calls:
            self._calls_by_name.setdefault(last_name(call.func), []).append(call)

    @property
    def calls(self) -> Sequence[cst.Call]:
        """All calls in the script, outer ones first."""
        return self._facts.calls

    def span(self, node: cst.CSTNode) -> CodeRange:
        """Return where a node stands: lines from 1, columns in characters from 0."""
        span: CodeRange = self.positions[node]
        return span

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """Return the node around a node."""
        parent: cst.CSTNode | None = self.parents.get(node)
        return parent

    def is_attribute_assigned(self, name: str) -> bool:
        """Return whether the script assigns to the dotted name anywhere."""
        return name in self._facts.attributes

    def is_subscripted(self, name: str) -> bool:
        """Return whether the script takes items out of the dotted name anywhere."""
        return name in self._facts.subscripted

    def is_sequential(self, node: cst.CSTNode | None) -> bool:
        """Return whether a node is a call of ``torch.nn.Sequential`` or Keras' ``Sequential``."""
        if not isinstance(node, cst.Call):
            return False
        full = self.full_name(node.func)
        return (full or last_name(node.func)).rpartition(".")[2] == "Sequential"

    def becomes_sequential(self, name: str) -> bool:
        """Return whether ``Sequential(*name)`` or ``Sequential(name)`` stands in the script."""
        return any(
            arg.star != "**" and dotted(arg.value) == name
            for call in self._facts.calls
            if self.is_sequential(call)
            for arg in call.args
        )

    # What an expression means

    def scope(self, node: cst.CSTNode) -> Scope:
        """Return the scope that a node is evaluated in."""
        at: cst.CSTNode | None = node
        while at is not None:
            scope = self._scopes.get(at)
            if scope is not None:
                found: Scope = scope
                return found
            at = self.parent(at)
        raise LookupError("a node of another script")

    def full_name(self, node: cst.CSTNode, depth: int = 0) -> str | None:
        """Return the full name of an imported thing, None where it is not surely one."""
        written = dotted(node)
        if written is None:
            return None
        root, _, rest = written.partition(".")
        base = self._bound(self.scope(node), root, depth)
        return None if base is None else f"{base}.{rest}" if rest else base

    def _bound(self, scope: Scope, name: str, depth: int = 0) -> str | None:
        """Return the full name that all bindings of `name` agree on."""
        assignments = scope[name]
        if not assignments:
            return self._from_star(name)
        fulls: set[str | None] = set()
        for assignment in assignments:
            if isinstance(assignment, ImportAssignment):
                fulls.add(_imported(assignment.node).get(name))
            else:
                value = self._assigned(assignment)
                fulls.add(
                    self.full_name(value, depth + 1)
                    if value is not None and depth < _DEEPEST
                    else None
                )
        return fulls.pop() if len(fulls) == 1 else None

    def _from_star(self, name: str) -> str | None:
        stars = self._facts.stars
        known = [module for module in stars if module.partition(".")[0] in _ROOTS]
        if len(known) < len(stars) and name in _CUSTOMARY and name in self._facts.words:
            return _CUSTOMARY[name]
        return f"{known[0]}.{name}" if len(known) == 1 else None

    def _assigned(self, assignment: object) -> cst.BaseExpression | None:
        """Return the value of a plain assignment ``name = value``."""
        if not isinstance(assignment, Assignment) or not isinstance(assignment.node, cst.Name):
            return None
        parent = self.parent(assignment.node)
        statement = self.parent(parent) if isinstance(parent, cst.AssignTarget) else parent
        if isinstance(statement, cst.Assign | cst.AnnAssign | cst.NamedExpr):
            return statement.value
        return None

    def meaning(self, node: cst.CSTNode, depth: int = 0) -> Meaning:
        """Return what an expression may stand for, followed through plain assignments."""
        if depth > _DEEPEST:
            return Meaning(unknown=True)
        full = self.full_name(node)
        if full is not None:
            return Meaning(frozenset({full}))
        if isinstance(node, cst.IfExp):
            return self.meaning(node.body, depth + 1) | self.meaning(node.orelse, depth + 1)
        if isinstance(node, cst.BooleanOperation):
            return self.meaning(node.left, depth + 1) | self.meaning(node.right, depth + 1)
        if isinstance(node, cst.Call):
            return Meaning(unknown=True, built=last_name(node.func) not in ("getattr", "partial"))
        if isinstance(node, cst.Name):
            bindings = self.scope(node)[node.value]
            return _either(self._meaning_of(binding, depth) for binding in bindings)
        name = dotted(node)
        if isinstance(node, cst.Attribute) and name is not None:
            owner = self.scope(node)[name.partition(".")[0]]
            if owner and all(isinstance(binding, ImportAssignment) for binding in owner):
                return Meaning(frozenset({name}))
            values = self._facts.attributes.get(name, ())
            return _either(self.meaning(value, depth + 1) for value in values)
        return Meaning(unknown=True)

    def _meaning_of(self, binding: object, depth: int) -> Meaning:
        if isinstance(binding, BuiltinAssignment):
            return Meaning(frozenset({binding.name}))
        if isinstance(binding, ImportAssignment):
            return Meaning(frozenset({_imported(binding.node).get(binding.name, binding.name)}))
        if not isinstance(binding, Assignment):
            return Meaning(unknown=True)
        if isinstance(binding.node, cst.FunctionDef | cst.ClassDef):
            return Meaning(frozenset({binding.name}))
        value = self._assigned(binding)
        if value is not None:
            return self.meaning(value, depth + 1)
        parameter = binding.node
        if isinstance(parameter, cst.Param):
            passed = (self.meaning(value, depth + 1) for value in self._passed(parameter))
            return Meaning(unknown=True) | _either(passed)
        return Meaning(unknown=True)

    def _passed(self, parameter: cst.Param) -> Iterator[cst.BaseExpression]:
        """Yield what the script passes for a parameter: its default, and arguments of calls."""
        if parameter.default is not None:
            yield parameter.default
        parameters = self.parent(parameter)
        function = self.parent(parameters) if parameters is not None else None
        if not isinstance(parameters, cst.Parameters) or not isinstance(function, cst.FunctionDef):
            return
        name, position = function.name.value, None
        if parameter in parameters.params:
            position = list(parameters.params).index(parameter)
        block = self.parent(function)
        owner = self.parent(block) if block is not None else None
        if isinstance(owner, cst.ClassDef):
            name = owner.name.value if name == "__init__" else name
            position = None if position is None else position - 1
        for call in self._calls_by_name.get(name, ()):
            for index, arg in enumerate(call.args):
                if arg.keyword is not None:
                    if arg.keyword.value == parameter.name.value:
                        yield arg.value
                elif index == position and not arg.star:
                    yield arg.value

    # How the script would write a full name

    def write(
        self, full: str, site: cst.CSTNode, like: cst.BaseExpression | None = None
    ) -> cst.BaseExpression:
        """Return `full` as the script would write it at `site`.

        Args:
            full: A full name, such as ``torch.nn.ReLU``.
            site: The node in the script where it is to stand.
            like: What stood there; its own way (``nn.``, ``torch.nn.``) is preferred.
        """
        like_full = self.full_name(like) if like is not None else None
        targets = _same(full, (like_full or "").rpartition(".")[0])
        root = (dotted(like) or "").partition(".")[0] if like is not None else ""
        options = [
            (name.partition(".")[0] != root, index, name.count("."), len(name), name)
            for index, target in enumerate(targets)
            for name in self._ways(target, site, root)
        ]
        if not options:
            return cst.parse_expression(self._import(targets[0]))
        return cst.parse_expression(min(options)[-1])

    def _ways(self, target: str, site: cst.CSTNode, proven: str) -> Iterator[str]:
        """Yield the names by which `site`, which has used the name `proven`, can reach `target`."""
        scope = self.scope(site)
        for name in sorted(self._facts.bound | set(_CUSTOMARY)):
            base = self._bound(scope, name)
            if not base or not _reaches(base, target):
                continue
            if name == proven or self._is_there(scope, name, site):
                yield name + target.removeprefix(base)
        for name, base in self.added.values():
            if _reaches(base, target):
                yield name + target.removeprefix(base)
        package, _, last = target.rpartition(".")
        if package in self._facts.stars and not scope[last]:
            yield last

    def _is_there(self, scope: Scope, name: str, site: cst.CSTNode) -> bool:
        """Return whether `name` is surely bound before `site` runs."""
        for binding in scope[name]:
            node = getattr(binding, "node", None)
            if node is None:
                return False
            if binding.scope is scope and self.span(node).start.line >= self.span(site).start.line:
                return False
            branch, at = node, self.parent(node)
            while at is not None and not isinstance(at, cst.FunctionDef):
                if isinstance(at, cst.If) and branch not in self._around(site):
                    return False
                branch, at = at, self.parent(at)
        return True

    def _around(self, node: cst.CSTNode) -> list[cst.CSTNode]:
        """Return the nodes around a node, the innermost first."""
        parent = self.parent(node)
        return [] if parent is None else [parent, *self._around(parent)]

    def _import(self, target: str) -> str:
        """Ask for the least surprising import that reaches `target`; return how to write it."""
        root = target.partition(".")[0]
        choices = [(f"import {root}", root, root)]
        if target.startswith("torch.nn."):
            choices.insert(0, ("from torch import nn", "nn", "torch.nn"))
        if target.startswith("tensorflow.keras."):
            choices.insert(0, ("from tensorflow import keras", "keras", "tensorflow.keras"))
        other = root + "_"
        while not self._is_free(other, root):
            other += "_"
        choices.append((f"import {root} as {other}", other, root))
        line, name, base = next(choice for choice in choices if self._is_free(*choice[1:]))
        self.added[line] = (name, base)
        return name + target.removeprefix(base)

    def _is_free(self, name: str, base: str) -> bool:
        """Return whether `name` means `base`, or nothing, wherever it stands in the script."""
        return all(
            _imported(assignment.node).get(name) == base
            if isinstance(assignment, ImportAssignment)
            else False
            for scope in {scope for scope in self._scopes.values() if scope is not None}
            for assignment in scope.assignments[name]
        )

    def rename(
        self, tree: cst.CSTNode, site: cst.CSTNode, like: cst.BaseExpression | None = None
    ) -> Any:
        """Return `tree`, which speaks in full names, with the names that `site` can use."""
        facts = _Facts()
        tree.visit(facts)
        return tree.visit(_Renamer(self, site, like, _ROOTS - facts.bound))


def _either(meanings: Iterator[Meaning]) -> Meaning:
    """Return the union of meanings; none at all is unknown."""
    found = list(meanings)
    result = found[0] if found else Meaning(unknown=True)
    for other in found[1:]:
        result |= other
    return result


def _same(full: str, package: str) -> list[str]:
    """Return the names of one function, the one from `package` first."""
    names = [full]
    owner, _, last = full.rpartition(".")
    if last in _TWICE and owner in ("torch", "torch.nn.functional"):
        names.append(f"torch.nn.functional.{last}" if owner == "torch" else f"torch.{last}")
        names.sort(key=lambda name: name != f"{package}.{last}")
    return names


def _reaches(base: str, target: str) -> bool:
    return target == base or target.startswith(base + ".")


def _imported(node: cst.CSTNode) -> dict[str, str]:
    """Return what an import statement binds: name -> full name; relative imports bind nothing."""
    found: dict[str, str] = {}
    if not isinstance(node, cst.Import | cst.ImportFrom) or isinstance(node.names, cst.ImportStar):
        return found
    package = ""
    if isinstance(node, cst.ImportFrom):
        if node.relative or node.module is None:
            return found
        package = f"{dotted(node.module)}."
    for alias in node.names:
        name = alias.evaluated_name
        if alias.evaluated_alias is not None:
            found[alias.evaluated_alias] = package + name
        elif package:
            found[name] = package + name
        else:
            root = name.partition(".")[0]
            found[root] = root
    return found


class _Facts(cst.CSTVisitor):
    """What the whole script says about its names, collected in one pass."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[cst.Call] = []
        self.stars: list[str] = []
        self.bound: set[str] = set()
        self.words: set[str] = set()
        self.subscripted: set[str] = set()
        self.attributes: dict[str, list[cst.BaseExpression]] = {}

    def visit_Call(self, node: cst.Call) -> None:  # noqa: N802
        self.calls.append(node)

    def visit_Name(self, node: cst.Name) -> None:  # noqa: N802
        self.words.add(node.value)

    def visit_Subscript(self, node: cst.Subscript) -> None:  # noqa: N802
        self.subscripted.add(dotted(node.value) or "")

    def visit_Import(self, node: cst.Import) -> None:  # noqa: N802
        self.bound.update(_imported(node))

    def visit_ImportFrom(self, node: cst.ImportFrom) -> None:  # noqa: N802
        self.bound.update(_imported(node))
        if isinstance(node.names, cst.ImportStar):
            module = dotted(node.module) if node.module is not None else None
            self.stars.append("." if node.relative else module or ".")

    def visit_Assign(self, node: cst.Assign) -> None:  # noqa: N802
        for target in node.targets:
            self._assign(target.target, node.value)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:  # noqa: N802
        if node.value is not None:
            self._assign(node.target, node.value)

    def _assign(self, target: cst.BaseExpression, value: cst.BaseExpression) -> None:
        if isinstance(target, cst.Attribute):
            self.attributes.setdefault(dotted(target) or "", []).append(value)
        elif isinstance(target, cst.Name) and dotted(value) is not None:
            self.bound.add(target.value)  # perhaps `nn = torch.nn`


class _Renamer(cst.CSTTransformer):
    """Writes full names as the script does."""

    def __init__(
        self,
        names: Names,
        site: cst.CSTNode,
        like: cst.BaseExpression | None,
        roots: frozenset[str],
    ) -> None:
        super().__init__()
        self._names, self._site, self._like, self._roots = names, site, like, roots

    def visit_Attribute(self, node: cst.Attribute) -> bool:  # noqa: N802
        return dotted(node) is None

    def leave_Attribute(  # noqa: N802
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        full = dotted(original_node)
        if full is None or full.partition(".")[0] not in self._roots:
            return updated_node
        written = self._names.write(full, self._site, self._like)
        return written.with_changes(lpar=updated_node.lpar, rpar=updated_node.rpar)
