"""Training steps on all rows at once: which statements make the step, and what they read.

The record says which expressions of the script held as many rows as the batch; the syntax says
which statements lead from them to the optimizer's step.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unstuck.edits import Rewrite
from unstuck.sources.batches import Script, assigned, called, dotted, loaded

__all__ = ["WholeStep", "mini_batched", "whole_step"]

REPORTS = frozenset(
    {"print", "append", "info", "debug", "log", "add_scalar", "set_description", "set_postfix"}
    | {"set_postfix_str", "write", "item", "format", "round", "float", "str", "int", "echo"}
)
"""Calls that tell about a step and are no part of it."""
EVALUATING = frozenset({"no_grad", "inference_mode", "eval"})
OWN_NAMES = (ast.FunctionDef, ast.Lambda, ast.ListComp, ast.GeneratorExp)
LEAVING = (ast.Break, ast.Continue, ast.Return, ast.Yield)
STEPPING = frozenset(
    {"backward", "zero_grad", "step", "clip_grad_norm_", "clip_grad_value_", "unscale_", "scale"}
)


@dataclass(frozen=True, eq=False)
class WholeStep:
    """The statements of a step on all rows.

    Attributes:
        block: The statements among which it stands.
        first: Index of its first statement.
        last: Index of its last statement.
        reports: Indices of statements between them that only tell about the step.
        rows: The expressions in it that hold all rows.
        later: Expressions with all rows that are compared with the step's results after it.
        counts: Names in it that hold the number of rows.
    """

    block: list[ast.stmt]
    first: int
    last: int
    reports: tuple[int, ...]
    rows: tuple[ast.expr, ...]
    later: tuple[ast.expr, ...]
    counts: tuple[ast.expr, ...]


def whole_step(script: Script, step: ast.Call, data: Mapping[str, Any]) -> WholeStep | None:
    """Return the step on all rows that `step` ends, or None where it is not understood.

    Args:
        script: The script.
        step: The call of the optimizer's step.
        data: What the record says of names with as many rows as the batch (``row_data``).
    """
    if step.keywords or (step.args and "scaler" not in ast.unparse(step.func).lower()):
        return None  # a closure
    block, last = _block(script, step)
    if block is None or _counted(block, "backward") != 1 or _counted(block, "step", step) > 1:
        return None
    known = _Known(data)
    while last + 1 < len(block) and _belongs(block[last + 1]):
        last += 1
    relevant = [
        i for i, held in enumerate(block[: last + 1]) if _belongs(held) or known.found(held)
    ]
    first = relevant[0]
    while first and block[first - 1].end_lineno == block[first].lineno:
        first -= 1  # what stands on one line stays together
    reports = tuple(i for i in range(first, last) if _reports(block, i, last))
    kept = [block[i] for i in range(first, last + 1) if i not in reports]
    rows = _rows(script, kept, known)
    if not rows or not _separable(script, kept, known):
        return None
    if any(isinstance(n, LEAVING) or called(n) in EVALUATING for h in kept for n in ast.walk(h)):
        return None
    later = _later(script, block, first, last, reports, known)
    if later is None:
        return None
    counts = [node for held in kept for node in _expressions(held) if _text(node) in known.counts]
    numbers = [n for held in kept for n in ast.walk(held) if isinstance(n, ast.Constant)]
    if any(type(n.value) is int and n.value == data["rows"] for n in numbers):
        return None
    if not all(_plain(script, node) for node in (*rows, *later, *counts)):
        return None
    return WholeStep(block, first, last, reports, tuple(rows), tuple(later), tuple(counts))


class _Known:
    """What the record knows about the names of the frame that made the step."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.rows = {*data.get("tensors", ()), *data.get("arrays", ())}
        self.arrays = set(data.get("arrays", ()))
        self.derived = set(data.get("derived", ()))
        self.blocked = set(data.get("blocked", ()))
        self.holders = set(data.get("holders", ()))
        self.counts = set(data.get("counts", ()))

    def found(self, node: ast.AST) -> list[ast.expr]:
        """Return the expressions in a statement that read all rows."""
        return [held for held in _expressions(node) if _text(held) in self.rows]


def _text(node: ast.expr) -> str:
    return ast.unparse(node)


