"""Keeps what an operation is given where its result and its slope are finite."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from unstuck.edits import Rewrite
from unstuck.sources.flow import definitions
from unstuck.sources.numbers import literal, value
from unstuck.sources.operations import Computation
from unstuck.sources.script import Script, callee, dotted

__all__ = ["FLOOR", "boundable", "bounded"]

FLOOR = "1e-6"
"""The least divisor; the data's own rounding is about a tenth of it in single precision."""
EXPONENT = 40.0
"""The largest exponent: its exponential can be squared once more in single precision."""

_SUFFIXES = {
    "log": ".clamp_min(1e-7)",
    "log2": ".clamp_min(1e-7)",
    "log10": ".clamp_min(1e-7)",
    "log1_p": ".clamp_min(-0.999999)",
    "sqrt": ".clamp_min(1e-12)",
    "rsqrt": ".clamp_min(1e-12)",
    "acos": ".clamp(-0.999999, 0.999999)",
    "asin": ".clamp(-0.999999, 0.999999)",
    "atanh": ".clamp(-0.999999, 0.999999)",
    "erfinv": ".clamp(-0.999999, 0.999999)",
    "acosh": ".clamp_min(1.000001)",
    "logit": ".clamp(1e-6, 0.999999)",
}
_OF_KERAS = {"clamp_min": "maximum", "clamp_max": "minimum", "clamp": "clip"}
_GROWING = ("exp", "expm1", "exp2", "sinh", "cosh")
_DIVIDING = ("div", "reciprocal")
_POSITIVE = frozenset(
    {"abs", "norm", "vector_norm", "std", "var", "square", "exp", "sqrt", "relu", "sigmoid"}
    | {"softplus", "softmax", "count_nonzero", "pairwise_distance", "cdist", "exp2", "rsqrt"}
)
"""Functions whose result is never below zero."""
_SIGN_KEEPING = frozenset(
    {"sum", "mean", "amax", "amin", "prod", "float", "double", "view", "reshape", "flatten"}
    | {"max", "squeeze", "unsqueeze", "expand", "detach", "clone", "to", "view_as", "expand_as"}
    | {"sqrt", "median", "nansum", "nanmean", "contiguous", "type_as", "cumsum", "cumprod"}
)
_MODULES = ("torch.", "keras.", "tensorflow.", "jax.")
_PARTS = ("values", "T", "mT")
_DEPTH = 6


def boundable(operation: str) -> bool:
    """Return whether an operation has a bound for what it is given."""
    return operation in (*_SUFFIXES, *_GROWING, *_DIVIDING, "pow")


def bounded(
    script: Script,
    computed: Computation,
    operation: str,
    limit: float,
    *,
    only: bool,
    divisor: Mapping[str, Any] | None = None,
    keras: bool = False,
) -> tuple[str, Sequence[Rewrite]] | None:
    """Return what is said of a bound and its edits, None where there is none that is certain.

    Args:
        script: The script.
        computed: What computes the operation.
        operation: Autograd's name of it.
        limit: The largest exponent of an exponential.
        only: Whether nothing else can have computed it: its operands are tensors.
        divisor: What the run has seen of the divisors; see `unstuck.frameworks.torch_nonfinite`.
        keras: Whether the tensors are those of Keras' backend, which have no methods in common.
    """
    given = computed.first
    suffix = _SUFFIXES.get(operation)
    if operation in _GROWING:
        number = f"{limit:g}"
        both = operation in ("sinh", "cosh")
        suffix = f".clamp(-{number}, {number})" if both else f".clamp_max({number})"
    elif operation == "pow" and computed.second is not None:
        exponent = value(script, computed.second)
        if exponent is None or literal(given) is not None:
            return None
        if exponent == int(exponent):
            return _divisor(script, given, only=only, keras=keras) if exponent < 0 else None
        suffix = ".clamp_min(1e-12)" if exponent < 1 else None
    elif operation in _DIVIDING:
        return _divisor(script, computed.second or given, only=only, seen=divisor, keras=keras)
    if suffix is None or not script.editable(given) or literal(given) is not None:
        return None
    return _bound(script, given, suffix, keras=keras)


def _bound(
    script: Script, node: ast.expr, suffix: str, *, keras: bool
) -> tuple[str, Sequence[Rewrite]] | None:
    """Put a bound behind an expression, as a method of tensors or as a function of Keras."""
    said = f"`{script.text(node)}`{suffix}"
    if not keras:
        return said, script.behind(node, suffix)
    method, _, numbers = suffix[1:-1].partition("(")
    spelled = script.spelled(f"keras.ops.{_OF_KERAS[method]}")
    if spelled is None:
        return None
    start, end = script.span(node)
    function, imports = spelled
    around = [script.insert(start, f"{function}("), script.insert(end, f", {numbers})")]
    return said, [*imports, *around]


