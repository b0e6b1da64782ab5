"""Finds the line of what the graph of one step has shown to be wrong, by looking at a later step.

A graph says that a difference became a square, or that a softmax stands in front of the loss, but
not where the script computes it. Only where that was found, the operations in question are wrapped
from then on, so that a healthy run pays nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import FrameType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from unstuck.findings import Location
from unstuck.frameworks.frames import direct_frame, labelled, locate
from unstuck.frameworks.torch_sensor import FUNCTIONS
from unstuck.frameworks.torch_wiring import Graph, operation
from unstuck.frameworks.wrapping import wrap

if TYPE_CHECKING:
    from unstuck.frameworks.torch import TorchWatcher
    from unstuck.frameworks.torch_training import Training

__all__ = ["LastActivation", "Stretches", "module_caller"]

ELEMENTWISE = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "poisson_nll_loss")
"""Losses that stretch predictions and targets against each other."""
_METHODS = ("sub", "subtract", "mul", "multiply", "add", "div", "eq", "ne", "maximum", "minimum")
_OPERATORS = ("__sub__", "__mul__", "__add__", "__truediv__", "__eq__", "__ne__")
_MANY = 32
_PATIENCE = 3
"""Steps after which an operation that was looked for is given up."""


def _wrap(
    owner: Any, name: str, after: Callable[[Any, Any, Any], None], undo: list[Callable[[], None]]
) -> None:
    """Let `after` see the arguments and result of a function; `undo` gets how to end that."""
    if not hasattr(owner, name):
        return

    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        def function(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            if not torch.compiler.is_compiling():
                after(args, kwargs, result)
            return result

        return function

    undo.append(wrap(owner, name, around))


def module_caller(module: Any) -> Location | None:
    """Return where the script calls the running module, None if another module does."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_locals.get("self") is not module:
        frame = frame.f_back
    while frame is not None and frame.f_locals.get("self") is module:
        if frame.f_code.co_name not in ("_call_impl", "_wrapped_call_impl", "inner"):
            break
        frame = frame.f_back
    return locate(frame) if frame is not None and frame is direct_frame() else None


class Stretches:
    """Places where a column (n, 1) meets a row (n,), or other shapes that are not the same.

    Args:
        watcher: Whose script it is.

    Attributes:
        found: For each place its location, the shapes of both operands, and which of them depend
            on the parameters.
    """

    def __init__(self, watcher: TorchWatcher) -> None:
        self.watcher = watcher
        self.found: list[dict[str, Any]] = []
        self._known: set[Location] = set()
        self._undo: list[Callable[[], None]] = []
        self._left = 0

    def loss_called(self, name: str, prediction: Tensor, target: Tensor) -> None:
        """Note where a loss function is given different shapes of equally many entries."""
        if name not in ELEMENTWISE or prediction.shape == target.shape:
            return
        if prediction.numel() == target.numel() > 1:
            self._note(prediction, target)

    def look(self) -> None:
        """Watch the arithmetic of the script from now on."""
        if self._undo or not self.watcher.hooking:
            return
        self._left = _PATIENCE
        self.watcher.listeners.append(self.backward_begins)
        self.watcher.quiet = False
        for name in (*_OPERATORS, *_METHODS):
            _wrap(Tensor, name, self._computed, self._undo)
        for name in _METHODS:
            _wrap(torch, name, self._computed, self._undo)
        self.watcher._undo.append(self.end)

    def backward_begins(self, loss: Tensor) -> None:
        """Stop watching once a place was found; in trials go on, for what validation computes."""
        self._left -= 1
        if not self.watcher.thorough and (self.found or self._left <= 0):
            self.end()

    def end(self) -> None:
        """Stop watching."""
        if self._undo:
            self.watcher.listeners.remove(self.backward_begins)
        while self._undo:
            self._undo.pop()()

    def _computed(self, args: Any, kwargs: Any, result: Any) -> None:
        if not isinstance(result, Tensor) or result.ndim != 2 or len(args) != 2:
            return
        if result.shape[0] != result.shape[1] or result.shape[0] == 1:
            return
        first, second = args
        if type(first) is Tensor and type(second) is Tensor and first.shape != second.shape:
            self.watcher._guard(self._note, first, second)

    def _note(self, first: Tensor, second: Tensor) -> None:
        frame = direct_frame()
        if frame is None or len(self.found) >= _MANY or self._in_model(frame):
            return
        location = locate(frame)
        if location is None or location.column is None or location in self._known:
            return
        self._known.add(location)
        self.found.append(
            {
                "location": location.to_json(),
                "shapes": [list(first.shape), list(second.shape)],
                "graded": [first.requires_grad, second.requires_grad],
            }
        )

    def _in_model(self, frame: FrameType | None) -> bool:
        """Return whether a trained model is just being called."""
        roots = {key for training in self.watcher._all for key in training._roots}
        while frame is not None:
            if frame.f_code.co_name == "_call_impl" and id(frame.f_locals.get("self")) in roots:
                return True
            frame = frame.f_back
        return False


class LastActivation:
    """Finds the function call in front of the loss that no model's forward makes.

    Args:
        training: Whose loss it is.
        kind: The activation's kind as the graph names it: ``softmax``.
    """

    def __init__(self, training: Training, kind: str) -> None:
        self.training = training
        self.kind = kind
        self._calls: list[tuple[Any, str, Any, Location]] = []
        self._undo: list[Callable[[], None]] = []
        self._left = _PATIENCE
        names = [name for name, held in FUNCTIONS.items() if held == kind]
        for name in names:
            for owner in (torch, torch.nn.functional, Tensor):
                _wrap(owner, name, self._after(name), self._undo)
        training.watcher._undo.append(self.end)
        training.watcher.listeners.append(self.backward_begins)
        training.watcher.quiet = False

    def _after(self, name: str) -> Callable[[Any, Any, Any], None]:
        def after(args: Any, kwargs: Any, result: Any) -> None:
            if isinstance(result, Tensor) and result.grad_fn is not None:
                self.training.watcher._guard(self._note, name, result)

        return after

    def _note(self, name: str, result: Tensor) -> None:
        location = locate(direct_frame())
        if location is not None and location.column is not None:
            self._calls.append((result.grad_fn, name, result, location))
            del self._calls[:-_MANY]

    def backward_begins(self, loss: Tensor) -> None:
        """Look which of the calls went into the loss."""
        calls, self._calls = self._calls, []
        self._left -= 1
        if loss.grad_fn is not None:
            graph = Graph.read(loss.grad_fn, {})
            for name, result, location in _before_loss(graph, calls):
                label = labelled(name, location)
                self.training.activation_found(label, self.kind, result, location)
                self._left = 0
        if self._left <= 0:
            self.end()

    def end(self) -> None:
        """Stop watching."""
        self._calls.clear()
        if self._undo:
            self.training.watcher.listeners.remove(self.backward_begins)
        while self._undo:
            self._undo.pop()()


def _before_loss(
    graph: Graph, calls: Iterable[tuple[Any, str, Any, Location]]
) -> Iterable[tuple[str, Any, Location]]:
    """Return the calls whose result goes straight into a loss's own operation."""
    loss_inputs = {
        source for node in graph.nodes if operation(node) in LOSSES for source in graph.feeds(node)
    }
    found: dict[Location, tuple[str, Any, Location]] = {}
    for node, name, result, location in calls:
        if node in loss_inputs:
            found.setdefault(location, (name, result, location))
    return found.values()


LOSSES = frozenset(
    {"log_softmax", "nll_loss", "nll_loss2_d", "binary_cross_entropy", "mse_loss"}
    | {"binary_cross_entropy_with_logits"}
)
