"""The weights of a Keras model in a measured step: their sizes, gradients and updates."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from keras.src import backend

from unstuck.frameworks import array_measure as measure
from unstuck.frameworks.array_measure import Array
from unstuck.frameworks.keras_layers import owners, units_first
from unstuck.record import Recorder

__all__ = ["Reader", "Weights"]

LAYER_SIGNALS = (
    *("weight_rms", "gradient_rms", "gradient_max", "unit_spread", "gradient_spread"),
    *("column_range", "nonfinite", "update_ratio", "bias_update"),
)
STEP_SIGNALS = ("gradient_norm", "predicted_decrease", "stale_gradient", "gradient_count")

Reader = Callable[[Any], Array]
"""Returns the value of a variable."""


class Weights:
    """Writes what weights, gradients and updates are in deep samples.

    Args:
        recorder: Where to write.
        index: The run.

    Attributes:
        owners: Name of each layer that owns parameters -> the layer and these, its weight first.
    """

    def __init__(self, recorder: Recorder, index: int) -> None:
        self.recorder = recorder
        self.index = index
        self.owners: dict[str, tuple[Any, list[Any]]] = {}
        self._before: dict[str, tuple[Array, Array | None, float]] = {}
        self._last_gradient: tuple[int, Array] | None = None

    def look_over(self, names: Mapping[int, tuple[str, Any]]) -> None:
        """Take in which parameters the layers have by now."""
        self.owners = owners(names)

    def keep(self, trained: frozenset[int], read: Reader) -> None:
        """Keep what the weights are before a step; `trained` are the ids of the trained ones."""
        self._before = {}
        for name, (layer, own) in self.owners.items():
            weight = own[0]
            if id(weight) not in trained:
                continue
            bias = next((v for v in own[1:] if len(v.shape) == 1 and id(v) in trained), None)
            whole = read(weight)
            self._before[name] = (
                np.array(measure.thin(whole)),
                np.array(measure.thin(read(bias))) if bias is not None else None,
                measure.spread(units_first(layer, whole)),
            )

    def destroyed(self) -> list[str]:
        """Return the layers whose weights, as they were kept, are not finite."""
        return [n for n, (kept, *_) in self._before.items() if not np.isfinite(kept).all()]

    def write(self, gradients: Mapping[int, Array], read: Reader, step: int) -> None:
        """Write a deep sample.

        Args:
            gradients: id of a variable -> its gradient.
            read: Reads variables after the step.
            step: Its number.
        """
        squares, promised, count = 0.0, math.nan, 0
        flat: list[Array] = []
        for name, (before, bias_before, spread) in self._before.items():
            layer, own = self.owners[name]
            weight = own[0]
            gradient = gradients.get(id(weight))
            change = measure.thin(read(weight)) - before
            bias = next((v for v in own[1:] if len(v.shape) == 1), None)
            moved = 0.0
            if bias is not None and bias_before is not None:
                moved = measure.rms(measure.thin(read(bias)) - bias_before)
            values = [measure.rms(before)]
            if gradient is not None:
                count += 1
                turned = units_first(layer, gradient)
                thin = measure.thin(gradient)
                flat.append(measure.thin(gradient, 4096))
                with np.errstate(all="ignore"):
                    squares += sum(
                        float(np.square(gradients[id(v)].astype(np.float64)).sum())
                        for v in own
                        if id(v) in gradients
                    )
                    whole = gradient.size / max(thin.size, 1)
                    promised = (0.0 if math.isnan(promised) else promised) - float(
                        (thin * change).sum()
                    ) * whole
                values += [
                    measure.rms(thin),
                    float(abs(thin).max()) if thin.size else 0.0,
                    spread,
                    measure.spread(turned),
                    measure.column_range(turned),
                    measure.nonfinite(thin, before),
                    measure.rms(change) / max(values[0], 1e-12),
                    moved,
                ]
                source = self.recorder.source(self.index, name, LAYER_SIGNALS)
                self.recorder.sample(source, step, values)
        norm = math.sqrt(squares) if squares >= 0 else math.nan
        source = self.recorder.source(self.index, "", STEP_SIGNALS)
        self.recorder.sample(source, step, (norm if count else math.nan, promised, 0.0, count))
        if flat:
            now = np.concatenate(flat).astype(np.float32)
            then = self._last_gradient
            if then is not None and then[0] == step - 1 and then[1].shape == now.shape:
                source = self.recorder.source(self.index, "", ("gradient_cosine",))
                self.recorder.sample(source, step, (measure.cosine(now, then[1]),))
            self._last_gradient = (step, now)

    def write_sizes(self, step: int) -> None:
        """Note the size of the weights, where steps cannot be measured."""
        for name, (_, own) in self.owners.items():
            source = self.recorder.source(self.index, name, ("weight_rms",))
            size = measure.rms(measure.thin(backend.convert_to_numpy(own[0].value)))
            self.recorder.sample(source, step, (size,))
