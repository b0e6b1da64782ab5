"""Functions that a script has compiled itself and that take steps: `tf.function`, `jax.jit`.

The first call of such a function tells whether it updates anything; later ones are steps. What the
script has compiled stays as it is. Where a step is due to be measured, a second trace of the same
function, with taps, looks at the same arguments before it; on TensorFlow all variables that this
trace knows get their values back.
"""

from __future__ import annotations

import functools
import math
import sys
import types
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from keras.src import backend, tree

from unstuck.frameworks.array_measure import Array
from unstuck.frameworks.frames import written_by_user
from unstuck.frameworks.keras_by_hand import ByHand, Heard, batch_of, known, scalar
from unstuck.frameworks.keras_steps import Seen
from unstuck.frameworks.keras_training import Training

__all__ = ["StepFunctions"]

_SEVERAL = "a compiled function takes several steps at once: only their number is seen"
_DRAWS = "a compiled step draws its own batches or calls Python: only its loss is seen"
_EFFECTS = ("IteratorGetNext", "PyFunc", "EagerPyFunc", "PyFuncStateless")


class StepFunctions:
    """Watches the functions that a script compiles.

    Args:
        hand: What knows the updates inside of them.
    """

    def __init__(self, hand: ByHand) -> None:
        self.hand = hand
        self._functions: weakref.WeakKeyDictionary[Any, _Function] = weakref.WeakKeyDictionary()

    def wraps(self) -> Iterator[tuple[Any, str, Callable[[Callable[..., Any]], Any]]]:
        """Yield what is to be wrapped: owner, name, and what makes the wrapper."""
        if backend.backend() == "tensorflow":
            import tensorflow as tf

            yield type(tf.function(lambda: None)), "__call__", self._around_call
        elif backend.backend() == "jax":
            import jax

            yield jax, "jit", self._around_jit

    def _around_call(self, original: Callable[..., Any]) -> Callable[..., Any]:
        functions = self

        def __call__(function: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N807
            hand = functions.hand
            if hand.depth or hand.updates is not None or not hand.free():
                return original(function, *args, **kwargs)
            known = functions._functions.get(function)
            if known is None:
                known = functions._functions[function] = _Graph(hand, function.python_function)
            return known.call(functools.partial(original, function), args, kwargs)

        return __call__

    def _around_jit(self, original: Callable[..., Any]) -> Callable[..., Any]:
        functions = self

        def jit(*args: Any, **kwargs: Any) -> Any:
            made = original(*args, **kwargs)
            own = written_by_user(sys._getframe(1))
            if not own or not (args and callable(args[0])):
                return made
            static = {k: v for k, v in kwargs.items() if k.startswith("static_")}
            compile_ = functools.partial(original, **static)
            return _Jitted(made, _Jit(functions.hand, args[0], compile_))

        return jit


class _Function:
    """One compiled function.

    Args:
        hand: What knows the updates inside of it.
        function: What was compiled.
    """

    def __init__(self, hand: ByHand, function: Callable[..., Any]) -> None:
        self.hand = hand
        self.function = function
        self.trainings: list[Training] = []
        self.unseen: str | None = None
        self.compiling = 0.0
        self.shapes: set[Any] = set()
        self._called = False
        self._leaf: int | None = None
        self._first: dict[int, float] = {}

    def call(self, run: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Call the function; it is a step if it updates something."""
        if not self._called:
            return self._learn(run, args, kwargs)
        if not self.trainings:
            return run(*args, **kwargs)
        hand, pacing = self.hand, self.hand.watcher.pacing
        seen, before, compiled = None, pacing.spent, self.compiling
        due = self.unseen is None and any(t.step >= t.next_deep for t in self.trainings)
        if due and hand.due() and self._worth(args, kwargs):
            seen = hand.watcher.guard(self._look, args, kwargs)
        with hand.inside():
            result = run(*args, **kwargs)
        pacing.spent -= self.compiling - compiled
        hand.watcher.compiling += self.compiling - compiled
        hand.watcher.guard(self._taken, result, seen, before)
        for training in self.trainings:
            hand.watcher.end_or_pause(training)
        return result

    # -------------------------------------------------------------- the first call

    def _learn(
        self, run: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """Call the function for the first time, and see what it updates."""
        hand = self.hand
        hand.updates, hand.heard = [], None
        try:
            result = run(*args, **kwargs)
        finally:
            updates, hand.updates = hand.updates or [], None
        self._called = True
        for update in updates:
            training = hand.watcher.guard(hand.training, update.optimizer, update.variables)
            if training is not None and training not in self.trainings:
                self.trainings.append(training)
        if self.trainings:
            leaves = enumerate(tree.flatten(result))
            self._first = {i: value for i, leaf in leaves if (value := _number(leaf)) is not None}
            hand.watcher.guard(self._count)
        for training in self.trainings:
            hand.watcher.end_or_pause(training)
        return result

    def _count(self) -> None:
        for training in self.trainings:
            steps = self._steps(training)
            if steps > 1:
                self._is_unseen(_SEVERAL)
            training.stepped({}, math.nan, steps)

    def _is_unseen(self, reason: str) -> None:
        self.unseen = reason
        for training in self.trainings:
            training.fact("unseen", reason)

    # -------------------------------------------------------------- a step

    def _taken(self, result: Any, seen: _Looked | None, before: float) -> None:
        """Note a step that was taken."""
        leaves, pacing = tree.flatten(result), self.hand.watcher.pacing
        objective = seen.objective() if seen is not None else None
        if self._leaf is None and objective is not None:
            self._leaf = _same(leaves, objective)
            for training in self.trainings if self._leaf in self._first else ():
                training.noted(0, self._first[self._leaf or 0])
        loss = leaves[self._leaf] if self._leaf is not None else objective
        for training in self.trainings:
            logs = {} if loss is None else {"loss": loss}
            training.stepped(logs, math.nan, self._steps(training))
            if seen is not None:
                model = training.model()
                training.measure(seen.seen, batch_of(seen.seen, model), seen.after)
                training.sampled(pacing.spent - before, pacing)

    def _steps(self, training: Training) -> int:
        """Return how many steps the last call took."""
        return 1

    def _worth(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
        """Return whether arguments of these shapes may be looked at: it may have to compile."""
        shapes = _shapes(args, kwargs)
        if self.shapes and shapes not in self.shapes:
            return self.hand.watcher.pacing.may_sample(self.compiling / len(self.shapes))
        return all(map(known, tree.flatten([args, dict(kwargs)])))

    def _look(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> _Looked | None:
        """Return what the coming step will do, having kept what the weights are before it."""
        hand, shapes = self.hand, _shapes(args, kwargs)
        begin = hand.watcher.pacing.clock()
        for training in self.trainings:
            training.look_over(training.model())
        hand.updates = []
        try:
            looked = self._probed(args, kwargs)
        finally:
            hand.updates, hand.heard = None, None
        if shapes not in self.shapes:
            self.shapes.add(shapes)
            self.compiling += hand.watcher.pacing.clock() - begin
        if looked is not None:
            for training in self.trainings:
                training.measure_before(looked.before)
        return looked

    def _probed(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> _Looked | None:
        raise NotImplementedError


class _Looked:
    """What a look at a step saw.

    Attributes:
        seen: Its events and numbers.
        before: Reads variables before the step.
        after: Reads them after it.
    """

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self.before = functools.partial(self._read, self._values("before"))
        self.after = functools.partial(self._read, self._values("after"))

    def _values(self, when: str) -> dict[int, Array]:
        return {
            key: self.seen.numbers[slot]
            for event in self.seen.events
            if event.what == "update"
            for key, slot in event.facts[when].items()
            if slot in self.seen.numbers
        }

    @staticmethod
    def _read(values: Mapping[int, Array], variable: Any) -> Array:
        if id(variable) in values:
            return values[id(variable)]
        return np.asarray(backend.convert_to_numpy(variable.value))

    def objective(self) -> float | None:
        """Return the value whose gradient was asked for, else that of the last loss."""
        for what in ("objective", "loss"):
            found = [e for e in self.seen.events if e.what == what]
            if found and found[-1].slots[-1] in self.seen.numbers:
                return float(np.sum(self.seen.numbers[found[-1].slots[-1]]))
        return None


class _Jit(_Function):
    """A function under `jax.jit`."""

    def __init__(
        self, hand: ByHand, function: Callable[..., Any], compile_: Callable[..., Any]
    ) -> None:
        super().__init__(hand, function)
        import jax

        self._jax = jax
        self._probe = compile_(self._traced)
        self._heard: Heard | None = None
        self._numbers: dict[int, Array] = {}
        self._updates = 0

    def _traced(self, *args: Any, **kwargs: Any) -> None:
        def emit(slots: Sequence[int], values: Sequence[Any]) -> None:
            updates = any(
                e.what == "update" and e.slots and e.slots[-1] in slots for e in heard.taps.events
            )

            def receive(*arrays: Any) -> None:
                self._heard = heard
                self._updates += updates
                self._numbers.update(zip(slots, map(np.asarray, arrays), strict=True))

            self._jax.debug.callback(receive, *values)

        heard = self.hand.heard = self.hand.listen(emit)
        with heard.taps.attached():
            self.function(*args, **kwargs)
        if heard.taps.failed is not None:
            raise heard.taps.failed

    def _probed(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> _Looked | None:
        self._heard, self._numbers, self._updates = None, {}, 0
        self._probe(*args, **kwargs)
        self._jax.effects_barrier()
        heard: Heard | None = self._heard
        if self._updates > len(self.trainings):
            self._is_unseen(_SEVERAL)
            return None
        return _Looked(Seen(heard.taps.events, self._numbers)) if heard is not None else None


class _Jitted:
    """Stands for a function under `jax.jit`, and is everything else that it is."""

    def __init__(self, made: Any, function: _Jit) -> None:
        self._made = made
        self._function = function
        functools.update_wrapper(self, made, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        hand = self._function.hand
        if hand.depth or hand.updates is not None or not hand.free():
            return self._made(*args, **kwargs)
        return self._function.call(self._made, args, kwargs)

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return self if owner is None else types.MethodType(self, owner)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_made"], name)

    def __repr__(self) -> str:
        return repr(self._made)


class _Graph(_Function):
    """A function under `tf.function`."""

    def __init__(self, hand: ByHand, function: Callable[..., Any]) -> None:
        super().__init__(hand, function)
        import tensorflow as tf

        self._tf = tf
        self._traces: list[tuple[Heard, list[int]]] = []
        self._taken_before: dict[int, int] = {}
        self._probe = tf.function(self._traced, autograph=False, reduce_retracing=True)

    def _steps(self, training: Training) -> int:
        optimizer: Any = training.optimizer()
        now = int(optimizer.iterations.numpy())
        before = self._taken_before.get(training.index, training.step)
        self._taken_before[training.index] = now
        return max(now - before, 0)

    def _traced(self, *args: Any, **kwargs: Any) -> Any:
        heard = self.hand.heard = self.hand.listen()
        with heard.taps.attached():
            self._converted(*args, **kwargs)
        if heard.taps.failed is not None:
            raise heard.taps.failed
        graph = self._tf.compat.v1.get_default_graph()
        values = heard.taps.values
        slots = [i for i, v in enumerate(values) if getattr(v, "graph", None) is graph]
        self._traces.append((heard, slots))
        number = self._tf.constant(len(self._traces) - 1)
        return number, [self._tf.convert_to_tensor(values[slot]) for slot in slots]

    @functools.cached_property
    def _converted(self) -> Callable[..., Any]:
        """The function with its control flow as TensorFlow's, as `tf.function` has it."""
        try:
            converted: Callable[..., Any] = self._tf.autograph.to_graph(self.function)
        except Exception:  # a method, a lambda: what has no loops needs no conversion
            return self.function
        return converted

    def _probed(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> _Looked | None:
        probe = self._probe.get_concrete_function(*args, **kwargs)
        if _draws(probe.graph):
            self._is_unseen(_DRAWS)
            return None
        variables = probe.graph.variables
        held = [(variable, variable.read_value()) for variable in variables]
        try:
            number, values = self._probe(*args, **kwargs)
            after = {id(v): v.numpy() for v, _ in held}
        finally:
            for variable, value in held:
                variable.assign(value)
        heard, slots = self._traces[int(number)]
        arrays = (np.asarray(backend.convert_to_numpy(value)) for value in values)
        looked = _Looked(Seen(heard.taps.events, dict(zip(slots, arrays, strict=True))))
        looked.after = functools.partial(_of_graph, after)
        return looked


def _of_graph(values: Mapping[int, Array], variable: Any) -> Array:
    """Return what a variable of Keras was after a look, else what it is."""
    inner = getattr(variable, "_value", None)
    if id(inner) in values:
        return values[id(inner)]
    return np.asarray(backend.convert_to_numpy(variable.value))


def _draws(graph: Any) -> bool:
    """Return whether a graph draws batches or calls Python, which a look must not do twice."""
    whole = graph.as_graph_def()
    nodes = [*whole.node, *(n for f in whole.library.function for n in f.node_def)]
    return any(node.op.startswith(_EFFECTS) for node in nodes)


def _number(leaf: Any) -> float | None:
    """Return a result that is one floating number, None if it is anything else."""
    if not backend.is_tensor(leaf) or "float" not in str(leaf.dtype):
        return None
    return scalar(leaf)


def _same(leaves: Sequence[Any], objective: float) -> int | None:
    """Return which of a function's results is the loss, None if none of them."""
    for index, leaf in enumerate(leaves):
        value = _number(leaf)
        if value is not None and math.isclose(value, objective, rel_tol=1e-4, abs_tol=1e-7):
            return index
    return None


def _shapes(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
    leaves = tree.flatten([args, dict(kwargs)])
    return tuple(tuple(leaf.shape) for leaf in leaves if hasattr(leaf, "shape"))
