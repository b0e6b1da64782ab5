"""When the next deep sample is due: a few free ones at the start, then what the budget pays."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["ALLOWANCE", "Pacing", "distance", "granted"]

ALLOWANCE = 0.25
"""Seconds that measuring may take whatever the budget, so that the first steps are seen; a longer
run has paid them back once its budget has come to as much."""
DENSE = 20
"""The first steps are all measured in depth, as far as two fifths of the allowance reach: they tell
most (learning rate, initialization)."""
DOUBLING = 12
"""After them, at most that many deep samples are taken while the number of steps doubles."""


def granted(budget: float, seconds: float) -> float:
    """Return the seconds that watching may cost in a run that has taken `seconds` so far."""
    return max(ALLOWANCE, budget * seconds)


def distance(step: int, cost: float, left: float) -> int:
    """Return how many steps after the one before `step` the next deep sample is due.

    The first steps are measured one by one; then a fifth of what is left may be spent while the
    number of steps doubles, so that a run of any length is seen to its end.

    Args:
        step: The coming step.
        cost: Seconds that a deep sample costs.
        left: Seconds that deep samples may still cost.
    """
    if step < max(5, min(DENSE, 0.4 * ALLOWANCE / max(cost, 1e-6))):
        return 1
    samples = min(DOUBLING, max(0.2 * left / max(cost, 1e-6), 1))
    return max(1, round(step * (2 ** (1 / samples) - 1)))


class Pacing:
    """The clock of a watcher: what was spent, and what may still be.

    Args:
        budget: Share of the run's time that deep samples may cost, at least the allowance.

    Attributes:
        spent: Seconds that watching has cost so far.
        clock: What these are measured by: the processor time of all threads, which other work on
            the machine does not lengthen; elapsed time where a device is waited for.
    """

    def __init__(self, budget: float) -> None:
        self.budget = budget
        self.clock: Callable[[], float] = time.process_time
        self.started = time.perf_counter()
        self.spent = 0.0

    def may_sample(self, cost: float) -> bool:
        """Return whether a deep sample of that many seconds is within the budget."""
        return cost <= self._left()

    def _left(self) -> float:
        """Return the seconds that deep samples may still cost by now."""
        return granted(self.budget, self.seconds()) - self.spent

    def seconds(self) -> float:
        """Return the seconds since watching began."""
        return time.perf_counter() - self.started

    def distance(self, step: int, cost: float) -> int:
        """Return how many steps after the one before `step` the next deep sample is due."""
        return distance(step, cost, self._left())
