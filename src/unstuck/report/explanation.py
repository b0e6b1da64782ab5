"""What an obstacle or a remedy says of itself: its docstring, in parts."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Part", "parts"]


@dataclass(frozen=True)
class Part:
    """A part of a docstring.

    Attributes:
        title: Such as ``Why is this bad?``; "" for what comes before the first title.
        paragraphs: Its text, one line each.
    """

    title: str
    paragraphs: Sequence[str]


def parts(kind: type) -> list[Part]:
    """Return the docstring of an obstacle or a remedy, in parts."""
    found: list[tuple[str, list[str]]] = [("", [""])]
    for line in (inspect.getdoc(kind) or "").splitlines():
        title = re.fullmatch(r"(\S.*)[:?]", line)
        if title is not None:
            found.append((line.removesuffix(":"), [""]))
        elif not line.strip():
            found[-1][1].append("")
        else:
            found[-1][1][-1] = f"{found[-1][1][-1]} {line.strip()}".strip()
    return [Part(title, tuple(t for t in texts if t)) for title, texts in found if any(texts)]
