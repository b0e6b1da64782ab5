"""One Keras model under one optimizer: what is measured in a step, and what is written of it."""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from keras.src import backend, layers, tree

from unstuck.findings import Location
from unstuck.frameworks import array_measure as measure
from unstuck.frameworks import class_counts
from unstuck.frameworks import keras_wiring as wiring
from unstuck.frameworks.array_measure import Array
from unstuck.frameworks.keras_layers import fans, layer_names, owners, units_first
from unstuck.frameworks.keras_losses import INSIDE, Compared, compared, written
from unstuck.frameworks.keras_steps import Seen, Steps, steps_of
from unstuck.frameworks.keras_taps import Event
from unstuck.frameworks.pacing import Pacing

if TYPE_CHECKING:
    from unstuck.frameworks.keras import KerasWatcher

__all__ = ["Training"]

DEAD_WINDOW = 8
"""Sampled batches over which a unit has to stay at zero to count as dead."""
PENDING = 64
"""So many losses wait until they are fetched from the device, for half a second at most."""
PRECISION = 0.02
"""A loss is taken from Keras' running mean where rounding leaves it at least so exact."""

LAYER_SIGNALS = (
    *("weight_rms", "gradient_rms", "gradient_max", "unit_spread", "gradient_spread"),
    *("column_range", "nonfinite", "update_ratio", "bias_update"),
)
OUTPUT_SIGNALS = ("output_rms", "output_std", "sample_std", "input_rms")
ACTIVATION_SIGNALS = ("zero_share", "saturated_share", "active_rms", "dead_share")
STEP_SIGNALS = ("gradient_norm", "predicted_decrease", "stale_gradient", "gradient_count")
BATCH_SIGNALS = (
    *("batch_loss", "batch_accuracy", "batch_size", "target_mean", "target_std", "target_spread"),
    *("target_classes", "prediction_mean", "prediction_std", "prediction_spread", "probabilities"),
    *("target_min", "target_max", "prediction_min", "prediction_max", "balanced_accuracy"),
)
INPUT_SIGNALS = ("input_max", "input_mean", "input_std")
_MODAL = (
    *(layers.Dropout, layers.SpatialDropout1D, layers.SpatialDropout2D, layers.SpatialDropout3D),
    layers.BatchNormalization,
)
_SETTINGS: Mapping[str, str] = {
    "momentum": "momentum",
    "nesterov": "nesterov",
    "weight_decay": "weight_decay",
    "rho": "alpha",
    "beta_1": "betas.0",
    "beta_2": "betas.1",
    "epsilon": "eps",
    "amsgrad": "amsgrad",
    "clipnorm": "clipnorm",
    "clipvalue": "clipvalue",
    "global_clipnorm": "global_clipnorm",
    "gradient_accumulation_steps": "gradient_accumulation_steps",
}
"""Attribute of a Keras optimizer -> the name of that setting in a record."""

Reader = Callable[[Any], Array]


