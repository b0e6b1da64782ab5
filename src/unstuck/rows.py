"""Rows of items between commas, in LibCST: arguments and list elements, with their layout.

LibCST keeps the blanks of a row in four places (brackets, commas, arguments, the last item).
`Row` puts them into one sequence of gaps, so that items can be put in and taken out with the layout
and the comments of their neighbours kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import libcst as cst

__all__ = ["Container", "Item", "Row", "read_row", "write_row"]

Container = cst.Call | cst.List | cst.Tuple
Item = cst.Arg | cst.BaseElement
Gap = cst.BaseParenthesizableWhitespace
_Container = TypeVar("_Container", cst.Call, cst.List, cst.Tuple)

_NONE = cst.SimpleWhitespace("")
_SPACE = cst.SimpleWhitespace(" ")


@dataclass(frozen=True)
class Row:
    """The items of a call, list or tuple.

    Attributes:
        items: The n items; blanks after them are in `gaps`.
        gaps: The n + 1 blanks: after the opening bracket, after each comma, before the closing one.
        trailing: Whether a comma follows the last item.
    """

    items: tuple[Item, ...]
    gaps: tuple[Gap, ...]
    trailing: bool = False

    @property
    def one_per_line(self) -> bool:
        """Whether every item has a line of its own."""
        if len(self.items) < 2:
            return _breaks(self.gaps[0])
        return all(_breaks(gap) for gap in self.gaps[1:-1])

    def _break(self) -> Gap:
        """Return the plain blank that separates two items of this row."""
        if not self.one_per_line:
            return _SPACE
        return _plain(self.gaps[1] if len(self.items) > 1 else self.gaps[0])

    def insert_before(self, index: int, items: Sequence[Item]) -> Row:
        """Put `items` in front of the item at `index`."""
        gaps = self.gaps[: index + 1] + (self._break(),) * len(items) + self.gaps[index + 1 :]
        return replace(self, items=(*self.items[:index], *items, *self.items[index:]), gaps=gaps)

    def insert_after(self, index: int, items: Sequence[Item]) -> Row:
        """Put `items` behind the item at `index`, whose comment stays on its line."""
        if not items:
            return self
        new: list[Gap] = [self._break()] * len(items)
        gap = self.gaps[index + 1]
        if self.one_per_line and isinstance(gap, cst.ParenthesizedWhitespace):
            plain = self._break()
            if isinstance(plain, cst.ParenthesizedWhitespace):
                new[0] = plain.with_changes(first_line=gap.first_line)
            gap = gap.with_changes(first_line=_without_comment(gap.first_line))
        return replace(
            self,
            items=(*self.items[: index + 1], *items, *self.items[index + 1 :]),
            gaps=(*self.gaps[: index + 1], *new, gap, *self.gaps[index + 2 :]),
        )

    def with_value(self, index: int, value: cst.BaseExpression) -> Row:
        """Put another value into the item at `index`."""
        item = self.items[index].with_changes(value=value)
        return replace(self, items=(*self.items[:index], item, *self.items[index + 1 :]))

    def append(self, item: Item) -> Row:
        """Put `item` at the end."""
        if not self.items:
            return Row((item,), (_NONE, _NONE))
        return self.insert_after(len(self.items) - 1, [item])

    def remove(self, index: int) -> Row:
        """Take the item at `index` out, with its comma and the comment on its line."""
        items = self.items[:index] + self.items[index + 1 :]
        if not items:
            return Row((), (_NONE,))
        gap = _merged(self.gaps[index], self.gaps[index + 1], last=index == len(items))
        if index == 0 and not _breaks(self.gaps[0]):
            gap = self.gaps[0]
        gaps = (*self.gaps[:index], gap, *self.gaps[index + 2 :])
        return replace(self, items=items, gaps=gaps)


def read_row(container: Container) -> Row:
    """Return the row of a container."""
    items: Sequence[Item] = (
        container.args if isinstance(container, cst.Call) else container.elements
    )
    opening, closing = _ends(container)
    if not items:
        return Row((), (opening,))
    gaps = [opening, *map(_after, items)]
    if not isinstance(container, cst.Call) and not _empty(closing):
        gaps[-1] = closing
    return Row(tuple(items), tuple(gaps), isinstance(items[-1].comma, cst.Comma))


def write_row(container: _Container, row: Row) -> _Container:
    """Return the container with another row."""
    items: list[Any] = []
    last = len(row.items) - 1
    for index, item in enumerate(row.items):
        comma = item.comma if isinstance(item.comma, cst.Comma) else cst.Comma()
        changes: dict[str, Any] = {
            "comma": comma.with_changes(whitespace_after=row.gaps[index + 1])
        }
        if index == last:
            changes["comma"] = comma.with_changes(whitespace_after=_NONE)
            if not row.trailing and not (isinstance(container, cst.Tuple) and last == 0):
                changes["comma"] = cst.MaybeSentinel.DEFAULT
        if isinstance(item, cst.Arg):
            changes["whitespace_after_arg"] = row.gaps[-1] if index == last else _NONE
        items.append(item.with_changes(**changes))
    if isinstance(container, cst.Call):
        return container.with_changes(args=items, whitespace_before_args=row.gaps[0])
    changed: _Container = _with_ends(container, items, row.gaps[0], row.gaps[-1])
    return changed


def _ends(container: Container) -> tuple[Gap, Gap]:
    if isinstance(container, cst.Call):
        return container.whitespace_before_args, _NONE
    if isinstance(container, cst.List):
        return container.lbracket.whitespace_after, container.rbracket.whitespace_before
    if not container.lpar:
        return _NONE, _NONE
    return container.lpar[-1].whitespace_after, container.rpar[0].whitespace_before


def _with_ends(container: Any, items: list[Any], opening: Gap, closing: Gap) -> Any:
    if isinstance(container, cst.List):
        return container.with_changes(
            elements=items,
            lbracket=container.lbracket.with_changes(whitespace_after=opening),
            rbracket=container.rbracket.with_changes(whitespace_before=closing),
        )
    if not container.lpar:
        return container.with_changes(elements=items)
    left = container.lpar[-1].with_changes(whitespace_after=opening)
    right = container.rpar[0].with_changes(whitespace_before=closing)
    return container.with_changes(
        elements=items,
        lpar=[*container.lpar[:-1], left],
        rpar=[right, *container.rpar[1:]],
    )


def _after(item: Item) -> Gap:
    gap: Gap = item.comma.whitespace_after if isinstance(item.comma, cst.Comma) else _NONE
    if _empty(gap) and isinstance(item, cst.Arg):
        return item.whitespace_after_arg
    return gap


def _empty(gap: Gap) -> bool:
    return isinstance(gap, cst.SimpleWhitespace) and not gap.value


def _breaks(gap: Gap) -> bool:
    return isinstance(gap, cst.ParenthesizedWhitespace)


def _without_comment(line: cst.TrailingWhitespace) -> cst.TrailingWhitespace:
    if line.comment is None:
        return line
    return line.with_changes(comment=None, whitespace=_NONE)


def _plain(gap: Gap) -> Gap:
    """Return the line break of a gap without its comments and blank lines."""
    if not isinstance(gap, cst.ParenthesizedWhitespace):
        return gap
    return gap.with_changes(first_line=_without_comment(gap.first_line), empty_lines=[])


def _merged(before: Gap, after: Gap, *, last: bool) -> Gap:
    """Return what separates the neighbours of an item that is taken out."""
    if isinstance(before, cst.ParenthesizedWhitespace):
        if isinstance(after, cst.ParenthesizedWhitespace):
            return before.with_changes(
                empty_lines=[*before.empty_lines, *after.empty_lines], last_line=after.last_line
            )
        if last and before.first_line.comment is None and not before.empty_lines:
            return after  # `)` follows directly
        return before
    return after if last or _breaks(after) else before
