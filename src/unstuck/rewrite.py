"""What an edit makes of a call: another callee, other arguments, layers around it, or nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

import libcst as cst

from unstuck.edits import DropCall, Edit, ReplaceCall, SetArguments, Surround
from unstuck.names import Names, dotted
from unstuck.rows import Container, Row, read_row, write_row

__all__ = ["CallEdit", "CannotEditError", "Rewriter", "at"]

CallEdit = ReplaceCall | SetArguments | Surround | DropCall

_FIRST = ("params", "input", "x", "self")
"""Names of first parameters: those of torch's optimizers, functions and methods."""

_NUMBERS = (cst.Integer, cst.Float, cst.UnaryOperation)
_ATOMS = (
    cst.Name,
    cst.Attribute,
    cst.Call,
    cst.Subscript,
    cst.Integer,
    cst.Float,
    cst.List,
    cst.Dict,
    cst.ListComp,
    cst.SimpleString,
)


class CannotEditError(Exception):
    """An edit that cannot be carried out; the message is the reason, in one line."""


def at(edit: Edit) -> str:
    """Return where an edit is, for a reason."""
    return f"line {edit.location.line}"


class Rewriter:
    """Carries out the edits of calls of one script, without regard to where the calls stand.

    The methods that take `call` and `updated` want the call in the original tree, which is where
    names are looked up, and the same call with the edits inside it.
    """

    def __init__(self, module: cst.Module, names: Names) -> None:
        self.module, self.names = module, names
        self._lines = re.split(r"\r\n?|\n", module.code)

    def row(self, call: cst.Call) -> tuple[Container, int] | None:
        """Return the row of layers that a call is an item of, if items may be put in there.

        That is so directly inside ``nn.Sequential(...)``, and in a list that goes into one, unless
        the script also takes items out of it by their position.
        """
        item = self.names.parent(call)
        holder = self.names.parent(item) if item is not None else None
        if isinstance(item, cst.Arg) and isinstance(holder, cst.Call):
            if item.keyword is None and not item.star and self.names.is_sequential(holder):
                return None if self._is_indexed(holder) else (holder, holder.args.index(item))
        elif (
            isinstance(item, cst.Element)
            and isinstance(holder, cst.List | cst.Tuple)
            and self._feeds_sequential(holder)
        ):
            return holder, holder.elements.index(item)
        return None

    def _is_indexed(self, value: cst.BaseExpression) -> bool:
        parent = self.names.parent(value)
        targets: list[cst.BaseExpression] = []
        if isinstance(parent, cst.Assign):
            targets = [target.target for target in parent.targets]
        elif isinstance(parent, cst.AnnAssign | cst.AugAssign):
            targets = [parent.target]
        return any(self.names.is_subscripted(dotted(target) or "") for target in targets)

    def _feeds_sequential(self, display: cst.List | cst.Tuple) -> bool:
        parent = self.names.parent(display)
        holder = self.names.parent(parent) if parent is not None else None
        if isinstance(parent, cst.Arg):
            if self.names.is_sequential(holder):
                return True
            if not isinstance(holder, cst.Call) or not isinstance(holder.func, cst.Attribute):
                return False
            if holder.func.attr.value != "extend":
                return False
            target: cst.BaseExpression = holder.func.value
        elif isinstance(parent, cst.Assign) and len(parent.targets) == 1:
            target = parent.targets[0].target
        elif isinstance(parent, cst.AnnAssign | cst.AugAssign):
            target = parent.target
        else:
            return False
        name = dotted(target)
        return (
            name is not None
            and self.names.becomes_sequential(name)
            and not self.names.is_subscripted(name)
        )

    def line(self, call: cst.Call) -> tuple[str, str] | None:
        """Return what stands around a layer in a line of its own, None if it has none.

        That is ``model.add(`` and ``)``, or ``x = `` and ``(x)`` where the layer is called.
        """
        item = self.names.parent(call)
        holder = self.names.parent(item) if item is not None else None
        if isinstance(item, cst.Arg) and isinstance(holder, cst.Call):
            alone = isinstance(self.names.parent(holder), cst.Expr) and len(holder.args) == 1
            if not (alone and isinstance(holder.func, cst.Attribute)):
                return None
            added = holder.func.attr.value == "add" and not item.star
            return (f"{self.module.code_for_node(holder.func)}(", ")") if added else None
        if not self.is_called(call) or not isinstance(holder, cst.Assign):
            return None
        name = dotted(holder.targets[0].target) if len(holder.targets) == 1 else None
        return (f"{name} = ", f"({name})") if name is not None else None

    def is_called(self, call: cst.Call) -> bool:
        """Return whether a layer is called where it is constructed: ``Dense(64)(x)``."""
        outer = self.names.parent(call)
        return (
            isinstance(outer, cst.Call)
            and outer.func is call
            and bool(outer.args)
            and _is_positional(outer.args[0])
            and not outer.args[0].star
        )

    def called(
        self, call: cst.Call, outer: cst.Call, edits: Sequence[CallEdit]
    ) -> cst.BaseExpression:
        """Return the call of a layer with the layers around it called as well.

        Args:
            call: The layer's constructor in the original tree.
            outer: The call of the layer, with all other edits.
            edits: Those of the constructor.
        """
        if any(isinstance(edit, DropCall) for edit in edits):
            return outer.args[0].value
        result: cst.BaseExpression = outer
        for edit in edits:
            before, after = self.items(edit, call, call)
            for item in reversed(before):
                first = outer.args[0]
                fed = cst.Call(item, [cst.Arg(first.value)])
                outer = outer.with_changes(args=[first.with_changes(value=fed), *outer.args[1:]])
                result = outer
            for item in after if self.line(call) is None else ():
                result = cst.Call(item, [cst.Arg(_bare(result))])
        return result

    def items(
        self, edit: CallEdit, call: cst.Call, updated: cst.Call
    ) -> tuple[list[cst.BaseExpression], list[cst.BaseExpression]]:
        """Return what a `Surround` puts before and after a call (nothing for other edits).

        Args:
            edit: The edit.
            call: The call in the original tree.
            updated: The same call with the edits of its own arguments.
        """
        if not isinstance(edit, Surround):
            return [], []
        arguments = _arguments(updated, edit.positions)

        def expression(text: str) -> cst.BaseExpression:
            return self._expression(text, call, arguments)

        return [expression(text) for text in edit.before], [expression(t) for t in edit.after]

    def edited(
        self, call: cst.Call, updated: cst.Call, edits: Sequence[CallEdit]
    ) -> cst.BaseExpression:
        """Return the call with its edits, as far as they do not concern the row it stands in."""
        return self._fitted(call, self._edited(call, updated, edits))

    def _fitted(self, call: cst.Call, value: cst.BaseExpression) -> cst.BaseExpression:
        """Return `value` in parentheses where it would run into a word: ``return(x).relu()``."""
        span, code = self.names.span(call), self.module.code_for_node(value)
        left = self._lines[span.start.line - 1][: span.start.column][-1:]
        right = self._lines[span.end.line - 1][span.end.column :][:1]
        joined = (_is_word(left) and code[0] not in "([{") or (
            _is_word(right) and code[-1] not in ")]}"
        )
        if not joined or value.lpar:
            return value
        return value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])

    def _edited(
        self, call: cst.Call, updated: cst.Call, edits: Sequence[CallEdit]
    ) -> cst.BaseExpression:
        result: cst.BaseExpression = updated
        inner: cst.Call = updated
        for edit in edits:
            if isinstance(edit, ReplaceCall):
                result = inner = self._replaced(call, inner, edit)
            elif isinstance(edit, SetArguments):
                result = inner = self._set(call, inner, edit)
            elif isinstance(edit, DropCall):
                return self._dropped(call, inner, edit)
        if self.row(call) is not None or self.is_called(call) or self.line(call) is not None:
            return result
        for group in _together([edit for edit in edits if isinstance(edit, Surround)]):
            pairs = [self.items(edit, call, updated) for edit in group]
            before = [item for first, _ in reversed(pairs) for item in first]
            after = [item for _, last in pairs for item in last]
            result = self._wrapped(call, result, before, after, group[0].container)
        return result

    def _replaced(self, call: cst.Call, updated: cst.Call, edit: ReplaceCall) -> cst.Call:
        row = read_row(updated)
        where = at(edit)
        receiver = self._receiver(call, updated, edit.expects) if edit.keep else None
        keep = edit.keep - (receiver is not None)
        positional = [
            index for index, arg in enumerate(row.items) if _is_positional(cast(cst.Arg, arg))
        ]
        kept = set(positional[:keep])
        if any(cast(cst.Arg, row.items[index]).star for index in kept):
            raise CannotEditError(f"{where}: the arguments are passed as *args")
        if keep > len(kept) and not kept and receiver is None:
            kept = {index for index, arg in enumerate(row.items) if _keyword(arg) in _FIRST[:2]}
            kept = set(sorted(kept)[:1])
        if keep > len(kept):
            raise CannotEditError(f"{where}: the argument to keep is not found")
        values = {name: self._expression(text, call) for name, text in edit.arguments.items()}
        for index, arg in enumerate(row.items):
            name = _keyword(arg)
            if name in values and index not in kept:
                row = row.with_value(index, values.pop(name))
                kept.add(index)
        for index in reversed(range(len(row.items))):
            if index not in kept:
                row = row.remove(index)
        for name, value in values.items():
            row = row.append(_keyword_argument(name, value))
        if receiver is not None:
            first = cst.Arg(_bare(receiver))
            row = row.insert_before(0, [first]) if row.items else row.append(first)
        func = self.names.write(edit.to, call, call.func)
        return write_row(updated.with_changes(func=func), _apart(row))

    def _set(self, call: cst.Call, updated: cst.Call, edit: SetArguments) -> cst.Call:
        where = at(edit)
        row = read_row(updated)
        places = _places(updated, edit.positions)
        mapping = next((arg for arg in updated.args if arg.star == "**"), None)
        starred = any(arg.star == "*" for arg in updated.args)
        for name, text in edit.set.items():
            value = self._expression(text, call)
            if name in places:
                row = row.with_value(places[name], value)
            elif starred and name in edit.positions:
                raise CannotEditError(f"{where}: the arguments are passed as *args")
            elif mapping is not None:
                row = _set_in_mapping(row, name, value)
            else:
                row = row.append(_keyword_argument(name, value))
        if mapping is not None and not set(edit.drop) <= set(places):
            raise CannotEditError(f"{where}: the arguments are passed as **options")
        gone = {places[name] for name in edit.drop if name in places}
        known = {index: name for name, index in places.items()}
        shifted = False
        items = list(row.items)
        for index, arg in enumerate(updated.args):
            if not _is_positional(arg):
                continue
            if shifted and index not in gone:  # it loses its position: its name goes with it
                if index not in known:
                    raise CannotEditError(f"{where}: an argument to drop is passed by position")
                value = items[index].value
                items[index] = _keyword_argument(known[index], value).with_changes(comma=arg.comma)
            shifted = shifted or index in gone
        row = replace(row, items=(*items,))
        for index in sorted(gone, reverse=True):
            row = row.remove(index)
        return write_row(updated, _apart(row))

    def _wrapped(
        self,
        call: cst.Call,
        inner: cst.BaseExpression,
        before: Sequence[cst.BaseExpression],
        after: Sequence[cst.BaseExpression],
        container: str,
    ) -> cst.BaseExpression:
        func = self.names.write(container, call, call.func)
        items = (*before, inner.with_changes(lpar=[], rpar=[]), *after)
        args = [cst.Arg(item) for item in items]
        if not container.startswith("torch."):
            args = [cst.Arg(cst.List([cst.Element(item) for item in items]))]
        return cst.Call(func, args, lpar=inner.lpar, rpar=inner.rpar)

    def _dropped(self, call: cst.Call, updated: cst.Call, edit: DropCall) -> cst.BaseExpression:
        if edit.module:
            func = self.names.write(edit.identity, call, call.func)
            return cst.Call(func, lpar=updated.lpar, rpar=updated.rpar)
        value = self._receiver(call, updated, edit.expects)
        if value is None:
            first = next((arg for arg in updated.args if _is_positional(arg)), None)
            named = [arg for arg in updated.args if _keyword(arg) in _FIRST]
            first = first or (named[0] if named else None)
            if first is None or first.star:
                raise CannotEditError(f"{at(edit)}: its first argument is not found")
            value = first.value
        if updated.lpar:
            return _bare(value).with_changes(lpar=updated.lpar, rpar=updated.rpar)
        if not value.lpar and self._needs_parentheses(call, value):
            return value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        return value

    def _needs_parentheses(self, call: cst.Call, value: cst.BaseExpression) -> bool:
        """Return whether `value` needs parentheses where `call` stood without any."""
        parent = self.names.parent(call)
        if isinstance(value, _NUMBERS) and isinstance(parent, cst.Attribute):
            return True
        alone = isinstance(
            parent,
            cst.Assign
            | cst.AnnAssign
            | cst.AugAssign
            | cst.Return
            | cst.Expr
            | cst.Arg
            | cst.Element
            | cst.Index,
        )
        safe = alone and not isinstance(
            value, cst.GeneratorExp | cst.NamedExpr | cst.Yield | cst.Tuple
        )
        if not safe and not isinstance(value, _ATOMS):
            return True
        try:
            ast.parse(self.module.code_for_node(_bare(value)), mode="eval")
        except SyntaxError:  # it is spread over lines
            return True
        return False

    def _receiver(
        self, call: cst.Call, updated: cst.Call, expects: str
    ) -> cst.BaseExpression | None:
        """Return ``x`` for a method call ``x.sigmoid()``, None for other calls.

        ``self.sigmoid(x)`` is none: there the attribute holds a function or a module.
        """
        func = call.func
        if not isinstance(func, cst.Attribute) or not isinstance(updated.func, cst.Attribute):
            return None
        if expects and func.attr.value != expects:
            return None
        if self.names.full_name(func) is not None:
            return None
        name = dotted(func)
        if name is not None and self.names.is_attribute_assigned(name):
            return None
        if dotted(func.value) in ("self", "cls"):
            return None
        first = next((arg.value for arg in call.args if _is_positional(arg)), None)
        if not expects and first is not None and not isinstance(first, _NUMBERS):
            return None  # whatever it is: it was given something
        return updated.func.value

    def _expression(
        self,
        text: str,
        site: cst.CSTNode,
        arguments: Mapping[str, cst.BaseExpression] | None = None,
    ) -> cst.BaseExpression:
        """Return an edit's expression in the script's names, with its placeholders filled in."""
        found: dict[str, cst.BaseExpression] = {}

        def hold(match: re.Match[str]) -> str:
            name = match[1]
            if name not in (arguments or {}):
                line = self.names.span(site).start.line
                raise CannotEditError(f"line {line}: no argument {name} is found in the call")
            found[f"_unstuck_{name}"] = (arguments or {})[name]
            return f"_unstuck_{name}"

        if arguments is not None:
            text = re.sub(r"\{([^\W\d]\w*)\}", hold, text)
        try:
            tree = cst.parse_expression(text, self.module.config_for_parsing)
        except cst.ParserSyntaxError as error:
            raise ValueError(f"an edit's expression is not valid Python: {text}") from error
        like = site.func if isinstance(site, cst.Call) else None
        tree = self.names.rename(tree, site, like)
        return cast(cst.BaseExpression, tree.visit(_Filler(found)))


