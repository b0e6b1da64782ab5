"""U502 underfitting."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

from unstuck.evidence import LAST, Descent, descent, hidden_units, middle, typical
from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Run
from unstuck.sketch import plateau, sketch


class Underfitting(Obstacle):
    """Training itself stays near the trivial baseline, though the dynamics are healthy.

    What it does:
        Looks whether a run that moves its weights properly has stopped improving far from zero.

    Why is this bad?
        The model is too small or too simple for the data, or the inputs do not tell the targets.

    Evidence:
        A training loss that took off less than DONE of what there is between the trivial model and
        zero, on a plateau, while the weights move by more than MOVE of their size per step. Judged
        only where the trivial loss is known, and for at most CLASSES classes (language models never
        come near zero). Where no hidden layer has more than FEW units, nor as many as two for each
        input and one more, the model is said to be too small, and that is also why it is slow. With
        two for each input and one more, Hecht-Nielsen's form of Kolmogorov's theorem can represent
        every continuous function; with no more than inputs, Johnson's theorem says what no depth
        can. FEW is what we measured: healthy development cases of the zoo have 6 units and more in
        their widest hidden layer. Such a model that took off less than FITTED is a remark. Few rows
        know an accuracy only so well: by DOUBT of its standard errors it gets the benefit of the
        doubt (the one-sided 95 % limit of a normal distribution).

    Known problems:
        Noise in the targets cannot be told from a model that is too small: hence a warning at most,
        and only a remark where much of the way was made. Three units that fit all but the noise of
        their targets leave the same record as three units that miss a third of a smooth surface
        (measured: losses, their spread over batches, what the units are given).

    Remedies:
        A wider or deeper model, better features, less regularization.

    References:
        Goodfellow, Bengio and Courville, Deep Learning, 2016, section 5.2. Hecht-Nielsen, ICNN
        1987. Johnson, Deep, skinny neural networks are not universal approximators, ICLR 2019.
    """

    code = "U502"
    remedies = ("widen-layers", "lighten-regularization", "use-adam", "raise-learning-rate")
    explains = ("slow-convergence",)
    DONE: ClassVar[float] = 0.4
    MOVE: ClassVar[float] = 3e-4
    CLASSES: ClassVar[int] = 20
    FEW: ClassVar[int] = 4
    FITTED: ClassVar[float] = 0.8
    DOUBT: ClassVar[float] = 1.64

    SICK: ClassVar[Run] = sketch(loss=plateau)
    HEALTHY: ClassVar[Run] = sketch()

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding."""
        went = descent(run)
        if went.count < 150 or not went.finite or not math.isfinite(went.trivial):
            return
        shape = run.loss_function.prediction_shape
        classes = shape[1] if math.isfinite(went.majority) and len(shape) > 1 else 1
        if len(shape) > 2 or classes > self.CLASSES:
            return
        small = self._small(run)
        kind = self._in_doubt(run, went)
        right = kind.accuracy > 0.75 and kind.majority <= 0.5  # or wrong labels keep the loss up
        far = went.achieved >= self.DONE or right or not (small or kind.poor)
        if far and not (small and self._left(went)):
            return
        moves = [typical(run, "update_ratio", la.name) for la in run.weights]
        if not moves or not middle(moves) > self.MOVE:
            return
        said = (
            f"training stays at a loss of {went.final:.3g}, where knowing nothing gives "
            f"{went.trivial:.3g}"
        )
        widest = max(hidden_units(run).values(), default=0)
        evidence = {"loss": went.final, "trivial": went.trivial, "achieved": went.achieved}
        if small:
            said += f", and no hidden layer has more than {widest} units"
            evidence["units"] = widest
            said += ": unless the targets are noise, the model is too small" if far else ""
        else:
            said += ", although the weights move"
        yield self.finding(
            run,
            Severity.INFO if far else Severity.WARNING,
            said,
            layers=run.weights[:1],
            evidence=evidence,
            confidence=0.75 if small else 0.6,
        )

    def _in_doubt(self, run: Run, went: Descent) -> Descent:
        """Return the descent with the highest accuracy that the last rows do not rule out."""
        share = went.accuracy
        rows = LAST * middle(run.of("batch_size").values)
        if not (0 <= share <= 1 and rows > 0):
            return went
        return replace(went, accuracy=share + self.DOUBT * math.sqrt(share * (1 - share) / rows))

    def _small(self, run: Run) -> bool:
        """Return whether the model has hidden layers, all of hardly any units."""
        widest = max(hidden_units(run).values(), default=0)
        first = next((la for la in run.layers if la.matrix), None)
        return first is not None and 0 < widest <= min(self.FEW, 2 * first.fan_in)

    def _left(self, went: Descent) -> bool:
        """Return whether a regression still leaves much unexplained."""
        return math.isnan(went.majority) and went.achieved < self.FITTED
