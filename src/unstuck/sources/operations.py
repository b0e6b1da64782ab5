"""Which expressions of a script compute an operation that autograd only knows by name.

Only what a training step computes counts: the code around ``backward``, the functions that it
calls, and the methods of modules, outside of blocks without gradients; of a Keras script, the
functions that ``compile`` is given.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from unstuck.findings import Location
from unstuck.sources.flow import quiet
from unstuck.sources.script import FUNCTIONS, LOOPS, Script, callee, dotted

__all__ = ["Computation", "computations", "graded", "only_place"]

_SPELLED = {
    "log1_p": ("log1p",),
    "div": ("div", "true_divide", "divide"),
    "pow": ("pow", "float_power"),
    "acos": ("acos", "arccos"),
    "asin": ("asin", "arcsin"),
    "atanh": ("atanh", "arctanh"),
}
_FRAMEWORKS = ("torch", "keras", "tensorflow", "jax")
_OPERATORS = {"div": ast.Div, "reciprocal": ast.Div, "pow": ast.Pow}


@dataclass(frozen=True)
class Computation:
    """An expression that computes an operation of one or two operands.

    Attributes:
        node: The expression.
        first: The first operand: the argument of a logarithm, the dividend, the base.
        second: The second one: the divisor, the exponent; None where there is none.
    """

    node: ast.expr
    first: ast.expr
    second: ast.expr | None = None


def computations(
    script: Script, operation: str, backward: Location | None = None
) -> list[Computation]:
    """Return what computes an operation in a training step, in the order of the source.

    Args:
        script: A file of the script.
        operation: Name of an autograd operation, such as ``log`` or ``div``. Divisions by and
            powers of plain numbers do not count.
        backward: The call of ``backward``, if it is in this file.
    """
    found = {
        node: computed
        for node in graded(script, backward)
        if (computed := _computed(script, node, operation)) is not None
    }
    return sorted(found.values(), key=lambda each: script.span(each.node))


def graded(script: Script, backward: Location | None = None) -> Iterator[ast.expr]:
    """Yield the expressions of a training step, each once, outside of blocks without gradients."""
    nodes = (node for root in _executed(script, backward) for node in _graded(root))
    yield from dict.fromkeys(nodes)


def only_place(operation: str, backward: Location | None) -> Location | None:
    """Return where the file of ``backward`` computes an operation, None unless one place does."""
    script = Script.read(backward)
    found = computations(script, operation, backward) if script is not None else []
    return script.location(found[0].node) if script is not None and len(found) == 1 else None


def _executed(script: Script, backward: Location | None) -> list[ast.AST]:
    """Return the parts of a file that a training step executes."""
    kinds = script.modules()
    found: list[ast.AST] = [
        function
        for kind in kinds
        for function in kind.body
        if isinstance(function, FUNCTIONS) and function.name != "__init__"
    ]
    call = script.at(backward)
    if call is not None:
        around = [each for each in script.around(call) if isinstance(each, (*FUNCTIONS, *LOOPS))]
        outer: ast.AST = around[-1] if around else script.tree
        found.append(call if callee(call) == "compile" else outer)
    for root in found:  # grows while it is read
        names = _names(script, root)
        found += [
            each
            for each in ast.walk(script.tree)
            if (isinstance(each, FUNCTIONS) and each.name in names and each.name != "__init__")
            or (isinstance(each, ast.Assign) and _lambda(each) in names)
            if each not in found
        ]
    return found


def _lambda(statement: ast.Assign) -> str | None:
    return dotted(statement.targets[0]) if isinstance(statement.value, ast.Lambda) else None


def _names(script: Script, root: ast.AST) -> set[str]:
    """Return the names that some code uses, and those that its callers hand to it."""
    nodes: list[ast.AST] = [root]
    within = script.around(root) if isinstance(root, ast.Call) else [root]
    handed = {each.name for each in within if isinstance(each, FUNCTIONS)}
    nodes += [
        part
        for call in ast.walk(script.tree)
        if isinstance(call, ast.Call) and callee(call) in handed
        for part in (*call.args, *(word.value for word in call.keywords))
    ]
    found = {part.id for node in nodes for part in ast.walk(node) if isinstance(part, ast.Name)}
    methods = {n.attr for node in nodes for n in ast.walk(node) if isinstance(n, ast.Attribute)}
    return found | methods


def _graded(root: ast.AST) -> Iterator[ast.expr]:
    """Walk over the expressions outside of blocks without gradients."""
    if isinstance(root, FUNCTIONS) and any(map(quiet, root.decorator_list)):
        return
    if isinstance(root, ast.With) and any(quiet(item.context_expr) for item in root.items):
        return
    if isinstance(root, ast.expr):
        yield root
    for child in ast.iter_child_nodes(root):
        yield from _graded(child)


def _computed(script: Script, node: ast.expr, operation: str) -> Computation | None:
    if isinstance(node, ast.BinOp) and isinstance(node.op, _OPERATORS.get(operation, ())):
        # Of plain numbers no tensor operation is made that could fail.
        plain = operation != "pow" and isinstance(node.right, ast.Constant)
        return None if plain else Computation(node, node.left, node.right)
    if not isinstance(node, ast.Call):
        return None
    if callee(node).rstrip("_") not in _SPELLED.get(operation, (operation,)):
        return None
    home = script.full_name(node.func).partition(".")[0]
    if home in ("math", "numpy") or callee(node).endswith("_"):
        return None
    operands = _operands(node, method=home not in _FRAMEWORKS)
    two = operation in ("div", "pow")
    if operands is None or len(operands) != 1 + two:
        return None
    return Computation(node, *operands)


def _operands(call: ast.Call, *, method: bool) -> list[ast.expr] | None:
    given: Iterable[ast.expr] = call.args
    if method:
        if not isinstance(call.func, ast.Attribute):
            return None
        given = (call.func.value, *call.args)
    return None if any(isinstance(each, ast.Starred) for each in given) else list(given)
