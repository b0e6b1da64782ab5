"""What stops a training: class `Obstacle`, one obstacle a file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from unstuck.findings import Finding, Location, Severity
from unstuck.signals import Layer, Run

__all__ = ["Obstacle"]


class Obstacle:
    """Something that stops a training. Subclasses live one a file and are pure functions of a run.

    The docstring has the sections *What it does*, *Why is this bad?*, *Evidence* (with the source
    of each threshold), *Known problems*, *Remedies* and *References*. Thresholds are class
    attributes in capitals, which the configuration may override.

    Attributes:
        code: Stable code, never reused.
        remedies: Names of the remedies, cheapest and likeliest first.
        explains: Names of the obstacles that follow from this one: where both are found, they
            hang below it.
        SICK: A run in which the obstacle is found.
        HEALTHY: A run in which it is not.
    """

    code: ClassVar[str]
    remedies: ClassVar[tuple[str, ...]] = ()
    explains: ClassVar[tuple[str, ...]] = ()
    SICK: ClassVar[Run]
    HEALTHY: ClassVar[Run]

    def __init__(self, thresholds: Mapping[str, Any] | None = None) -> None:
        for key, value in (thresholds or {}).items():
            if not (key.isupper() and hasattr(type(self), key)) or key in ("SICK", "HEALTHY"):
                raise ValueError(f"{self.name()} has no threshold {key}")
            setattr(self, key, type(getattr(type(self), key))(value))

    @classmethod
    def name(cls) -> str:
        """Return the obstacle's name: the class name in kebab case."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def thresholds(cls) -> dict[str, Any]:
        """Return the thresholds with their defaults."""
        return {
            key: getattr(cls, key)
            for key in vars(cls)
            if key.isupper() and key not in ("SICK", "HEALTHY")
        }

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield what is found in `run`; never raises on missing, short or non-finite signals."""
        raise NotImplementedError

    def finding(
        self,
        run: Run,
        severity: Severity,
        message: str,
        *,
        layers: Sequence[Layer | str] = (),
        steps: tuple[int, int] | None = None,
        location: Location | None = None,
        evidence: Mapping[str, Any] | None = None,
        confidence: float = 0.9,
        notes: Sequence[str] = (),
        remedies: Sequence[str] | None = None,
    ) -> Finding:
        """Return a finding of this obstacle, pointing at the first layer that has a location.

        Matrices that are in no module have none; then it is that of the activation behind them.
        """
        names = tuple(la.name if isinstance(la, Layer) else la for la in layers)
        if location is None:
            called = {act.name: act.location for act in run.activations}
            known = [la for la in layers if isinstance(la, Layer)]
            places = [la.location for la in known]
            places += [called.get(la.activation_name or "") for la in known]
            location = next((place for place in places if place is not None), None)
        from unstuck.registry import hints

        return Finding(
            obstacle=self.name(),
            code=self.code,
            severity=severity,
            message=message,
            layers=names,
            steps=steps or (0, max(run.steps - 1, 0)),
            location=location,
            evidence=dict(evidence or {}),
            confidence=confidence,
            remedies=hints(self.remedies if remedies is None else remedies),
            notes=tuple(notes),
            run=run.index,
        )