def _expressions(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the names, attributes and items that are read, whole chains and their beginnings."""
    for held in ast.walk(node):
        if isinstance(held, (ast.Name, ast.Attribute, ast.Subscript)) and isinstance(
            held.ctx, ast.Load
        ):
            yield held


def _block(script: Script, step: ast.Call) -> tuple[list[ast.stmt] | None, int]:
    """Return the innermost statements that hold both the backward pass and the step."""
    statement = script.statement(step)
    while True:
        block = script.block(statement)
        if _counted(block, "backward"):
            simple = isinstance(statement, (ast.Expr, ast.Assign))
            return (block if simple else None), block.index(statement)
        parent = script.parents[statement]
        if not isinstance(parent, (ast.With, ast.If)):
            return None, 0
        statement = parent


def _counted(block: Sequence[ast.stmt], name: str, step: ast.Call | None = None) -> int:
    """Return how many calls of that name there are; of steps, those of the same kind."""
    found = [n for held in block for n in ast.walk(held) if called(n) == name]
    if step is not None and isinstance(step.func, ast.Attribute):
        schedules = ("sched", "writer", "lr_")
        found = [
            n
            for n in found
            if isinstance(n, ast.Call)
            and isinstance(n.func, ast.Attribute)
            and not any(word in dotted(n.func.value).lower() for word in schedules)
        ]
    return len(found)


def _belongs(statement: ast.stmt) -> bool:
    """Return whether a statement clears gradients or updates a gradient scaler."""
    for node in ast.walk(statement):
        if called(node) == "zero_grad":
            return True
        if isinstance(node, ast.Attribute) and node.attr == "grad":
            return True
        if called(node) == "update" and isinstance(node, ast.Call):
            function = node.func
            owner = dotted(function.value) if isinstance(function, ast.Attribute) else ""
            if "scaler" in owner.lower():
                return True
    return False


def _reports(block: Sequence[ast.stmt], index: int, last: int) -> bool:
    """Return whether a statement only tells about the step: it may wait until the pass is over."""
    statement = block[index]
    names = {called(node) for node in ast.walk(statement)} - {""}
    if names & STEPPING or _belongs(statement):
        return False
    if assigned(statement) & loaded(*block[index + 1 : last + 1]):
        return False
    if isinstance(statement, ast.If):
        return True
    if isinstance(statement, (ast.Expr, ast.AugAssign)):
        return bool(names) and names <= REPORTS
    return False


def _rows(script: Script, kept: Sequence[ast.stmt], known: _Known) -> list[ast.expr]:
    """Return the expressions that read all rows; what the step itself makes has a batch's rows.

    Nothing where the step overwrites what it reads, or picks rows on its own.
    """
    own: set[str] = set()
    found: list[ast.expr] = []
    for statement in kept:
        read = [node for node in known.found(statement) if _base(node) not in own]
        found += sorted(read, key=lambda node: (node.lineno, node.col_offset))
        own |= assigned(statement)
    if any(_base(node) in own or not _whole(script, node) for node in found):
        return []
    return found


def _base(node: ast.expr) -> str:
    """Return the name that an expression begins with."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _whole(script: Script, node: ast.expr) -> bool:
    """Return whether all rows of an expression are read, not some by their number."""
    parent = script.parents[node]
    if not isinstance(parent, ast.Subscript) or parent.value is not node:
        return True
    index = parent.slice.elts[0] if isinstance(parent.slice, ast.Tuple) else parent.slice
    if isinstance(index, ast.Slice):
        return index.lower is index.upper is None
    return isinstance(index, ast.Constant) and index.value is ...


def _plain(script: Script, node: ast.expr) -> bool:
    """Return whether an expression stands on one line, where the syntax tree says it does."""
    if node.lineno != node.end_lineno:
        return False
    try:
        return ast.unparse(ast.parse(script.text(node), mode="eval")) == _text(node)
    except (SyntaxError, ValueError):
        return False


def _separable(script: Script, kept: Sequence[ast.stmt], known: _Known) -> bool:
    """Return whether nothing else in the step holds all rows."""
    own: set[str] = set()
    for statement in kept:
        if any(
            isinstance(n, (ast.FunctionDef, ast.Lambda, ast.ListComp)) for n in ast.walk(statement)
        ):
            return False
        if any(_is_long_text(node) for node in ast.walk(statement)):
            return False
        read = [n for n in _expressions(statement) if not _inside(script, n, known.rows)]
        for node in read:
            text = _text(node)
            if text in known.blocked:
                return False
            if text in known.derived and _base(node) not in own:
                return False
            if text in known.holders and not _selects(script, node, known):
                return False
            if isinstance(script.parents[node], ast.Call) and _reaches(script, node, known):
                return False
        own |= assigned(statement)
    stored = {
        _text(node)
        for statement in kept
        for node in ast.walk(statement)
        if isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store)
    }
    return not stored & known.rows


