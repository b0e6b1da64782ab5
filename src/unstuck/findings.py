"""What unstuck says: a finding, its evidence, and the place it points to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unstuck.signals import Run

__all__ = ["Applicability", "Evidence", "Finding", "Location", "RemedyHint", "Severity"]

Evidence = Mapping[str, Any]
"""Signal name -> number, or signal name -> {layer: number}; what the finding rests on."""


class Severity(StrEnum):
    """How much a finding matters: an error stops learning, a warning costs, an info is a remark."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def rank(self) -> int:
        """Return 0 for info, 1 for warning, 2 for error."""
        return ("info", "warning", "error").index(self.value)


class Applicability(StrEnum):
    """How freely a remedy may be applied.

    ``safe`` cannot change a healthy run, ``unsafe`` changes training, ``display`` can be said but
    not done. That a remedy was *proven* is a separate fact, which a trial attaches.
    """

    SAFE = "safe"
    UNSAFE = "unsafe"
    DISPLAY = "display"


@dataclass(frozen=True)
class Location:
    """A place in the user's source.

    Lines count from 1. Columns count UTF-8 bytes from 0 and are absent where only the line is
    known; with them, the location is exactly the span of one call expression.
    """

    file: str
    line: int
    column: int | None = None
    end_line: int | None = None
    end_column: int | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> Location | None:
        """Read a location back from `to_json`; None stays None."""
        return None if data is None else cls(**data)

    def to_json(self) -> dict[str, Any]:
        """Return the location as plain data, leaving out what is not known."""
        return {key: value for key, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class RemedyHint:
    """A remedy that a finding offers, by name."""

    name: str
    applicability: Applicability


@dataclass(frozen=True)
class Finding:
    """One obstacle, found in one run.

    Attributes:
        obstacle: The obstacle's name, such as ``vanishing-gradient``.
        code: Its stable code, such as ``U101``.
        severity: How much it matters.
        message: One sentence for a person.
        layers: Dotted names of the layers it concerns, the culprit first; empty for the whole run.
        steps: First and last step (from 0) that the evidence covers.
        location: The line of the script to look at.
        evidence: The numbers it rests on.
        confidence: Between 0 and 1.
        first: Whether this is the run's first diagnosis, the cause that the others follow from.
        consequence_of: Name of the obstacle that explains this one.
        remedies: What may cure it, likeliest first.
        notes: Further sentences: why it happens, what to look at.
        known_at: The step at which the evidence sufficed.
        run: Which of the script's trainings it concerns, counted from 0.
        training: That training, from which a notebook draws the picture that shows the finding;
            None for one that was read back.
    """

    obstacle: str
    code: str
    severity: Severity
    message: str
    layers: tuple[str, ...] = ()
    steps: tuple[int, int] = (0, 0)
    location: Location | None = None
    evidence: Evidence = field(default_factory=dict)
    confidence: float = 0.9
    first: bool = False
    consequence_of: str | None = None
    remedies: tuple[RemedyHint, ...] = ()
    notes: tuple[str, ...] = ()
    known_at: int | None = None
    run: int = 0
    training: Run | None = field(default=None, compare=False, repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return the finding as schema 1 has it."""
        return {
            "obstacle": self.obstacle,
            "code": self.code,
            "severity": self.severity.value,
            "first": self.first,
            "confidence": round(self.confidence, 3),
            "layers": list(self.layers),
            "steps": list(self.steps),
            "location": None if self.location is None else self.location.to_json(),
            "message": self.message,
            "evidence": plain(self.evidence),
            "consequence_of": self.consequence_of,
            "remedies": [
                {"name": hint.name, "applicability": hint.applicability.value}
                for hint in self.remedies
            ],
            "notes": list(self.notes),
            "known_at": self.known_at,
            "run": self.run,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Finding:
        """Read a finding back from `to_json`."""
        known = {key: data[key] for key in cls.__dataclass_fields__ if key in data}
        known["severity"] = Severity(data["severity"])
        known["layers"] = tuple(data.get("layers", ()))
        first, last = data.get("steps", (0, 0))
        known["steps"] = (first, last)
        known["location"] = Location.from_json(data.get("location"))
        known["notes"] = tuple(data.get("notes", ()))
        known["remedies"] = tuple(
            RemedyHint(hint["name"], Applicability(hint["applicability"]))
            for hint in data.get("remedies", ())
        )
        return cls(**known)

    def _repr_html_(self) -> str:
        from unstuck.report.card import framed

        return framed(self)

    def with_(self, **changes: Any) -> Finding:
        """Return a copy with some attributes changed."""
        return replace(self, **changes)


def plain(value: Any) -> Any:
    """Return evidence as JSON can hold it: non-finite numbers as strings, four digits."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            return str(value)
        return float(f"{value:.4g}")
    return value
