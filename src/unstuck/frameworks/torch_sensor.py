"""Sees activations: which classes and functions are one, and where a forward calls them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import nn
from torch.overrides import TorchFunctionMode

from unstuck.frameworks.frames import locate

if TYPE_CHECKING:
    from unstuck.frameworks.torch_training import Training

__all__ = ["KINDS", "Sensor"]

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
        kind = FUNCTIONS.get(name)
        if kind is None:
            return result
        frame = _caller(sys._getframe(1))
        if frame is not None and not frame.f_code.co_filename.startswith(_TORCH_DIRECTORY):
            location = locate(frame)
            if location is not None:
                label = f"{name}@{os.path.basename(location.file)}:{location.line}"
                if location.column is not None:
                    label += f":{location.column + 1}"
                training = self.training
                training.watcher._guard(training.activation_ran, label, kind, result, location)
        return result


def _caller(frame: FrameType | None) -> FrameType | None:
    """Return the frame that calls a function, behind torch.nn.functional and a treatment's wrapper.

    ``F.sigmoid`` and ``F.softmax`` are Python; a module's own call comes from torch.nn.modules.
    """
    while frame is not None and frame.f_code.co_filename in _BETWEEN:
        frame = frame.f_back
    return frame