def _together(edits: Sequence[Surround]) -> list[list[Surround]]:
    """Return the edits that make one sequence: all of Keras, each of PyTorch, as if live."""
    nested = any(edit.container.startswith("torch.") for edit in edits)
    return [[edit] for edit in edits] if nested or not edits else [list(edits)]


def _is_positional(arg: cst.Arg) -> bool:
    return arg.keyword is None and arg.star != "**"


def _keyword(arg: cst.Arg | cst.BaseElement) -> str:
    return arg.keyword.value if isinstance(arg, cst.Arg) and arg.keyword is not None else ""


def _keyword_argument(name: str, value: cst.BaseExpression) -> cst.Arg:
    blank = cst.SimpleWhitespace("")
    return cst.Arg(value, cst.Name(name), equal=cst.AssignEqual(blank, blank))


def _places(call: cst.Call, positions: Sequence[str]) -> dict[str, int]:
    """Return the index of each argument whose name is known, up to the first ``*args``."""
    places: dict[str, int] = {}
    starred = False
    for index, arg in enumerate(call.args):
        starred = starred or arg.star == "*"
        if arg.keyword is not None:
            places[arg.keyword.value] = index
        elif not arg.star and not starred and index < len(positions):
            places[positions[index]] = index
    return places


def _arguments(call: cst.Call, positions: Sequence[str]) -> dict[str, cst.BaseExpression]:
    places = _places(call, positions)
    return {name: call.args[index].value for name, index in places.items()}


