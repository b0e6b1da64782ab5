"""Where operations have no finite result or no finite slope, said in words."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["LIMITS", "STEEP"]

LIMITS: Mapping[str, str] = {
    "log": "the logarithm of zero or of a negative number",
    "log2": "the logarithm of zero or of a negative number",
    "log10": "the logarithm of zero or of a negative number",
    "log1_p": "the logarithm of zero or of a negative number",
    "div": "a division by zero",
    "reciprocal": "a division by zero",
    "sqrt": "the root of a negative number",
    "rsqrt": "one over the root of zero",
    "exp": "an exponential of something large",
    "pow": "a power beyond all numbers",
    "acos": "an arc cosine outside [-1, 1]",
}
"""Operation, as autograd calls it -> what it was given where its result is not finite."""
STEEP: Mapping[str, str] = {
    "sqrt": "a root, whose slope at zero is infinite",
    "rsqrt": "one over a root, whose slope at zero is infinite",
    "pow": "a power, whose slope at zero may be infinite",
    "acos": "an arc cosine, whose slope at its ends is infinite",
    "asin": "an arc sine, whose slope at its ends is infinite",
    "log": "a logarithm, whose slope at zero is infinite",
    "div": "a division, whose slope at zero is infinite",
}
"""Operation -> where its slope is infinite."""
