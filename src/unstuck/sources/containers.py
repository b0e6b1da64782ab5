"""Layers and parameters that torch does not find in a module: in a list or dict, plain tensors."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from unstuck.edits import Rewrite
from unstuck.findings import Location
from unstuck.remedies import Change
from unstuck.sources.script import FUNCTIONS, Script, callee, changes, dotted

__all__ = ["declare", "register"]

_LISTED = frozenset({"append", "extend", "insert", "pop"})
_KEYED = frozenset({"keys", "items", "values", "pop", "clear", "update"})
_TAKEN = frozenset(
    {
        *("add_module", "apply", "bfloat16", "buffers", "call_super_init", "children"),
        *("clear", "compile", "cpu", "cuda", "double", "dump_patches", "eval", "extra_repr"),
        *("float", "forward", "get_buffer", "get_extra_state", "get_parameter"),
        *("get_submodule", "half", "ipu", "items", "keys", "load_state_dict", "modules"),
        *("mtia", "named_buffers", "named_children", "named_modules", "named_parameters"),
        *("parameters", "pop", "register_buffer", "register_module", "register_parameter"),
        *("requires_grad_", "set_extra_state", "set_submodule", "share_memory", "state_dict"),
        *("to", "to_empty", "train", "training", "type", "update", "values", "xpu"),
        "zero_grad",
    }
)
"""Names that `nn.ModuleDict` has itself: no key may be one of them."""


def register(
    script: Script, places: Iterable[Location], *, parameters: bool = False
) -> list[Change]:
    """Return the changes that make module lists and dicts of those that hold layers.

    Args:
        script: Where the layers are constructed.
        places: The constructor calls of layers that no optimizer holds.
        parameters: Whether there are also parameters of no layer that no optimizer holds.
    """
    missing = [call for place in places if (call := script.at(place)) is not None]
    found: list[Change] = []
    for kind in script.modules():
        for name in _attributes(script, kind):
            held = _Held(script, kind, name)
            loose = parameters and held.parameters
            if held.certain and (loose or held.reaches(missing)):
                found += held.changes()
    return found


def declare(script: Script, kind: str, attributes: Iterable[str]) -> list[Change]:
    """Return the changes that make parameters of plain tensors.

    Args:
        script: Where the class is.
        kind: Name of the class of modules that holds them.
        attributes: What it calls them.
    """
    found = [each for each in script.modules() if each.name == kind]
    spelled = script.spelled("torch.nn.Parameter")
    if len(found) != 1 or spelled is None:
        return []
    edits = list(spelled[1])
    for name in attributes:
        values = [
            node.value
            for node in ast.walk(found[0])
            if isinstance(node, (ast.Assign, ast.AnnAssign))
            and node.value is not None
            and any(dotted(each) == f"self.{name}" for each in _targets(node))
        ]
        if len(values) != 1 or isinstance(values[0], ast.Tuple):
            return []
        start, end = script.span(values[0])
        edits += [script.insert(start, f"{spelled[0]}("), script.insert(end, ")")]
    return changes(f"{kind}: {', '.join(attributes)} made parameters", edits)


def _targets(node: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]


def _attributes(script: Script, kind: ast.ClassDef) -> list[str]:
    """Return the attributes that a class sets, in order."""
    names = [
        node.attr
        for node in ast.walk(kind)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and dotted(node.value) == "self"
        and script.owner(node) is kind
    ]
    return list(dict.fromkeys(names))


class _Held:
    """What one attribute of a module class is set to, and which modules come into it.

    Attributes:
        certain: Whether it is a list or dict of nothing but modules, used in no way that
            ``nn.ModuleList`` or ``nn.ModuleDict`` does not know.
    """

    def __init__(self, script: Script, kind: ast.ClassDef, name: str) -> None:
        self.script = script
        self.kind = kind
        self.name = name
        self.displays: list[ast.expr] = []
        self.shapes: list[bool] = []
        self.elements: list[ast.expr] = []
        self.keys: list[ast.expr] = []
        self.certain = True
        self._read()
        self.keyed = any(self.shapes)
        self.certain = bool(
            self.certain
            and self.displays
            and self.elements
            and all(shape == self.keyed for shape in self.shapes)
            and (self.parameters or all(self._module(e) or self._row(e) for e in self.elements))
            and (not self.keyed or all(self._good_key(key) for key in self.keys))
            and not (self.keyed and self.parameters)
        )

    @property
    def parameters(self) -> bool:
        """Whether it holds parameters, not modules."""
        return bool(self.elements) and all(
            isinstance(each, ast.Call) and callee(each) == "Parameter" for each in self.elements
        )

    # ------------------------------------------------------------------ what it holds

    def _read(self) -> None:
        for node in ast.walk(self.kind):
            if not (isinstance(node, ast.Attribute) and dotted(node) == f"self.{self.name}"):
                continue
            if self.script.owner(node) is not self.kind:
                continue
            if isinstance(node.ctx, ast.Store):
                self._stored(node)
            else:
                self._used(node)

    def _stored(self, node: ast.Attribute) -> None:
        around = self.script.parents[node]
        one = isinstance(around, ast.AnnAssign) or (
            isinstance(around, ast.Assign) and len(around.targets) == 1
        )
        if isinstance(around, (ast.Assign, ast.AnnAssign)) and one and around.value is not None:
            self._value(around.value, node)
        elif isinstance(around, ast.AugAssign) and isinstance(around.op, ast.Add):
            self._content(around.value)
        else:
            self.certain = False

    def _value(self, value: ast.expr, user: ast.AST) -> None:
        """Take in what the attribute, or a local variable that becomes it, is set to."""
        if isinstance(value, ast.Name):
            self._local(value, user)
        elif self._content(value):
            self.displays.append(value)
            self.shapes.append(_is_dict(value))
        else:
            self.certain = False

    def _local(self, value: ast.Name, user: ast.AST) -> None:
        scope = self.script.scope(user)
        for node in ast.walk(scope):
            if not (isinstance(node, ast.Name) and node.id == value.id) or node is value:
                continue
            around = self.script.parents[node]
            if isinstance(around, ast.Assign) and node in around.targets:
                self._content(around.value)
                self.shapes.append(_is_dict(around.value))
            elif isinstance(around, ast.AugAssign) and around.target is node:
                self._content(around.value)
            elif isinstance(node.ctx, ast.Store):
                self.certain = False
            else:
                self._used(node)
                later = self.script.span(node) > self.script.span(value)
                self.certain = self.certain and not (later and isinstance(around, ast.Attribute))
        self.displays.append(value)

    def _content(self, value: ast.expr) -> bool:
        """Take in the elements of a list or dict; return whether it is one."""
        if isinstance(value, (ast.List, ast.Tuple)):
            self.elements += value.elts
        elif isinstance(value, ast.Dict):
            if None in value.keys:
                self.certain = False
            self.keys += [key for key in value.keys if key is not None]
            self.elements += value.values
        elif isinstance(value, (ast.ListComp, ast.GeneratorExp)):
            self.elements.append(value.elt)
        elif isinstance(value, ast.DictComp):
            self.keys.append(value.key)
            self.elements.append(value.value)
        elif isinstance(value, ast.Call) and dotted(value.func) in ("list", "tuple", "dict"):
            self._call(value)
        else:
            self.certain = False
            return False
        return True

    def _call(self, value: ast.Call) -> None:
        for keyword in value.keywords:
            self.elements.append(keyword.value)
            self.certain = self.certain and keyword.arg is not None and keyword.arg not in _TAKEN
        for argument in value.args:
            self._content(argument)

    def _used(self, node: ast.expr) -> None:
        around = self.script.parents[node]
        if isinstance(around, ast.Attribute):
            call = self.script.parents[around]
            known = around.attr in _LISTED | _KEYED and isinstance(call, ast.Call)
            self.certain = self.certain and known
            if isinstance(call, ast.Call) and around.attr in ("append", "insert"):
                self.elements += call.args[-1:]
            elif isinstance(call, ast.Call) and around.attr in ("extend", "update"):
                self.certain = self.certain and len(call.args) == 1 and not call.keywords
                self._content(call.args[0]) if call.args else None
        elif isinstance(around, ast.Subscript) and isinstance(around.ctx, ast.Store):
            assignment = self.script.parents[around]
            if isinstance(assignment, ast.Assign) and assignment.targets == [around]:
                self.keys.append(around.slice)
                self.elements.append(assignment.value)
            else:
                self.certain = False
        elif isinstance(around, (ast.BinOp, ast.Compare)) and not _membership(around, node):
            self.certain = False

    # ------------------------------------------------------------------ what is certain

    def _module(self, value: ast.expr, depth: int = 0) -> bool:
        """Return whether an expression is certainly a module."""
        if depth > 4:
            return False
        if isinstance(value, ast.IfExp):
            return self._module(value.body, depth + 1) and self._module(value.orelse, depth + 1)
        if isinstance(value, (ast.Name, ast.Attribute)):
            values = self._bound(value)
            return bool(values) and all(self._module(each, depth + 1) for each in values)
        if not isinstance(value, ast.Call):
            return False
        if callee(value) in ("to", "cuda", "double", "float", "train", "eval", "requires_grad_"):
            receiver = value.func.value if isinstance(value.func, ast.Attribute) else value
            return receiver is not value and self._module(receiver, depth + 1)
        target = self.script.called(value)
        if isinstance(target, ast.ClassDef):
            return target in self.script.modules()
        if isinstance(target, FUNCTIONS):
            returned = [n.value for n in ast.walk(target) if isinstance(n, ast.Return)]
            return bool(returned) and all(
                each is not None and self._module(each, depth + 1) for each in returned
            )
        return self._torch_layer(value)

    def _row(self, value: ast.expr) -> bool:
        """Return whether an expression is a list or tuple of nothing but modules."""
        if isinstance(value, ast.ListComp):
            return self._module(value.elt)
        listed = isinstance(value, (ast.List, ast.Tuple)) and bool(value.elts)
        return listed and all(map(self._module, getattr(value, "elts", ())))

    def _torch_layer(self, call: ast.Call) -> bool:
        name = dotted(call.func) or ""
        owner, _, last = name.rpartition(".")
        if not last[:1].isupper() or last in ("Parameter", "Tensor"):
            return False
        if owner:
            layers = self.script.spelled("torch.nn")
            return layers is not None and not layers[1] and owner == layers[0]
        return any(
            isinstance(top, ast.ImportFrom)
            and (top.module or "").startswith("torch.nn")
            and any((alias.asname or alias.name) == last for alias in top.names)
            for top in self.script.tree.body
        )

    def _bound(self, name: ast.Name | ast.Attribute) -> list[ast.expr]:
        """Return what is assigned to a local variable or attribute of the class."""
        within = self.script.scope(name) if isinstance(name, ast.Name) else self.kind
        return [
            node.value
            for node in ast.walk(within)
            if isinstance(node, ast.Assign)
            and any(dotted(target) == dotted(name) for target in node.targets)
        ]

    def _good_key(self, key: ast.expr) -> bool:
        if isinstance(key, ast.Constant):
            text = key.value
            return (
                isinstance(text, str)
                and bool(re.fullmatch(r"[^.]+", text))
                and (text not in _TAKEN)
            )
        if isinstance(key, ast.JoinedStr):  # layer3: no dot, and no name of torch's has a digit
            texts = [part.value for part in key.values if isinstance(part, ast.Constant)]
            return bool(texts) and not any("." in str(text) for text in texts)
        if isinstance(key, ast.Name):
            known = [
                loop.iter
                for loop in ast.walk(self.kind)
                if isinstance(loop, (ast.For, ast.comprehension)) and dotted(loop.target) == key.id
            ]
            return bool(known) and all(
                isinstance(each, (ast.Tuple, ast.List)) and all(map(self._good_key, each.elts))
                for each in known
            )
        return isinstance(key, ast.Call) and dotted(key.func) == "str"

    def reaches(self, missing: Iterable[ast.Call]) -> bool:
        """Return whether any of some constructor calls makes (a part of) an element."""
        reached = set(_constructed(self.script, self.elements))
        return any(call in reached for call in missing)

    # ------------------------------------------------------------------ the edits

    def changes(self) -> list[Change]:
        """Return the changes that make a module list or dict of it."""
        name = "ParameterList" if self.parameters else "ModuleDict" if self.keyed else "ModuleList"
        spelled = self.script.spelled(f"torch.nn.{name}")
        if spelled is None:
            return []
        edits = list(spelled[1])
        for display in self.displays:
            empty = (isinstance(display, (ast.List, ast.Tuple)) and not display.elts) or (
                isinstance(display, ast.Dict) and not display.keys
            )
            plain = isinstance(display, ast.Call) and not display.args and not display.keywords
            edits += self._wrapped(display, spelled[0], empty=empty or plain)
        rows = [each for each in self.elements if self._row(each)]
        inner = spelled[0].replace("ModuleDict", "ModuleList")
        for row in rows:
            edits += self._wrapped(row, inner, empty=False)
        return changes(f"{self.kind.name}.{self.name}: a {name}", edits)

    def _wrapped(self, display: ast.expr, name: str, *, empty: bool) -> list[Rewrite]:
        if empty:
            return [self.script.replace(display, f"{name}()")]
        start, end = self.script.span(display)
        return [self.script.insert(start, f"{name}("), self.script.insert(end, ")")]


def _membership(around: ast.BinOp | ast.Compare, node: ast.expr) -> bool:
    return isinstance(around, ast.Compare) and node is not around.left


def _is_dict(display: ast.expr) -> bool:
    named = isinstance(display, ast.Call) and dotted(display.func) == "dict"
    return named or isinstance(display, (ast.Dict, ast.DictComp))


def _constructed(script: Script, values: Iterable[ast.AST], depth: int = 0) -> Iterator[ast.AST]:
    """Yield the calls in some expressions, and those in what they call in this script."""
    for value in values:
        for node in ast.walk(value):
            if isinstance(node, ast.Call):
                yield node
                target = script.called(node)
                if target is not None and depth < 4:
                    yield from _constructed(script, [target], depth + 1)
            elif isinstance(node, (ast.Name, ast.Attribute)) and depth < 4:
                yield from _constructed(script, _assigned(script, node), depth + 1)


def _assigned(script: Script, name: ast.Name | ast.Attribute) -> list[ast.AST]:
    if not isinstance(name.ctx, ast.Load) or dotted(name) in (None, "self"):
        return []
    return [
        node.value
        for node in ast.walk(script.scope(name))
        if isinstance(node, ast.Assign)
        and any(dotted(target) == dotted(name) for target in node.targets)
    ]
