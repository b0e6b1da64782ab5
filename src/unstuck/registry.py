"""Discovers obstacles and remedies: a walk over their packages, then entry points."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from difflib import get_close_matches
from functools import cache
from importlib.metadata import entry_points
from typing import TypeVar

from unstuck.findings import Applicability, RemedyHint
from unstuck.obstacles import Obstacle
from unstuck.remedies import Remedy

__all__ = [
    "ClashError",
    "UnknownNameError",
    "hints",
    "named",
    "obstacle",
    "obstacles",
    "remedies",
    "remedy",
    "select",
]

Kind = TypeVar("Kind", Obstacle, Remedy)


class ClashError(Exception):
    """Two obstacles or remedies have the same name or code; the message names both."""


class UnknownNameError(Exception):
    """No obstacle or remedy has that name; the message is one line for the user."""


@cache
def obstacles() -> dict[str, type[Obstacle]]:
    """Return the obstacles by name, ordered by code.

    Raises:
        ClashError: When two have the same name or code.
    """
    found = _discover(Obstacle, "unstuck.obstacles")
    codes: dict[str, type[Obstacle]] = {}
    for kind in found.values():
        other = codes.setdefault(kind.code, kind)
        if other is not kind:
            raise ClashError(f"code {kind.code} belongs to {other.__name__} and {kind.__name__}")
    return dict(sorted(found.items(), key=lambda item: item[1].code))


@cache
def remedies() -> dict[str, type[Remedy]]:
    """Return the remedies by name.

    Raises:
        ClashError: When two have the same name.
    """
    return dict(sorted(_discover(Remedy, "unstuck.remedies").items()))


def _discover(base: type[Kind], package: str) -> dict[str, type[Kind]]:
    module = importlib.import_module(package)
    found: dict[str, type[Kind]] = {}
    for info in pkgutil.iter_modules(module.__path__):
        member = importlib.import_module(f"{package}.{info.name}")
        for kind in vars(member).values():
            if (
                inspect.isclass(kind)
                and issubclass(kind, base)
                and kind.__module__ == member.__name__
            ):
                _add(found, kind)
    for entry in entry_points(group=package):
        try:
            kind = entry.load()
            if not (inspect.isclass(kind) and issubclass(kind, base)):
                raise TypeError(f"it is no {base.__name__}")
        except Exception as error:
            print(f"unstuck: plug-in {entry.name} left out ({error})", file=sys.stderr)
            continue
        _add(found, kind)
    return found


def _add(found: dict[str, type[Kind]], kind: type[Kind]) -> None:
    other = found.setdefault(kind.name(), kind)
    if other is not kind:
        raise ClashError(f"{kind.name()} is defined by {other.__module__} and by {kind.__module__}")


def obstacle(name: str) -> type[Obstacle]:
    """Return the obstacle with that name or code.

    Raises:
        UnknownNameError: When there is none.
    """
    for known, kind in obstacles().items():
        if name.lower() == known or name.upper() == kind.code:
            return kind
    raise UnknownNameError(_unknown("obstacle", name, obstacles()))


def remedy(name: str) -> type[Remedy]:
    """Return the remedy with that name.

    Raises:
        UnknownNameError: When there is none.
    """
    found = remedies().get(name.lower())
    if found is None:
        raise UnknownNameError(_unknown("remedy", name, remedies()))
    return found


def named(name: str) -> type[Obstacle] | type[Remedy]:
    """Return the remedy or obstacle with that name (an obstacle's code will do).

    Raises:
        UnknownNameError: When there is none.
    """
    for find in (remedy, obstacle):
        with suppress(UnknownNameError):
            return find(name)
    raise UnknownNameError(_unknown("obstacle or remedy", name, [*obstacles(), *remedies()]))


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name.lower(), list(known), n=1)
    hint = f"did you mean {close[0]}?" if close else "`unstuck rules` lists them"
    return f"there is no {what} {name!r}; {hint}"


def select(chosen: Sequence[str] = (), ignored: Sequence[str] = ()) -> list[type[Obstacle]]:
    """Return the obstacles that match `chosen` (all if empty) and not `ignored`.

    Args:
        chosen: Names, codes or prefixes of codes such as ``U4``.
        ignored: The same.

    Raises:
        UnknownNameError: When one of them matches nothing.
    """
    wanted = _matching(chosen) if chosen else set(obstacles())
    unwanted = _matching(ignored)
    return [kind for name, kind in obstacles().items() if name in wanted - unwanted]


def _matching(patterns: Sequence[str]) -> set[str]:
    matched: set[str] = set()
    for pattern in patterns:
        names = {
            name
            for name, kind in obstacles().items()
            if name == pattern.lower() or (pattern and kind.code.startswith(pattern.upper()))
        }
        if not names:
            raise UnknownNameError(_unknown("obstacle", pattern, obstacles()))
        matched |= names
    return matched


def hints(names: Iterable[str]) -> tuple[RemedyHint, ...]:
    """Return the named remedies with how freely each may be applied."""
    known = remedies()
    return tuple(
        RemedyHint(name, known[name].applicability if name in known else Applicability.DISPLAY)
        for name in names
    )
