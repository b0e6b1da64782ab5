"""From edits to patched source and a unified diff, with everything else kept byte for byte.

All edits are matched against the original tree first, then carried out by one LibCST transformer,
so that several of them may concern one call or one statement. What cannot be done is skipped with a
reason, never guessed: a call that the run saw at an exact span may be edited although its callee is
a variable, a call that is known only by its line must have the expected name.
"""

from __future__ import annotations

import bisect
import contextlib
import difflib
import os
import re
import tempfile
import textwrap
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import libcst as cst
from libcst.metadata import MetadataWrapper

from unstuck.edits import DropCall, Edit, Insert, ReplaceCall, Rewrite, SetArguments
from unstuck.findings import Location
from unstuck.names import Names, dotted, last_name
from unstuck.rewrite import CallEdit, CannotEditError, Rewriter, at
from unstuck.rows import read_row, write_row
from unstuck.sources.script import read_source

__all__ = [
    "Patched",
    "apply_edits",
    "imports_unstuck",
    "read_source",
    "unified_diff",
    "write_atomically",
]

_LEAVING = (cst.Return, cst.Raise, cst.Break, cst.Continue)

_Display = TypeVar("_Display", cst.Call, cst.List, cst.Tuple)


@dataclass(frozen=True)
class Patched:
    """A patched script.

    Attributes:
        source: The new source; line ends are those of the old one.
        done: The edits that are in it, identical ones once.
        skipped: The others, each with the reason in one line.
    """

    source: str
    done: tuple[Edit, ...] = ()
    skipped: tuple[tuple[Edit, str], ...] = ()


def apply_edits(source: str, edits: Sequence[Edit], filename: str) -> Patched:
    """Return `source` with `edits` carried out.

    Args:
        source: The script, as `read_source` returns it.
        edits: What to change; identical edits (of a call in a loop, say) count once.
        filename: The script's path; edits of other files are skipped.

    Raises:
        ValueError: If `source` is not Python, or the result would not be.
    """
    if any(isinstance(edit, Rewrite) for edit in edits):
        return _rewritten(source, _unique(edits), filename)
    try:
        wrapper = MetadataWrapper(cst.parse_module(source))
    except cst.ParserSyntaxError as error:
        raise ValueError(f"{filename}:{error.raw_line}: not valid Python") from error
    tree = wrapper.module.code
    if tree.count("\n") != source.count("\n"):
        raise ValueError(f"{filename}: the source cannot be reproduced exactly")
    plan = _Plan(wrapper)
    done: list[Edit] = []
    skipped: list[tuple[Edit, str]] = []
    for edit in _unique(edits):
        assert not isinstance(edit, Rewrite)
        before = dict(plan.names.added)
        try:
            if not _same_file(edit.location.file, filename):
                raise CannotEditError(f"the location is in {os.path.basename(edit.location.file)}")
            plan.add(edit)
        except CannotEditError as reason:
            plan.names.added = before
            skipped.append((edit, str(reason)))
        else:
            done.append(edit)
    if not done:
        return Patched(source, (), tuple(skipped))
    plan.add_imports()
    patched = _restored(source, tree, wrapper.module.visit(_Patcher(plan)).code)
    _check_compiles(patched, filename)
    return Patched(patched, tuple(done), tuple(skipped))


