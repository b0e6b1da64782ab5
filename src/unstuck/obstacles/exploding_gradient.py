"""U102 exploding-gradient."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from unstuck.evidence import Descent, descent, early, middle, ratio, typical, unharmed
from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Run
from unstuck.sketch import sketch

_RECURRENT = ("RNN", "LSTM", "GRU")
"""What names of recurrent layers' kinds have in them."""


class ExplodingGradient(Obstacle):
    """Gradients grow towards the input or over time until steps destroy the weights.

    What it does:
        Compares the gradients of the layers at the start, and their norm over the run, in a run
        whose loss starts far too high, jumps, or does not come down.

    Why is this bad?
        One step along such a gradient throws the weights far beyond where the loss is defined.

    Evidence:
        Over depth: the first layer's `gradient_rms` is more than PROFILE times the last one's in
        the first steps (AutoTrainer takes 70) while the loss starts above three times that of
        guessing or never comes down. Over time: `gradient_norm` rises to more than GROWTH times its
        median so far and the loss with it, or becomes infinite. Healthy profiles lie below 10.
        In a recurrent layer of a run that breaks or learns poorly, `through_time` above GROWTH: the
        gradient grows on its way back through the steps (Pascanu et al. 2013: clipping cures it).
        Where the steps are not seen (Keras scans them), what the recurrent layer puts out at first
        is more than GROWTH times what it is given while the loss starts above three times that of
        guessing: what passes the same matrix forwards and backwards grows alike.

    Known problems:
        Between deep samples a single spike can pass unseen.

    Remedies:
        Clipping bounds the step; He or Xavier initialization removes the growth over depth; batch
        normalization renews the scale at each layer.

    References:
        Pascanu, Mikolov and Bengio, ICML 2013; AutoTrainer, ICSE 2021.
    """

    code = "U102"
    remedies = (
        "use-he-initialization",
        "clip-gradients",
        "add-batch-norm",
        "use-xavier-initialization",
        "use-relu",
        "lower-learning-rate",
        "use-adam",
        "warm-up",
    )
    explains = (
        "diverging-loss",
        "non-finite-values",
        "learning-rate-too-high",
        "oscillating-loss",
        "dead-relu",
        "saturated-activation",
        "slow-convergence",
        "uneven-gradient-scale",
        "underfitting",
        "vanishing-gradient",
        "zigzag-descent",
    )
    PROFILE: ClassVar[float] = 70.0
    GROWTH: ClassVar[float] = 100.0

    SICK: ClassVar[Run] = sketch(
        depth=8,
        loss=lambda s: 5e4 if s < 3 else math.nan,
        layers={"gradient_rms": [1e6 * 0.1**i for i in range(9)]},
        run={"gradient_norm": lambda s: 1e7 if s < 3 else math.inf},
    )
    HEALTHY: ClassVar[Run] = sketch(depth=8)

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding, over depth before over time."""
        went = descent(run)
        yield from (
            list(self._over_depth(run))
            or list(self._through_time(run, went.poor or not went.finite))
            or list(self._forwards(run, went))
            or list(self._over_time(run, went.initial))
        )

    def _through_time(self, run: Run, harmed: bool) -> Iterator[Finding]:
        if not harmed:
            return
        for layer in run.weights:
            grown = middle(run.of("through_time", layer.name).values)
            if not grown > self.GROWTH:
                continue
            yield self.finding(
                run,
                Severity.ERROR,
                f"gradients grow {grown:.2g}-fold on the way back through the time steps of "
                f"`{layer.name}`",
                layers=[layer],
                evidence={"through_time": grown},
                confidence=0.92,
                remedies=(
                    *("use-xavier-initialization", "clip-gradients"),
                    *("lower-learning-rate", "use-adam"),
                ),
            )
            return

    def _forwards(self, run: Run, went: Descent) -> Iterator[Finding]:
        """Yield a finding if a recurrent layer's signal grows from step to step at the start."""
        if not went.initial > 3 * went.trivial:
            return
        for layer in run.weights:
            given, out = (
                next(iter(run.of(signal, layer.name)), math.nan)
                for signal in ("input_rms", "output_rms")
            )
            grown = ratio(out, given)
            recurrent = any(kind in layer.kind for kind in _RECURRENT)
            if not (recurrent and grown > self.GROWTH):
                continue
            yield self.finding(
                run,
                Severity.ERROR,
                f"the signal grows {grown:.2g}-fold through the time steps of `{layer.name}`, and "
                f"the loss starts at {went.initial:.3g}",
                layers=[layer],
                steps=(0, min(2, run.steps - 1)),
                evidence={"input_rms": given, "output_rms": out, "loss": went.initial},
                confidence=0.92,
                remedies=("use-xavier-initialization", "clip-gradients", "use-adam"),
            )
            return

    def _over_depth(self, run: Run) -> Iterator[Finding]:
        layers = [layer for layer in run.weights if layer.kind != "Embedding"]
        if len(layers) < 3:
            return
        went = descent(run)
        high = math.isfinite(went.trivial) and went.initial > 3 * went.trivial
        if not (went.stuck or high or not went.finite):
            return
        # What gradients are behind a step that broke the training, that step has made.
        seen = {la.name: unharmed(run, run.of("gradient_rms", la.name)) for la in layers}
        sizes = {name: middle(series.until(2).values) for name, series in seen.items()}
        last = layers[-1]
        largest = max(
            (la for la in layers[: math.ceil(len(layers) / 2)] if not math.isnan(sizes[la.name])),
            key=lambda la: sizes[la.name],
            default=None,
        )
        if largest is None or largest is last:
            return
        grown = ratio(sizes[largest.name], sizes[last.name])
        if not grown > self.PROFILE:
            return
        yield self.finding(
            run,
            Severity.ERROR,
            f"gradients grow {grown:.2g}-fold from `{last.name}` back to `{largest.name}`",
            layers=[largest],
            steps=(0, min(2, run.steps - 1)),
            evidence={"gradient_rms": sizes, "loss": went.initial},
        )

    def _over_time(self, run: Run, initial: float) -> Iterator[Finding]:
        norms = run.of("gradient_norm")
        losses = run.loss
        for index, (step, norm) in enumerate(zip(norms.steps, norms.values, strict=True)):
            usual = middle(norms.values[:index]) if index >= 3 else math.nan
            loss = losses.at(step)
            if index < 3 or loss is None or not usual > 0:
                continue
            # An infinite gradient counts where the loss before it was still finite.
            jumped = norm == math.inf or norm > self.GROWTH * usual
            before = middle(early(losses, step).values[-20:])
            after = middle(losses.since(step).values[:20])
            worse = not math.isfinite(after) or (
                after > 1.5 * max(before, 0) and after > 0.5 * initial
            )
            if not (jumped and worse):
                continue
            layers = [
                la
                for la in run.weights
                if (run.of("gradient_rms", la.name).at(step) or 0)
                > self.GROWTH * typical(run, "gradient_rms", la.name, step)
            ]
            times = "beyond all numbers" if norm == math.inf else f"{norm / usual:.2g}-fold"
            yield self.finding(
                run,
                Severity.ERROR,
                f"the gradient grows {times} at step {step}, and the loss with it",
                layers=layers[:3],
                steps=(step, run.steps - 1),
                location=run.optimizer.step_location if not layers else None,
                evidence={"gradient_norm": norm, "gradient_norm_before": usual, "loss": after},
                confidence=0.7,
                remedies=("clip-gradients", "lower-learning-rate", "use-adam"),
            )
            return
