"""Frames of the script: who calls a framework, in which expression, and what it calls things.

Knows no framework: the files of those that are loaded count as theirs, not as the user's.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType, FrameType
from typing import Any

from unstuck.findings import Location

__all__ = [
    "called_directly",
    "calling_frame",
    "direct_frame",
    "expression",
    "labelled",
    "locate",
    "written_by_user",
]

_UNSTUCK = os.path.dirname(os.path.dirname(__file__)) + os.sep
_FRAMEWORKS = ("torch", "keras", "tensorflow", "jax")
_LIBRARY = tuple(
    path + os.sep
    for path in {sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")}
    if path
)
_CONSTRUCTORS = ("__init__", "__post_init__", "__new__")


@lru_cache(maxsize=4096)
def _distance(filename: str) -> int:
    """Return 0 for the user's own files, 1 for installed ones, 2 for a framework's and ours."""
    if filename.startswith((_UNSTUCK, "<frozen", *_directories())):
        return 2
    return int(filename.startswith(_LIBRARY) or filename.startswith("<string>"))


def _directories() -> Iterator[str]:
    """Yield the directories of the frameworks that are loaded."""
    for name in _FRAMEWORKS:
        file = getattr(sys.modules.get(name), "__file__", None)
        if file:
            yield os.path.dirname(file) + os.sep


def calling_frame(
    born: object = None, methods: tuple[str, ...] = _CONSTRUCTORS
) -> FrameType | None:
    """Return the nearest frame of the user's own code, or else of an installed package.

    Args:
        born: An object under construction: its own `methods` are skipped, so that the frame is the
            one that called the constructor.
        methods: Names of the methods of `born` to skip.
    """
    frame: FrameType | None = sys._getframe(1)
    installed = None
    while frame is not None:
        code = frame.f_code
        distance = _distance(code.co_filename)
        if distance < 2 and not (born is not None and _of(frame, born, methods)):
            if distance == 0:
                return frame
            installed = installed or frame
        frame = frame.f_back
    return installed


def direct_frame() -> FrameType | None:
    """Return the frame that called the framework, None if it is an installed package's."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _distance(frame.f_code.co_filename) == 2:
        frame = frame.f_back
    return frame if frame is not None and written_by_user(frame) else None


def written_by_user(frame: FrameType) -> bool:
    """Return whether a frame executes the user's own code, not an installed package's."""
    return not _distance(frame.f_code.co_filename)


def called_directly(born: object) -> bool:
    """Return whether the user's own code calls the constructor of `born`, not a library's."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        distance = _distance(frame.f_code.co_filename)
        if distance < 2 and not _of(frame, born, _CONSTRUCTORS):
            return distance == 0
        frame = frame.f_back
    return False


def _of(frame: FrameType, owner: object, methods: tuple[str, ...]) -> bool:
    """Return whether a frame executes one of some methods of `owner`."""
    code = frame.f_code
    if code.co_name not in methods or not code.co_argcount:
        return False
    return frame.f_locals.get(code.co_varnames[0]) is owner


def locate(frame: FrameType | None) -> Location | None:
    """Return the span of the expression that `frame` is executing."""
    if frame is None:
        return None
    file = frame.f_code.co_filename
    return _span(frame.f_code, frame.f_lasti, file) or Location(file, frame.f_lineno)


def labelled(name: str, location: Location) -> str:
    """Return what a call of a function is called in a record: ``relu@train.py:12:9``."""
    label = f"{name}@{os.path.basename(location.file)}:{location.line}"
    return label if location.column is None else f"{label}:{location.column + 1}"


@lru_cache(maxsize=65536)
def _span(code: CodeType, instruction: int, file: str) -> Location | None:
    """Return the span of an instruction; equal code of two files is one key but for `file`."""
    for index, (line, end_line, column, end_column) in enumerate(code.co_positions()):
        if index == instruction // 2:
            if line is None:
                return None
            return Location(file, line, column, end_line, end_column)
    return None


def expression(value: object, frame: FrameType | None) -> str | None:
    """Return the expression by which the code in `frame` calls `value`: ``model``, ``self.net``.

    Looks at local names, then global ones, then the attributes of ``self``.
    """
    if frame is None:
        return None
    for scope in (frame.f_locals, frame.f_globals):
        for name, held in list(scope.items()):
            if held is value and name.isidentifier() and not name.startswith("__"):
                return str(name)
    own: dict[str, Any] = getattr(frame.f_locals.get("self"), "__dict__", {})
    modules = own.get("_modules")  # where torch keeps the modules among them
    for names in (own, modules if isinstance(modules, dict) else {}):
        for name, held in list(names.items()):
            if held is value:
                return f"self.{name}"
    return None
