"""One Keras model under one optimizer: what is measured of its steps, and what is written of it."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any, SupportsFloat

import numpy as np
from keras.src import backend, regularizers

from unstuck.findings import Location
from unstuck.frameworks.array_measure import Array
from unstuck.frameworks.keras_batches import Batches, entering, inputs_of
from unstuck.frameworks.keras_description import Description, describe, json_of
from unstuck.frameworks.keras_layers import layer_names
from unstuck.frameworks.keras_logs import RunningMean, accuracy_name, loss_name
from unstuck.frameworks.keras_nonfinite import origin
from unstuck.frameworks.keras_settings import MODAL, inner, layer_settings, optimizer_settings
from unstuck.frameworks.keras_steps import Seen, Steps, steps_of
from unstuck.frameworks.keras_taps import Event
from unstuck.frameworks.keras_units import Units
from unstuck.frameworks.keras_weights import Reader, Weights
from unstuck.frameworks.pacing import Pacing

if TYPE_CHECKING:
    from unstuck.frameworks.keras import KerasWatcher

__all__ = ["Training"]

PENDING = 64
"""So many losses wait until they are fetched from the device, for half a second at most."""


class Training:
    """One model under one optimizer: a run of the record.

    Args:
        watcher: Whose training it is.
        model: The model.
        optimizer: Its optimizer.
        index: The run.
    """

    def __init__(self, watcher: KerasWatcher, model: Any, optimizer: Any, index: int) -> None:
        self.watcher = watcher
        self.recorder = watcher.recorder
        self.index = index
        self.model = weakref.ref(model)
        self.optimizer = weakref.ref(optimizer)
        self.step = 0
        self.deep = 0
        self.next_deep = 0
        self.cost = 0.0
        self.spent = 0.0
        self.fit_location: Location | None = None
        self.validation_rows = math.nan
        self.weights = Weights(self.recorder, index)
        self.units = Units(self.recorder, index, watcher.births)
        self.batches = Batches(self.recorder, index)
        self._names: dict[int, tuple[str, Any]] = {}
        self._steps: tuple[Callable[..., Any], Steps] | None = None
        self._description = Description()
        self._facts: dict[str, Any] = {}
        self._rate: float | None = None
        self._schedule: tuple[Any, Callable[[int], Any]] | None = None
        self._penalized = -1
        self._evaluations: dict[Any, int] = {}
        self._pending: list[tuple[int, Any, SupportsFloat]] = []
        self._mean = RunningMean()
        self._loss_source = self.recorder.source(index, "", ("loss",))
        self.loss = 0.0

    def trains(self, model: Any, optimizer: Any) -> bool:
        """Return whether this is the training of a model by an optimizer."""
        held: Any = self.model()
        return held is model and self.optimizer() is optimizer

    def steps(self, model: Any, function: Callable[..., Any]) -> Steps:
        """Return what takes the model's steps; anew where it was compiled anew.

        Args:
            model: The model.
            function: Its `train_function`.
        """
        if self._steps is None or self._steps[0] is not function:
            self.look_over(model)
            steps = steps_of(model, self.names())
            steps.clock = self.watcher.pacing.clock
            self._steps = (function, steps)
            self._facts["unseen"] = steps.unseen
        return self._steps[1]

    def names(self) -> dict[int, str]:
        """Return id of each layer -> dotted name."""
        return {key: name for key, (name, _) in self._names.items()}

    def look_over(self, model: Any) -> None:
        """Take in what layers and parameters a model has by now."""
        self._names = layer_names(model)
        self.weights.look_over(self._names)

    def by_hand(self, place: Location | None) -> None:
        """Note that the script takes the steps itself, and where: losses are then single losses."""
        self._mean.raw = True
        self.fit_location = place

    def release(self) -> None:
        """Let go of the model: another one is trained now."""
        self._steps = None
        self._names = {}
        self.weights.look_over({})

    # -------------------------------------------------------------- every step

    def epoch_begins(self) -> None:
        """Note that Keras starts its running means anew."""
        self.fetch()
        self._mean = self._mean.anew()

    def stepped(self, logs: Mapping[str, Any], rows: SupportsFloat, steps: int = 1) -> None:
        """Note the loss of a step that was taken, as its logs have it."""
        name = loss_name(logs)
        if name is not None:
            self._pending.append((self.step + steps - 1, logs[name], rows))
        self.step += steps
        if len(self._pending) >= PENDING:
            self.fetch(wait=False)

    def noted(self, step: int, loss: float) -> None:
        """Note the loss of a step that was taken before it was known to be one."""
        self._pending.append((step, loss, math.nan))

    def fetch(self, *, wait: bool = True) -> None:
        """Fetch the losses that wait, and write them.

        Args:
            wait: Whether steps that a backend is still computing are waited for. That time is the
                script's, but would be taken for ours.
        """
        ready = len(self._pending)
        if not wait:
            ready = sum(1 for _ in takewhile(_is_there, self._pending))
        pending, self._pending = self._pending[:ready], self._pending[ready:]
        for step, value, rows in pending:
            loss = self._mean.add(float(value), float(rows))
            if loss is not None:
                self.loss = loss
                if not math.isfinite(loss) and "nonfinite" not in self._facts:
                    self.next_deep = self.step  # what the data and the weights are by now
                self.recorder.append(self._loss_source, step, loss)
            elif step == self.step - 1:  # the losses do not tell how many steps there were
                self.recorder.fact("steps", self.step, self.index)

    # -------------------------------------------------------------- deep samples

    def measure_before(self, read: Reader) -> None:
        """Keep what the weights are before a step."""
        model = self.model()
        trained = model.trainable_variables if model is not None else ()
        self.weights.keep(frozenset(map(id, trained)), read)
        self._see_penalty(read, self.step)

    def measure(self, seen: Seen, batch: Any, read: Reader) -> None:
        """Write a deep sample of the step that was taken last.

        Args:
            seen: What was seen of it.
            batch: Its batch, as Keras gives it to `train_step`.
            read: Reads variables after the step.
        """
        step = self.step - 1
        first = self.deep == 0
        self.deep += 1
        self.weights.write(_gradients(seen), read, step)
        given = inputs_of(batch)
        self._find_nonfinite(seen, given, step)
        reported = self._pending[-1][1] if self._pending else None
        losses = self.batches.losses(seen, batch, reported)
        if first:
            self._description = describe(
                self.model(),
                self._names,
                self.weights.owners,
                self.watcher.births,
                seen.events,
                losses,
            )
            self.units.outputs = self._description.outputs
        self.units.write(seen, self._description.layers, step)
        self.batches.write_inputs(entering(seen, given), step)
        self.batches.write(losses, step)
        self._see_rate(read, step)
        self._see_modes(seen.events, step)
        means = [e for e in seen.events if e.what == "mean"]
        if means:
            self._mean.by_rows = bool(means[-1].facts["by_rows"])
        elif first and not _standard(self.model()):
            self._mean.raw = True  # what the script's own train_step reports is no mean of Keras'
        if first or self.deep % 16 == 0:
            self.write_facts()

    def sampled(self, cost: float, pacing: Pacing) -> None:
        """Choose the next deep sample after one that took `cost` seconds.

        The very first sample of a script compiles operations of the backend, which is paid once.
        """
        if not self.watcher.prepared:
            self.watcher.prepared = True
            self.watcher.compiling += cost
            pacing.spent -= cost
            cost = 0.0
        self.cost = cost if not self.cost else 0.5 * (self.cost + cost)
        self.next_deep = self.step - 1 + pacing.distance(self.step, self.cost)

    def _find_nonfinite(self, seen: Seen, given: Sequence[Array], step: int) -> None:
        """Note once where a loss or a gradient that is not finite came from."""
        model = self.model()
        if "nonfinite" in self._facts or model is None:
            return
        births = self.watcher.births
        place = births.compiled(model).location or self.fit_location
        found = origin(seen, given, self.weights.destroyed(), births, place)
        if found is not None:
            self._facts["nonfinite"] = {**found, "step": step}

    def _see_penalty(self, read: Reader, step: int) -> None:
        """Note what the regularizers of weights add to the loss of a step."""
        penalty = self._penalty(read) if step > self._penalized else None
        if penalty is not None:
            self._penalized = step
            source = self.recorder.source(self.index, "", ("penalty",))
            self.recorder.sample(source, step, (penalty,))

    def _penalty(self, read: Reader) -> float | None:
        """Return what the weights' regularizers add to every loss, None without any."""
        model = self.model()
        held = [v for v in model.trainable_variables if v.regularizer] if model is not None else []
        return sum(_added(v.regularizer, read(v)) for v in held) if held else None

    def _see_rate(self, read: Reader, step: int) -> None:
        """Note the learning rate where it changed."""
        optimizer = inner(self.optimizer())
        if optimizer is None:
            return
        rate = optimizer._learning_rate
        if hasattr(rate, "shape"):
            value = float(read(rate))
        else:  # a schedule: a function of the steps so far
            if self._schedule is None or self._schedule[0] is not rate:
                self._schedule = rate, _compiled(rate)
            iterations = int(read(optimizer.iterations))
            value = float(backend.convert_to_numpy(self._schedule[1](iterations)))
        self.rate(value, step)

    def rate(self, value: float, step: int) -> None:
        """Note a learning rate, if it is another one."""
        if value != self._rate:
            self._rate = value
            source = self.recorder.source(self.index, "", ("learning_rate",))
            self.recorder.sample(source, step, (value,))

    def _see_modes(self, events: Sequence[Event], step: int) -> None:
        modal = [e for e in events if e.what == "layer" and isinstance(e.source, MODAL)]
        told = [e.facts["training"] for e in modal if getattr(e.source, "rate", None) != 0]
        told = [training for training in told if training is not None]
        if told:
            share = sum(not training for training in told) / len(told)
            self.recorder.sample(
                self.recorder.source(self.index, "", ("eval_share",)), step, (share,)
            )

    # -------------------------------------------------------------- passes and facts

    def validated(self, key: Any, logs: Mapping[str, Any], rows: float) -> None:
        """Note the metrics of a pass over held-out data, its loss without penalties on weights."""
        number = self._evaluations.setdefault(key, len(self._evaluations))
        names = ("loss", "accuracy", "rows", "training_mode", "probabilities")
        source = self.recorder.source(
            self.index, "", tuple(f"validation_{name}:{number}" for name in names)
        )
        name, right = loss_name(logs), accuracy_name(logs)
        row = (
            float(logs[name]) - (self._penalty(_value) or 0.0) if name else math.nan,
            float(logs[right]) if right else math.nan,
            rows,
            0.0,
            0.0,
        )
        self.recorder.sample(source, max(self.step - 1, 0), row)
        self._metrics(f"validation_metric:{number}:", logs)

    def epoch_ended(self, logs: Mapping[str, Any]) -> None:
        """Note the metrics of an epoch, those of its validation among them."""
        self.fetch()
        if self._facts.get("unseen"):
            self.weights.write_sizes(max(self.step - 1, 0))
        self._see_penalty(_value, self.step - 1)
        self._see_rate(_value, max(self.step - 1, 0))
        held = {k.removeprefix("val_"): v for k, v in logs.items() if k.startswith("val_")}
        self._metrics("metric:", {k: v for k, v in logs.items() if not k.startswith("val_")})
        if held:
            self.validated("fit", held, self.validation_rows)

    def _metrics(self, prefix: str, logs: Mapping[str, Any]) -> None:
        for name, value in logs.items():
            if isinstance(value, (int, float)):
                source = self.recorder.source(self.index, "", (f"{prefix}{name}",))
                self.recorder.sample(source, max(self.step - 1, 0), (float(value),))

    def fact(self, key: str, value: Any) -> None:
        """Set a fact of this run."""
        self._facts[key] = value

    def write_facts(self) -> None:
        """Write what is known about the run so far: layers, activations, optimizer, loss."""
        self.fetch()
        facts: dict[str, Any] = {
            "framework": "keras",
            "layers": self._description.layers,
            "activations": list(self.units.activations.values()),
            "steps": self.step,
            **self._trained_by(),
            **self._description.facts,
            **self.batches.facts,
            **self._facts,
            **self.batches.moments(),
        }
        for key, value in facts.items():
            self.recorder.fact(key, value, self.index)

    def _trained_by(self) -> dict[str, Any]:
        """Return what is known of optimizer and loss, while the model is there."""
        model, optimizer = self.model(), self.optimizer()
        if model is None or optimizer is None:
            return {}
        births = self.watcher.births
        compiled = births.compiled(model)
        return {
            "optimizer": {
                "name": type(inner(optimizer)).__name__,
                "settings": optimizer_settings(inner(optimizer), self._rate),
                "location": json_of(births.location(optimizer) or compiled.location),
                "step_location": json_of(self.fit_location),
                "variable": None,
                "model": compiled.model,
            },
            "compile": {"location": json_of(compiled.location)},
            "loss_function": {
                **self.batches.loss_fact,
                "chain": self._description.chain,
                "location": json_of(compiled.location or self.fit_location),
            },
            **layer_settings(self._names),  # of the layers that are still held
        }


