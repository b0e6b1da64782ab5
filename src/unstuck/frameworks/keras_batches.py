"""The batch of a measured step: inputs, what its losses compared, which classes are recognized."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from keras.src import backend, layers, tree
from keras.src.models.model import Model

from unstuck.frameworks import array_measure as measure
from unstuck.frameworks import class_counts
from unstuck.frameworks.array_measure import Array
from unstuck.frameworks.keras_losses import (
    INSIDE,
    Compared,
    class_numbers,
    compared,
    crosses,
    function_of,
    normalizes,
    place_of,
    written,
)
from unstuck.frameworks.keras_steps import Seen
from unstuck.frameworks.keras_wiring import NORMS
from unstuck.record import Recorder

__all__ = ["Batches", "Judged", "entering", "inputs_of"]

BATCH_SIGNALS = (
    *("batch_loss", "batch_accuracy", "batch_size", "target_mean", "target_std", "target_spread"),
    *("target_classes", "prediction_mean", "prediction_std", "prediction_spread", "probabilities"),
    *("target_min", "target_max", "prediction_min", "prediction_max", "target_ratio"),
    *("output_error", "silent_outputs", "balanced_accuracy", "least_loss"),
)
SCALING = (layers.Rescaling, layers.Normalization, *NORMS)
"""Layers behind which the scale of the inputs is another one."""
INPUT_SIGNALS = ("input_max", "input_mean", "input_std")

Judged = Sequence[tuple[Compared, bool]]
"""What each loss of a step compared, and whether Keras took logits for probabilities there."""


class Batches:
    """Writes what batches and losses are in deep samples.

    Args:
        recorder: Where to write.
        index: The run.

    Attributes:
        loss_fact: What is known of the loss function.
        facts: Facts of the run.
    """

    def __init__(self, recorder: Recorder, index: int) -> None:
        self.recorder = recorder
        self.index = index
        self.loss_fact: dict[str, Any] = {}
        self.facts: dict[str, Any] = {}
        self._moments: measure.Moments | None = None
        self._targets: measure.Moments | None = None
        self._crossing: dict[int, bool | None] = {}
        self._normalizing: dict[int, bool] = {}
        self._input = -1

    def losses(self, seen: Seen, batch: Any, reported: Any = None) -> Judged:
        """Return what each loss of the step compared, and whether its logits were restored.

        Args:
            seen: What was seen of the step.
            batch: Its batch.
            reported: The loss that the step itself returned, None if it returned none.
        """
        found: list[tuple[Compared, bool]] = []
        for event in seen.events:
            if event.what != "loss" or not all(slot in seen.numbers for slot in event.slots):
                continue
            target, prediction, value = (seen.numbers[slot] for slot in event.slots)
            if event.facts["weighted"]:
                self.facts["loss_call"] = {"weighted": True}
            call = compared(event.source, target, prediction, value)
            if call.function is None and self._crosses(event.source, target, prediction):
                call = replace(call, stretched=(target.size, target.size))
            elif call.function is None and self._normalizes(event.source, target, prediction):
                goal = class_numbers(target, prediction)
                call = replace(call, function="cross_entropy", target=goal)
            if call.stretched and "crossing" not in self.facts:
                self.facts["crossing"] = place_of(event.source)
            restored = event.facts["restored"] and function_of(event.source) is not None
            found.append((call, restored))
        return found or self._unseen_loss(seen, batch, reported)

    def _crosses(self, loss: Any, target: Array, prediction: Array) -> bool:
        """Return whether a loss stretches a column against a row; asked until it is known."""
        if self._crossing.get(id(loss)) is None:
            self._crossing[id(loss)] = crosses(loss, target, prediction)
        return bool(self._crossing[id(loss)])

    def _normalizes(self, loss: Any, target: Array, prediction: Array) -> bool:
        """Return whether a loss applies a softmax to what are probabilities already."""
        if not measure.probabilities(prediction):
            return False
        if id(loss) not in self._normalizing:
            self._normalizing[id(loss)] = normalizes(loss, target, prediction)
        return self._normalizing[id(loss)]

    def _unseen_loss(self, seen: Seen, batch: Any, reported: Any) -> Judged:
        """Return what a loss that is no object of Keras' compares, if its value tells."""
        outputs = [e for e in seen.events if e.what in ("layer", "activation") and e.slots]
        means = [e for e in seen.events if e.what == "mean" and e.slots[0] in seen.numbers]
        target = next(iter(tree.flatten(_part(batch, 1))), None)
        if means:
            reported = seen.numbers[means[-1].slots[0]]
        known = bool(outputs) and outputs[-1].slots[-1] in seen.numbers
        if reported is None or target is None or not known:
            return []
        prediction = seen.numbers[outputs[-1].slots[-1]]
        value = float(np.sum(backend.convert_to_numpy(reported)))
        goal = np.asarray(backend.convert_to_numpy(target))
        name, stretched = written(goal, prediction, value)
        if name is None and not stretched:
            return []
        return [(Compared(name, prediction, goal, value, "mean", stretched), False)]

    def write(self, losses: Judged, step: int) -> None:
        """Write what the losses of a step compared, if there are any."""
        if not losses:
            return
        call = max((loss for loss, _ in losses), key=lambda c: c.prediction.size)
        prediction, target = call.prediction, call.target
        if math.prod(call.prediction_shape[:1]) >= math.prod(
            self.loss_fact.get("prediction_shape", [])[:1] or [0]
        ):
            self.loss_fact["prediction_shape"] = call.prediction_shape
            self.loss_fact["target_shape"] = list(target.shape)
        self.loss_fact.update(
            function=call.function, target_dtype=str(target.dtype), reduction=call.reduction
        )
        if call.stretched:
            self.facts["broadcast"] = list(call.stretched)
        right, judged = measure.right(call.function or "", prediction, target)
        values, goals = measure.thin(prediction), measure.thin(target)
        if not values.size or not goals.size:
            return
        classes = spread = math.nan
        whole = np.unique(goals)
        if np.issubdtype(target.dtype, np.integer) or np.isin(whole, (0, 1)).all():
            classes = float(whole.size)
        rows = target.shape[0] if target.ndim else 1
        if rows > 1 and not np.issubdtype(target.dtype, np.integer):
            spread = measure.output_numbers(target)[2] * math.sqrt(rows / (rows - 1))
        # Probabilities are what such a loss wants, unless it is one on logits.
        wrong = call.function == "cross_entropy" and not any(restored for _, restored in losses)
        with np.errstate(all="ignore"):
            row = (
                sum(loss.loss for loss, _ in losses),
                right / judged if judged else math.nan,
                float(prediction.shape[0] if prediction.ndim else 1),
                float(goals.mean()),
                float(goals.std()),
                spread,
                classes,
                float(values.mean()),
                float(values.std()),
                measure.output_numbers(prediction)[2] if prediction.ndim else 0.0,
                measure.probabilities(prediction) if wrong else 0.0,
                float(goals.min()),
                float(goals.max()),
                float(values.min()),
                float(values.max()),
                *measure.apart(prediction, target),
                measure.silent(prediction, target),
                self._count_classes(call),
                sum(loss.least for loss, _ in losses),
            )
        self.recorder.sample(self.recorder.source(self.index, "", BATCH_SIGNALS), step, row)
        if measure.in_columns(prediction, target):
            self._targets = self._targets or measure.Moments(target)
            self._targets.add(target)
            self.facts.update(self._targets.facts("target"))

    def _count_classes(self, call: Compared) -> float:
        """Count how often each class occurs and is recognized, the recent batches most.

        Returns:
            The balanced accuracy, NaN where there are no classes.
        """
        prediction, target, name = call.prediction, call.target, call.function or ""
        if name in INSIDE:
            if prediction.ndim != 2 or target.ndim != 1 or prediction.shape[1] > 64:
                return math.nan
            guess, goal, classes = prediction.argmax(1), target, prediction.shape[1]
        elif name.startswith("binary_cross_entropy") and prediction.size == prediction.shape[0]:
            if target.size != prediction.size:
                return math.nan
            border = 0.0 if name.endswith("logits") else 0.5
            guess = (prediction.reshape(-1) > border).astype(np.int64)
            goal, classes = (target.reshape(-1) > 0.5).astype(np.int64), 2
        else:
            return math.nan
        goal = np.clip(goal.astype(np.int64), 0, classes - 1)
        counts = np.bincount(goal, minlength=classes).tolist()
        hits = np.bincount(goal[guess == goal], minlength=classes).tolist()
        return class_counts.note(self.facts, counts, hits)

    def write_inputs(self, given: Sequence[Array], step: int) -> None:
        """Write what the model was given; of several inputs, of the largest in the first batch."""
        if not given:
            return
        if not 0 <= self._input < len(given):
            self._input = max(range(len(given)), key=lambda i: _size(given[i]))
        values = given[self._input]
        self.facts["input_shape"] = list(values.shape)
        self.facts["input_dtype"] = str(values.dtype)
        if len(given) > 1:
            self.facts["inputs"] = len(given)
        if not _measurable(values):
            return
        flat = measure.thin(values)
        with np.errstate(all="ignore"):
            row = (float(abs(flat).max()), float(flat.mean()), float(flat.std(ddof=1)))
        self.recorder.sample(self.recorder.source(self.index, "", INPUT_SIGNALS), step, row)
        if self._moments is None:
            self._moments = measure.Moments(values)
        self._moments.add(values)

    def moments(self) -> Mapping[str, Any]:
        """Return facts about the features of all inputs that were measured."""
        return self._moments.facts("input") if self._moments is not None else {}


