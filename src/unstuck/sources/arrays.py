"""What numpy computes of a tensor's values, in torch's words, so that gradients pass."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from unstuck.edits import Rewrite
from unstuck.sources.numbers import literal
from unstuck.sources.script import Script, callee

__all__ = ["backwards", "in_torch"]

_ALIKE = frozenset(
    {"abs", "absolute", "where", "mean", "sum", "prod", "exp", "expm1", "log", "log1p", "log2"}
    | {"log10", "sqrt", "square", "sin", "cos", "tan", "sinh", "cosh", "tanh", "arctan", "clip"}
    | {"stack", "concatenate", "hstack", "vstack", "maximum", "minimum", "amax", "amin", "cumsum"}
    | {"flip", "matmul", "squeeze", "ravel", "reshape", "nan_to_num", "einsum", "norm", "sort"}
)
"""Functions that numpy and torch call alike and that take the same arguments."""
_RENAMED = {"max": "amax", "min": "amin", "power": "pow", "expand_dims": "unsqueeze"}
_KEYWORDS = ("axis", "keepdims")
_METHODS: Mapping[str, str] = {
    **{name: name for name in ("mean", "sum", "prod", "reshape", "flatten", "ravel", "squeeze")},
    **{name: name for name in ("clip", "cumsum", "swapaxes", "cpu")},
    "copy": "clone",
    "max": "amax",
    "min": "amin",
    "astype": "astype",
}
"""Methods of arrays -> those of tensors that do the same."""
_CASTS = {"float32": "float", "single": "float", "float64": "double", "double": "double"}


def in_torch(script: Script, call: ast.Call) -> list[Rewrite] | None:
    """Return the edits that let torch compute what numpy does, None if that is not certain.

    Args:
        script: The script.
        call: A call of one of numpy's functions, or of an array's method.
    """
    if not script.editable(call) or not all(word.arg in _KEYWORDS for word in call.keywords):
        return None
    if not script.full_name(call.func).startswith("numpy."):
        return _method(script, call)
    name = script.full_name(call.func).removeprefix("numpy.")
    last = name.rpartition(".")[2]
    plain = name in ("linalg.norm", last) and (last != "norm" or "." in name)
    if not plain or last not in _ALIKE | _RENAMED.keys():
        return None
    spelled = script.spelled(f"torch.{name.removesuffix(last)}{_torch_name(last, call)}")
    if spelled is None:
        return None
    edits = [*spelled[1], script.replace(call.func, spelled[0])]
    return [*edits, script.insert(script.span(call)[1], ".values")] if last == "sort" else edits


def _torch_name(name: str, call: ast.Call) -> str:
    """Return torch's name of a function; a number is a bound, not another operand."""
    if name in ("maximum", "minimum") and len(call.args) == 2 and literal(call.args[1]) is not None:
        return "clamp_min" if name == "maximum" else "clamp_max"
    return _RENAMED.get(name, name)


def _method(script: Script, call: ast.Call) -> list[Rewrite] | None:
    name, to = callee(call), _METHODS.get(callee(call))
    if to is None or not isinstance(call.func, ast.Attribute):
        return None
    if name == "astype":
        kind = script.full_name(call.args[0]).rpartition(".")[2] if len(call.args) == 1 else ""
        if kind not in _CASTS:
            return None
        to, end = f".{_CASTS[kind]}()", script.span(call)[1]
        return [script.passage(script.span(call.func.value)[1], end, to)]
    if name == to:
        return []
    found = script.suffix(call.func, rf"\b{name}", to)
    return [found] if found else None


def backwards(node: ast.Subscript) -> bool:
    """Return whether an index goes backwards, which tensors do not know."""
    parts: Sequence[ast.expr] = node.slice.elts if isinstance(node.slice, ast.Tuple) else []
    slices = [part for part in (*parts, node.slice) if isinstance(part, ast.Slice)]
    return any((literal(part.step) or 0) < 0 for part in slices if part.step is not None)
