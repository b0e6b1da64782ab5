"""``[tool.unstuck]`` in pyproject.toml: select, ignore, per-layer-ignores, thresholds, budget."""

from __future__ import annotations

import fnmatch
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unstuck.findings import Finding

__all__ = ["Configuration", "ConfigurationError", "load", "share"]

MOST = 10.0
"""The largest share of the time that watching may be allowed: tests ask for all that can be had."""


class ConfigurationError(Exception):
    """The configuration cannot be used; the message is one line for the user."""


@dataclass(frozen=True)
class Configuration:
    """What a project asks for.

    Attributes:
        select: Obstacles to look for, names or code prefixes; all if empty.
        ignore: Obstacles to leave out.
        per_layer_ignores: Layer name pattern (``encoder.*``) -> obstacles left out there.
        thresholds: Obstacle name -> threshold -> value.
        budget: Share of the time that watching may cost.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_layer_ignores: Mapping[str, Sequence[str]] = field(default_factory=dict)
    thresholds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    budget: str = "1%"

    def keep(self, findings: Sequence[Finding]) -> list[Finding]:
        """Return the findings that no layer's exception covers."""
        return [f for f in findings if not self._excepted(f)]

    def _excepted(self, finding: Finding) -> bool:
        if not finding.layers:
            return False
        patterns = [
            pattern
            for pattern, names in self.per_layer_ignores.items()
            if any(n == finding.obstacle or finding.code.startswith(n) for n in names)
        ]
        return all(any(fnmatch.fnmatch(la, p) for p in patterns) for la in finding.layers)


def load(directory: Path) -> Configuration:
    """Return the configuration of the nearest pyproject.toml with a ``[tool.unstuck]`` table.

    Raises:
        ConfigurationError: When that table holds something unknown or of the wrong kind.
    """
    for folder in (directory, *directory.parents):
        file = folder / "pyproject.toml"
        if not file.is_file():
            continue
        try:
            tool = tomllib.loads(file.read_text(encoding="utf-8")).get("tool")
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{file} cannot be read: {error}") from None
        table = tool.get("unstuck") if isinstance(tool, dict) else None
        if table is not None:
            if not isinstance(table, dict):
                raise ConfigurationError(f"{file}: [tool.unstuck] is a table")
            return _configuration(table, file)
    return Configuration()


def _configuration(table: Mapping[str, Any], file: Path) -> Configuration:
    known = {"select", "ignore", "per-layer-ignores", "thresholds", "budget"}
    unknown = sorted(set(table) - known)
    if unknown:
        raise ConfigurationError(
            f"{file}: [tool.unstuck] has no {unknown[0]!r}; it has {', '.join(sorted(known))}"
        )
    for key in ("select", "ignore"):
        if not _names(table.get(key, [])):
            raise ConfigurationError(f"{file}: {key} in [tool.unstuck] is a list of names")
    for key in ("per-layer-ignores", "thresholds"):
        if not isinstance(table.get(key, {}), dict):
            raise ConfigurationError(f"{file}: {key} in [tool.unstuck] is a table")
    for pattern, names in table.get("per-layer-ignores", {}).items():
        if not _names(names):
            raise ConfigurationError(
                f"{file}: per-layer-ignores in [tool.unstuck]: {pattern} needs a list of names"
            )
    budget = str(table.get("budget", "1%"))
    try:
        share(budget)
    except ValueError as error:
        raise ConfigurationError(f"{file}: budget in [tool.unstuck]: {error}") from None
    thresholds = table.get("thresholds", {})
    _validate(thresholds, file)
    return Configuration(
        select=tuple(table.get("select", ())),
        ignore=tuple(table.get("ignore", ())),
        per_layer_ignores=table.get("per-layer-ignores", {}),
        thresholds=thresholds,
        budget=budget,
    )


def share(given: str | float) -> float:
    """Return a share of the time: ``1%`` and ``0.01`` are one hundredth.

    Raises:
        ValueError: When it is none, or more than ten times the run's own time.
    """
    text = str(given).strip()
    try:
        number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        number = -1.0
    if not 0 <= number <= MOST:
        raise ValueError(f"a budget is a share of the time, such as 1%, not {text!r}")
    return number


def _names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _validate(thresholds: Mapping[str, Mapping[str, Any]], file: Path) -> None:
    from unstuck import registry

    for name, values in thresholds.items():
        try:
            registry.obstacle(name)(values)
        except (registry.UnknownNameError, ValueError, TypeError, AttributeError) as error:
            raise ConfigurationError(f"{file}: thresholds in [tool.unstuck]: {error}") from None