def _measurable(values: Array) -> bool:
    """Return whether an input is a quantity, not numbers of words or categories."""
    return np.issubdtype(values.dtype, np.floating) or values.ndim >= 4


def _size(values: Array) -> float:
    """Return the root mean square of an input, -1 where that says nothing."""
    if not _measurable(values):
        return -1.0
    with np.errstate(all="ignore"):
        size = float(np.sqrt(np.mean(np.square(measure.thin(values).astype(np.float64)))))
    return size if math.isfinite(size) else math.inf


def entering(seen: Seen, given: Sequence[Array]) -> Sequence[Array]:
    """Return what the first layer of weights is given, where a layer before it scales the inputs.

    Args:
        seen: What was seen of a step.
        given: What the model was given.
    """
    scaled = False
    for event in seen.events:
        if event.what != "layer" or isinstance(event.source, Model):
            continue
        if isinstance(event.source, SCALING):
            scaled = True
        elif event.slots:
            first = seen.numbers.get(event.slots[0])
            return [first] if scaled and len(event.slots) > 1 and first is not None else given
    return given


def inputs_of(batch: Any) -> list[Array]:
    """Return the arrays that a batch gives the model."""
    return [backend.convert_to_numpy(a) for a in tree.flatten(_part(batch, 0)) if a is not None]


def _part(batch: Any, index: int) -> Any:
    """Return inputs (0), targets (1) or weights (2) of a batch; None if there are none."""
    if isinstance(batch, (list, tuple)):
        return batch[index] if len(batch) > index else None
    return batch if index == 0 else None