def _is_long_text(node: ast.AST) -> bool:
    long = isinstance(node, (ast.Constant, ast.JoinedStr)) and node.lineno != node.end_lineno
    return long and (isinstance(node, ast.JoinedStr) or isinstance(node.value, (str, bytes)))  # type: ignore[attr-defined]


def _inside(script: Script, node: ast.expr, texts: Iterable[str]) -> bool:
    """Return whether an expression is a part of one that is known to hold rows."""
    for parent in script.around(node):
        if not isinstance(parent, (ast.Attribute, ast.Subscript)):
            return False
        if _text(parent) in texts:
            return True
    return False


def _selects(script: Script, node: ast.expr, known: _Known) -> bool:
    """Return whether only an item without rows is taken from what holds rows."""
    parent = script.parents[node]
    if not isinstance(parent, (ast.Attribute, ast.Subscript)) or parent.value is not node:
        return False
    text = _text(parent)
    return text not in known.blocked and text not in known.derived


def _defined(script: Script, call: ast.Call) -> list[ast.FunctionDef]:
    """Return the functions of the script that a call may go to; methods where it has a dot."""
    method = isinstance(call.func, ast.Attribute)
    return [
        node
        for node in ast.walk(script.tree)
        if isinstance(node, ast.FunctionDef)
        and node.name == called(call)
        and isinstance(script.parents[node], ast.ClassDef) is method
    ]


def _reaches(script: Script, node: ast.expr, known: _Known) -> bool:
    """Return whether a call goes to a function of the script that reads rows by itself."""
    call = script.parents[node]
    if not isinstance(call, ast.Call) or call.func is not node:
        return False
    for function in _defined(script, call):
        given = {arg.arg for arg in [*function.args.args, *function.args.kwonlyargs]} - {"self"}
        own = given | assigned(function)
        for held in _expressions(function):
            text = _text(held)
            if text in known.rows and text.partition(".")[0].partition("[")[0] not in own:
                return True
    return False


def _later(
    script: Script,
    block: Sequence[ast.stmt],
    first: int,
    last: int,
    reports: Sequence[int],
    known: _Known,
) -> list[ast.expr] | None:
    """Return what must be indexed after the pass, where results of its last batch are used.

    None where results for all rows are used in another way: after the loop, or returned.
    """
    step = [block[i] for i in range(first, last + 1) if i not in reports]
    made = assigned(*step)
    tainted = {name for name in made if name in known.derived | known.rows}
    found: list[ast.expr] = []
    rest = [block[i] for i in reports] + list(block[last + 1 :])
    for statement in (held for top in rest for held in _simple(top)):
        if loaded(statement) & tainted:
            if isinstance(statement, ast.Return):
                return None
            found += [n for n in known.found(statement) if _base(n) not in made | tainted]
            if isinstance(statement, (ast.Assign, ast.AnnAssign)):
                tainted |= assigned(statement) - _scalars(statement)
        elif isinstance(statement, ast.Assign):
            tainted -= assigned(statement)
    outside = [
        node
        for node in ast.walk(script.scope(block[0]))
        if isinstance(node, ast.Name)
        and isinstance(node.ctx, ast.Load)
        and node.lineno > (block[-1].end_lineno or 0)
    ]
    for node in outside:
        if node.id in tainted and not _rebound(script, node, block[-1]):
            return None
    return found if all(_whole(script, node) for node in found) else None


def _scalars(statement: ast.stmt) -> set[str]:
    """Return what a statement binds to a number: the value ends in ``.item()`` or ``.mean()``."""
    value = getattr(statement, "value", None)
    ends = {"item", "mean", "sum", "float", "len", "round", "accuracy_score"}
    return assigned(statement) if value is not None and called(value) in ends else set()


