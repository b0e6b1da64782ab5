"""Sketches runs from a few numbers: the sick and healthy examples of the obstacles."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from unstuck.findings import Location
from unstuck.signals import Activation, Layer, Loss, Optimizer, Run, Series

__all__ = ["sketch"]

Curve = float | Callable[[int], float]

_LAYER: Mapping[str, Curve] = {
    "weight_rms": 0.1,
    "gradient_rms": 0.01,
    "gradient_max": 0.1,
    "unit_spread": 1.4,
    "gradient_spread": 1.4,
    "column_range": 0.5,
    "nonfinite": 0.0,
    "update_ratio": 5e-3,
    "bias_update": 1e-3,
    "output_rms": 0.8,
    "output_std": 0.7,
    "sample_std": 0.5,
    "input_rms": 0.6,
}
_ACTIVATION: Mapping[str, Curve] = {
    "zero_share": 0.5,
    "dead_share": 0.05,
    "saturated_share": 0.0,
    "active_rms": 0.6,
}
_RUN: Mapping[str, Curve] = {
    "gradient_norm": 1.0,
    "gradient_cosine": 0.1,
    "predicted_decrease": 0.05,
    "stale_gradient": 0.0,
    "batch_size": 64.0,
    "target_mean": 4.5,
    "target_std": 2.9,
    "target_classes": 10.0,
    "probabilities": 0.0,
    "prediction_std": 1.0,
    "prediction_spread": 1.0,
    "input_max": 1.0,
    "input_mean": 0.3,
    "input_std": 0.37,
}


def learning(step: int) -> float:
    """Return the loss of a healthy classifier of ten classes: 2.3 falling to 0.1."""
    return 0.1 + 2.2 * math.exp(-step / 40)


def plateau(step: int) -> float:
    """Return a loss that stays where ten classes start, with a little noise."""
    return 2.303 + 0.01 * math.sin(12.9898 * step)


def _at(curve: Curve, step: int) -> float:
    return curve(step) if callable(curve) else float(curve)


def sketch(
    *,
    steps: int = 240,
    loss: Callable[[int], float] = learning,
    depth: int = 3,
    activation: str = "relu",
    function: str = "cross_entropy",
    classes: int = 10,
    accuracy: Curve | None = None,
    optimizer: str = "SGD",
    settings: Mapping[str, float] | None = None,
    layers: Mapping[str, Sequence[Curve] | Curve] | None = None,
    run: Mapping[str, Curve] | None = None,
    validation: Callable[[int], float] | None = None,
    validation_accuracy: Callable[[int], float] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Run:
    """Return a run of a network with `depth` hidden layers and an output layer.

    Args:
        steps: Optimizer steps.
        loss: Training loss by step.
        depth: Hidden layers, called ``0``, ``2``, ...; the output layer comes last.
        activation: What the hidden layers feed, called ``1``, ``3``, ...
        function: The loss function.
        classes: Outputs.
        accuracy: Training accuracy; by default what fits the loss.
        optimizer: Its class name.
        settings: Its settings.
        layers: Signal -> one curve for all layers or one for each; activations' signals too.
        run: Signal of the run -> curve.
        validation: Validation loss by step, measured every twelfth of the run.
        validation_accuracy: Validation accuracy, at the same steps.
        facts: Further facts.
    """
    sampled = [s for s in range(steps) if s < 20 or s % max(steps // 40, 1) == 0]
    names = [str(2 * i) for i in range(depth + 1)]
    line = Location("train.py", 12)
    made = tuple(
        Layer(
            name,
            "Linear",
            (classes if i == depth else 64, 64),
            64,
            classes if i == depth else 64,
            line,
            None if i == depth else activation,
            None if i == depth else str(2 * i + 1),
            output=i == depth,
            dimensions=2,
            depth=i,
        )
        for i, name in enumerate(names)
    )
    active = tuple(Activation(str(2 * i + 1), activation, line, units=64) for i in range(depth))

    def draw() -> dict[tuple[str, str], Series]:
        series: dict[tuple[str, str], Series] = {}

        def put(layer: str, signal: str, curve: Curve, at: Sequence[int]) -> None:
            series[layer, signal] = Series(tuple(at), tuple(_at(curve, s) for s in at))

        put("", "loss", loss, range(steps))
        start = max(loss(0), 1e-12)
        put("", "batch_accuracy", accuracy or (lambda s: _guess(loss(s), start, classes)), sampled)
        put("", "batch_loss", loss, sampled)
        put("", "learning_rate", (settings or {"lr": 0.1})["lr"], [0])
        for signal, curve in {**_RUN, **(run or {})}.items():
            put("", signal, curve, sampled)
        given = dict(layers or {})
        for signal, usual in {**_LAYER, **_ACTIVATION}.items():
            curves = given.get(signal, usual)
            owners = names if signal in _LAYER else [a.name for a in active]
            for i, name in enumerate(owners):
                curve = curves[min(i, len(curves) - 1)] if isinstance(curves, Sequence) else curves
                put(name, signal, curve, sampled)
        checks = range(steps // 12, steps, max(steps // 12, 1))
        if validation is not None:
            put("", "validation_loss:0", validation, checks)
            nothing: Callable[[int], float] = lambda step: math.nan  # noqa: E731
            put("", "validation_accuracy:0", validation_accuracy or nothing, checks)
            put("", "validation_rows:0", 360.0, checks)
        return series

    return Run(
        layers=made,
        activations=active,
        optimizer=Optimizer(optimizer, settings or {"lr": 0.1}, Location("train.py", 20)),
        loss_function=Loss(function, Location("train.py", 27), prediction_shape=(64, classes)),
        steps=steps,
        series=_Drawn(draw),
        facts={"loss_inputs": [["log_softmax", "addmm", None]], **(facts or {})},
        script="train.py",
    )


class _Drawn(Mapping[tuple[str, str], Series]):
    """Series that are drawn when they are first looked at: every obstacle sketches two runs."""

    def __init__(self, draw: Callable[[], dict[tuple[str, str], Series]]) -> None:
        self._draw = draw

    @cached_property
    def _held(self) -> dict[tuple[str, str], Series]:
        return self._draw()

    def __getitem__(self, key: tuple[str, str]) -> Series:
        return self._held[key]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)


def _guess(loss: float, start: float, classes: int) -> float:
    if not math.isfinite(loss):
        return 1 / classes
    return min(max(1 - loss / start * (1 - 1 / classes), 1 / classes), 1.0)
