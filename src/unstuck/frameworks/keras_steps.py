"""One step of a Keras training, measured, on each of its backends.

JAX and TensorFlow: the compiled step stays as it is. A second trace of the same `train_step`, with
taps, looks at the same state and batch just before it. On JAX a trace has no effects; nothing is
kept of it but what the taps heard. On TensorFlow it changes variables, and all that it knows get
their values back.
PyTorch, and TensorFlow with `run_eagerly`: a step is ordinary Python; it runs with taps attached.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, SupportsFloat

import numpy as np
from keras.src import backend, tree
from keras.src.distribution import distribution

from unstuck.frameworks.array_measure import Array
from unstuck.frameworks.keras_taps import Event, Taps
from unstuck.frameworks.pacing import Pacing

__all__ = ["Seen", "Steps", "steps_of"]


@dataclass(frozen=True)
class Seen:
    """What was seen of one step.

    Attributes:
        events: What happened, in order.
        numbers: Arrays by slot; those that could not be read are missing.
        failed: Why nothing was seen, or None.
    """

    events: Sequence[Event]
    numbers: Mapping[int, Array]
    failed: Exception | None = None


class Steps:
    """Takes the steps of one model; what a backend does otherwise is in its subclass.

    Args:
        model: The compiled model.
        names: id of each of its layers -> dotted name.

    Attributes:
        unseen: Why no step can be measured in depth, None if they can.
        clock: What seconds are measured by, the watcher's.
        compiling: Seconds that compiling measured steps has cost.
        extra: Seconds that the last measured step took longer than others.
    """

    def __init__(self, model: Any, names: Mapping[int, str]) -> None:
        self.clock: Callable[[], float] = time.process_time
        self.model = model
        self.names = names
        self.unseen = _unseen(model)
        self.compiling = 0.0
        self.extra = 0.0

    def pull(self, args: tuple[Any, ...], sampling: bool) -> tuple[Any, tuple[Any, ...]]:
        """Return the coming batch, None if it is not known, and the arguments to go on with."""
        return args[0][0], args

    def worth(self, batch: Any, pacing: Pacing) -> bool:
        """Return whether a batch of that shape may be measured: a new shape may be compiled for."""
        return batch is not None

    def build(self, batch: Any) -> None:
        """Build a model that would only be built inside its first step."""

    def settle(self, values: Any) -> None:
        """Wait until values are computed, so that the time of a step is not taken for ours."""

    def look(self, args: tuple[Any, ...], batch: Any) -> Seen | None:
        """Return what the coming step will do, where it can be known before."""
        return None

    def take(
        self, original: Callable[..., Any], args: tuple[Any, ...], batch: Any
    ) -> tuple[Any, Seen | None]:
        """Take a step; return what the original returns, and what was seen."""
        taps = Taps(self.model, self.names)
        begin = self.clock()
        with taps.attached():
            result = original(*args)
        # Listening costs little beside what is measured of what was heard.
        self.extra = 0.1 * (self.clock() - begin)
        if taps.failed is not None:
            return result, Seen((), {}, taps.failed)
        numbers = {slot: _array(value) for slot, value in enumerate(taps.values)}
        return result, Seen(taps.events, numbers)

    def logs(self, result: Any) -> Mapping[str, Any]:
        """Return the logs in what a step returned."""
        return result if isinstance(result, Mapping) else {}

    def rows(self, batch: Any) -> SupportsFloat:
        """Return the rows of the batch of the step that was just taken, NaN if not known."""
        return _rows(batch)

    def reader(self, args: tuple[Any, ...], result: Any = None) -> Callable[[Any], Array]:
        """Return what reads a variable before a step with these arguments, or after its result."""
        return lambda variable: _array(variable.value)


class _JaxSteps(Steps):
    def __init__(self, model: Any, names: Mapping[int, str]) -> None:
        super().__init__(model, names)
        import jax

        self._jax = jax
        self._heard: Taps | None = None
        self._numbers: dict[int, Array] = {}
        self._compiled: set[tuple[Any, ...]] = set()
        self._probe = self._traced if model.run_eagerly else jax.jit(self._traced)

    def pull(self, args: tuple[Any, ...], sampling: bool) -> tuple[Any, tuple[Any, ...]]:
        state, iterator = args
        if self.model.steps_per_execution > 1:
            return None, args
        batch = next(iterator)
        return batch, (state, iter((batch,)))

    def worth(self, batch: Any, pacing: Pacing) -> bool:
        known = not self._compiled or _shapes(batch) in self._compiled
        return known or pacing.may_sample(self.compiling / len(self._compiled))

    def settle(self, values: Any) -> None:
        # Not the arguments' iterator, and not what is no array.
        self._jax.block_until_ready([v for v in values if isinstance(v, (tuple, list, dict))])

    def look(self, args: tuple[Any, ...], batch: Any) -> Seen:
        self._heard, self._numbers = None, {}
        begin = self.clock()
        self._probe(args[0], batch)
        self._jax.effects_barrier()
        if _shapes(batch) not in self._compiled:
            self._compiled.add(_shapes(batch))
            self.compiling += self.clock() - begin
        heard: Taps | None = self._heard
        return Seen(heard.events if heard is not None else (), self._numbers)

    def _traced(self, state: Any, batch: Any) -> None:
        taps = Taps(self.model, self.names, lambda slots, values: self._emit(taps, slots, values))
        with taps.attached():
            self.model.train_step(state, batch)
        taps.flush()
        if taps.failed is not None:
            raise taps.failed

    def _emit(self, taps: Taps, slots: Sequence[int], values: Sequence[Any]) -> None:
        def receive(*arrays: Any) -> None:
            self._heard = taps
            self._numbers.update(zip(slots, map(np.asarray, arrays), strict=True))

        self._jax.debug.callback(receive, *values)

    def take(
        self, original: Callable[..., Any], args: tuple[Any, ...], batch: Any
    ) -> tuple[Any, Seen | None]:
        return original(*args), None

    def logs(self, result: Any) -> Mapping[str, Any]:
        return result[0] if isinstance(result[0], Mapping) else {}

    def reader(self, args: tuple[Any, ...], result: Any = None) -> Callable[[Any], Array]:
        trained, others, optimizer, *_ = args[0] if result is None else result[1]
        model = self.model
        values = dict(zip(map(id, model.trainable_variables), trained, strict=True))
        values.update(zip(map(id, model.non_trainable_variables), others, strict=True))
        values.update(zip(map(id, model.optimizer.variables), optimizer, strict=True))
        return lambda variable: np.asarray(values[id(variable)])


class _TensorFlowSteps(Steps):
    def __init__(self, model: Any, names: Mapping[int, str]) -> None:
        super().__init__(model, names)
        import tensorflow as tf

        self._tf = tf
        self._traces: list[tuple[Taps, list[int]]] = []
        self._count = 0.0
        step = model._autoconvert_optionals(self._traced)
        self._probe = tf.function(step, reduce_retracing=True, autograph=False)

    def pull(self, args: tuple[Any, ...], sampling: bool) -> tuple[Any, tuple[Any, ...]]:
        if not sampling:
            return None, args
        batch = next(args[0])
        return batch, (self._again(args[0], batch),)

    def _again(self, iterator: Any, batch: Any) -> Any:
        """Return an iterator of the same kind over a batch that was taken from it.

        The step that is compiled for that kind of iterator takes it: another one would be compiled
        otherwise, and may round in another order.
        """
        data = self._tf.data
        if isinstance(iterator, data.Iterator):
            with contextlib.suppress(Exception):  # a batch of another make
                variant = data.experimental.to_variant(data.Dataset.from_tensors(batch))
                return iter(data.experimental.from_variant(variant, iterator.element_spec))
        return iter([batch])

    def build(self, batch: Any) -> None:
        # What Keras does itself on its other backends; what it cannot build is built by the step.
        with contextlib.suppress(Exception):
            self.model._symbolic_build(data_batch=batch)

    def rows(self, batch: Any) -> SupportsFloat:
        tracker = getattr(self.model, "_loss_tracker", None)
        if tracker is None:
            return math.nan if batch is None else _rows(batch)
        # The number as it is now, to be read later: numpy takes thirty times as long as this.
        held = tracker.count.value
        number = self._tf.raw_ops.ReadVariableOp(resource=held.handle, dtype=held.dtype)
        return _Rows(self, number)

    def counted(self, number: float) -> float:
        """Return the rows of a step, from those that the running mean of the loss had counted.

        To be asked step by step.
        """
        before, self._count = self._count, number
        return (number - before if number > before else number) or math.nan

    def _traced(self, batch: Any) -> Any:
        taps = Taps(self.model, self.names)
        with taps.attached():
            self.model.train_step(batch)
        if taps.failed is not None:
            raise taps.failed
        graph = self._tf.compat.v1.get_default_graph()  # what is inside a loop's stays there
        slots = [i for i, v in enumerate(taps.values) if getattr(v, "graph", None) is graph]
        self._traces.append((taps, slots))
        # The number of the trace comes out with the values: several batch shapes have several.
        number = self._tf.constant(len(self._traces) - 1)
        return number, [taps.values[slot] for slot in slots]

    def look(self, args: tuple[Any, ...], batch: Any) -> Seen | None:
        if self.model.run_eagerly:
            return None
        begin, traces = self.clock(), len(self._traces)
        probe = self._probe.get_concrete_function(batch)
        held = [(variable, variable.read_value()) for variable in probe.graph.variables]
        try:
            number, values = self._probe(batch)
        finally:
            for variable, value in held:
                variable.assign(value)
        if len(self._traces) > traces:
            self.compiling += self.clock() - begin
        taps, slots = self._traces[int(number)]
        return Seen(taps.events, dict(zip(slots, map(_array, values), strict=True)))

    def take(
        self, original: Callable[..., Any], args: tuple[Any, ...], batch: Any
    ) -> tuple[Any, Seen | None]:
        return (
            super().take(original, args, batch)
            if self.model.run_eagerly
            else (original(*args), None)
        )


class _Rows:
    """The rows of a step, worked out when its loss is written, with those of other steps."""

    def __init__(self, steps: _TensorFlowSteps, number: SupportsFloat) -> None:
        self.steps = steps
        self.number = number

    def __float__(self) -> float:
        return self.steps.counted(float(self.number))


def steps_of(model: Any, names: Mapping[int, str]) -> Steps:
    """Return what takes the steps of a model on the backend that is in use."""
    kinds: Mapping[str, type[Steps]] = {"jax": _JaxSteps, "tensorflow": _TensorFlowSteps}
    return kinds.get(backend.backend(), Steps)(model, names)


def _unseen(model: Any) -> str | None:
    """Return why the steps of a model cannot be measured in depth, or None."""
    if model.steps_per_execution > 1:
        return (
            f"steps_per_execution={model.steps_per_execution}: several steps run as one, so only "
            "losses, metrics and the weights at the ends of epochs are seen"
        )
    if backend.backend() == "torch" and model.jit_compile:
        return "jit_compile=True: a compiled step shows only losses and metrics"
    strategy = getattr(model, "distribute_strategy", None)
    if strategy is not None and strategy.num_replicas_in_sync > 1:
        return "several devices train one model: only losses and metrics are seen"
    if distribution() is not None:
        return "several devices train one model: only losses and metrics are seen"
    return None


def _shapes(batch: Any) -> tuple[Any, ...]:
    """Return the shapes of a batch's arrays: each of them is compiled for."""
    return tuple(tuple(a.shape) for a in tree.flatten(batch) if hasattr(a, "shape"))


def _rows(batch: Any) -> float:
    """Return the rows of a batch, NaN if that cannot be said."""
    first = next((a for a in tree.flatten(batch) if len(getattr(a, "shape", ()))), None)
    return float(first.shape[0]) if first is not None else math.nan


def _array(value: Any) -> Array:
    return np.asarray(backend.convert_to_numpy(value))
