"""Steps that a script takes itself: its own gradients, applied by an optimizer of Keras.

Step by step, as ordinary Python, an update is a call of the optimizer's `apply` or
`stateless_apply`; taps listen to the forward pass before it (inside of the tape on TensorFlow, of
the function that `jax.value_and_grad` made, and since the last update on PyTorch). Steps inside of
a function that the script has compiled are `keras_compiled`'s. The very first step of a loop is
measured in depth only under a tape: nothing says before it that it is going to be one.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from keras.src import backend, tree
from keras.src.optimizers.base_optimizer import BaseOptimizer

from unstuck.frameworks.array_measure import Array
from unstuck.frameworks.frames import calling_frame, locate, written_by_user
from unstuck.frameworks.keras_layers import layer_names
from unstuck.frameworks.keras_steps import Seen
from unstuck.frameworks.keras_taps import Event, Taps
from unstuck.frameworks.keras_training import Training

if TYPE_CHECKING:
    from unstuck.frameworks.keras import KerasWatcher

__all__ = ["ByHand", "Heard", "Update", "known", "scalar"]

_UNHELD = (
    "the variables that an optimizer updates belong to no single model of Keras: its steps are "
    "not seen"
)
_BARE = (
    "a model of Keras is trained without an optimizer of Keras: the script's own updates are not "
    "seen"
)
_NAMES = ("apply", "apply_gradients", "stateless_apply")


@dataclass
class Update:
    """Values around one update of an optimizer, by id of the variable; tracers where it is traced.

    Attributes:
        optimizer: The optimizer.
        variables: The trained variables.
        before: Their values and the optimizer's before the update.
        after: The same after it.
    """

    optimizer: Any
    variables: Sequence[Any]
    before: dict[int, Any] = field(default_factory=dict)
    after: dict[int, Any] = field(default_factory=dict)


@dataclass
class Heard:
    """What taps have heard of a step so far.

    Attributes:
        taps: The taps.
        numbers: Values that came out of a trace, by slot.
        objective: The value whose gradient was asked for.
        used: ids of the optimizers that have updated with it.
    """

    taps: Taps
    numbers: dict[int, Array] = field(default_factory=dict)
    objective: Any = None
    used: set[int] = field(default_factory=set)

    def seen(self) -> Seen:
        """Return everything that has a value by now."""
        if self.taps.failed is not None:
            raise self.taps.failed
        numbers = {i: _array(v) for i, v in enumerate(self.taps.values) if known(v)}
        return Seen(self.taps.events, {**numbers, **self.numbers})


class ByHand:
    """Watches the steps that a script takes itself.

    Args:
        watcher: Whose trainings they become.
    """

    def __init__(self, watcher: KerasWatcher) -> None:
        self.watcher = watcher
        self.trainings: list[Training] = []
        self.heard: Heard | None = None
        self.updates: list[Update] | None = None
        self.objective: Any = None
        self.gradients = 0
        self.depth = 0
        self._listening = contextlib.ExitStack()
        self._tapes = 0
        self._thread = threading.get_ident()

    # ------------------------------------------------------------------ installing

    def wraps(self) -> Iterator[tuple[Any, str, Callable[[Callable[..., Any]], Any]]]:
        """Yield what is to be wrapped: owner, name, and what makes the wrapper."""
        yield BaseOptimizer, "apply", self._around_apply
        yield BaseOptimizer, "stateless_apply", self._around_stateless
        if backend.backend() == "tensorflow":
            import tensorflow as tf

            yield tf.GradientTape, "__enter__", self._around_enter
            yield tf.GradientTape, "__exit__", self._around_exit
            yield tf.GradientTape, "gradient", self._around_gradient
        elif backend.backend() == "jax":
            import jax

            yield jax, "value_and_grad", self._around_differentiation
            yield jax, "grad", self._around_differentiation
        elif backend.backend() == "torch":
            import torch

            yield torch.autograd, "backward", self._around_backward

    def free(self) -> bool:
        """Return whether what happens now may be a step of the script's own."""
        watcher = self.watcher
        return (
            watcher.active
            and not watcher.training_now()
            and threading.get_ident() == self._thread
            and os.getpid() == watcher.pid
        )

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Take everything inside the block for a part of what is going on."""
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1

    # ------------------------------------------------------------------ listening

    def due(self) -> bool:
        """Return whether the coming step is to be measured in depth."""
        pacing = self.watcher.pacing
        waiting = [t for t in self.trainings if t.step >= t.next_deep]
        if not self.trainings:
            return True
        return any(not t.deep or pacing.may_sample(t.cost) for t in waiting)

    def listen(self, emit: Any = None) -> Heard:
        """Return taps that know every model there is."""
        names: dict[int, str] = {}
        for model in self.watcher.births.models():
            for key, (name, _) in layer_names(model).items():
                names.setdefault(key, name)
        model = next((m for t in self.trainings if (m := t.model()) is not None), None)
        return Heard(Taps(model, names, emit, by_hand=True))

    def _open(self) -> None:
        self.close()
        self.heard = self.listen()
        self._listening.enter_context(self.heard.taps.attached())

    def close(self) -> None:
        """Listen no longer."""
        self._listening.close()

    # ------------------------------------------------------------------ updates

    def training(self, optimizer: Any, variables: Sequence[Any]) -> Training | None:
        """Return the training that an optimizer's update of some variables belongs to."""
        for each in self.trainings:
            if each.optimizer() is optimizer:
                return each
        model = self._model(variables)
        if model is None:
            self.watcher.recorder.fact("unseen", _UNHELD)
            return None
        training = self.watcher.trained(model, optimizer)
        training.by_hand(locate(calling_frame(optimizer, _NAMES)))
        self.trainings.append(training)
        for other in self.watcher.others:
            if other is not self.watcher:
                other.leave_hand()
        return training

    def _model(self, variables: Sequence[Any]) -> Any:
        """Return the model that holds variables, the outermost if there are several."""
        wanted = set(map(id, variables))
        models = self.watcher.births.models()
        holding = [m for m in models if wanted <= {id(v) for v in m.trainable_variables}]
        return max(holding, key=lambda m: len(layer_names(m)), default=None)

    def _around_apply(self, original: Callable[..., Any]) -> Callable[..., Any]:
        hand = self

        def apply(optimizer: Any, grads: Any, trainable_variables: Any = None) -> Any:
            if hand.depth or not hand.free():
                return original(optimizer, grads, trainable_variables)
            grads = list(grads)
            if trainable_variables is not None:
                trainable_variables = list(trainable_variables)
            # An update inside of a compiled function is its own business.
            if not all(map(known, grads)):
                if hand.updates is not None:
                    variables = trainable_variables or optimizer._trainable_variables
                    hand.updates.append(Update(optimizer, list(variables)))
                    if hand.heard is not None:
                        hand.watcher.guard(hand.heard.taps.applied, optimizer, grads, variables)
                with hand.inside():
                    return original(optimizer, grads, trainable_variables)
            hand.close()
            variables = trainable_variables or optimizer._trainable_variables
            training = hand.watcher.guard(hand.training, optimizer, variables)
            if training is not None:
                hand.watcher.guard(hand._before, training, optimizer, grads, variables, _value)
            with hand.inside():
                result = original(optimizer, grads, trainable_variables)
            if training is not None:
                hand.watcher.guard(hand._after, training, _value)
                hand.watcher.end_or_pause(training)
            return result

        return apply

    def _around_stateless(self, original: Callable[..., Any]) -> Callable[..., Any]:
        hand = self

        def stateless_apply(
            optimizer: Any, optimizer_variables: Any, grads: Any, trainable_variables: Any
        ) -> Any:
            if hand.depth or not hand.free():
                return original(optimizer, optimizer_variables, grads, trainable_variables)
            held = list(getattr(optimizer, "_trainable_variables", ()))
            given = [*trainable_variables, *optimizer_variables]
            keys = [id(v) for v in (*held, *optimizer.variables)]
            grads = list(grads)
            update = Update(optimizer, held, dict(zip(keys, given, strict=False)))
            training = None
            if all(map(known, grads)):
                training = hand.watcher.guard(hand.training, optimizer, held)
            if training is not None:
                read = _reader(update.before)
                hand.watcher.guard(hand._before, training, optimizer, grads, held, read)
            with hand.inside():
                result = original(optimizer, optimizer_variables, grads, trainable_variables)
            update.after = dict(zip(keys, [*result[0], *result[1]], strict=False))
            if training is not None:
                hand.watcher.guard(hand._after, training, _reader(update.after))
                hand.watcher.end_or_pause(training)
            elif hand.updates is not None:
                hand.updates.append(update)
                if hand.heard is not None:
                    hand.watcher.guard(hand._traced_update, hand.heard.taps, update, grads)
            return result

        return stateless_apply

    def _traced_update(self, taps: Taps, update: Update, grads: Sequence[Any]) -> None:
        """Note an update inside of a trace: what it does to weights, and single numbers."""
        taps.applied(update.optimizer, grads, update.variables)
        weights = set(map(id, update.variables))
        before, after = (
            {k: v for k, v in values.items() if k in weights or math.prod(v.shape) == 1}
            for values in (update.before, update.after)
        )
        taps.updated(update.optimizer, before, after)

    def _before(
        self,
        training: Training,
        optimizer: Any,
        grads: Sequence[Any],
        variables: Sequence[Any],
        read: Callable[[Any], Array],
    ) -> None:
        """Note what weights and gradients are before an update that is measured in depth."""
        heard = self.heard
        if heard is None or id(optimizer) in heard.used or training.step < training.next_deep:
            return
        begin = self.watcher.pacing.clock()
        training.look_over(training.model())
        heard.taps.applied(optimizer, grads, variables)
        training.measure_before(read)
        training.spent = self.watcher.pacing.clock() - begin

    def _after(self, training: Training, read: Callable[[Any], Array]) -> None:
        """Note an update that was taken."""
        heard, optimizer, loss = self.heard, training.optimizer(), self.objective
        measured = heard is not None and any(
            e.what == "gradients" and e.source is optimizer for e in heard.taps.events
        )
        if heard is not None and measured and id(optimizer) not in heard.used:
            heard.used.add(id(optimizer))
            seen = heard.seen()
            if loss is None:
                loss = _total(seen)
            self.note(training, loss)
            begin = self.watcher.pacing.clock()
            training.measure(seen, batch_of(seen, training.model()), read)
            training.sampled(
                training.spent + self.watcher.pacing.clock() - begin, self.watcher.pacing
            )
        else:
            self.note(training, loss)
        if backend.backend() == "torch" and self.due():
            self._open()

    def note(self, training: Training, loss: Any, steps: int = 1) -> None:
        """Note that steps were taken, and the loss of the last one if it is known."""
        value = scalar(loss)
        training.stepped({} if value is None else {"loss": value}, math.nan, steps)
        self.watcher.keep_up(training)

    # ------------------------------------------------------------------ gradients

    def _around_enter(self, original: Callable[..., Any]) -> Callable[..., Any]:
        hand = self

        def __enter__(tape: Any) -> Any:  # noqa: N807
            if not hand.depth and hand.updates is None and hand.free() and _eager():
                hand._tapes += 1
                if hand._tapes == 1:
                    hand.heard, hand.objective = None, None
                    if hand.due():
                        hand.watcher.guard(hand._open)
            return original(tape)

        return __enter__

    def _around_exit(self, original: Callable[..., Any]) -> Callable[..., Any]:
        hand = self

        def __exit__(tape: Any, *args: Any) -> Any:  # noqa: N807
            if hand._tapes and not hand.depth and hand.updates is None and _eager():
                hand._tapes -= 1
                if not hand._tapes:
                    hand.watcher.guard(hand.close)
            return original(tape, *args)

        return __exit__

    def _around_gradient(self, original: Callable[..., Any]) -> Callable[..., Any]:
        hand = self

        def gradient(tape: Any, target: Any, *args: Any, **kwargs: Any) -> Any:
            if not hand.depth and hand.free():
                hand.watcher.guard(hand.differentiated, target)
            return original(tape, target, *args, **kwargs)

        return gradient

    def _around_backward(self, original: Callable[..., Any]) -> Callable[..., Any]:
        hand = self

        def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
            if not hand.depth and hand.free():
                hand.watcher.guard(hand.differentiated, tensors)
            return original(tensors, *args, **kwargs)

        return backward

    def _around_differentiation(self, original: Callable[..., Any]) -> Callable[..., Any]:
        hand = self
        values = original.__name__ == "value_and_grad"

        def differentiate(*args: Any, **kwargs: Any) -> Any:
            made = original(*args, **kwargs)
            if not written_by_user(sys._getframe(1)) or not callable(made):
                return made
            auxiliary = bool(kwargs.get("has_aux"))

            def differentiated(*given: Any, **more: Any) -> Any:
                if hand.depth or not hand.free():
                    return made(*given, **more)
                return hand._differentiate(made, given, more, values, auxiliary)

            differentiated.__dict__.update(vars(made))
            for name in ("__name__", "__qualname__", "__module__", "__doc__", "__wrapped__"):
                if hasattr(made, name):
                    setattr(differentiated, name, getattr(made, name))
            return differentiated

        return differentiate

    def _differentiate(
        self,
        made: Callable[..., Any],
        given: Sequence[Any],
        more: Mapping[str, Any],
        values: bool,
        auxiliary: bool,
    ) -> Any:
        """Call what `jax.value_and_grad` or `jax.grad` made, listening where a step is due."""
        self.gradients += 1
        stepwise = self.updates is None and all(map(known, tree.flatten([given, dict(more)])))
        if stepwise and self.due():
            import jax

            def emit(slots: Sequence[int], arrays: Sequence[Any]) -> None:
                def receive(*numbers: Any) -> None:
                    heard.numbers.update(zip(slots, map(np.asarray, numbers), strict=True))

                jax.debug.callback(receive, *arrays)

            heard = self.listen(emit)
            with heard.taps.attached():
                result = made(*given, **more)
            jax.effects_barrier()
            self.heard = heard
        else:
            if stepwise:
                self.heard = None
            result = made(*given, **more)
        if values:
            self.watcher.guard(self.differentiated, result[0][0] if auxiliary else result[0])
        return result

    def differentiated(self, target: Any) -> None:
        """Note the value whose gradient is asked for."""
        target = target[0] if isinstance(target, (list, tuple)) and len(target) == 1 else target
        if not backend.is_tensor(target) or math.prod(target.shape) != 1:
            target = None
        self.gradients += 1
        if self.updates is None:
            self.objective = target
        if self.heard is not None and target is not None:
            self.heard.objective = target
            if self.updates is not None:
                self.heard.taps.objective(target)

    def finish(self) -> None:
        """Say what could not be seen."""
        self.close()
        if self.gradients and not self.watcher.trains_any() and self.watcher.births.models():
            self.watcher.recorder.fact("unseen", _BARE)