def _set_in_mapping(row: Row, name: str, value: cst.BaseExpression) -> Row:
    """Set a name that ``**options`` may hold as well: ``**{**options, "lr": 0.1}``."""
    index = next(
        i for i in reversed(range(len(row.items))) if getattr(row.items[i], "star", "") == "**"
    )
    arg = cast(cst.Arg, row.items[index])
    entry = cst.DictElement(cst.SimpleString(f'"{name}"'), value)
    old = arg.value
    if (
        isinstance(old, cst.Dict)
        and old.elements
        and isinstance(old.elements[0], cst.StarredDictElement)
    ):
        mapping = old.with_changes(elements=[*old.elements, entry])
    else:
        mapping = cst.Dict([cst.StarredDictElement(old), entry])
    return row.with_value(index, mapping)


def _apart(row: Row) -> Row:
    """Return a row in which a generator that was the only argument has parentheses."""
    for index, item in enumerate(row.items):
        value = item.value
        if len(row.items) > 1 and isinstance(value, cst.GeneratorExp) and not value.lpar:
            value = value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
            row = row.with_value(index, value)
    return row


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _bare(value: cst.BaseExpression) -> cst.BaseExpression:
    """Return an expression without parentheses that only group it."""
    if isinstance(value, cst.Tuple | cst.GeneratorExp | cst.NamedExpr | cst.Yield):
        return value
    return value.with_changes(lpar=[], rpar=[])


class _Filler(cst.CSTTransformer):
    """Puts the user's own expressions where placeholders stand."""

    def __init__(self, values: Mapping[str, cst.BaseExpression]) -> None:
        super().__init__()
        self._values = values
        self._alone: set[cst.CSTNode] = set()

    def visit_Arg(self, node: cst.Arg) -> None:  # noqa: N802
        self._alone.add(node.value)

    def leave_Name(  # noqa: N802
        self, original_node: cst.Name, updated_node: cst.Name
    ) -> cst.BaseExpression:
        value = self._values.get(original_node.value)
        if value is None:
            return updated_node
        copy = value.deep_clone()
        if original_node in self._alone or isinstance(copy, _ATOMS) or copy.lpar:
            return copy
        return copy.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