class Training:
    """One model under one optimizer: a run of the record."""

    def __init__(self, watcher: KerasWatcher, model: Any, index: int) -> None:
        self.watcher = watcher
        self.recorder = watcher.recorder
        self.index = index
        self.model = weakref.ref(model)
        self.optimizer = weakref.ref(model.optimizer)
        self.step = 0
        self.deep = 0
        self.next_deep = 0
        self.cost = 0.0
        self.fit_location: Location | None = None
        self.validation_rows = math.nan
        self._names: dict[int, tuple[str, Any]] = {}
        self._owners: dict[str, tuple[Any, list[Any]]] = {}
        self._steps: tuple[Callable[..., Any], Steps] | None = None
        self._layers: list[dict[str, Any]] = []
        self._activations: dict[str, dict[str, Any]] = {}
        self._loss_fact: dict[str, Any] = {}
        self._facts: dict[str, Any] = {}
        self._fired: dict[str, list[Array]] = {}
        self._moments: measure.Moments | None = None
        self._targets: measure.Moments | None = None
        self._before: dict[str, tuple[Array, Array | None, float]] = {}
        self._last_gradient: tuple[int, Array] | None = None
        self._rate: float | None = None
        self._evaluations: dict[Any, int] = {}
        self._pending: list[tuple[int, Any, float]] = []
        self._fetched = time.perf_counter()
        self._mean = _RunningMean()
        self._loss_source = self.recorder.source(index, "", ("loss",))
        self.loss = 0.0

    def trains(self, model: Any) -> bool:
        """Return whether this is the training of a model as it is compiled now."""
        held: Any = self.model()
        return held is model and self.optimizer() is model.optimizer

    def steps(self, model: Any, function: Callable[..., Any]) -> Steps:
        """Return what takes the model's steps; anew where it was compiled anew.

        Args:
            model: The model.
            function: Its `train_function`.
        """
        if self._steps is None or self._steps[0] is not function:
            self.look_over(model)
            steps = steps_of(model, {key: name for key, (name, _) in self._names.items()})
            self._steps = (function, steps)
            self._facts["unseen"] = steps.unseen
        return self._steps[1]

    def look_over(self, model: Any) -> None:
        """Take in what layers and parameters a model has by now."""
        self._names = layer_names(model)
        self._owners = owners(self._names)

    def release(self) -> None:
        """Let go of the model: another one is trained now."""
        self._steps = None
        self._names, self._owners = {}, {}

    # -------------------------------------------------------------- every step

    def epoch_begins(self) -> None:
        """Note that Keras starts its running means anew."""
        self.fetch()
        self._mean = self._mean.anew()

    def stepped(self, logs: Mapping[str, Any], rows: float, steps: int = 1) -> None:
        """Note the loss of a step that was taken, as its logs have it."""
        name = loss_name(logs)
        if name is not None:
            self._pending.append((self.step + steps - 1, logs[name], rows))
        self.step += steps
        now = time.perf_counter()
        if len(self._pending) >= PENDING or now - self._fetched > 0.5:
            self.fetch()

    def fetch(self) -> None:
        """Fetch the losses that wait, and write them."""
        self._fetched = time.perf_counter()
        pending, self._pending = self._pending, []
        for step, value, rows in pending:
            loss = self._mean.add(float(value), rows)
            if loss is not None:
                self.loss = loss
                self.recorder.append(self._loss_source, step, loss)
            elif step == self.step - 1:  # the losses do not tell how many steps there were
                self.recorder.fact("steps", self.step, self.index)

    # -------------------------------------------------------------- deep samples

    def measure_before(self, read: Reader) -> None:
        """Keep what the weights are before a step."""
        model = self.model()
        trained = {id(v) for v in model.trainable_variables} if model is not None else set()
        self._before = {}
        for name, (layer, own) in self._owners.items():
            weight = own[0]
            if id(weight) not in trained:
                continue
            bias = next((v for v in own[1:] if len(v.shape) == 1 and id(v) in trained), None)
            whole = read(weight)
            self._before[name] = (
                np.array(measure.thin(whole)),
                np.array(measure.thin(read(bias))) if bias is not None else None,
                measure.spread(units_first(layer, whole)),
            )

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
        gradients = self._gradients(seen)
        self._write_layers(seen, gradients, read, step)
        losses = self._losses(seen, batch)
        if first:
            self._read_wiring(seen.events, losses)
        self._write_outputs(seen, step)
        self._see_inputs(batch, step)
        if losses:
            self._see_batch(losses, step)
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
        """Choose the next deep sample after one that took `cost` seconds."""
        self.cost = cost if not self.cost else 0.5 * (self.cost + cost)
        self.next_deep = self.step - 1 + pacing.distance(self.step, self.cost)

    def _gradients(self, seen: Seen) -> dict[int, Array]:
        applied = [e for e in seen.events if e.what == "gradients"]
        return {
            id(variable): seen.numbers[slot]
            for event in applied
            for variable, slot in zip(event.facts["variables"], event.slots, strict=True)
            if slot in seen.numbers
        }

    def _write_layers(
        self, seen: Seen, gradients: Mapping[int, Array], read: Reader, step: int
    ) -> None:
        squares, promised, count = 0.0, math.nan, 0
        flat: list[Array] = []
        for name, (before, bias_before, spread) in self._before.items():
            layer, own = self._owners[name]
            weight = own[0]
            gradient = gradients.get(id(weight))
            change = measure.thin(read(weight)) - before
            bias = next((v for v in own[1:] if len(v.shape) == 1), None)
            moved = 0.0
            if bias is not None and bias_before is not None:
                moved = measure.rms(measure.thin(read(bias)) - bias_before)
            values = [measure.rms(before)]
            if gradient is not None:
                count += 1
                turned = units_first(layer, gradient)
                thin = measure.thin(gradient)
                flat.append(measure.thin(gradient, 4096))
                with np.errstate(all="ignore"):
                    squares += sum(
                        float(np.square(gradients[id(v)].astype(np.float64)).sum())
                        for v in own
                        if id(v) in gradients
                    )
                    whole = gradient.size / max(thin.size, 1)
                    promised = (0.0 if math.isnan(promised) else promised) - float(
                        (thin * change).sum()
                    ) * whole
                values += [
                    measure.rms(thin),
                    float(abs(thin).max()) if thin.size else 0.0,
                    spread,
                    measure.spread(turned),
                    measure.column_range(turned),
                    measure.nonfinite(thin, before),
                    measure.rms(change) / max(values[0], 1e-12),
                    moved,
                ]
                source = self.recorder.source(self.index, name, LAYER_SIGNALS)
                self.recorder.sample(source, step, values)
        norm = math.sqrt(squares) if squares >= 0 else math.nan
        source = self.recorder.source(self.index, "", STEP_SIGNALS)
        self.recorder.sample(source, step, (norm if count else math.nan, promised, 0.0, count))
        if flat:
            now = np.concatenate(flat).astype(np.float32)
            then = self._last_gradient
            if then is not None and then[0] == step - 1 and then[1].shape == now.shape:
                source = self.recorder.source(self.index, "", ("gradient_cosine",))
                self.recorder.sample(source, step, (measure.cosine(now, then[1]),))
            self._last_gradient = (step, now)

    def _write_outputs(self, seen: Seen, step: int) -> None:
        known = {layer["name"]: layer for layer in self._layers}
        for event in seen.events:
            arrays = [seen.numbers[slot] for slot in event.slots if slot in seen.numbers]
            if event.what == "layer" and arrays and event.name in known:
                output = arrays[-1]
                if output.ndim == 0:
                    continue
                known[event.name]["dimensions"] = output.ndim
                given = arrays[0] if len(arrays) > 1 else None
                size = 0.0
                if given is not None and np.issubdtype(given.dtype, np.floating):
                    size = measure.rms(measure.thin(given))
                source = self.recorder.source(self.index, event.name, OUTPUT_SIGNALS)
                self.recorder.sample(source, step, (*measure.output_numbers(output), size))
            elif event.what == "activation" and arrays and arrays[-1].ndim:
                self._write_activation(event, arrays[-1], step)

    def _write_activation(self, event: Event, output: Array, step: int) -> None:
        name, kind = event.name, event.facts["kind"]
        axis = _unit_axis(output)
        if name not in self._activations:
            place = event.facts.get("location") or self.watcher.births.location(event.source)
            self._activations[name] = {
                "name": name,
                "kind": kind,
                "location": place.to_json() if place else None,
                "functional": event.facts.get("location") is not None,
                "output": name in self._output_activations,
                "units": output.shape[axis],
            }
        dead = 0.0
        if kind in ("relu", "relu6"):
            units = measure.fired(output, axis)
            window = self._fired.setdefault(name, [])
            if window and window[-1].shape != units.shape:
                window.clear()
            window.append(units)
            del window[:-DEAD_WINDOW]
            dead = float((~np.stack(window).any(axis=0)).mean())
        source = self.recorder.source(self.index, name, ACTIVATION_SIGNALS)
        self.recorder.sample(source, step, (*measure.activation_numbers(kind, output), dead))

    _output_activations: frozenset[str] = frozenset()

    # -------------------------------------------------------------- loss and batch

    def _losses(self, seen: Seen, batch: Any) -> list[tuple[Compared, bool]]:
        """Return what each loss of the step compared, and whether its logits were restored."""
        found: list[tuple[Compared, bool]] = []
        for event in seen.events:
            if event.what != "loss" or not all(slot in seen.numbers for slot in event.slots):
                continue
            target, prediction, value = (seen.numbers[slot] for slot in event.slots)
            if event.facts["weighted"]:
                self._facts["loss_call"] = {"weighted": True}
            found.append(
                (compared(event.source, target, prediction, value), event.facts["restored"])
            )
        return found or self._unseen_loss(seen, batch)

    def _unseen_loss(self, seen: Seen, batch: Any) -> list[tuple[Compared, bool]]:
        """Return what a loss that is no object of Keras' compares, if its value tells."""
        outputs = [e for e in seen.events if e.what in ("layer", "activation") and e.slots]
        means = [e for e in seen.events if e.what == "mean" and e.slots[0] in seen.numbers]
        target = next(iter(tree.flatten(_part(batch, 1))), None)
        if not outputs or not means or target is None or outputs[-1].slots[-1] not in seen.numbers:
            return []
        prediction = seen.numbers[outputs[-1].slots[-1]]
        value = float(np.sum(seen.numbers[means[-1].slots[0]]))
        goal = np.asarray(backend.convert_to_numpy(target))
        name, stretched = written(goal, prediction, value)
        if name is None:
            return []
        return [(Compared(name, prediction, goal, value, "mean", stretched), False)]

    def _read_wiring(
        self, events: Sequence[Event], losses: Sequence[tuple[Compared, bool]]
    ) -> None:
        matrices = frozenset(n for n, (_, own) in self._owners.items() if len(own[0].shape) >= 2)
        found = wiring.read(
            events,
            matrices,
            _last_layers(self.model(), self._names, matrices),
            [(loss.function, restored) for loss, restored in losses],
        )
        self._output_activations = found.outputs
        model = self.model()
        held = {id(v) for v in model.trainable_variables} if model is not None else set()
        births = self.watcher.births
        self._layers = []
        for name, (layer, own) in self._owners.items():
            place = births.location(layer) or self._parent_location(name)
            fan_in, fan_out = fans(layer, own[0].shape)
            shape = units_first(layer, np.empty(own[0].shape, dtype=np.bool_)).shape
            self._layers.append(
                {
                    "name": name,
                    "kind": type(layer).__name__,
                    "shape": list(shape),
                    "fan_in": fan_in,
                    "fan_out": fan_out,
                    "location": place.to_json() if place else None,
                    "trainable": bool(own[0].trainable),
                    "optimized": id(own[0]) in held,
                    "depth": len(self._owners),
                    **found.layers.get(name, {}),
                }
            )
        self._facts["unused_layers"] = [n for n in self._owners if n not in found.layers]
        self._layers.sort(key=lambda layer: layer["depth"])
        self._facts["loss_inputs"] = found.inputs
        self._facts["nonlinear"] = found.nonlinear
        self._facts["unheld"] = [
            {
                "layer": layer.name,
                "location": _json(self.watcher.births.location(layer)),
                "matrix": True,
            }
            for layer in found.unheld[:32]
        ]
        self._loss_fact["chain"] = found.chain

    def _parent_location(self, name: str) -> Location | None:
        """Return the place of the nearest layer around `name` that has one."""
        by_name = dict(self._names.values())
        while "." in name:
            name = name.rpartition(".")[0]
            place = self.watcher.births.location(by_name.get(name))
            if place is not None:
                return place
        return None

    def _see_batch(self, losses: Sequence[tuple[Compared, bool]], step: int) -> None:
        call = max((loss for loss, _ in losses), key=lambda c: c.prediction.size)
        prediction, target = call.prediction, call.target
        if math.prod(call.prediction_shape[:1]) >= math.prod(
            self._loss_fact.get("prediction_shape", [])[:1] or [0]
        ):
            self._loss_fact["prediction_shape"] = call.prediction_shape
            self._loss_fact["target_shape"] = list(target.shape)
        self._loss_fact.update(
            function=call.function, target_dtype=str(target.dtype), reduction=call.reduction
        )
        if call.stretched:
            self._facts["broadcast"] = list(call.stretched)
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
                self._count_classes(call),
            )
        self.recorder.sample(self.recorder.source(self.index, "", BATCH_SIGNALS), step, row)
        if measure.in_columns(prediction, target):
            self._targets = self._targets or measure.Moments(target)
            self._targets.add(target)
            self._facts.update(self._targets.facts("target"))

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
        return class_counts.note(self._facts, counts, hits)

    def _see_inputs(self, batch: Any, step: int) -> None:
        given = [
            backend.convert_to_numpy(a) for a in tree.flatten(_part(batch, 0)) if a is not None
        ]
        values = next(iter(given), None)
        if values is None:
            return
        self._facts["input_shape"] = list(values.shape)
        self._facts["input_dtype"] = str(values.dtype)
        if not np.issubdtype(values.dtype, np.floating) and values.ndim < 4:
            return  # numbers of words or categories
        flat = measure.thin(values)
        with np.errstate(all="ignore"):
            row = (float(abs(flat).max()), float(flat.mean()), float(flat.std(ddof=1)))
        self.recorder.sample(self.recorder.source(self.index, "", INPUT_SIGNALS), step, row)
        if self._moments is None:
            self._moments = measure.Moments(values)
        self._moments.add(values)

    def _see_rate(self, read: Reader, step: int) -> None:
        """Note the learning rate where it changed."""
        optimizer = _inner(self.optimizer())
        if optimizer is None:
            return
        rate = optimizer._learning_rate
        if hasattr(rate, "shape"):
            value = float(read(rate))
        else:  # a schedule: a function of the steps so far
            value = float(backend.convert_to_numpy(rate(int(read(optimizer.iterations)))))
        self.rate(value, step)

    def rate(self, value: float, step: int) -> None:
        """Note a learning rate, if it is another one."""
        if value != self._rate:
            self._rate = value
            source = self.recorder.source(self.index, "", ("learning_rate",))
            self.recorder.sample(source, step, (value,))

    def _see_modes(self, events: Sequence[Event], step: int) -> None:
        modal = [e for e in events if e.what == "layer" and isinstance(e.source, _MODAL)]
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
            float(logs[name]) - self._penalty() if name else math.nan,
            float(logs[right]) if right else math.nan,
            rows,
            0.0,
            0.0,
        )
        self.recorder.sample(source, max(self.step - 1, 0), row)
        self._metrics(f"validation_metric:{number}:", logs)

    def _penalty(self) -> float:
        """Return what the weights' regularizers add to every loss that Keras reports."""
        model = self.model()
        held = [v for v in model.trainable_variables if v.regularizer] if model is not None else []
        return sum(float(backend.convert_to_numpy(v.regularizer(v.value))) for v in held)

    def epoch_ended(self, logs: Mapping[str, Any]) -> None:
        """Note the metrics of an epoch, those of its validation among them."""
        self.fetch()
        if self._facts.get("unseen"):
            self._weights()
        held = {k.removeprefix("val_"): v for k, v in logs.items() if k.startswith("val_")}
        self._metrics("metric:", {k: v for k, v in logs.items() if not k.startswith("val_")})
        if held:
            self.validated("fit", held, self.validation_rows)

    def _weights(self) -> None:
        """Note the size of the weights, where steps cannot be measured."""
        for name, (_, own) in self._owners.items():
            source = self.recorder.source(self.index, name, ("weight_rms",))
            size = measure.rms(measure.thin(backend.convert_to_numpy(own[0].value)))
            self.recorder.sample(source, max(self.step - 1, 0), (size,))

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
        run, model, optimizer = self.index, self.model(), self.optimizer()
        self.fetch()
        fact = self.recorder.fact
        fact("framework", "keras", run)
        fact("layers", self._layers, run)
        fact("activations", list(self._activations.values()), run)
        if model is not None and optimizer is not None:
            compiled = self.watcher.births.compiled(model)
            place = self.watcher.births.location(optimizer) or compiled.location
            inner = _inner(optimizer)
            fact(
                "optimizer",
                {
                    "name": type(inner).__name__,
                    "settings": _settings(inner, self._rate),
                    "location": _json(place),
                    "step_location": _json(self.fit_location),
                    "variable": None,
                    "model": compiled.model,
                },
                run,
            )
            fact("compile", {"location": _json(compiled.location)}, run)
            fact("loss_function", {**self._loss_fact, "location": _json(compiled.location)}, run)
            for key, value in _modal(self._names).items():  # of the layers that are still held
                fact(key, value, run)
        fact("steps", self.step, run)
        for key, value in self._facts.items():
            fact(key, value, run)
        if self._moments is not None:
            for key, value in self._moments.facts("input").items():
                fact(key, value, run)


