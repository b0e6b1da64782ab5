"""Where a script calls its loss function and where it constructed the criterion."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Any

from torch import Tensor, nn

from unstuck.frameworks.frames import calling_frame, locate
from unstuck.frameworks.torch_births import Births

__all__ = ["site"]

DEEP = 16
"""Frames between the loss function and the criterion that calls it, at most."""


def site(
    births: Births, name: str, args: Sequence[Any], kwargs: Mapping[str, Any], prediction: Tensor
) -> dict[str, Any]:
    """Return the fact ``loss_call``, while the loss function `name` is being called.

    Its keys are ``function``, ``location`` (of the script's call), ``criterion`` (class of torch's
    loss module, None for a function call), ``made`` (where that was constructed), ``weighted``
    (whether classes or positives have weights), ``device`` and ``dtype`` of the predictions.
    """
    place = locate(calling_frame())
    criterion = _criterion()
    made = births.location(criterion) if criterion is not None else None
    weights = [kwargs.get("weight"), kwargs.get("pos_weight"), *args[2:3]]
    return {
        "function": name,
        "location": place.to_json() if place else None,
        "criterion": type(criterion).__name__ if criterion is not None else None,
        "made": made.to_json() if made else None,
        "weighted": any(weight is not None for weight in weights),
        "device": str(prediction.device),
        "dtype": str(prediction.dtype).removeprefix("torch."),
    }


def _criterion() -> nn.Module | None:
    """Return torch's loss module whose `forward` is running, or None."""
    frame: FrameType | None = sys._getframe(1)
    for _ in range(DEEP):
        if frame is None:
            break
        held = frame.f_locals.get("self")
        if isinstance(held, nn.modules.loss._Loss | nn.CrossEntropyLoss):
            return held
        frame = frame.f_back
    return None