def known(value: Any) -> bool:
    """Return whether a value is there, and not only traced."""
    if value is None or not backend.is_tensor(value):
        return True
    name = backend.backend()
    if name == "jax":
        import jax

        return not isinstance(value, jax.core.Tracer)
    return name == "torch" or hasattr(value, "numpy")


def scalar(value: Any) -> float | None:
    """Return a number that is there, None for anything else."""
    if value is None or not known(value):
        return None
    if math.prod(getattr(value, "shape", ())) != 1 and not isinstance(value, (int, float)):
        return None
    return float(np.asarray(_array(value)).reshape(()))


def batch_of(seen: Seen, model: Any) -> tuple[Array, ...]:
    """Return what the model was given in a step, as a batch without targets."""
    given = [e for e in seen.events if e.what == "input" and e.slots[0] in seen.numbers]
    own = [e for e in given if e.source is model] or given
    return tuple(seen.numbers[e.slots[0]] for e in own[:1])


def _total(seen: Seen) -> float | None:
    """Return what the losses of a step come to, None without any."""
    losses: list[Event] = [e for e in seen.events if e.what == "loss"]
    values = [seen.numbers[e.slots[-1]] for e in losses if e.slots[-1] in seen.numbers]
    return float(sum(np.sum(value) for value in values)) if values else None


def _eager() -> bool:
    import tensorflow as tf

    return bool(tf.executing_eagerly())


def _array(value: Any) -> Array:
    return np.asarray(backend.convert_to_numpy(value))


def _value(variable: Any) -> Array:
    return _array(variable.value)


def _reader(values: Mapping[int, Any]) -> Callable[[Any], Array]:
    def read(variable: Any) -> Array:
        return _array(values.get(id(variable), variable.value))

    return read