class _RunningMean:
    """Takes single losses out of the running mean that Keras reports.

    Attributes:
        by_rows: Whether each batch counts by its rows.
        raw: Whether what is reported is no running mean.
    """

    def __init__(self, by_rows: bool = True, raw: bool = False) -> None:
        self.by_rows = by_rows
        self.raw = raw
        self._total = 0.0
        self._weight = 0.0

    def anew(self) -> _RunningMean:
        """Return one of the same kind that has seen nothing."""
        return _RunningMean(self.by_rows, self.raw)

    def add(self, mean: float, rows: float) -> float | None:
        """Return the loss of a step after which the mean is that; None if rounding hides it."""
        if self.raw or not math.isfinite(mean):
            return mean
        weight = rows if self.by_rows and rows > 0 else 1.0
        total = mean * (self._weight + weight)
        loss = (total - self._total) / weight
        error = 2.0**-23 * max(abs(total), abs(self._total)) / weight
        self._total, self._weight = total, self._weight + weight
        if self._weight > weight and error > PRECISION * abs(loss):
            return None
        return loss


def loss_name(logs: Mapping[str, Any]) -> str | None:
    """Return the key of the loss in some logs, None without any."""
    return "loss" if "loss" in logs else next((k for k in logs if k.endswith("loss")), None)


