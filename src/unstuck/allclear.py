"""Why a run without findings is healthy: what was checked, and what only looks alarming.

Each of the functions in `LOOKALIKES` knows one thing that worries people (and other tools) in
trainings that are fine, and says why it is normal there. Pure functions over a run; sentences out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from unstuck.evidence import Descent, descent, middle, noise, ratio, typical, validation
from unstuck.signals import Run

__all__ = ["LOOKALIKES", "checked", "normal"]


def checked(run: Run) -> list[tuple[str, str]]:
    """Return what was looked at and what was measured there, as (name, sentence) pairs."""
    went = descent(run)
    rows = [("loss", f"{went.initial:.3g} → {went.final:.3g} in {run.steps} steps{_way(went)}")]
    sizes = [s for la in run.weights if (s := typical(run, "gradient_rms", la.name)) > 0]
    if len(sizes) >= 2:
        rows.append(
            (
                "gradient flow",
                f"the first layer's gradient is {ratio(sizes[0], sizes[-1]):.2g} times the last's",
            )
        )
    moves = [m for la in run.weights if (m := typical(run, "update_ratio", la.name)) > 0]
    if moves:
        rows.append(
            ("step size", f"a step changes the weights by {middle(moves):.2g} of their size")
        )
    dead = [(_last(run, "dead_share", a.name), a.name) for a in run.activations]
    dead = [(share, name) for share, name in dead if math.isfinite(share)]
    if dead:
        share, name = max(dead)
        rows.append(("dead units", f"at most {share:.0%} of a layer (`{name}`)"))
    pinned = [_last(run, "saturated_share", a.name) for a in run.activations if not a.output]
    pinned = [share for share in pinned if math.isfinite(share)]
    if pinned and max(pinned) > 0:
        rows.append(("saturated units", f"at most {max(pinned):.0%} of a layer's outputs"))
    passes = validation(run)
    if passes is not None and passes[0]:
        rows.append(
            ("validation", f"a loss of {passes[0][-1]:.3g} in the last of {len(passes[0])}")
        )
    if run.loss_function.chain:
        rows.append(
            (
                "wiring",
                "loss, shapes, cleared gradients, modes, optimizer and layers fit together",
            )
        )
    return rows


def _way(went: Descent) -> str:
    if not math.isfinite(went.trivial) or went.achieved <= 0:
        return ""
    return f", {went.achieved:.0%} of the way from guessing to zero"


def _last(run: Run, signal: str, name: str) -> float:
    return middle(run.of(signal, name).values[-8:])


def normal(run: Run) -> list[str]:
    """Return for each thing in a healthy run that may look alarming why it is normal."""
    return [sentence for look in LOOKALIKES for sentence in look(run)]


def better_in_validation(run: Run) -> Iterator[str]:
    """Say why validation may be better than training."""
    passes = validation(run)
    if passes is None or len(passes[0]) < 2:
        return
    held, trained = middle(passes[0].values[-3:]), descent(run).final
    if not held < 0.95 * trained:
        return
    rates = run.facts.get("dropout") or []
    decay = run.optimizer.settings.get("weight_decay", 0.0)
    if rates:
        why = f"dropout ({max(rates):g}) acts in training only"
    elif decay:
        why = "the training loss is measured before the epoch's later steps, validation after them"
    else:
        why = "the training loss is an average over an epoch in which the model was still worse"
    yield f"validation ({held:.3g}) is better than training ({trained:.3g}): {why}"


def validation_rises(run: Run) -> Iterator[str]:
    """Tell a model that grows surer from one that forgets."""
    passes = validation(run)
    if passes is None or len(passes[0]) < 6 or len(passes[1]) < 6:
        return
    losses, right = passes
    lowest, end = min(losses.values[:-3]), middle(losses.values[-3:])
    if end > 1.1 * lowest and middle(right.values[-3:]) >= max(right) - 0.02:
        yield (
            f"validation loss rises from {lowest:.3g} to {end:.3g} while accuracy holds: the model "
            "grows surer, also of its few mistakes"
        )


def warm_up(run: Run) -> Iterator[str]:
    """Name a learning rate that rises first: it may take the loss up with it."""
    rates = run.of("learning_rate").finite()
    if len(rates) < 3 or not rates[0] < 0.5 * max(rates):
        return
    top = rates.steps[rates.values.index(max(rates))]
    yield (
        f"the learning rate rises until step {top}: a warm-up; a flat or humped loss until then is "
        "part of it"
    )


def cooled_down(run: Run) -> Iterator[str]:
    """Name a schedule that ends near zero where the run ends."""
    rates = run.of("learning_rate").finite()
    if len(rates) >= 3 and rates[-1] < 0.02 * max(rates):
        yield "the learning rate ends near zero: the schedule is as long as the run"


def skipped_steps(run: Run) -> Iterator[str]:
    """Count the steps that mixed precision skipped."""
    scaled = run.facts.get("scaled_losses") or 0
    skipped = scaled - run.steps
    if 0 < skipped <= max(32, 0.1 * run.steps):
        yield (
            f"{skipped} step{'s were' if skipped > 1 else ' was'} skipped by the gradient scaler: "
            "it lowers its scale until gradients are finite"
        )


def spikes_near_zero(run: Run) -> Iterator[str]:
    """Name spikes where the loss is near zero: Adam's steps do not shrink with the gradient."""
    went = descent(run)
    late = [v for v in run.loss.values[len(run.loss) // 2 :] if math.isfinite(v)]
    usual = middle(late)
    if late and 0 < usual < 0.05 * went.initial and max(late) > 5 * usual:
        yield (
            f"the loss jumps up to {max(late):.2g} where {usual:.2g} is usual: single batches near "
            "the optimum"
        )


def noisy_batches(run: Run) -> Iterator[str]:
    """Measure how much small batches differ."""
    went, rows = descent(run), typical(run, "batch_size")
    late = run.loss.values[len(run.loss) // 2 :]
    if rows <= 16 and went.final > 0.05 * went.initial and noise(late) > 0.3 * went.final:
        yield (
            f"the loss changes by {noise(late):.2g} from step to step: batches of {rows:.0f} "
            "differ by that much; their average falls"
        )


def some_dead_units(run: Run) -> Iterator[str]:
    """Name idle units of a ReLU layer: most healthy networks have some."""
    for activation in run.activations:
        share = _last(run, "dead_share", activation.name)
        if 0.1 < share < 0.9:
            yield (
                f"{share:.0%} of the units of `{activation.name}` were zero for every sampled "
                "input: usual up to about half, as long as the others learn"
            )


def frozen_backbone(run: Run) -> Iterator[str]:
    """Name frozen layers whose head learns."""
    still = [la for la in run.layers if la.matrix and not (la.trainable and la.optimized)]
    if still and run.weights:
        yield (
            f"{len(still)} layer{'s are' if len(still) > 1 else ' is'} frozen: with a head that "
            "learns, that is fine-tuning"
        )


def zero_start(run: Run) -> Iterator[str]:
    """Name zero weights where no units have to become different."""
    if len(run.weights) == 1 and next(iter(run.of("weight_rms", run.weights[0].name)), 1.0) == 0:
        yield "the weights start at zero: a single linear layer has no symmetry to break"


def negative_loss(run: Run) -> Iterator[str]:
    """Name a loss without a floor at zero."""
    finite = [v for v in run.loss if math.isfinite(v)]
    if finite and min(finite) < 0 and run.loss_function.function != "nll_loss":
        yield "the loss is negative: log-densities and rewards may be; only its fall counts"


def log_softmax_first(run: Run) -> Iterator[str]:
    """Name a log-softmax of log-probabilities: it changes nothing."""
    if run.loss_function.chain[:3].count("log_softmax") == 2:
        yield "log_softmax before the cross-entropy changes nothing: it is its own repetition"


LOOKALIKES: Sequence[Callable[[Run], Iterator[str]]] = (
    better_in_validation,
    validation_rises,
    warm_up,
    cooled_down,
    skipped_steps,
    spikes_near_zero,
    noisy_batches,
    some_dead_units,
    frozen_backbone,
    zero_start,
    negative_loss,
    log_softmax_first,
)
