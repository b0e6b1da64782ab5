"""U405 slow-convergence."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from unstuck.evidence import descent, middle
from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Run
from unstuck.sketch import learning, sketch


class SlowConvergence(Obstacle):
    """Progress is steady but hopelessly slow: the budget ends long before the descent.

    What it does:
        Looks whether a run that learned poorly was still going down when it ended.

    Why is this bad?
        The model is not bad, only unfinished: most of the way lies beyond the last step.

    Evidence:
        Less than DONE of the way down was made (where the accuracy is good already: less than FAR,
        or with the last third still taking off more than FALLING), and between the first and the
        last quarter of the last third of the run the loss still fell by at least STEADY of all that
        it fell (a straight line gives 0.25, a plateau nothing), by more than three times what the
        noise of a quarter's median allows.

    Known problems:
        With more than CLASSES classes (letters, words) a loss near zero is out of reach, and only
        runs that know hardly more than the frequencies are judged. A plateau before a sudden
        descent looks stuck rather than slow.

    Remedies:
        Adam, momentum, a higher learning rate, more steps.

    References:
        Sutskever et al., ICML 2013; Kingma and Ba, ICLR 2015.
    """

    code = "U405"
    remedies = ("use-adam", "use-momentum", "use-rmsprop", "raise-learning-rate")
    explains = ("underfitting",)
    DONE: ClassVar[float] = 0.5
    FAR: ClassVar[float] = 0.25
    FALLING: ClassVar[float] = 0.1
    STEADY: ClassVar[float] = 0.08
    CLASSES: ClassVar[int] = 20

    SICK: ClassVar[Run] = sketch(loss=lambda s: 2.3 - 2e-3 * s)
    HEALTHY: ClassVar[Run] = sketch(loss=learning)

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding."""
        went = descent(run)
        if went.count < 40 or not went.finite or not math.isfinite(went.initial):
            return
        unfinished = went.achieved < self.FAR or went.slope > self.FALLING
        if not (went.poor or unfinished) or went.achieved >= self.DONE:
            return
        shape = run.loss_function.prediction_shape
        if len(shape) > 1 and shape[1] > self.CLASSES and went.majority > 0 and not went.stuck:
            return
        third = run.loss.values[-max(went.count // 3, 12) :]
        quarter = max(len(third) // 4, 3)
        before, after = third[:quarter], third[-quarter:]
        fell = middle(before) - middle(after)
        uncertain = 1.25 * went.noise / math.sqrt(quarter)  # of a median
        if fell <= 3 * uncertain or fell <= 0:
            return
        whole = went.initial - middle(after)
        if whole <= 0 or fell < self.STEADY * whole:
            return
        more = middle(after) / max(fell, 1e-12) * (went.count / 3)
        yield self.finding(
            run,
            Severity.WARNING,
            f"the loss was still falling when the run ended at {went.final:.3g}, "
            f"{max(went.achieved, 0):.0%} of the way: at this pace it would take "
            f"{more / went.count:.2g} times as many steps",
            location=run.optimizer.location,
            evidence={
                "loss": {"initial": went.initial, "final": went.final},
                "achieved": went.achieved,
                "fell_in_last_third": fell,
            },
            confidence=0.7,
        )
