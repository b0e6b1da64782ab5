"""The user's script as text and syntax: what remedies of the stage "source" read and rewrite.

Nothing here imports a framework. Every edit is a `Rewrite` of an exact span, so that all other
bytes of the script stay as they are.
"""

from __future__ import annotations

import ast
import io
import os
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from unstuck.edits import Rewrite
from unstuck.findings import Location
from unstuck.patch import apply_edits
from unstuck.remedies import Change
from unstuck.signals import Run

__all__ = [
    "LOADER",
    "Script",
    "assigned",
    "called",
    "constant_places",
    "dotted",
    "fed_by",
    "loaded",
    "loader_call",
    "read_script",
    "script_of",
    "set_argument",
    "sound",
]

LOADER = (
    *("dataset", "batch_size", "shuffle", "sampler", "batch_sampler", "num_workers"),
    *("collate_fn", "pin_memory", "drop_last"),
)
"""Positional parameters of `torch.utils.data.DataLoader`."""

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True, eq=False)
class Script:
    """A source file with its syntax tree.

    Attributes:
        file: Its path, as locations name it.
        source: Its text, with its own line ends.
        tree: Its syntax tree.
        parents: Node -> the node around it.
    """

    file: str
    source: str
    tree: ast.Module
    parents: Mapping[ast.AST, ast.AST] = field(repr=False)

    @cached_property
    def lines(self) -> list[bytes]:
        """The lines in UTF-8, with their ends."""
        return [line.encode() for line in io.StringIO(self.source, newline="").readlines()]

    @property
    def newline(self) -> str:
        """What ends a line."""
        return "\r\n" if self.lines and self.lines[0].endswith(b"\r\n") else "\n"

    def around(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the nodes around a node, the innermost first."""
        while (parent := self.parents.get(node)) is not None:
            yield parent
            node = parent

    def call(self, location: Location | None) -> ast.Call | None:
        """Return the call at a span."""
        if location is None or location.column is None:
            return None
        wanted = (location.line, location.column, location.end_line, location.end_column)
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and _span(node) == wanted:
                return node
        return None

    def statement(self, node: ast.AST) -> ast.stmt:
        """Return the innermost statement around a node, or the node itself."""
        found = node if isinstance(node, ast.stmt) else None
        for parent in () if found else self.around(node):
            if isinstance(parent, ast.stmt):
                found = parent
                break
        assert found is not None
        return found

    def scope(self, node: ast.AST) -> ast.AST:
        """Return the function around a node, or the module."""
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
        return next((up for up in self.around(node) if isinstance(up, kinds)), self.tree)

    def block(self, statement: ast.stmt) -> list[ast.stmt]:
        """Return the statements among which a statement stands."""
        parent = self.parents[statement]
        for name in ("body", "orelse", "finalbody"):
            held = getattr(parent, name, None)
            if isinstance(held, list) and statement in held:
                return held
        return [statement]

    def text(self, node: ast.AST) -> str:
        """Return the source of a node."""
        return self.passage(*_span(node))

    def passage(self, line: int, column: int, end_line: int, end_column: int) -> str:
        """Return the source of a span."""
        if line == end_line:
            return self.lines[line - 1][column:end_column].decode()
        middle = self.lines[line : end_line - 1]
        first, last = self.lines[line - 1][column:], self.lines[end_line - 1][:end_column]
        return b"".join([first, *middle, last]).decode()

    def rewrite(self, span: tuple[int, int, int, int], to: str) -> Rewrite:
        """Return the edit that writes something else for a span."""
        line, column, end_line, end_column = span
        place = Location(self.file, line, column, end_line, end_column)
        return Rewrite(place, self.passage(*span), to)

    def replace(self, node: ast.AST, to: str) -> Rewrite:
        """Return the edit that writes something else for a node."""
        return self.rewrite(_span(node), to)

    def indentation(self, statement: ast.stmt) -> str | None:
        """Return what stands before a statement on its line; None if other code does."""
        before = self.lines[statement.lineno - 1][: statement.col_offset].decode()
        return before if not before.strip() else None

    def insert(self, statement: ast.stmt, lines: Sequence[str]) -> Rewrite | None:
        """Return the edit that puts lines before a statement, None where it shares its line."""
        first = statement
        decorated = getattr(statement, "decorator_list", ())
        indentation = self.indentation(first)
        if indentation is None or decorated:
            return None
        text = "".join(f"{line}{self.newline}{indentation}" for line in lines)
        line, column = first.lineno, first.col_offset
        return self.rewrite((line, column, line, column), text)

    @cached_property
    def names(self) -> frozenset[str]:
        """All names that the script uses for anything."""
        found = {node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name)}
        found |= {node.arg for node in ast.walk(self.tree) if isinstance(node, ast.arg)}
        found |= {node.attr for node in ast.walk(self.tree) if isinstance(node, ast.Attribute)}
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        found |= {node.name for node in ast.walk(self.tree) if isinstance(node, kinds)}
        return frozenset(found | set(self.imported))

    def unused(self, *names: str) -> str:
        """Return the first of some names that the script does not use."""
        for name in names:
            if name not in self.names:
                return name
        name = names[0]
        while name in self.names:
            name += "_"
        return name

    @cached_property
    def imported(self) -> Mapping[str, str]:
        """Name -> full name of what the module's imports bind to it."""
        found: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    first = alias.name.partition(".")[0]
                    found[alias.asname or first] = alias.name if alias.asname else first
            elif isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        return found

    def full_name(self, node: ast.AST) -> str:
        """Return the full name of ``F.relu`` or ``DataLoader``, "" if it is no name."""
        name = dotted(node)
        first, _, rest = name.partition(".")
        whole = self.imported.get(first, first)
        return f"{whole}.{rest}" if rest else whole

    def torch(self) -> tuple[str, list[Rewrite]]:
        """Return the name of torch in the script, and the edit that imports it where none does."""
        top = [n for n in self.tree.body if isinstance(n, (ast.Import, ast.ImportFrom))]
        for node in top:
            for alias in node.names if isinstance(node, ast.Import) else ():
                if alias.name == "torch" or (
                    alias.name.startswith("torch.") and alias.asname is None
                ):
                    return alias.asname or "torch", []
        future = [n for n in top if isinstance(n, ast.ImportFrom) and n.module == "__future__"]
        place = next((node for node in top if node not in future), None)
        edit = self.insert(place, ["import torch"]) if place is not None else None
        return "torch", [edit] if edit is not None else []


def read_script(file: str) -> Script | None:
    """Read a source file; None if it cannot be read as Python."""
    try:
        data = Path(file).read_bytes()
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        source = data.decode(encoding)
        tree = ast.parse(source, file)
        parents = {c: node for node in ast.walk(tree) for c in ast.iter_child_nodes(node)}
    except (OSError, SyntaxError, ValueError, LookupError, RecursionError):
        return None
    return Script(file, source, tree, parents)


def script_of(run: Run, location: Location | None) -> Script | None:
    """Return the file of a location if it is the script that the run executed."""
    if location is None:
        return None
    if run.script.endswith(".py") and os.path.basename(run.script) != os.path.basename(
        location.file
    ):
        return None  # a module of the user's own: patches are of the script
    return read_script(location.file)


def sound(script: Script, what: str, edits: Sequence[Rewrite | None]) -> list[Change]:
    """Return changes for some edits, or nothing if one is missing or the result is no Python."""
    present = [edit for edit in edits if edit is not None]
    if not present or len(present) != len(edits):
        return []
    try:
        patched = apply_edits(script.source, present, script.file)
    except ValueError:
        return []
    if patched.skipped or patched.source == script.source:
        return []
    rest = [f"line {edit.location.line}: {_brief(edit.to)}" for edit in present[1:]]
    return [Change(text, edit) for text, edit in zip([what, *rest], present, strict=True)]


def _brief(text: str) -> str:
    """Return the first line of what is written, for the report."""
    return (text.strip(", \t\r\n").splitlines() or [""])[0][:60]


def _span(node: ast.AST) -> tuple[int, int, int, int]:
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset  # type: ignore[attr-defined]


def dotted(node: ast.AST) -> str:
    """Return the source of ``x`` and ``self.data.x``, "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value)
        return f"{owner}.{node.attr}" if owner else ""
    return ""


def called(node: ast.AST) -> str:
    """Return the last part of the name that a call calls, "" for anything else."""
    if not isinstance(node, ast.Call):
        return ""
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def loaded(*nodes: ast.AST) -> set[str]:
    """Return the names that some nodes read."""
    return {
        node.id
        for held in nodes
        for node in ast.walk(held)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


def assigned(*nodes: ast.AST) -> set[str]:
    """Return the names that some nodes bind."""
    return {
        node.id
        for held in nodes
        for node in ast.walk(held)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def constant_places(script: Script, name: str, value: float) -> list[ast.Constant]:
    """Return the numbers equal to `value` that are bound to a name: ``name = 2``, ``f(name=2)``."""
    found: list[ast.expr | None] = []
    for node in ast.walk(script.tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if dotted(target).rpartition(".")[2] == name:
                    found.append(node.value)
                elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    pairs = zip(target.elts, node.value.elts, strict=False)
                    found += [v for t, v in pairs if dotted(t).rpartition(".")[2] == name]
        elif isinstance(node, ast.AnnAssign):
            if dotted(node.target).rpartition(".")[2] == name:
                found.append(node.value)
        elif isinstance(node, ast.arguments):
            positional = [*node.posonlyargs, *node.args]
            given = positional[len(positional) - len(node.defaults) :]
            pairs_ = [*zip(given, node.defaults, strict=True)]
            pairs_ += [(a, d) for a, d in zip(node.kwonlyargs, node.kw_defaults, strict=True) if d]
            found += [default for arg, default in pairs_ if arg.arg == name]
        elif isinstance(node, ast.keyword) and node.arg == name:
            found.append(node.value)
    return [n for n in found if isinstance(n, ast.Constant) and n.value == value]


def fed_by(run: Run) -> Mapping[str, object] | None:
    """Return what is known of the loader whose batches the run trained on, or None."""
    loader = run.facts.get("loader")
    return loader if isinstance(loader, Mapping) and loader.get("feeds") else None


def loader_call(run: Run) -> tuple[Script, ast.Call] | None:
    """Return where the script constructs the loader that it trains on, if that is plain."""
    loader = fed_by(run)
    if loader is None:
        return None
    location = Location.from_json(loader.get("location"))  # type: ignore[arg-type]
    script = script_of(run, location)
    call = script.call(location) if script is not None else None
    if script is None or call is None or not _plain(call):
        return None
    if script.full_name(call.func).rpartition(".")[2] != "DataLoader":
        return None
    return script, call


def _plain(call: ast.Call) -> bool:
    starred = any(isinstance(argument, ast.Starred) for argument in call.args)
    return not starred and all(word.arg for word in call.keywords)


def argument(call: ast.Call, name: str, positions: Sequence[str]) -> ast.expr | None:
    """Return an argument of a call, by keyword or by position."""
    for word in call.keywords:
        if word.arg == name:
            return word.value
    index = positions.index(name) if name in positions else len(call.args)
    return call.args[index] if index < len(call.args) else None


def set_argument(
    script: Script, call: ast.Call, name: str, value: str, positions: Sequence[str] = ()
) -> Rewrite | None:
    """Return the edit that sets an argument of a call, None for a call without arguments."""
    held = argument(call, name, positions)
    if held is not None:
        return script.replace(held, value)
    last = [*call.args, *call.keywords]
    if not last:
        return None
    end = max(_span(node)[2:] for node in last)
    return script.rewrite((*end, *end), f", {name}={value}")