def _check_compiles(patched: str, filename: str) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape in the user's strings
            compile(patched, filename, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise ValueError(
            f"{filename}: the patched source would not compile ({error.msg}, line {error.lineno})"
        ) from error


def _rewritten(source: str, edits: Sequence[Edit], filename: str) -> Patched:
    """Return `source` with passages rewritten, then with the other edits at their new places."""
    starts, data = _starts(source), source.encode()
    done: list[Edit] = []
    skipped: list[tuple[Edit, str]] = []
    planned: list[tuple[int, int, bytes]] = []
    others = [edit for edit in edits if not isinstance(edit, Rewrite)]
    for edit in (edit for edit in edits if isinstance(edit, Rewrite)):
        where = at(edit)
        (line, column), (end_line, end_column) = _span_of(edit.location)
        if not _same_file(edit.location.file, filename) or end_line > len(starts):
            skipped.append((edit, f"{where}: the location is not in this file"))
            continue
        start, end = starts[line - 1] + column, starts[end_line - 1] + end_column
        if data[start:end] != edit.expects.encode():
            skipped.append((edit, f"{where}: the passage is not what it was"))
        elif any(start < other_end and other < end for other, other_end, _ in planned):
            skipped.append((edit, f"{where}: another edit already rewrites this passage"))
        else:
            planned.append((start, end, edit.to.encode()))
            done.append(edit)
    planned.sort(key=lambda item: item[:2])
    for start, end, text in reversed(planned):
        data = data[:start] + text + data[end:]
    patched = data.decode()
    _check_compiles(patched, filename)
    if not others:
        return Patched(patched, tuple(done), tuple(skipped))
    moved: list[tuple[Edit, Edit]] = []
    after = _starts(patched)
    for other in others:
        place = _moved(other.location, starts, after, planned)
        if place is None:
            skipped.append((other, f"{at(other)}: another edit already rewrites this passage"))
        else:
            moved.append((replace(other, location=place), other))
    rest = apply_edits(patched, [new for new, _ in moved], filename)
    done += [old for new, old in moved if new in rest.done]
    skipped += [(old, why) for new, old in moved for one, why in rest.skipped if one == new]
    return Patched(rest.source, tuple(done), tuple(skipped))


def _starts(source: str) -> list[int]:
    """Return at which byte each line begins, and behind the last one where the source ends."""
    starts = [0]
    for line in re.findall(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+", source):
        starts.append(starts[-1] + len(line.encode()))
    return starts


def _moved(
    place: Location,
    before: Sequence[int],
    after: Sequence[int],
    planned: Sequence[tuple[int, int, bytes]],
) -> Location | None:
    """Return where a place is once passages are rewritten, None if it is inside one of them.

    Args:
        place: A span, or a line.
        before: At which byte each line began.
        after: At which byte each line begins now.
        planned: Begin and end of each passage, and its new text.
    """
    (line, column), (end_line, end_column) = _span_of(place)
    start = before[line - 1] + column
    end = start if place.column is None else before[end_line - 1] + end_column
    shift = grown = 0
    for first, last, text in planned:
        longer = len(text) - (last - first)
        if last <= start:
            shift += longer
        elif first < end and start <= first and last <= end and (first, last) != (start, end):
            grown += longer
        elif first < end or first < start:
            return None
    spots = [start + shift, end + shift + grown]
    lines = [bisect.bisect_right(after, spot) for spot in spots]
    if place.column is None:
        return Location(place.file, lines[0])
    columns = [spot - after[line - 1] for spot, line in zip(spots, lines, strict=True)]
    return Location(place.file, lines[0], columns[0], lines[1], columns[1])


def imports_unstuck(edits: Sequence[Edit]) -> bool:
    """Return whether any of the edits makes the script import unstuck."""
    return any(isinstance(edit, Insert) and edit.unstuck for edit in edits)


def unified_diff(before: str, after: str, filename: str) -> str:
    """Return the difference as ``patch -p0`` and ``git apply -p0`` take it, "" where none is."""
    name = filename + "\t" if re.search(r"\s", filename) else filename
    lines = difflib.unified_diff(_lines(before), _lines(after), name, name)
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def write_atomically(path: str | os.PathLike[str], source: str) -> None:
    """Replace a script in one step, with its encoding and permissions kept; links stay links.

    Raises:
        ValueError: If the file's encoding cannot express `source`.
    """
    target = Path(path).resolve()
    encoding = read_source(target)[1] if target.exists() else "utf-8"
    try:
        data = source.encode(encoding)
    except UnicodeEncodeError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from error
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, target.stat().st_mode & 0o7777 if target.exists() else 0o644)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _lines(text: str) -> list[str]:
    """Return the lines of a text as git counts them: only a line feed ends one."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _restored(source: str, tree: str, patched: str) -> str:
    """Return `patched` with the untouched lines as they are in `source`.

    LibCST loses a blank here and there: the one in ``except (A, B) :``.
    """
    if tree == source:
        return patched
    old, lines = _lines(source), _lines(patched)
    matcher = difflib.SequenceMatcher(None, _lines(tree), lines, autojunk=False)
    for block in matcher.get_matching_blocks():
        lines[block.b : block.b + block.size] = old[block.a : block.a + block.size]
    return "".join(lines)


def _unique(edits: Sequence[Edit]) -> list[Edit]:
    found: list[Edit] = []
    for edit in edits:  # edits hold mappings: equal, but not hashable
        if edit not in found:
            found.append(edit)
    return found


def _same_file(one: str, other: str) -> bool:
    if os.path.realpath(one) == os.path.realpath(other):
        return True
    return (
        not os.path.isabs(other) and Path(one).parts[-len(Path(other).parts) :] == Path(other).parts
    )


@dataclass
class _Around:
    """What goes before and after one statement: trees of inserted lines, in order."""

    before: list[cst.Module] = field(default_factory=list)
    after: list[cst.Module] = field(default_factory=list)


class _Plan:
    """Which node of the original tree each edit concerns; `add` checks that it can be done."""

    def __init__(self, wrapper: MetadataWrapper) -> None:
        self.module = wrapper.module
        self.names = Names(wrapper)
        self.rewriter = Rewriter(wrapper.module, self.names)
        self.calls: dict[cst.Call, list[CallEdit]] = {}
        self.around: dict[cst.CSTNode, _Around] = {}
        self._texts = re.split(r"\r\n?|\n", self.module.code)
        self._spans = {call: self._bytes(call) for call in self.names.calls}
        self._ends = {span[1]: call for call, span in self._spans.items()}
        self._sites: list[cst.CSTNode] = []
        statements = _Statements()
        self.module.visit(statements)
        self._statements = [(node, self._statement_span(node)) for node in statements.found]

    def add(self, edit: CallEdit | Insert) -> None:
        """Plan an edit.

        Raises:
            CannotEditError: If it cannot be done; the plan is then as before.
        """
        if isinstance(edit, Insert):
            statement = self._statement(edit)
            lines = self.names.rename(_parse_lines(edit.lines, self.module), statement)
            around = self.around.setdefault(statement, _Around())
            where = around.before if edit.where == "before" else around.after
            if lines.code not in [other.code for other in where]:
                where.append(lines)
            self._sites.append(statement)
            return
        call = self._find(edit)
        planned = self.calls.get(call, [])
        _check_together(planned, edit)
        for shown in [*planned, edit]:  # carried out on the original for its errors and its imports
            self.rewriter.items(shown, call, call)
        self.rewriter.edited(call, call, [*planned, edit])
        self._add_lines(call, edit)
        self.calls[call] = [*planned, edit]
        self._sites.append(call)

    def _add_lines(self, call: cst.Call, edit: CallEdit) -> None:
        """Plan the lines of layers that go before or after one with a line of its own."""
        line = self.rewriter.line(call)
        if line is None or self.rewriter.row(call) is not None:
            return
        before, after = self.rewriter.items(edit, call, call)
        statement = self.names.parent(call)
        while not isinstance(statement, cst.BaseSmallStatement):
            assert statement is not None
            statement = self.names.parent(statement)
        around = self.around.setdefault(statement, _Around())
        for items, where in ((before, around.before), (after, around.after)):
            if items is before and self.rewriter.is_called(call):
                continue  # called within the line: the name stays what it is
            texts = [f"{line[0]}{self.module.code_for_node(item)}{line[1]}" for item in items]
            where.extend(_parse_lines(text, self.module) for text in texts)

    def add_imports(self) -> None:
        """Plan the imports that the edits need, below the imports at the top of the script."""
        if not self.names.added:
            return
        sites = set()
        for site in self._sites:
            node: cst.CSTNode | None = site
            while node is not None and self.names.parent(node) is not self.module:
                node = self.names.parent(node)
            sites.add(node)
        body = list(self.module.body)
        first = min(index for index, statement in enumerate(body) if statement in sites)
        tops = body[: first + 1]
        imports = [top for top in body[:first] if _all(top, cst.Import, cst.ImportFrom)]
        text = "\n".join(self.names.added)
        lines = _parse_lines(text, self.module)
        if imports:
            statement = _ends_of(imports[-1])[1]
            self.around.setdefault(statement, _Around()).after.insert(0, lines)
            return
        top = next((top for index, top in enumerate(tops) if index or not _is_text(top)), None)
        if top is None:  # the docstring itself is edited
            statement = _ends_of(body[0])[1]
            self.around.setdefault(statement, _Around()).after.insert(0, lines)
        else:
            statement = _ends_of(top)[0]
            self.around.setdefault(statement, _Around()).before.insert(0, lines)

    # Where an edit belongs

    def _bytes(self, node: cst.CSTNode) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return a node's span with columns in UTF-8 bytes, as the interpreter counts them."""
        span = self.names.span(node)
        start, end = (
            (place.line, len(self._texts[place.line - 1][: place.column].encode()))
            for place in (span.start, span.end)
        )
        return start, end

    def _statement_span(self, node: cst.CSTNode) -> tuple[tuple[int, int], tuple[int, int]]:
        start, end = self._bytes(node)
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            start = min([start, *(self._bytes(decorator)[0] for decorator in node.decorators)])
        return start, end

    def _find(self, edit: CallEdit) -> cst.Call:
        """Return the call an edit concerns."""
        location = edit.location
        call = self._exact(location)
        if call is not None:
            self._check_name(call, edit, exact=True)
            return call
        if location.end_column is None:
            near = [call for call in self.names.calls if location.line in self._begins(call)]
        else:
            start, end = _span_of(location)
            near = [
                call
                for call, span in self._spans.items()
                if (start <= span[0] and span[1] <= end) or span[0] == start
            ]
        if not near:
            raise CannotEditError(f"{at(edit)}: no call is found there")
        named = [call for call in near if self._is_named(call, edit)]
        if len(named) > 1 and location.end_column is not None:
            outermost = [call for call in named if self._spans[call][0] == start]
            named = outermost if len(outermost) == 1 else named
        if len(named) > 1:
            raise CannotEditError(f"{at(edit)}: {len(named)} calls there may be meant")
        if not named:
            if len(near) == 1:
                self._check_name(near[0], edit, exact=False)
            raise CannotEditError(f"{at(edit)}: no call of {edit.expects} is found there")
        return named[0]

    def _exact(self, location: Location) -> cst.Call | None:
        """Return the call whose span is exactly the location.

        The interpreter starts a method call that is spread over lines at the method's name.
        """
        if location.end_column is None:
            return None
        start, end = _span_of(location)
        call = self._ends.get(end)
        if call is None:
            return None
        starts = [self._spans[call][0]]
        if isinstance(call.func, cst.Attribute):
            starts.append(self._bytes(call.func.attr)[0])
        return call if start in starts else None

    def _begins(self, call: cst.Call) -> set[int]:
        lines = {self._spans[call][0][0]}
        if isinstance(call.func, cst.Attribute):
            lines.add(self.names.span(call.func.attr).start.line)
        return lines

    def _is_named(self, call: cst.Call, edit: CallEdit) -> bool:
        try:
            self._check_name(call, edit, exact=not edit.expects)
        except CannotEditError:
            return False
        return True

    def _check_name(self, call: cst.Call, edit: CallEdit, *, exact: bool) -> None:
        """Raise where the callee is known to be something else than the edit expects.

        A variable may hold what the run saw there, so it is accepted at an exact span: a class in
        any case, a function unless the variable holds an object that was built (a module whose
        ``forward`` called the function).
        """
        expects, written = edit.expects, last_name(call.func)
        accepted = {written, *(other.to.rpartition(".")[2] for other in self._replacements(call))}
        if not expects or expects in accepted:
            return
        where = f"{at(edit)} calls {written or 'something else'}, not {expects}"
        if written.strip("_") == expects.strip("_"):
            raise CannotEditError(where + " (in place)")
        meaning = self.names.meaning(call.func)
        if expects in {name.rpartition(".")[2] for name in meaning.names}:
            return
        if not exact or not meaning.unknown:
            raise CannotEditError(where)
        if not isinstance(call.func, cst.Call) and meaning.built and not expects[0].isupper():
            raise CannotEditError(f"{where}; the function is called inside it")

    def _replacements(self, call: cst.Call) -> list[ReplaceCall]:
        return [edit for edit in self.calls.get(call, ()) if isinstance(edit, ReplaceCall)]

    def _statement(self, edit: Insert) -> cst.CSTNode:
        """Return the statement that an insertion goes before or after."""
        location = edit.location
        if location.end_column is None:
            statement = self._statement_on(location.line, edit.where)
        else:
            start, end = _span_of(location)
            around = [node for node, span in self._statements if span[0] <= start < span[1]]
            whole = [node for node in around if end <= self._statement_span(node)[1]]
            statement = next(reversed(whole or around), None)
        if statement is None:
            raise CannotEditError(f"{at(edit)}: no statement is found there")
        if edit.where == "after" and isinstance(statement, _LEAVING):
            raise CannotEditError(f"{at(edit)}: nothing runs after this statement")
        return statement

    def _statement_on(self, line: int, where: Literal["before", "after"]) -> cst.CSTNode | None:
        """Return the innermost statement on a line; of several, the first or the last one."""
        found = [
            node
            for node, (start, end) in self._statements
            if start[0] <= line <= end[0]
            and not isinstance(self.names.parent(node), cst.SimpleStatementSuite)
        ]
        if not found:
            return None
        holder = self.names.parent(found[-1])
        if isinstance(holder, cst.SimpleStatementLine):
            return _ends_of(holder)[where == "after"]
        return found[-1]


def _span_of(location: Location) -> tuple[tuple[int, int], tuple[int, int]]:
    end_line = location.line if location.end_line is None else location.end_line
    return (location.line, location.column or 0), (end_line, location.end_column or 0)


def _check_together(planned: Sequence[CallEdit], edit: CallEdit) -> None:
    """Raise where an edit contradicts one that is already planned for the same call."""
    where = at(edit)
    for other in planned:
        if isinstance(other, DropCall) or isinstance(edit, DropCall):
            raise CannotEditError(f"{where}: another edit already changes this call")
        if isinstance(other, ReplaceCall) and isinstance(edit, ReplaceCall):
            raise CannotEditError(f"{where}: another edit already replaces this call")
        if (
            isinstance(other, SetArguments)
            and isinstance(edit, SetArguments)
            and any(edit.set.get(name, text) != text for name, text in other.set.items())
        ):
            raise CannotEditError(f"{where}: another edit already sets this argument")


def _all(statement: cst.CSTNode, *kinds: type[cst.CSTNode]) -> bool:
    return isinstance(statement, cst.SimpleStatementLine) and all(
        isinstance(small, kinds) for small in statement.body
    )


def _is_text(statement: cst.CSTNode) -> bool:
    """Return whether a statement is a lone string, such as a docstring."""
    return isinstance(statement, cst.SimpleStatementLine) and all(
        isinstance(small, cst.Expr)
        and isinstance(small.value, cst.SimpleString | cst.ConcatenatedString)
        for small in statement.body
    )


def _ends_of(statement: cst.CSTNode) -> tuple[cst.CSTNode, cst.CSTNode]:
    if isinstance(statement, cst.SimpleStatementLine):
        return statement.body[0], statement.body[-1]
    return statement, statement


class _Statements(cst.CSTVisitor):
    """Collects the statements that others can stand before or after, outer ones first."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[cst.CSTNode] = []

    def visit_Module(self, node: cst.Module) -> None:  # noqa: N802
        self._collect(node.body)

    def visit_IndentedBlock(self, node: cst.IndentedBlock) -> None:  # noqa: N802
        self._collect(node.body)

    def visit_SimpleStatementSuite(self, node: cst.SimpleStatementSuite) -> None:  # noqa: N802
        self.found.extend(node.body)

    def _collect(self, body: Sequence[cst.BaseStatement]) -> None:
        for statement in body:
            if isinstance(statement, cst.SimpleStatementLine):
                self.found.extend(statement.body)
            else:
                self.found.append(statement)


# Statements


def _parse_lines(text: str, module: cst.Module) -> cst.Module:
    """Return inserted lines as a tree, with the line ends of the script."""
    text = textwrap.dedent(text).strip("\n") + "\n"
    text = re.sub(r"\r\n?|\n", module.default_newline, text)
    try:
        return cst.parse_module(text)
    except cst.ParserSyntaxError as error:
        raise ValueError(f"an edit's lines are not valid Python: {text.strip()!r}") from error


@dataclass
class _Body:
    """A block of statements under construction.

    Attributes:
        statements: The statements so far.
        pending: Comments and blank lines for the next statement, or for the end of the block.
    """

    statements: list[cst.BaseStatement] = field(default_factory=list)
    pending: list[cst.EmptyLine] = field(default_factory=list)

    def add(self, statement: Any) -> None:
        """Add a statement, which takes the pending lines."""
        lines = [*self.pending, *statement.leading_lines]
        self.pending = []
        self.statements.append(statement.with_changes(leading_lines=lines))

    def insert(self, trees: Sequence[cst.Module]) -> None:
        """Add inserted lines."""
        for tree in trees:
            self.pending.extend(tree.header)
            for statement in tree.body:
                self.add(statement.deep_clone())
            self.pending.extend(tree.footer)

    def insert_before(self, trees: Sequence[cst.Module], statement: Any) -> Any:
        """Add lines before a statement and its comments; return it with what stays above it."""
        if not trees:
            return statement
        lines = list(statement.leading_lines)
        own = len(lines)
        while own and lines[own - 1].comment is not None:
            own -= 1
        self.pending.extend(lines[:own])
        self.insert(trees)
        return statement.with_changes(leading_lines=lines[own:])


class _Patcher(cst.CSTTransformer):
    """Carries out a plan."""

    def __init__(self, plan: _Plan) -> None:
        super().__init__()
        self._plan = plan
        self._updated: dict[cst.Call, cst.Call] = {}
        self._rows: dict[cst.CSTNode, dict[int, cst.Call]] = {}
        for call in plan.calls:
            place = plan.rewriter.row(call)
            if place is not None:
                self._rows.setdefault(place[0], {})[place[1]] = call

    def leave_Call(  # noqa: N802
        self, original_node: cst.Call, updated_node: cst.Call
    ) -> cst.BaseExpression:
        updated_node = self._with_items(original_node, updated_node)
        made = original_node.func
        if isinstance(made, cst.Call) and self._plan.rewriter.is_called(made):
            inner = self._plan.calls.get(made, ())
            return self._plan.rewriter.called(made, updated_node, inner)
        edits = self._plan.calls.get(original_node)
        if not edits:
            return updated_node
        self._updated[original_node] = updated_node
        return self._plan.rewriter.edited(original_node, updated_node, edits)

    def leave_List(  # noqa: N802
        self, original_node: cst.List, updated_node: cst.List
    ) -> cst.BaseExpression:
        return self._with_items(original_node, updated_node)

    def leave_Tuple(  # noqa: N802
        self, original_node: cst.Tuple, updated_node: cst.Tuple
    ) -> cst.BaseExpression:
        return self._with_items(original_node, updated_node)

    def _with_items(self, original: _Display, updated: _Display) -> _Display:
        """Return a row of layers with layers put in and taken out."""
        calls = self._rows.get(original)
        if not calls:
            return updated
        row = read_row(updated)
        kind = cst.Arg if isinstance(updated, cst.Call) else cst.Element
        for index in sorted(calls, reverse=True):
            call = calls[index]
            for edit in self._plan.calls[call]:
                if isinstance(edit, DropCall) and edit.module and len(row.items) > 1:
                    row = row.remove(index)
            before: list[cst.BaseExpression] = []
            after: list[cst.BaseExpression] = []
            for planned in self._plan.calls[call]:
                first, last = self._plan.rewriter.items(planned, call, self._updated[call])
                before[:0] = first
                after.extend(last)
            row = row.insert_after(index, [kind(item) for item in after])
            row = row.insert_before(index, [kind(item) for item in before])
        return write_row(updated, row)

    def leave_Module(  # noqa: N802
        self, original_node: cst.Module, updated_node: cst.Module
    ) -> cst.Module:
        body = self._body(original_node.body, updated_node.body)
        footer = [*body.pending, *updated_node.footer]
        return updated_node.with_changes(body=body.statements, footer=footer)

    def leave_IndentedBlock(  # noqa: N802
        self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
    ) -> cst.BaseSuite:
        body = self._body(original_node.body, updated_node.body)
        if not body.statements:
            return updated_node
        footer = [*body.pending, *updated_node.footer]
        return updated_node.with_changes(body=body.statements, footer=footer)

    def leave_SimpleStatementSuite(  # noqa: N802
        self, original_node: cst.SimpleStatementSuite, updated_node: cst.SimpleStatementSuite
    ) -> cst.BaseSuite:
        if not any(small in self._plan.around for small in original_node.body):
            return updated_node
        line = cst.SimpleStatementLine(
            updated_node.body, trailing_whitespace=updated_node.trailing_whitespace
        )
        body = _Body()
        self._line(body, original_node.body, line)
        return cst.IndentedBlock(body.statements, footer=body.pending)

    def _body(self, original: Sequence[cst.CSTNode], updated: Sequence[cst.BaseStatement]) -> _Body:
        body = _Body()
        for old, new in zip(original, updated, strict=True):
            if isinstance(old, cst.SimpleStatementLine):
                self._line(body, old.body, cast(cst.SimpleStatementLine, new))
                continue
            around = self._plan.around.get(old, _Around())
            body.add(body.insert_before(around.before, new))
            body.insert(around.after)
        return body

    def _line(
        self,
        body: _Body,
        original: Sequence[cst.BaseSmallStatement],
        line: cst.SimpleStatementLine,
    ) -> None:
        """Add a line of statements, split where lines are inserted between them."""
        group: list[cst.BaseSmallStatement] = []
        lines = list(line.leading_lines)  # of the next group

        def flush(*, last: bool) -> None:
            nonlocal lines
            if not group:
                return
            if group[-1] is not line.body[-1]:
                group[-1] = group[-1].with_changes(semicolon=cst.MaybeSentinel.DEFAULT)
            trailing = line.trailing_whitespace if last else cst.TrailingWhitespace()
            body.add(cst.SimpleStatementLine([*group], lines, trailing_whitespace=trailing))
            group.clear()
            lines = []

        for old, new in zip(original, line.body, strict=True):
            around = self._plan.around.get(old, _Around())
            if around.before:
                flush(last=False)
                rest = body.insert_before(around.before, line.with_changes(leading_lines=lines))
                lines = list(rest.leading_lines)
            if not self._is_gone(old, new):
                group.append(new)
            if around.after:
                flush(last=old is original[-1])
                body.insert(around.after)
        flush(last=True)
        body.pending.extend(lines)

    def _is_gone(self, old: cst.BaseSmallStatement, new: cst.BaseSmallStatement) -> bool:
        """Return whether nothing is left of a statement: ``x = softmax(x)`` became ``x = x``."""
        if not isinstance(old, cst.Assign | cst.Expr) or not isinstance(new, cst.Assign | cst.Expr):
            return False
        if not isinstance(old.value, cst.Call):
            return False
        added = old.value.args[0].value if len(old.value.args) == 1 else None
        if isinstance(old, cst.Expr) and isinstance(added, cst.Call) and self._drops(added, True):
            return self._plan.rewriter.line(added) is not None
        made = old.value.func
        called = isinstance(made, cst.Call) and self._drops(made, True)
        if not (called or self._drops(old.value, False)):
            return False
        name = dotted(new.value)
        if isinstance(new, cst.Expr):
            return name is not None
        return name is not None and [dotted(each.target) for each in new.targets] == [name]

    def _drops(self, call: cst.Call, module: bool) -> bool:
        """Return whether a call is taken away, as a module or as a function."""
        edits = self._plan.calls.get(call, ())
        return any(isinstance(edit, DropCall) and edit.module is module for edit in edits)
