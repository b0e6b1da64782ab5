"""The remedy use-mini-batches."""

from __future__ import annotations

import math
from collections.abc import Sequence

from unstuck.evidence import middle
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
from unstuck.sources.whole_steps import mini_batched, whole_step

__all__ = ["UseMiniBatches"]

SIZES = (32, 64)
SMALLEST = 8
PART = 10
"""A pass makes at least so many steps."""


class UseMiniBatches(Remedy):
    """Make many steps of one pass over the data: one for each mini-batch of a random permutation.

    What it does:
        A step on all rows goes into a loop over ``torch.randperm(rows).split(size)``: inside it,
        every tensor with all rows is indexed by the batch. The number of passes stays, and what
        the script validates or prints after a step is done once a pass, as before. A loader whose
        batch holds all rows gets a batch size, and so does ``fit``.

    When it helps:
        The gradient of a few dozen rows points nearly where that of all rows points, at a small
        part of the cost.

    Settings:
        ``batch_size``: 32, then 64: small batches reach the best results over the widest range of
        learning rates. At most a tenth of the rows, so that a pass makes at least ten steps, and
        at least 8.

    Limits:
        The training loss that the script prints is then that of the last batch of a pass. Steps
        with a closure (LBFGS), several optimizers in one loop, inputs that need gradients, and
        functions that read the data by themselves are left as they are.

    References:
        Bottou, Curtis and Nocedal: Optimization Methods for Large-Scale Machine Learning, SIAM
        Review 2018, section 3.3. Masters and Luschi: Revisiting Small Batch Training for Deep
        Neural Networks, 2018.
    """

    stage = "source"

    def settings(self, run: Run, finding: Finding) -> Sequence[Settings]:
        """Return batch sizes for the number of rows."""
        rows = middle(run.of("batch_size").values)
        if not math.isfinite(rows):
            return ({"batch_size": float(SIZES[0])},)
        largest = 2 ** int(math.log2(max(rows / PART, SMALLEST)))
        sizes = dict.fromkeys(float(min(size, largest)) for size in SIZES)
        return tuple({"batch_size": size} for size in sizes if size < rows)

    def rewrite(self, run: Run, settings: Settings) -> Sequence[Change]:
        """Write the loop, or the loader's batch size; see `Remedy.rewrite`."""
        size = int(settings.get("batch_size", SIZES[0]))
        data = run.facts.get("row_data")
        if fed_by(run) is not None:
            return _loader(run, size)
        location = run.optimizer.step_location
        script = script_of(run, location)
        step = script.call(location) if script is not None else None
        if script is None or step is None or not data:
            return []
        found = whole_step(script, step, data)
        if found is None:
            return []
        size = _without_single_row(run, int(data["rows"]), size)
        what = f"mini-batches of {size} rows instead of all {data['rows']}"
        return sound(script, what, mini_batched(script, found, size, data))

    def apply_keras(self, subject: KerasSubject, settings: Settings) -> list[Change]:
        """Set what `fit` takes; see `Remedy.apply_keras`."""
        size = int(settings.get("batch_size", SIZES[0]))
        data = (subject.run.facts.get("fit") or {}).get("data")
        return (
            subject.set_fit(f"batches of {size} rows", batch_size=str(size))
            if (data == "arrays")
            else []
        )


def _without_single_row(run: Run, rows: int, size: int) -> int:
    """Return a size that leaves no last batch of one row to batch normalization."""
    normalized = any("BatchNorm" in layer.kind for layer in run.layers)
    while normalized and rows % size == 1:
        size += 1
    return size


def _loader(run: Run, size: int) -> list[Change]:
    loader, place = fed_by(run) or {}, loader_call(run)
    rows = loader.get("rows")
    if place is None or not isinstance(rows, int) or rows <= size or loader.get("shared"):
        return []
    script, call = place
    if any(argument(call, name, LOADER) for name in ("sampler", "batch_sampler")):
        return []
    size = _without_single_row(run, rows, size)
    edits = [set_argument(script, call, "batch_size", str(size), LOADER)]
    if loader.get("sampler") == "SequentialSampler":
        edits.append(set_argument(script, call, "shuffle", "True", LOADER))
    return sound(script, f"mini-batches of {size} rows instead of all {rows}", edits)
