"""U808 premature-decay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from unstuck.evidence import descent, middle
from unstuck.findings import Finding, Location, Severity
from unstuck.obstacles import Obstacle
from unstuck.schedules import active
from unstuck.signals import Run
from unstuck.sketch import sketch


class PrematureDecay(Obstacle):
    """The schedule takes the learning rate to nothing long before the run is over.

    What it does:
        Follows the learning rate through the run.

    Why is this bad?
        After the rate is gone nothing is learned any more, however long the run goes on: often a
        scheduler made for epochs is stepped after each batch.

    Evidence:
        The rate falls below LEFT of its highest value within the first PART of the run and stays
        there, in a run that learned poorly, or whose loss was still falling (by more than FALL
        between the second and the last quarter of the time before) and ends more than a tenth of
        the way above zero: a rate that is lowered on a plateau is not premature. Schedules that end
        near zero do so at the end of the run (cosine, one-cycle). A rate that is gone within the
        first SOON of the run counts also if the loss still fell by more than FALL when it had
        halved (not in a log, which does not say how far there was to go).

    Known problems:
        A run that is cut short on purpose looks better than it is.

    Remedies:
        Step the scheduler once per epoch, or make its period as long as the run.

    References:
        Loshchilov and Hutter, ICLR 2017 (for what a schedule should do).
    """

    code = "U808"
    remedies = ("fix-schedule",)
    explains = (
        "slow-convergence",
        "learning-rate-too-low",
        "underfitting",
        "uneven-gradient-scale",
        "vanishing-gradient",
        "overfitting",
    )
    LEFT: ClassVar[float] = 0.02
    PART: ClassVar[float] = 0.5
    SOON: ClassVar[float] = 0.25
    FALL: ClassVar[float] = 0.05

    SICK: ClassVar[Run] = sketch(
        loss=lambda s: 1.9 + 0.4 * 0.9**s, run={"learning_rate": lambda s: 0.1 * 0.8**s}
    )
    HEALTHY: ClassVar[Run] = sketch(run={"learning_rate": lambda s: 0.1 * (1 - s / 240)})

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding."""
        rates = run.of("learning_rate").finite()
        if len(rates) < 2 or run.steps < 40:
            return
        peak = max(rates)
        top = rates.steps[rates.values.index(peak)]
        low = self.LEFT * peak
        gone = next(
            (s for s, v in zip(rates.steps, rates.values, strict=True) if s > top and v < low), None
        )
        if gone is None or gone > self.PART * run.steps or max(rates.since(gone)) >= low:
            return
        went = descent(run)
        losses = run.loss
        earlier = middle(losses.until(gone // 2).since(gone // 4).values)
        later = middle(losses.until(gone).since(3 * gone // 4).values)
        falling = earlier - later > self.FALL * abs(earlier)
        done = went.achieved >= 0.9 or went.accuracy > 0.95
        cut = self._cut(run, gone, peak) and "log" not in run.facts
        if not (went.poor or ((falling or cut) and not done)):
            return
        yield self.finding(
            run,
            Severity.ERROR,
            f"the learning rate falls from {peak:.3g} to less than {low:.2g} by step {gone} of "
            f"{run.steps}: the rest of the run learns nothing",
            steps=(gone, run.steps - 1),
            location=_schedule(run) or run.optimizer.location,
            evidence={"learning_rate": {"highest": peak, "last": rates[-1]}, "gone_at": gone},
            confidence=0.92,
        )

    def _cut(self, run: Run, gone: int, peak: float) -> bool:
        """Return whether a rate that is gone early was halved while the loss still fell."""
        rates, losses = run.of("learning_rate").finite(), run.loss
        top = rates.steps[rates.values.index(peak)]
        pairs = zip(rates.steps, rates.values, strict=True)
        halved = next((s for s, v in pairs if s > top and v < 0.5 * peak), gone)
        before = middle(losses.until(halved // 2).values)
        then = middle(losses.until(halved).since(halved // 2).values)
        return gone <= self.SOON * run.steps and before - then > self.FALL * abs(before)


def _schedule(run: Run) -> Location | None:
    """Return where the schedule is constructed, if torch has one of the script's."""
    return next((each.location for each in active(run) if each.location is not None), None)
