"""U603 unshuffled-data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from unstuck.evidence import descent, held_out_end, middle, right_in_training
from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Run
from unstuck.sketch import sketch


class UnshuffledData(Obstacle):
    """The data come sorted: batches of one class, or a class that training never sees.

    What it does:
        Counts the classes in the batches, and over all of them.

    Why is this bad?
        Each batch teaches the model to say its own class and to forget the others; a validation set
        cut off the end of sorted data asks for classes that training never saw.

    Evidence:
        The middle batch holds less than PART of the classes that as many rows drawn at random would
        hold (n rows of C equally frequent classes: C (1 - (1 - 1/C)^n)), counting only classes that
        occur often enough, and at most CLASSES of them (neighbouring letters and words belong
        together); or a class of the output never occurs in training while validation is far behind
        it; or a validation set that Keras cuts off the end (`validation_split`) consists to more
        than ALIEN of classes that occur nowhere else (a random cut leaves out no class that makes
        up a tenth of any hundred rows).

    Known problems:
        Batches drawn by class on purpose (few-shot learning, contrastive losses) look sorted.

    Remedies:
        ``shuffle=True`` in the loader; shuffle before splitting.

    References:
        Bengio, Practical Recommendations, 2012; Keras issues 4298 and 8346.
    """

    code = "U603"
    remedies = ("shuffle-data",)
    explains = (
        "oscillating-loss",
        "overfitting",
        "slow-convergence",
        "underfitting",
        "learning-rate-too-high",
        "zigzag-descent",
        "class-imbalance",
        "diverging-loss",
        "vanishing-gradient",
        "uneven-gradient-scale",
        "exploding-gradient",
        "dead-relu",
    )
    PART: ClassVar[float] = 0.6
    CLASSES: ClassVar[int] = 20
    ALIEN: ClassVar[float] = 0.1

    SICK: ClassVar[Run] = sketch(
        run={"target_classes": 1.0, "batch_size": 32.0}, facts={"class_counts": [100] * 10}
    )
    HEALTHY: ClassVar[Run] = sketch(
        run={"target_classes": 10.0, "batch_size": 64.0}, facts={"class_counts": [100] * 10}
    )

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding."""
        split = run.facts.get("held_unseen") or {}
        if split.get("share", 0.0) > self.ALIEN and split["of"] <= self.CLASSES:
            yield self._cut_off(run, split)
            return
        counts = run.facts.get("class_counts") or []
        total = sum(counts)
        rows = middle(run.of("batch_size").values)
        distinct = middle(run.of("target_classes").values)
        if (
            not 2 <= len(counts) <= self.CLASSES
            or not total
            or not rows >= 4
            or len(run.of("target_classes")) < 5
        ):
            return
        expected = sum(1 - (1 - c / total) ** rows for c in counts)
        # Early samples of a sorted pass see few classes: then judge by equally frequent ones.
        even = len(counts) * (1 - (1 - 1 / len(counts)) ** rows)
        never = [i for i, c in enumerate(counts) if c == 0]
        behind = right_in_training(run)[0] - held_out_end(run)[1] > 0.3
        if distinct < self.PART * expected and expected >= 1.5:
            said = (
                f"batches of {rows:g} rows hold {distinct:g} of {len(counts)} classes; at random "
                f"they would hold {expected:.2g}"
            )
        elif never and behind and total > 20 * len(counts):
            said = f"class {never[0]} never occurs in training, and validation is far behind"
        elif distinct == 1 and even >= 1.8 and len(never) == len(counts) - 1 and run.steps < 20:
            said = f"all batches so far hold one of {len(counts)} classes"
        else:
            return
        went = descent(run)
        yield self.finding(
            run,
            Severity.ERROR if went.poor or behind else Severity.WARNING,
            f"the data are not shuffled: {said}",
            location=run.optimizer.step_location,
            evidence={"target_classes": distinct, "expected": expected, "batch_size": rows},
            confidence=0.93,
        )

    def _cut_off(self, run: Run, split: Mapping[str, Any]) -> Finding:
        """Return the finding of a validation set that was cut off the end of sorted data."""
        named = ", ".join(f"{value:g}" for value in split["classes"][:5])
        return self.finding(
            run,
            Severity.ERROR,
            f"the data are not shuffled: `validation_split` takes the last rows, and "
            f"{split['share']:.0%} of them are of classes that training never sees ({named})",
            location=run.optimizer.step_location,
            evidence={"validation_unseen": split["share"], "classes": split["classes"]},
            confidence=0.97,
        )