def _divisor(
    script: Script,
    node: ast.expr,
    *,
    only: bool,
    seen: Mapping[str, Any] | None = None,
    keras: bool = False,
) -> tuple[str, Sequence[Rewrite]] | None:
    """Keep a divisor away from zero without changing its sign."""
    if not script.editable(node) or not (only or _tensor(script, node)):
        return None
    if value(script, node) is not None:
        return None
    text, root = script.text(node), _root(script, node)
    if root is not None:
        suffix = _SUFFIXES["sqrt"]  # behind a root it would leave the root's slope infinite
        return _bound(script, root, suffix, keras=keras)
    known = seen if only and seen is not None and seen["least"] >= 0 else None
    if known is not None and known["whole"]:
        return _bound(script, node, ".clamp_min(1)", keras=keras)
    if known is not None or _positive(script, node):
        return _bound(script, node, f".clamp_min({FLOOR})", keras=keras)
    spelled = script.spelled("keras.ops.where" if keras else "torch.where")
    if dotted(node) is None or spelled is None:
        return None
    where, imports = spelled
    return (
        f"`{text}` is {FLOOR} where it was 0",
        [*imports, script.replace(node, f"{where}({text} == 0, {FLOOR}, {text})")],
    )


def _root(script: Script, node: ast.expr) -> ast.expr | None:
    """Return what a divisor is the square root of, None if it is none."""
    if isinstance(node, ast.Name):
        found = _values(script, node)
        return _root(script, found[0]) if len(found) == 1 else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        return node.left if value(script, node.right) == 0.5 else None
    if not isinstance(node, ast.Call) or callee(node) != "sqrt":
        return None
    if script.full_name(node.func).startswith(_MODULES):
        return node.args[0] if len(node.args) == 1 else None
    own = isinstance(node.func, ast.Attribute) and not node.args
    return node.func.value if own and isinstance(node.func, ast.Attribute) else None


def _values(script: Script, node: ast.expr) -> list[ast.expr]:
    """Return what a name may be bound to; nothing where that is not certain."""
    found = definitions(script, node) if isinstance(node, ast.Name) else []
    plain = all(isinstance(s, ast.Assign) and s.targets[0] is not node for _, s in found)
    single = all(
        isinstance(s, ast.Assign) and len(s.targets) == 1 and isinstance(s.targets[0], ast.Name)
        for _, s in found
    )
    return [each for each, _ in found] if plain and single else []


def _tensor(script: Script, node: ast.expr, depth: int = 0) -> bool:
    """Return whether an expression is a tensor for certain."""
    if depth > _DEPTH:
        return False
    if isinstance(node, ast.BinOp):
        return any(_tensor(script, side, depth + 1) for side in (node.left, node.right))
    if isinstance(node, (ast.UnaryOp, ast.Subscript)):
        inner = node.operand if isinstance(node, ast.UnaryOp) else node.value
        return _tensor(script, inner, depth + 1)
    if isinstance(node, ast.Call):
        home = script.full_name(node.func).partition(".")[0]
        if home in ("math", "numpy", "np"):
            return False
        known = callee(node) in _POSITIVE | _SIGN_KEEPING
        return known and (home == "torch" or isinstance(node.func, ast.Attribute))
    found = _values(script, node)
    return bool(found) and all(_tensor(script, each, depth + 1) for each in found)


def _positive(script: Script, node: ast.expr, depth: int = 0) -> bool:
    """Return whether an expression is never below zero, for certain."""
    number = literal(node)
    if number is not None or depth > _DEPTH:
        return number is not None and number >= 0
    if isinstance(node, ast.Compare):
        return True
    if isinstance(node, ast.BinOp):
        if isinstance(node.op, ast.Pow):
            exponent = value(script, node.right)
            even = exponent is not None and exponent % 2 == 0
            return even or _positive(script, node.left, depth + 1)
        if isinstance(node.op, ast.Mult) and ast.dump(node.left) == ast.dump(node.right):
            return True
        keeps = isinstance(node.op, (ast.Add, ast.Mult, ast.Div))
        return keeps and all(_positive(script, n, depth + 1) for n in (node.left, node.right))
    if isinstance(node, ast.Subscript) or (isinstance(node, ast.Attribute) and node.attr in _PARTS):
        return _positive(script, node.value, depth + 1)
    if isinstance(node, ast.Call):
        return _positive_call(script, node, depth)
    found = _values(script, node)
    return bool(found) and all(_positive(script, each, depth + 1) for each in found)


def _positive_call(script: Script, node: ast.Call, depth: int) -> bool:
    name = callee(node)
    if name in _POSITIVE:
        return True
    home = script.full_name(node.func)
    method = isinstance(node.func, ast.Attribute) and not home.startswith(_MODULES)
    receiver = node.func.value if method and isinstance(node.func, ast.Attribute) else None
    given = receiver if receiver is not None else next(iter(node.args), None)
    if name == "pow" and node.args:
        exponent = value(script, node.args[-1])
        if exponent is not None and exponent % 2 == 0:
            return True
    return name in _SIGN_KEEPING and given is not None and _positive(script, given, depth + 1)
