"""The remedy warm-up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unstuck.findings import Finding
from unstuck.remedies import Change, Remedy, Settings
from unstuck.schedules import schedulers
from unstuck.signals import Run
from unstuck.sources.keras_subject import number

if TYPE_CHECKING:
    from unstuck.frameworks.torch_treatment import Subject
    from unstuck.sources.keras_subject import KerasSubject

__all__ = ["WarmUp"]

LONGEST = 1000
"""A warm-up takes at most so many steps."""
LINES = """\
$warm_up = torch.optim.lr_scheduler.LinearLR($optimizer, start_factor=0.01, total_iters=STEPS)
$optimizer.register_step_post_hook(lambda *_, $schedule=$warm_up: $schedule.step())
"""
RELATIVE = frozenset(
    {"StepLR", "MultiStepLR", "ExponentialLR", "ConstantLR", "LinearLR", "PolynomialLR"}
    | {"MultiplicativeLR", "ReduceLROnPlateau", "ChainedScheduler"}
)
"""Schedulers that multiply the rate that they find, and so go together with a warm-up."""


class WarmUp(Remedy):
    """Let the learning rate grow to its value over the first steps.

    What it does:
        The rate starts at a hundredth and grows linearly. Two lines below the optimizer's do it: a
        ``LinearLR`` that every ``optimizer.step()`` steps, wherever the script calls it. Of Keras,
        the optimizer gets a ``PolynomialDecay`` that grows.

    When it helps:
        The first steps, with gradients of random weights and an adaptive optimizer's averages still
        empty, destroy what the later ones would have tolerated.

    Settings:
        ``steps``: a tenth of the run, at most 1000.

    Limits:
        Schedules that multiply the rate (``StepLR``, ``ExponentialLR``, ``MultiStepLR``, ...) go on
        as they were. A script that sets rates itself, or by a schedule that computes them from the
        step (``OneCycleLR``, ``LambdaLR``, ``CosineAnnealingLR``, ``SequentialLR``), is left alone.
        Needs an optimizer that is assigned to a name.

    References:
        Goyal et al., Accurate, Large Minibatch SGD, 2017, section 2.2; Ma and Yarats, AAAI 2021.
    """

    stage = "training"

    def settings(self, run: Run, finding: Finding) -> Sequence[Settings]:
        """Return a tenth of the run."""
        if not run.complete:
            return ()  # a share of an unknown length
        steps = min(LONGEST, run.steps // 10)
        if steps < 2 or not _relative(run):
            return ()
        return ({"steps": float(steps)},)

    def apply_torch(self, subject: Subject, settings: Settings) -> list[Change]:
        """Construct the schedule and attach it; see `Remedy.apply_torch`."""
        if not _relative(subject.run):
            return []
        steps = round(settings.get("steps", 100.0))
        lines = LINES.replace("STEPS", str(steps))
        return subject.after_optimizer(f"warm-up over {steps} steps", lines)

    def apply_keras(self, subject: KerasSubject, settings: Settings) -> list[Change]:
        """Give the optimizer a schedule; see `Remedy.apply_keras`."""
        rate = subject.rate
        if rate is None or not _relative(subject.run):
            return []
        steps = round(settings.get("steps", 100.0))
        schedule = f"{subject.root}.optimizers.schedules.PolynomialDecay"
        text = f"{schedule}({number(rate / 100)}, {steps}, end_learning_rate={number(rate)})"
        return subject.write_optimizer(None, {"learning_rate": text})


def _relative(run: Run) -> bool:
    """Return whether nothing sets the learning rate without regard to what it is."""
    known = schedulers(run)
    if not known:
        return len(set(run.of("learning_rate").finite())) <= 1
    return all(scheduler.name in RELATIVE and not scheduler.own for scheduler in known)