def accuracy_name(logs: Mapping[str, Any]) -> str | None:
    """Return the key of an accuracy in some logs, None without any."""
    return next((k for k in logs if k.rpartition("_")[2] in ("acc", "accuracy")), None)


def _part(batch: Any, index: int) -> Any:
    """Return inputs (0), targets (1) or weights (2) of a batch; None if there are none."""
    if isinstance(batch, (list, tuple)):
        return batch[index] if len(batch) > index else None
    return batch if index == 0 else None


def _unit_axis(output: Array) -> int:
    """Return the dimension that counts units."""
    first = output.ndim >= 4 and backend.image_data_format() == "channels_first"
    return 1 if first else output.ndim - 1


def _standard(model: Any) -> bool:
    """Return whether a model's `train_step` is Keras' own."""
    step = getattr(type(model), "train_step", None)
    return str(getattr(step, "__module__", "")).startswith("keras.")


def _last_layers(
    model: Any, names: Mapping[int, tuple[str, Any]], matrices: frozenset[str]
) -> frozenset[str]:
    """Return the last layers with weights on the way to each output, if the model's graph says."""
    outputs = getattr(model, "outputs", None)
    if not outputs or not type(model).__module__.startswith("keras."):
        return frozenset()
    found: set[str] = set()
    for output in outputs:
        stack, seen = [output], set()
        while stack:
            tensor = stack.pop()
            history = getattr(tensor, "_keras_history", None)
            if history is None or id(tensor) in seen:
                continue
            seen.add(id(tensor))
            name = names.get(id(history.operation), ("", None))[0]
            if hasattr(history.operation, "layers"):
                return frozenset()  # a model in the model: the order in which layers run decides
            if name in matrices:
                found.add(name)
                continue
            stack += history.operation._inbound_nodes[history.node_index].input_tensors
    return frozenset(found)


def _inner(optimizer: Any) -> Any:
    """Return the optimizer inside one that scales losses."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def _settings(optimizer: Any, rate: float | None) -> dict[str, float]:
    settings = {"lr": rate} if rate is not None else {}
    for attribute, name in _SETTINGS.items():
        value = getattr(optimizer, attribute, None)
        if isinstance(value, (bool, int, float)):
            settings[name] = float(value)
    return settings


def _modal(names: Mapping[int, tuple[str, Any]]) -> dict[str, Any]:
    """Return the settings of the layers that behave otherwise in evaluation."""
    held = [layer for _, layer in names.values()]
    drops = [layer.rate for layer in held if "Dropout" in type(layer).__name__]
    drops += [r for layer in held if (r := getattr(layer, "recurrent_dropout", 0))]
    momenta = [1 - la.momentum for la in held if isinstance(la, layers.BatchNormalization)]
    facts: dict[str, Any] = {}
    if drops:
        facts["dropout"] = drops
    if momenta:
        facts["norm_momentum"] = momenta
    return facts


def _json(place: Location | None) -> dict[str, Any] | None:
    return place.to_json() if place else None
