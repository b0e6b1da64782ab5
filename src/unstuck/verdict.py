"""Effect, interval, decision: the only statistics in the project."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Comparison", "Objective", "Status", "Verdict", "compare", "permutation_p_value"]

Status = Literal["fixed", "improved", "no-fix-found", "nothing-to-fix"]
ERROR_RATE = 0.05
"""A difference counts as proven when chance gives one as large in at most this share of cases."""


@dataclass(frozen=True)
class Objective:
    """What a trial is judged by.

    Attributes:
        name: ``validation loss``, ``training loss``, or the user's regular expression.
        goal: Whether less or more is better.
        steps: After how many steps; None for the end.
    """

    name: str
    goal: Literal["min", "max"] = "min"
    steps: int | None = None

    def badness(self, value: float) -> float:
        """Return a number that is the smaller the better; infinite for NaN."""
        if math.isnan(value):
            return math.inf
        return value if self.goal == "min" else -value


@dataclass(frozen=True)
class Comparison:
    """Control against treated over the same seeds.

    Attributes:
        effect: Median improvement, positive if the treated is better; infinite if the control
            ended without a finite value.
        interval: Smallest and largest improvement over the seeds.
        p_value: Share of all ways to call half of the trials "treated" that look at least as
            good as the real one.
    """

    effect: float
    interval: tuple[float, float]
    p_value: float

    @property
    def proven(self) -> bool:
        """Whether the treated trials are better, and chance is no likely reason."""
        return self.effect > 0 and self.p_value <= ERROR_RATE + 1e-9


def permutation_p_value(control: Sequence[float], treated: Sequence[float]) -> float:
    """Return the exact one-sided p-value of "treated is smaller", by permutation of the labels.

    Under the null hypothesis a remedy changes nothing, so every way to choose which of the trials
    were treated is equally likely. Pairs share a seed; where that makes control and treated alike,
    the test errs on the careful side. Three seeds can reach 1/20, four 1/70.

    Args:
        control: One value per seed; smaller is better; infinities allowed.
        treated: The same.
    """
    values = [*control, *treated]
    if not control or not treated:
        return 1.0
    # Ranks, averaged over ties, so that infinities and different scales weigh what they should.
    ranks = _ranks(values)
    observed = sum(ranks[len(control) :])
    ways = _sums(ranks, len(treated))
    as_good = sum(count for total, count in ways.items() if total <= observed)
    return as_good / sum(ways.values())


def _ranks(values: Sequence[float]) -> list[int]:
    """Return twice the rank of every value, counted from 0 and averaged over ties."""
    return [
        2 * sum(other < value for other in values) + sum(other == value for other in values) - 1
        for value in values
    ]


def _sums(ranks: Sequence[int], size: int) -> Counter[int]:
    """Return in how many ways `size` of the ranks give each sum, without listing the ways."""
    ways = [Counter({0: 1}), *(Counter[int]() for _ in range(size))]
    for rank in ranks:
        for chosen in range(size, 0, -1):
            for total, count in ways[chosen - 1].items():
                ways[chosen][total + rank] += count
    return ways[size]


def compare(objective: Objective, control: Sequence[float], treated: Sequence[float]) -> Comparison:
    """Compare trials seed by seed.

    Args:
        objective: Which direction is better.
        control: The control's values, one per seed.
        treated: The treated ones, in the same order of seeds.
    """
    before = [objective.badness(v) for v in control]
    after = [objective.badness(v) for v in treated]
    gains = sorted(0.0 if b == a else b - a for b, a in zip(before, after, strict=True))
    if not gains:
        return Comparison(0.0, (0.0, 0.0), 1.0)
    middle = len(gains) // 2
    effect = gains[middle] if len(gains) % 2 else _mean(gains[middle - 1], gains[middle])
    return Comparison(effect, (gains[0], gains[-1]), permutation_p_value(before, after))


def _mean(first: float, second: float) -> float:
    return 0.0 if first == -second else (first + second) / 2  # opposite infinities cancel out


@dataclass(frozen=True)
class Verdict:
    """What a fix came to.

    Attributes:
        status: ``fixed``: the finding is gone, no new error came, the objective is better and that
            is proven. ``improved``: better and proven, but something remains.
        remedies: The remedies with their settings, as ``--remedy`` takes them.
        objective: What was compared.
        before: Values of the control, one per seed.
        after: Values of the treated trials, same seeds.
        comparison: Effect, interval, p-value.
        patch: Unified diff, or "" where only display is possible.
        imports_unstuck: Whether the patched script needs unstuck.
        steps: Steps of all trials together; smaller batches count as parts of a step.
        control_steps: Steps of one bare run.
        seconds: Time that the fix took.
        notes: What else is to be said: what was tried, what could not be done.
    """

    status: Status
    remedies: tuple[str, ...] = ()
    objective: Objective | None = None
    before: tuple[float, ...] = ()
    after: tuple[float, ...] = ()
    comparison: Comparison | None = None
    patch: str = ""
    imports_unstuck: bool = False
    steps: int = 0
    control_steps: int = 0
    seconds: float = 0.0
    changes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> Mapping[str, Any]:
        """Return the verdict as schema 1 has it."""
        from unstuck.findings import plain

        objective = None
        if self.objective is not None:
            objective = {
                "name": self.objective.name,
                "goal": self.objective.goal,
                "steps": self.objective.steps,
                "before": plain(self.before),
                "after": plain(self.after),
            }
        compared = self.comparison
        return {
            "status": self.status,
            "remedies": [name.partition("=")[0] for name in self.remedies],
            "settings": list(self.remedies),
            "objective": objective,
            "p_value": None if compared is None else round(compared.p_value, 4),
            "effect": None if compared is None else plain(compared.effect),
            "interval": None if compared is None else plain(compared.interval),
            "cost": {
                "steps": self.steps,
                "steps_ratio": round(self.steps / self.control_steps, 3)
                if self.control_steps
                else None,
                "seconds": round(self.seconds, 2),
            },
            "patch": self.patch,
            "imports_unstuck": self.imports_unstuck,
            "changes": list(self.changes),
            "notes": list(self.notes),
        }