def _gradients(seen: Seen) -> dict[int, Array]:
    """Return id of a variable -> its gradient."""
    return {
        id(variable): seen.numbers[slot]
        for event in seen.events
        if event.what == "gradients"
        for variable, slot in zip(event.facts["variables"], event.slots, strict=True)
        if slot in seen.numbers
    }


def _standard(model: Any) -> bool:
    """Return whether a model's `train_step` is Keras' own."""
    step = getattr(type(model), "train_step", None)
    return str(getattr(step, "__module__", "")).startswith("keras.")


def _value(variable: Any) -> Array:
    value: Array = backend.convert_to_numpy(variable.value)
    return value


def _compiled(schedule: Callable[[int], Any]) -> Callable[[int], Any]:
    """Return a learning-rate schedule that JAX does not take operation by operation each time."""
    if backend.backend() != "jax":
        return schedule
    import jax

    compiled: Callable[[int], Any] = jax.jit(schedule)
    return compiled


def _added(regularizer: Any, weights: Array) -> float:
    """Return what a regularizer adds to the loss; Keras' own are computed without a backend.

    A backend compiles every operation for every shape, which costs as much as a whole sample.
    """
    if type(regularizer) in (regularizers.L1, regularizers.L2, regularizers.L1L2):
        wide = weights.astype(np.float64)
        sizes, squares = float(np.abs(wide).sum()), float(np.square(wide).sum())
        return (
            float(getattr(regularizer, "l1", 0.0)) * sizes
            + float(getattr(regularizer, "l2", 0.0)) * squares
        )
    return float(backend.convert_to_numpy(regularizer(backend.convert_to_tensor(weights))))


def _is_there(pending: tuple[int, Any, SupportsFloat]) -> bool:
    """Return whether a loss has been computed; JAX gives out what it is still computing."""
    is_ready = getattr(pending[1], "is_ready", None)
    return is_ready is None or bool(is_ready())
