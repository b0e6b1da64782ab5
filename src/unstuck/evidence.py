"""What a run's series amount to: how far the loss came, who moves, what stands out.

Pure functions that obstacles share. None raises on missing, short or non-finite series; what
cannot be said is None or NaN.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from statistics import fmean, median

from unstuck.signals import Activation, Layer, Run, Series

__all__ = [
    "RANGES",
    "Descent",
    "broken_at_once",
    "descent",
    "early",
    "falls_behind",
    "growth",
    "has_floor",
    "held_out",
    "held_out_end",
    "hidden",
    "hidden_units",
    "kept_pass",
    "lagging",
    "memorized",
    "middle",
    "noise",
    "norm_momenta",
    "own_losses",
    "ratio",
    "right_in_training",
    "turn",
    "unharmed",
    "units",
    "validation",
]

BROKE = 10.0
"""A loss so many times its start is no matter of one batch: the weights are destroyed. (Of the
zoo's development cases, rates that are too high raise it 17-fold to 1e9-fold in a step.)"""
AFTER = 19
"""So many losses above the first are no chance: of twenty alike, the first is the lowest in one of
twenty, and half of the others' median far more seldom."""
LAG = 3.0
"""With a momentum m, exp(-m n) of what running statistics began with is left after n steps: a
twentieth, where m n is this."""
STALE = 0.2
"""A batch within this first part of the steps does not tell how many are right at their end."""
LAST = 5
"""Of so many batches the median tells how many are right at the end."""
RANGES: Mapping[str, tuple[float, float]] = {
    "relu": (0.0, math.inf),
    "relu6": (0.0, 6.0),
    "sigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "softplus": (0.0, math.inf),
    "exponential": (0.0, math.inf),
    "elu": (-1.76, math.inf),
    "gelu": (-0.17, math.inf),
    "silu": (-0.28, math.inf),
    "softsign": (-1.0, 1.0),
}
"""What comes out at least and at most (Dubey et al., Neurocomputing 2022, table 1)."""

CROSS_ENTROPIES = frozenset(
    {"cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits"}
)
"""Losses of which a row's is above ln 2 where another class is likelier than its own."""
WIDE = 1.5
"""Validation loss over its lowest from which memorizing is strong."""
FAR = 0.2
"""By so many right predictions training is ahead of validation where memorizing is strong."""
BEHIND = 0.1
"""By so many right predictions a held-out pass is behind training where more than chance parts them
(of a hundred rows: two standard errors of a share of nine tenths)."""
SAME = 1e-6
"""Norms of one weight that differ by less than this share are of the same state: values are kept as
float32."""


def middle(values: Sequence[float]) -> float:
    """Return the median of the finite values, NaN without any."""
    finite = [v for v in values if math.isfinite(v)]
    return median(finite) if finite else math.nan


def ratio(above: float, below: float) -> float:
    """Return above / below, infinite where below is zero and above is not, NaN for 0 / 0."""
    if below == 0:
        return math.nan if above == 0 or above != above else math.inf
    return above / below


def early(series: Series, steps: int = 20) -> Series:
    """Return the part of a series within its run's first steps."""
    return series.until(steps - 1)


def unharmed(run: Run, series: Series) -> Series:
    """Return the part of a series from before the loss first exceeded `BROKE` times its start.

    Where it is `broken_at_once`, the first step's.

    What gradients and updates are after that, is what the steps before have done to the weights.
    All of it where no loss was measured, or where it starts at zero or below.
    """
    start = next(iter(run.loss), math.nan)
    if not start > 0:
        return series
    limit = start if broken_at_once(run.loss.values) else BROKE * start
    broke = next((step for step, loss in run.loss.pairs() if not loss <= limit), None)
    return series if broke is None else series.until(broke - 1)


@dataclass(frozen=True)
class Descent:
    """How the training loss went.

    Attributes:
        initial: Median of the first three losses; the first, where it is `broken_at_once`.
        final: Median of the last tenth (three to two hundred losses).
        best: Lowest median of any twentieth of the run.
        trivial: Loss of a model that knows only how often each target occurs (entropy of the
            classes, variance of the targets), as far as the batches show it; else NaN.
        noise: Typical difference between neighbouring losses, late in the run.
        achieved: Share of the way from the trivial (or initial, if lower) loss to zero that was
            made: 0 is nothing, 1 is everything; may be negative. A run that starts at less than
            half of the trivial loss was trained before, and is measured from the trivial loss. NaN
            where only a log is known: its first value may be the mean of an epoch, and nothing
            says how low such a loss can get.
        accuracy: Share of right predictions in the last training batches, or NaN.
        majority: Accuracy of always saying the most frequent class, or NaN.
        finite: Whether every loss was finite.
        slope: Share of the loss (above its floor) that the last third of the run still took off.
    """

    initial: float
    final: float
    best: float
    trivial: float
    noise: float
    achieved: float
    accuracy: float
    majority: float
    finite: bool
    slope: float
    count: int

    @property
    def stuck(self) -> bool:
        """Whether the model knows hardly more than how often each target occurs."""
        if self.count == 0:
            return False
        if not math.isfinite(self.final):
            return True
        if math.isfinite(self.accuracy) and math.isfinite(self.majority):
            # An accuracy well above guessing counts as learning, whatever the loss's scale.
            gained = (self.accuracy - self.majority) / (1 - self.majority)
            if gained > 0.4:
                return False
            return self.achieved < 0.25
        return self.achieved < 0.1

    @property
    def poor(self) -> bool:
        """Whether clearly less was learned than such a run should: less than half the way."""
        if self.stuck:
            return True
        if math.isfinite(self.accuracy) and math.isfinite(self.majority):
            return (self.accuracy - self.majority) / (1 - self.majority) < 0.6
        return self.achieved < 0.5


def broken_at_once(losses: Sequence[float]) -> bool:
    """Return whether the first step has broken a training.

    Then the loss doubles and never comes back (of the first `AFTER` behind the first one, none is
    as low), or both of the next two are `BROKE` times as high.

    Args:
        losses: Of each step.
    """
    later = [loss for loss in losses[1 : 1 + AFTER] if not math.isnan(loss)]
    if len(later) < 2 or not losses[0] > 0:
        return False
    doubles = len(later) == AFTER and losses[0] < min(later) and 2 * losses[0] < median(later)
    return doubles or BROKE * losses[0] < min(later[:2])


@lru_cache(maxsize=4)  # every obstacle asks it of the same run
def descent(run: Run) -> Descent:
    """Return how the training loss of `run` went."""
    losses = own_losses(run)
    values = [v for v in losses.values if not math.isnan(v)]
    finite = [v for v in values if math.isfinite(v)]
    count = len(losses)
    if not finite:
        nan = math.nan
        return Descent(nan, nan, nan, nan, nan, 0.0, nan, nan, count == 0, 0.0, count)
    initial = finite[0] if broken_at_once(finite) else middle(finite[:3])
    tail = finite[-min(max(len(finite) // 10, 3), 200) :]
    final = middle(tail) if math.isfinite(losses.values[-1]) else math.nan
    window = max(len(finite) // 20, 3)
    best = min(middle(finite[i : i + window]) for i in range(0, len(finite), window))
    late = finite[len(finite) // 2 :]
    steps = [abs(b - a) for a, b in pairwise(late)]
    trivial = trivial_loss(run)
    floor = _floor(run) if min(finite) >= 0 else min(finite)
    start = initial if math.isnan(trivial) else min(initial, trivial)
    if initial < trivial / 2:
        start = trivial  # trained before: it came from there
    achieved = (start - final) / (start - floor) if start > floor else 0.0
    achieved = achieved if math.isfinite(achieved) else -math.inf
    third = finite[-max(len(finite) // 3, 6) :]
    half = max(len(third) // 4, 1)
    before, after = middle(third[:half]), middle(third[-half:])
    slope = (before - after) / max(abs(before - floor), 1e-12)
    accuracy = _accuracy(run)
    classes = _classes(run)
    return Descent(
        initial=initial,
        final=final,
        best=best,
        trivial=trivial,
        noise=middle(steps) if steps else 0.0,
        achieved=math.nan if "log" in run.facts else achieved,
        accuracy=accuracy,
        majority=_majority(run, classes),
        finite=len(finite) == count,
        slope=slope,
        count=count,
    )


def _floor(run: Run) -> float:
    """Return what the loss cannot fall below, 0 where nothing says more."""
    least = middle(run.of("least_loss").values)
    return least if math.isfinite(least) else 0.0


def _accuracy(run: Run) -> float:
    """Return the share of right predictions in training at the end, NaN if it is not known.

    That of the last batches that were measured, unless these were long ago, or before the last
    epoch of which the framework reports one: then that.
    """
    measured = run.of("batch_accuracy")
    reported = next(
        (
            series
            for (layer, signal), series in run.series.items()
            if layer == "" and signal.startswith("metric:") and signal.endswith(("acc", "accuracy"))
            if series
        ),
        Series(),
    )
    since = max(STALE * run.steps, *reported.steps[-2:-1], 0)
    if measured and measured.steps[-1] >= since:
        return middle(measured.values[-LAST:])
    return reported.values[-1] if reported else math.nan


def right_in_training(run: Run) -> tuple[float, bool]:
    """Return the share of right predictions in training at the end, and whether it is a bound.

    Where no late batch was measured and nothing reported, a cross-entropy tells that share at
    least: a row that is given to another class costs more than ln 2. A log does not say which loss
    it holds; beside accuracies, it is taken for one. NaN where nothing is known.
    """
    went = descent(run)
    if math.isfinite(went.accuracy):
        return went.accuracy, False
    function = run.loss_function.function or ""
    if not (function in CROSS_ENTROPIES or "log" in run.facts):
        return math.nan, False
    least = 1 - went.final / math.log(2)
    return (least if least > 0 else math.nan), True


def own_losses(run: Run) -> Series:
    """Return the losses of the steps without what regularizers of weights add to them.

    Where these are known (Keras adds them by itself) they are interpolated between the steps at
    which they were measured: they change as slowly as the weights do. Losses that a script adds up
    by itself stay what they are.
    """
    penalty = run.of("penalty").finite()
    if not penalty:
        return run.loss
    return Series(
        run.loss.steps,
        tuple(
            max(v - penalty.between(s), min(v, 0.0)) if math.isfinite(v) else v
            for s, v in run.loss.pairs()
        ),
    )


def _classes(run: Run) -> float:
    """Return the number of classes, NaN if the task is no classification."""
    shape = run.loss_function.prediction_shape
    function = run.loss_function.function or ""
    if function in ("cross_entropy", "nll_loss") and len(shape) >= 2:
        return float(shape[1])
    if function.startswith("binary_cross_entropy"):
        return 2.0
    return math.nan


def _frequencies(run: Run, classes: float) -> list[float]:
    """Return how often each class occurs in the batches seen, [] with too few rows to tell."""
    counts = run.facts.get("class_counts") or []
    total = sum(counts)
    if len(counts) != classes or total < 20 * classes:
        return []
    return [count / total for count in counts]


def _majority(run: Run, classes: float) -> float:
    if not classes >= 2:
        return math.nan
    share = middle(run.of("target_mean").values)
    if (run.loss_function.function or "").startswith("binary") and 0 <= share <= 1:
        return min(max(share, 1 - share), 0.99)
    return min(max(_frequencies(run, classes), default=1 / classes), 0.99)


def trivial_loss(run: Run) -> float:
    """Return the loss of predicting only how often each target occurs, NaN if not known."""
    function = run.loss_function.function or ""
    classes = _classes(run)
    if run.loss_function.reduction != "mean":
        return math.nan
    if (run.facts.get("loss_call") or {}).get("weighted"):  # as if all classes were as frequent
        multiple = function in ("cross_entropy", "nll_loss") and classes >= 2
        return math.log(classes) if multiple else math.nan
    if function in ("cross_entropy", "nll_loss") and classes >= 2:
        shares = _frequencies(run, classes)
        # Class weights in the loss, or sorted data, may make the entropy meaningless: a floor.
        entropy = -sum(p * math.log(p) for p in shares if p > 0)
        return max(entropy, 0.1) if shares else math.log(classes)
    if function.startswith("binary_cross_entropy"):
        share = middle(run.of("target_mean").values)
        if 0 < share < 1:
            return -share * math.log(share) - (1 - share) * math.log(1 - share)
        return math.nan
    if function == "mse_loss":
        return _deviation(run) ** 2
    if function == "l1_loss":
        return math.sqrt(2 / math.pi) * _deviation(run)  # of a normal distribution
    if function in ("smooth_l1_loss", "huber_loss"):  # at most; of a threshold of 1
        return min(_deviation(run) ** 2 / 2, _deviation(run))
    return math.nan


def _deviation(run: Run) -> float:
    """Return how far targets lie from the mean of their own output, over batches."""
    whole = middle(run.of("target_std").values)
    each = middle(run.of("target_spread").values)
    return min(whole, each) if math.isfinite(each) else whole


def hidden(run: Run) -> list[Layer]:
    """Return the trained layers with a weight matrix that are not the output."""
    return [layer for layer in run.weights if not layer.output]


_GATES: Mapping[str, int] = {"GRU": 3, "GRUCell": 3, "LSTM": 4, "LSTMCell": 4}


def units(layer: Layer) -> int:
    """Return how many numbers a layer puts out for one input (a pixel of a convolution's)."""
    if layer.kind.startswith("Embedding"):
        return layer.shape[-1]
    return layer.shape[0] // _GATES.get(layer.kind, 1)


def hidden_units(run: Run) -> dict[str, int]:
    """Return the units of each layer before the last, frozen ones too, in the order they run."""
    weights = [layer for layer in run.layers if layer.matrix]
    return {la.name: units(la) for la in weights[:-1] if not la.output}


def activation(run: Run, name: str | None) -> Activation | None:
    """Return the activation called `name`."""
    return next((a for a in run.activations if a.name == name), None)


def typical(run: Run, signal: str, layer: str = "", steps: int | None = None) -> float:
    """Return the median of a signal, of its first steps if `steps` is given."""
    series = run.of(signal, layer)
    return middle((early(series, steps) if steps else series).values)


def growth(values: Sequence[float]) -> float:
    """Return the last of the positive finite values over the first, 1 if there are fewer than 2."""
    known = [v for v in values if math.isfinite(v) and v > 0]
    return known[-1] / known[0] if len(known) >= 2 else 1.0


def noise(values: Sequence[float]) -> float:
    """Return the standard deviation of what neighbouring values differ by, over the root of 2."""
    steps = [b - a for a, b in pairwise(values) if math.isfinite(b - a)]
    if not steps:
        return 0.0
    mean = sum(steps) / len(steps)
    return math.sqrt(sum((s - mean) ** 2 for s in steps) / len(steps) / 2)


def validation(run: Run) -> tuple[Series, Series] | None:
    """Return losses and accuracies of the run's held-out passes, None without any.

    Of several kinds of pass (training data and test data, say), the one with the highest loss at
    the end (else the lowest accuracy) is the held-out one, among those made equally often. A run
    that went back to the weights of a pass ends with that pass.
    """
    losses = [loss for _, loss in _passes(run, "validation_loss")]
    accuracies = [accuracy for _, accuracy in _passes(run, "validation_accuracy")]
    if not losses and not accuracies:
        return None
    kind = held_out(run)
    loss = Series() if kind is None else run.of(f"validation_loss:{kind}").finite()
    often = max((len(s) for s in accuracies), default=0)
    accuracy = min(
        (s for s in accuracies if len(s) >= often / 2),
        key=lambda s: middle(s.values[-3:]),
        default=Series(),
    )
    kept = kept_pass(run)
    return (loss, accuracy) if kept is None else (loss.until(kept), accuracy.until(kept))


def held_out(run: Run) -> str | None:
    """Return the name of the held-out pass among the kinds that have a loss, None without any."""
    losses = _passes(run, "validation_loss")
    often = max((len(series) for _, series in losses), default=0)
    return max(
        ((kind, series) for kind, series in losses if len(series) >= often / 2),
        key=lambda pair: middle(pair[1].values[-3:]),
        default=(None, Series()),
    )[0]


def held_out_end(run: Run) -> tuple[float, float]:
    """Return the loss and the accuracy of a run's last three held-out passes, NaN without any."""
    loss, accuracy = validation(run) or (Series(), Series())
    return middle(loss.values[-3:]), middle(accuracy.values[-3:])


def falls_behind(run: Run) -> bool:
    """Return whether the held-out passes of a run's later half are far worse than its training.

    In the mean, as one that jumps may end well by chance: by `BEHIND` right predictions or, where
    none are counted, by twice the loss.
    """
    went = descent(run)
    loss, accuracy = (
        s.since(run.steps // 2).values for s in validation(run) or (Series(), Series())
    )
    if accuracy and not math.isnan(went.accuracy):
        return went.accuracy - fmean(accuracy) > BEHIND
    return bool(loss) and fmean(loss) > 2 * went.final


def norm_momenta(run: Run) -> list[float]:
    """Return the momenta of a run's normalizations, as PyTorch has them; none that average all."""
    return [m for m in run.facts.get("norm_momentum") or [] if m is not None]


def lagging(run: Run) -> list[float]:
    """Return the momenta of running statistics that are not yet those of the data at a run's end.

    As PyTorch has them: the share that comes from the last batch.
    """
    return [m for m in norm_momenta(run) if m * run.steps <= LAG]


def kept_pass(run: Run) -> int | None:
    """Return the step of the pass to whose weights a run went back at its end, None if to none."""
    loaded = run.facts.get("loaded") or {}
    if loaded.get("step") != run.steps:
        return None
    if "pass" in loaded:  # Keras' callback says it
        return int(loaded["pass"])
    found = [
        (abs(value - loaded["weights"]), step)
        for kind in _kinds(run)
        for step, value in run.of(f"validation_weights:{kind}").pairs()
        if math.isclose(value, loaded["weights"], rel_tol=SAME)
    ]
    return min(found)[1] if found else None


def _kinds(run: Run) -> list[str]:
    """Return the names of the kinds of pass, without those that only log batches."""
    kinds = sorted(
        signal.rpartition(":")[2]
        for layer, signal in run.series
        if layer == "" and signal.startswith("validation_loss:")
    )
    return [kind for kind in kinds if not _logged(run, kind)]


def _passes(run: Run, signal: str) -> list[tuple[str, Series]]:
    """Return the kinds of pass for which something was measured."""
    found = [(kind, run.of(f"{signal}:{kind}").finite()) for kind in _kinds(run)]
    return [(kind, series) for kind, series in found if series]


def memorized(run: Run) -> bool:
    """Return whether a run has learned its training data by heart, at the cost of other data.

    Its validation loss ends at half as much again as its lowest; where only accuracies are known,
    the one in training is ahead by FAR.
    """
    passes = validation(run)
    if passes is None:
        return False
    losses, accuracies = passes
    if losses:
        return bool(losses[-1] > WIDE * min(losses))
    return right_in_training(run)[0] - middle(accuracies.values[-3:]) > FAR


def turn(run: Run) -> int:
    """Return after how many steps the validation loss was lowest, a quarter of all if unknown."""
    passes = validation(run)
    losses = passes[0] if passes is not None else Series()
    if not losses:
        return max(run.steps // 4, 1)
    return losses.steps[losses.values.index(min(losses))] + 1


def _logged(run: Run, kind: str) -> bool:
    """Return whether a kind of pass only logs training batches: one batch in most steps."""
    rows = run.of(f"validation_rows:{kind}")
    batch = middle(run.of("batch_size").values)
    return len(rows) > max(8, run.steps / 2) and middle(rows.values) <= batch


def has_floor(run: Run) -> bool:
    """Return whether the loss cannot fall below zero, as far as its values and making show."""
    if min((v for v in run.loss if math.isfinite(v)), default=0.0) < 0:
        return False
    if (run.facts.get("log") or {}).get("rewards"):  # such a loss grows with what is won
        return False
    made = run.loss_function.chain[:4]
    # Critics' and policies' losses: minus the mean of what a layer puts out, or of two.
    turned = "neg" in made or ("sub" in made and not {"pow", "abs", "mul"} & set(made))
    return run.loss_function.function is not None or not turned or any("log" in m for m in made)


def shown_rate(rate: float) -> str:
    """Return a rate for a sentence; an update that the script writes out does not tell it."""
    return f" {rate:g}" if math.isfinite(rate) else ""
