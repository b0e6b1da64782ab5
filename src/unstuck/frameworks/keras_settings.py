"""With what settings a model is trained: its optimizer's, and those of layers with two modes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras.src import layers

__all__ = ["MODAL", "inner", "layer_settings", "optimizer_settings"]

MODAL = (
    *(layers.Dropout, layers.SpatialDropout1D, layers.SpatialDropout2D, layers.SpatialDropout3D),
    layers.BatchNormalization,
)
"""Layers that behave otherwise in evaluation."""
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


def inner(optimizer: Any) -> Any:
    """Return the optimizer inside one that scales losses."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def optimizer_settings(optimizer: Any, rate: float | None) -> dict[str, float]:
    """Return the settings of an optimizer by their names in a record."""
    settings = {"lr": rate} if rate is not None else {}
    for attribute, name in _SETTINGS.items():
        value = getattr(optimizer, attribute, None)
        if isinstance(value, (bool, int, float)):
            settings[name] = float(value)
    return settings


def layer_settings(names: Mapping[int, tuple[str, Any]]) -> dict[str, Any]:
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
