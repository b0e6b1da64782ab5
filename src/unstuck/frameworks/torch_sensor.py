"""Sees activations: which classes and functions are one, and where a forward calls them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import nn
from torch.overrides import TorchFunctionMode

from unstuck.frameworks.frames import direct_frame, labelled, locate
from unstuck.frameworks.wrapping import wrap

if TYPE_CHECKING:
    from unstuck.frameworks.torch_training import Training

__all__ = ["FUNCTIONS", "KINDS", "FreeCalls", "Sensor"]

KINDS: Mapping[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.ReLU6: "relu6",
    nn.Hardtanh: "relu6",
    nn.LeakyReLU: "leaky_relu",
    nn.PReLU: "leaky_relu",
    nn.RReLU: "leaky_relu",
    nn.ELU: "elu",
    nn.CELU: "elu",
    nn.SELU: "elu",
    nn.GELU: "gelu",
    nn.SiLU: "silu",
    nn.Mish: "silu",
    nn.Hardswish: "silu",
    nn.Softplus: "softplus",
    nn.Sigmoid: "sigmoid",
    nn.Hardsigmoid: "sigmoid",
    nn.LogSigmoid: "sigmoid",
    nn.Tanh: "tanh",
    nn.Softsign: "tanh",
    nn.Softmax: "softmax",
    nn.LogSoftmax: "log_softmax",
}
FUNCTIONS: Mapping[str, str] = {
    "relu": "relu",
    "relu_": "relu",
    "relu6": "relu6",
    "leaky_relu": "leaky_relu",
    "elu": "elu",
    "selu": "elu",
    "gelu": "gelu",
    "silu": "silu",
    "mish": "silu",
    "hardswish": "silu",
    "softplus": "softplus",
    "sigmoid": "sigmoid",
    "sigmoid_": "sigmoid",
    "tanh": "tanh",
    "tanh_": "tanh",
    "softsign": "tanh",
    "softmax": "softmax",
    "log_softmax": "log_softmax",
    "exp": "exponential",
    "clamp_min": "relu",
}
"""Function or method name -> kind of activation."""
_BETWEEN = frozenset(
    (F.__file__, torch.overrides.__file__, __file__.replace("_sensor.py", "_treatment.py"))
)
_TORCH_DIRECTORY = os.path.dirname(torch.__file__) + os.sep


class Sensor(TorchFunctionMode):  # type: ignore[misc]
    """Sees the activation functions that the user's forward calls directly."""

    def __init__(self, training: Training) -> None:
        self.training = training

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        name = getattr(function, "__name__", "")
        if name in ("dropout", "feature_dropout", "dropout2d"):
            self.training.dropout_ran(args, kwargs or {})
        if name in FUNCTIONS:
            _ran(self.training, name, result, _caller(sys._getframe(1)))
        return result


class FreeCalls:
    """Sees the activation functions of a training without modules, while it is attached.

    Its forward is plain code that nothing announces. A mode would have to be entered between two
    steps, where the script may enter or leave one of its own.

    Args:
        training: The training.
    """

    def __init__(self, training: Training) -> None:
        self.training = training
        self._inside = False
        self._undo = [
            wrap(owner, name, partial(self._around, name))
            for name in FUNCTIONS
            for owner in (torch, F, torch.Tensor)
            if hasattr(owner, name)
        ]

    def end(self) -> None:
        """Take the wrappers off."""
        while self._undo:
            self._undo.pop()()

    def _around(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def function(*args: Any, **kwargs: Any) -> Any:
            if self._inside or torch.compiler.is_compiling():
                return original(*args, **kwargs)
            self._inside = True  # ``F.sigmoid`` calls the tensor's method
            try:
                result = original(*args, **kwargs)
            finally:
                self._inside = False
            _ran(self.training, name, result, direct_frame())
            return result

        return function


def _ran(training: Training, name: str, result: Any, frame: FrameType | None) -> None:
    """Hand on the result of an activation that is a function call, unless torch itself calls it."""
    if frame is None or frame.f_code.co_filename.startswith(_TORCH_DIRECTORY):
        return
    location = locate(frame)
    if location is None:
        return
    label = labelled(name, location)
    training.watcher._guard(training.activation_ran, label, FUNCTIONS[name], result, location)


def _caller(frame: FrameType | None) -> FrameType | None:
    """Return the frame that calls a function, behind torch.nn.functional and a treatment's wrapper.

    ``F.sigmoid`` and ``F.softmax`` are Python; a module's own call comes from torch.nn.modules.
    """
    while frame is not None and frame.f_code.co_filename in _BETWEEN:
        frame = frame.f_back
    return frame