def _rebound(script: Script, node: ast.Name, after: ast.stmt) -> bool:
    """Return whether a name is assigned anew between a statement and its use."""
    return any(
        isinstance(other, ast.Name)
        and other.id == node.id
        and isinstance(other.ctx, ast.Store)
        and (after.end_lineno or 0) < other.lineno < node.lineno
        for other in ast.walk(script.tree)
    )


def _simple(statement: ast.stmt) -> Iterator[ast.stmt]:
    """Yield the simple statements in a statement, in order."""
    blocks = [getattr(statement, name, None) or [] for name in ("body", "orelse", "finalbody")]
    if not any(blocks):
        yield statement
    for block in blocks:
        for inner in block:
            yield from _simple(inner)


# ------------------------------------------------------------------ the loop over batches


def mini_batched(
    script: Script, found: WholeStep, size: int, data: Mapping[str, Any]
) -> list[Rewrite | None]:
    """Return the edits that make a pass over mini-batches of a step on all rows."""
    block = found.block
    first = block[found.first]
    indentation = script.indentation(first)
    torch, edits = script.torch()
    batch = script.unused("batch", "rows", "batch_rows")
    if indentation is None or not _alone(script, block, found):
        return [None]
    unit = _unit(script, block, indentation)
    arrays = any(_text(node) in data.get("arrays", ()) for node in found.rows)
    place = f"{batch}.numpy()" if arrays else batch
    indexed = (*found.rows, *found.later)
    texts = {id(node): f"{script.text(node)}[{place}]" for node in indexed}
    texts |= {id(node): f"len({batch})" for node in found.counts}
    rows = script.text(found.rows[0])
    lines = [f"for {batch} in {torch}.randperm(len({rows})).split({size}):"]
    waiting: list[str] = []
    end = first.lineno - 1
    for index in range(found.first, found.last + 1):
        statement = block[index]
        stop = statement.end_lineno or statement.lineno
        if index > found.first and statement.lineno <= end:  # several statements on one line
            continue
        together = [s for s in block[index : found.last + 1] if s.lineno <= stop]
        stop = max(s.end_lineno or s.lineno for s in together)
        changed = _changed(script, end + 1, stop, texts, (*indexed, *found.counts))
        if index in found.reports:
            waiting += changed
        else:
            lines += [unit + line if line.strip() else line for line in changed]
        end = stop
    span = (first.lineno, first.col_offset, end, len(script.lines[end - 1].rstrip(b"\r\n")))
    edits.append(script.rewrite(span, script.newline.join([*lines, *waiting])))
    after = [n for n in found.later if n.lineno > end or n.lineno < first.lineno]
    return [*edits, *(script.replace(node, texts[id(node)]) for node in after)]


def _alone(script: Script, block: Sequence[ast.stmt], found: WholeStep) -> bool:
    """Return whether the statements share no line with others, and reports none with the step."""
    for index, statement in enumerate(block):
        for other_index in range(index + 1, len(block)):
            if block[other_index].lineno > (statement.end_lineno or 0):
                break
            groups = [
                (found.first <= i <= found.last, i in found.reports) for i in (index, other_index)
            ]
            if groups[0] != groups[1]:
                return False
    parent = script.parents[block[0]]
    header = getattr(parent, "lineno", 0)
    return block[0].lineno != header


def _unit(script: Script, block: Sequence[ast.stmt], indentation: str) -> str:
    """Return by how much the script indents."""
    parent = script.parents[block[0]]
    if isinstance(parent, ast.stmt):
        outer = script.indentation(parent) or ""
        if indentation.startswith(outer) and len(indentation) > len(outer):
            return indentation[len(outer) :]
    return "    "


def _changed(
    script: Script, line: int, end: int, texts: Mapping[int, str], nodes: Sequence[ast.expr]
) -> list[str]:
    """Return lines of the script with some expressions replaced, without line ends."""
    lines = [script.lines[i - 1].rstrip(b"\r\n") for i in range(line, end + 1)]
    inside = [n for n in nodes if line <= n.lineno <= end and n.lineno == n.end_lineno]
    for node in sorted(inside, key=lambda n: (n.lineno, n.col_offset), reverse=True):
        held = lines[node.lineno - line]
        new = texts[id(node)].encode()
        lines[node.lineno - line] = held[: node.col_offset] + new + held[node.end_col_offset :]
    return [held.decode() for held in lines]
