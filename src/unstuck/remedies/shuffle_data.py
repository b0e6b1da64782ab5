"""The remedy shuffle-data."""

from __future__ import annotations

from collections.abc import Sequence

from unstuck.findings import Finding
from unstuck.remedies import Change, Remedy, Settings
from unstuck.signals import Run
from unstuck.sources.batches import (
    LOADER,
    argument,
    fed_by,
    loader_call,
    script_of,
    set_argument,
    sound,
)
from unstuck.sources.keras_subject import KerasSubject
from unstuck.sources.slices import batches, ordered, training_loop
from unstuck.sources.splits import shuffled_split

__all__ = ["ShuffleData"]


class ShuffleData(Remedy):
    """Draw the rows of each batch in a random order.

    What it does:
        The loader that the run trains on gets ``shuffle=True``. Where the script cuts its batches
        itself, by slices or ``split``, a ``torch.randperm`` of the rows is drawn before each pass,
        and every tensor of the batch takes its rows in that order. Where a class never occurs in
        training, inputs and targets are shuffled together before they are split. Of Keras,
        ``shuffle=False`` goes, or rows are shuffled before ``validation_split`` cuts off the last.

    When it helps:
        Stochastic gradients are right on average only if each batch is a sample of all rows.

    Settings:
        ``before_split``: 1 shuffles before the split; tried first where training lacks a class.

    Limits:
        Loaders with a sampler of their own and datasets without a length stay as they are, and so
        do loops whose position is used for anything but slices that follow each other. A loader
        for validation that the same call constructs is shuffled as well.

    References:
        Bengio: Practical Recommendations for Gradient-Based Training of Deep Architectures, 2012.
    """

    stage = "source"

    def settings(self, run: Run, finding: Finding) -> Sequence[Settings]:
        """Return where to shuffle first."""
        counts = run.facts.get("class_counts") or []
        if counts and not all(counts):
            return ({"before_split": 1.0}, {})
        return ({},)

    def rewrite(self, run: Run, settings: Settings) -> Sequence[Change]:
        """Shuffle; see `Remedy.rewrite`."""
        if settings.get("before_split"):
            return _before_split(run) or _in_order(run)
        return _in_order(run)

    def apply_keras(self, subject: KerasSubject, settings: Settings) -> list[Change]:
        """Let `fit` shuffle, or shuffle before it cuts rows off; see `Remedy.apply_keras`."""
        fit = subject.fit
        if fit is None:
            return []
        if subject.run.facts.get("held_unseen"):
            return subject.shuffle_rows()
        if (subject.run.facts.get("fit") or {}).get("shuffle", True):
            return []
        return [Change("fit shuffles", subject.set_arguments(fit, {}, ["shuffle"]))]


def _before_split(run: Run) -> list[Change]:
    script = script_of(run, run.optimizer.location or run.optimizer.step_location)
    if script is None:
        return []
    return sound(script, "rows shuffled before they are split", shuffled_split(script))


def _in_order(run: Run) -> list[Change]:
    if fed_by(run) is not None:
        return _loader(run)
    script = script_of(run, run.optimizer.step_location)
    step = script.call(run.optimizer.step_location) if script is not None else None
    loop = training_loop(script, step) if script is not None else None
    found = batches(script, loop) if script is not None and loop is not None else None
    if script is None or found is None:
        return []
    return sound(script, "rows of each pass taken in a random order", ordered(script, found))


def _loader(run: Run) -> list[Change]:
    loader, place = fed_by(run) or {}, loader_call(run)
    if place is None or not loader.get("rows") or loader.get("sampler") != "SequentialSampler":
        return []
    script, call = place
    if any(argument(call, name, LOADER) for name in ("sampler", "batch_sampler")):
        return []
    edit = set_argument(script, call, "shuffle", "True", LOADER)
    return sound(script, "the training loader shuffles", [edit])
