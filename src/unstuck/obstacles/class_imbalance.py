"""U604 class-imbalance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Run
from unstuck.sketch import sketch


class ClassImbalance(Obstacle):
    """One class outnumbers another so far that the model ignores the rare one.

    What it does:
        Counts how often each class occurs and how often it is recognized.

    Why is this bad?
        Always saying the frequent class gives a good accuracy and a useless model.

    Evidence:
        The most frequent class occurs more than RATIO times as often as the rarest one (SageMaker
        Debugger takes 10), at least 20 rows of the rare one were seen in all, and more of the rare
        class's recent rows were missed than found (RECALL). At most CLASSES classes are judged:
        letters and words are rare by nature.

    Known problems:
        Early in a healthy run rare classes are not recognized yet.

    Remedies:
        Class weights in the loss, a weighted sampler.

    References:
        He and Garcia, IEEE TKDE 2009.
    """

    code = "U604"
    remedies = ("weigh-classes",)
    explains = ("underfitting", "slow-convergence", "vanishing-gradient")
    RATIO: ClassVar[float] = 10.0
    RECALL: ClassVar[float] = 0.5
    CLASSES: ClassVar[int] = 20

    SICK: ClassVar[Run] = sketch(
        facts={
            "class_counts": [950, 50],
            "recent_counts": [190.0, 10.0],
            "recent_hits": [190.0, 0.0],
        }
    )
    HEALTHY: ClassVar[Run] = sketch(
        facts={
            "class_counts": [950, 50],
            "recent_counts": [190.0, 10.0],
            "recent_hits": [185.0, 8.0],
        }
    )

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding."""
        counts = run.facts.get("class_counts") or []
        recent = run.facts.get("recent_counts") or []
        hits = run.facts.get("recent_hits") or []
        if not 2 <= len(counts) <= self.CLASSES or not run.complete:
            return
        if not len(counts) == len(recent) == len(hits):
            return
        most = max(counts)
        rare = [
            i
            for i, c in enumerate(counts)
            if 20 <= c < most / self.RATIO and recent[i] > 0 and hits[i] < self.RECALL * recent[i]
        ]
        if not rare:
            return
        worst = min(rare, key=lambda i: counts[i])
        yield self.finding(
            run,
            Severity.WARNING,
            f"class {worst} is {most / counts[worst]:.0f} times rarer than the most frequent one, "
            f"and {hits[worst] / recent[worst]:.0%} of it is recognized",
            location=run.loss_function.location,
            evidence={"class_counts": counts, "recall": hits[worst] / recent[worst]},
            confidence=0.85,
        )
