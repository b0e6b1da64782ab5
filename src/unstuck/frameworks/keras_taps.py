"""Taps on one training step of a Keras model: what layers, activations, loss and gradients were.

For the time of one step (or of tracing one), a few functions of Keras are wrapped that every model
goes through on every backend: `Layer.__call__`, the activations of its backend, `Loss.__call__`,
`Mean.update_state` and the optimizer's `apply`. What they were given and returned becomes a list of
events in the order in which they happened. Between such steps nothing is attached to anything.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from keras.src import activations, backend, layers, tree
from keras.src.layers.layer import Layer
from keras.src.losses.loss import Loss
from keras.src.metrics.reduction_metrics import Mean
from keras.src.models.model import Model

from unstuck.findings import Location
from unstuck.frameworks.frames import calling_frame, labelled, locate
from unstuck.frameworks.wrapping import wrap

__all__ = ["RECURRENT", "Event", "Taps", "activation_kind"]

ACTIVATIONS: Mapping[str, str] = {
    "relu": "relu",
    "relu6": "relu6",
    "leaky_relu": "leaky_relu",
    "elu": "elu",
    "selu": "elu",
    "celu": "elu",
    "gelu": "gelu",
    "silu": "silu",
    "hard_silu": "silu",
    "softplus": "softplus",
    "squareplus": "softplus",
    "sigmoid": "sigmoid",
    "hard_sigmoid": "sigmoid",
    "log_sigmoid": "sigmoid",
    "tanh": "tanh",
    "hard_tanh": "tanh",
    "softsign": "tanh",
    "softmax": "softmax",
    "log_softmax": "log_softmax",
}
"""Function of a Keras backend (``keras.src.backend.nn``) -> kind of activation."""
RECURRENT = (layers.RNN, layers.Bidirectional, layers.TimeDistributed)
_ATTENTION = (layers.MultiHeadAttention, layers.GroupedQueryAttention, layers.Attention)


def activation_kind(layer: Any) -> str | None:
    """Return the kind of activation that a layer without weights is by itself, or None."""
    if isinstance(layer, layers.ReLU):
        if layer.negative_slope:
            return "leaky_relu"
        return "relu6" if layer.max_value == 6 else "relu"
    for kind, name in (
        (layers.LeakyReLU, "leaky_relu"),
        (layers.PReLU, "leaky_relu"),
        (layers.ELU, "elu"),
        (layers.Softmax, "softmax"),
    ):
        if isinstance(layer, kind):
            return name
    return None


@dataclass
class Event:
    """One thing that happened in a step.

    Attributes:
        what: ``layer``, ``activation``, ``loss``, ``mean`` or ``gradients``; of a step that the
            script takes itself also ``input``, ``objective``
            and ``update``.
        name: Name of the layer, activation or metric.
        source: The layer, loss, metric or optimizer.
        slots: Where in `Taps.values` its arrays are: inputs first, output last.
        facts: What else is known of it.
    """

    what: str
    name: str
    source: Any
    slots: tuple[int, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)


class Taps:
    """Listens to one step.

    Args:
        model: The model that is trained.
        names: id of each of its layers -> dotted name.
        emit: Called with (slots, values) while these values can still be read: where a backend
            traces, what is inside a gradient's trace cannot be read outside.
        by_hand: Whether the script takes the step itself: then what models are given is noted, and
            the updates are noted by whoever listens (`applied`).

    Attributes:
        events: What happened, in order.
        values: The backend's arrays, by slot.
    """

    def __init__(
        self,
        model: Any,
        names: Mapping[int, str],
        emit: Callable[[Sequence[int], Sequence[Any]], None] | None = None,
        *,
        by_hand: bool = False,
    ) -> None:
        self.model = model
        self.names = names
        self.events: list[Event] = []
        self.values: list[Any] = []
        self.by_hand = by_hand
        self._emit = emit
        self._emitted = 0
        self._thread = threading.get_ident()
        self._stack: list[_Call] = []
        self._deaf = 0
        self._applying = 0
        self.failed: Exception | None = None

    @contextlib.contextmanager
    def attached(self) -> Iterator[Taps]:
        """Listen inside the block; afterwards everything is as it was."""
        undo = [
            wrap(Layer, "__call__", self._around_call),
            wrap(Layer, "stateless_call", self._around_stateless),
            wrap(Loss, "__call__", self._around_loss),
            wrap(Mean, "update_state", self._around_mean),
        ]
        try:
            optimizer = None if self.by_hand else getattr(self.model, "optimizer", None)
            if optimizer is not None:
                owner = next(kind for kind in type(optimizer).__mro__ if "apply" in vars(kind))
                undo.append(wrap(owner, "apply", self._around_apply))
            for name in filter(partial(hasattr, backend.nn), ACTIVATIONS):
                undo += [wrap(backend.nn, name, self._around_activation)]
            undo.append(wrap(backend.numpy, "tanh", self._around_activation))
            yield self
        finally:
            for restore in reversed(undo):
                restore()

    def flush(self) -> None:
        """Emit the values that were not emitted yet."""
        if self._emit is not None and self._emitted < len(self.values):
            slots = range(self._emitted, len(self.values))
            self._emitted = len(self.values)
            self._emit(slots, [self.values[slot] for slot in slots])

    # ------------------------------------------------------------------ what is kept

    def _elsewhere(self) -> bool:
        if self._deaf > 0 or threading.get_ident() != self._thread:
            return True
        return self.by_hand and not _recording()

    def _safely(self, work: Callable[..., None], *args: Any) -> None:
        """Do our own work inside the script's step; if it fails, listen no longer."""
        try:
            work(*args)
        except Exception as error:
            self.failed = error
            self._deaf += 1

    def _keep(self, *values: Any) -> tuple[int, ...]:
        start = len(self.values)
        self.values += values
        return tuple(range(start, len(self.values)))

    @contextlib.contextmanager
    def _not_listening(self) -> Iterator[None]:
        self._deaf += 1
        try:
            yield
        finally:
            self._deaf -= 1

    def _around_call(self, original: Callable[..., Any]) -> Callable[..., Any]:
        taps = self

        def __call__(layer: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N807
            if taps._elsewhere():
                return original(layer, *args, **kwargs)
            call = _Call(layer, len(taps.events))
            call.quiet = isinstance(layer, _ATTENTION) or activation_kind(layer) is not None
            given = _first(args, kwargs, arrays=taps.by_hand)
            call.training = kwargs.get("training")
            taps._stack.append(call)
            try:
                if isinstance(layer, RECURRENT):
                    with taps._not_listening():
                        output = original(layer, *args, **kwargs)
                else:
                    output = original(layer, *args, **kwargs)
            finally:
                taps._stack.pop()
            taps._safely(taps._ran, call, given, output)
            if not taps._stack:
                taps._safely(taps.flush)
            return output

        return __call__

    def _around_stateless(self, original: Callable[..., Any]) -> Callable[..., Any]:
        taps = self

        def stateless_call(layer: Any, *args: Any, **kwargs: Any) -> Any:
            if taps._elsewhere():
                return original(layer, *args, **kwargs)
            if taps.by_hand:
                taps._safely(taps._given, layer, _first(args[2:], kwargs, arrays=True))
            taps._stack.append(_Call(layer, len(taps.events)))
            try:
                return original(layer, *args, **kwargs)
            finally:
                taps._stack.pop()
                if not taps._stack:
                    taps._safely(taps.flush)

        return stateless_call

    def _given(self, layer: Any, given: Any) -> None:
        """Note what a model is given."""
        if given is not None and isinstance(layer, Model):
            self.events.append(Event("input", layer.name, layer, self._keep(given)))

    def _ran(self, call: _Call, given: Any, output: Any) -> None:
        """Note a layer's call; it comes before what happened inside it."""
        layer, put = call.layer, _first((output,), {})
        if put is None:
            return
        kind = activation_kind(layer)
        name = self.names.get(id(layer), layer.name)
        if kind is not None:
            event = Event("activation", name, layer, self._keep(put), {"kind": kind})
            self.events.append(event)
            return
        if self.by_hand:
            self._given(layer, given)
        raw = put if call.raw is None else self.values[call.raw]
        known = id(layer) in self.names
        event = Event("layer", name, layer, facts={"known": known, "training": call.training})
        if layer.weights and layer is not self.model:
            event.slots = self._keep(*(() if given is None else (given,)), raw)
        self.events.insert(call.position, event)
        own = None if isinstance(layer, RECURRENT) else getattr(layer, "activation", None)
        if own is activations.exponential:
            name = name if isinstance(layer, layers.Activation) else f"{name}.activation"
            event = Event("activation", name, layer, self._keep(put), {"kind": "exponential"})
            self.events.append(event)  # it is no function of its own in the backends

    def _around_activation(self, original: Callable[..., Any]) -> Callable[..., Any]:
        taps = self
        name = original.__name__

        def activation(x: Any, *args: Any, **kwargs: Any) -> Any:
            if taps._elsewhere() or any(call.quiet for call in taps._stack):
                return original(x, *args, **kwargs)
            with taps._not_listening():
                output = original(x, *args, **kwargs)
            taps._safely(taps._activated, name, x, output)
            return output

        return activation

    def _activated(self, function: str, given: Any, output: Any) -> None:
        if not self._stack or not backend.is_tensor(output):
            return
        call = self._stack[-1]
        layer = call.layer
        name = self.names.get(id(layer), layer.name)
        location: Location | None = None
        if not type(layer).__module__.startswith("keras."):
            location = locate(calling_frame())
        elif not isinstance(layer, layers.Activation):
            name = f"{name}.activation"
        if location is not None:
            name = labelled(function, location)
        before, after = self._keep(given, output)
        facts = {"kind": ACTIVATIONS[function], "location": location}
        self.events.append(Event("activation", name, layer, (after,), facts))
        if call.raw is None:
            call.raw = before

    def _around_loss(self, original: Callable[..., Any]) -> Callable[..., Any]:
        taps = self

        def __call__(loss: Any, y_true: Any, y_pred: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N807
            if taps._elsewhere():
                return original(loss, y_true, y_pred, *args, **kwargs)
            with taps._not_listening():
                result = original(loss, y_true, y_pred, *args, **kwargs)
            weighted = any(value is not None for value in (*args, *kwargs.values()))
            taps._safely(taps._compared, loss, y_true, y_pred, result, weighted)
            return result

        return __call__

    def _compared(self, loss: Any, y_true: Any, y_pred: Any, result: Any, weighted: bool) -> None:
        if not all(backend.is_tensor(value) for value in (y_pred, result)):
            return
        y_true = backend.convert_to_tensor(y_true)
        slots = self._keep(y_true, y_pred, result)
        facts = {"weighted": weighted, "restored": _restored(y_pred)}
        self.events.append(Event("loss", loss.name, loss, slots, facts))
        if not self._stack:
            self.flush()

    def _around_mean(self, original: Callable[..., Any]) -> Callable[..., Any]:
        taps = self

        def update_state(metric: Any, values: Any, sample_weight: Any = None) -> Any:
            if taps._elsewhere() or taps._stack or not metric.name.endswith("loss"):
                return original(metric, values, sample_weight)
            taps._safely(taps._averaged, metric, values, sample_weight)
            with taps._not_listening():
                return original(metric, values, sample_weight)

        return update_state

    def _averaged(self, metric: Any, values: Any, sample_weight: Any) -> None:
        if backend.is_tensor(values):
            facts = {"by_rows": sample_weight is not None}
            self.events.append(Event("mean", metric.name, metric, self._keep(values), facts))
            self.flush()

    def _around_apply(self, original: Callable[..., Any]) -> Callable[..., Any]:
        taps = self

        def apply(optimizer: Any, grads: Any, trainable_variables: Any = None) -> Any:
            grads = list(grads)
            if trainable_variables is not None:
                trainable_variables = list(trainable_variables)
            if not taps._elsewhere() and not taps._applying:
                taps._safely(taps.applied, optimizer, grads, trainable_variables)
            taps._applying += 1
            try:
                return original(optimizer, grads, trainable_variables)
            finally:
                taps._applying -= 1

        return apply

    def applied(
        self, optimizer: Any, grads: Sequence[Any], variables: Sequence[Any] | None
    ) -> None:
        """Note the gradients that an optimizer is given."""
        held = variables or optimizer._trainable_variables
        pairs = [(v, g) for v, g in zip(held, grads, strict=False) if g is not None]
        scale = getattr(optimizer, "dynamic_scale", None)
        kept = [_read(g) if scale is None else g / scale.value for _, g in pairs]
        facts = {"variables": [v for v, _ in pairs]}
        self.events.append(Event("gradients", optimizer.name, optimizer, self._keep(*kept), facts))

    def updated(
        self,
        optimizer: Any,
        before: Mapping[int, Any],
        after: Mapping[int, Any],
    ) -> None:
        """Note values around an update that cannot be read from the variables themselves.

        Args:
            optimizer: The optimizer.
            before: id of a variable -> its value before.
            after: The same after the update.
        """
        places = [
            dict(zip(values, self._keep(*values.values()), strict=True))
            for values in (before, after)
        ]
        slots = tuple(slot for place in places for slot in place.values())
        facts = {"before": places[0], "after": places[1]}
        self.events.append(Event("update", optimizer.name, optimizer, slots, facts))
        self.flush()

    def objective(self, value: Any) -> None:
        """Note the value whose gradient a traced step asks for."""
        self.events.append(Event("objective", "", None, self._keep(value)))


class _Call:
    """A layer that is running.

    Attributes:
        position: Number of events when it began.
        raw: Slot of what its own activation was given, if it has one.
        quiet: Whether activations inside it are its own business.
        training: Whether it was told to train, None if nothing was said.
    """

    def __init__(self, layer: Any, position: int) -> None:
        self.layer = layer
        self.position = position
        self.raw: int | None = None
        self.quiet = False
        self.training: Any = None


def _first(args: Sequence[Any], kwargs: Mapping[str, Any], *, arrays: bool = False) -> Any:
    """Return the first tensor (or array of numpy) of a call, None without any."""
    for value in tree.flatten([*args, *kwargs.values()]):
        if backend.is_tensor(value) or (arrays and isinstance(value, np.ndarray)):
            return value
    return None


def _restored(prediction: Any) -> bool:
    """Return whether Keras takes the logits in place of the probabilities it is given.

    On TensorFlow it remembers what a softmax or sigmoid was given, and computes the loss of that.
    """
    if backend.backend() != "tensorflow":
        return False
    made_by = getattr(getattr(prediction, "op", None), "type", "") if _symbolic(prediction) else ""
    return hasattr(prediction, "_keras_logits") or made_by in ("Softmax", "Sigmoid")


def _recording() -> bool:
    """Return whether what happens now can be part of a training step."""
    if backend.backend() != "torch":
        return True
    import torch

    return bool(torch.is_grad_enabled())


def _symbolic(tensor: Any) -> bool:
    return not hasattr(tensor, "numpy")


def _read(gradient: Any) -> Any:
    """Return a gradient that an optimizer may change in place as one that stays (torch)."""
    return gradient.detach().clone() if backend.backend() == "torch" else gradient
