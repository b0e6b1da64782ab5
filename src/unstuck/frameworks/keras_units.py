"""What the layers of a Keras model put out in a measured step, and its activations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras.src import backend

from unstuck.frameworks import array_measure as measure
from unstuck.frameworks.array_measure import Array
from unstuck.frameworks.keras_births import Births
from unstuck.frameworks.keras_steps import Seen
from unstuck.frameworks.keras_taps import Event
from unstuck.record import Recorder

__all__ = ["Units"]

DEAD_WINDOW = 8
"""Sampled batches over which a unit has to stay at zero to count as dead."""
OUTPUT_SIGNALS = ("output_rms", "output_std", "sample_std", "input_rms")
ACTIVATION_SIGNALS = ("zero_share", "saturated_share", "active_rms", "dead_share")


class Units:
    """Writes what layers put out and what activations make of it, in deep samples.

    Args:
        recorder: Where to write.
        index: The run.
        births: Where activations were constructed.

    Attributes:
        outputs: Names of the activations behind the last layer.
        activations: Name -> what is known of each activation.
    """

    def __init__(self, recorder: Recorder, index: int, births: Births) -> None:
        self.recorder = recorder
        self.index = index
        self.births = births
        self.outputs: frozenset[str] = frozenset()
        self.activations: dict[str, dict[str, Any]] = {}
        self._fired: dict[str, list[Array]] = {}

    def write(self, seen: Seen, layers: Sequence[dict[str, Any]], step: int) -> None:
        """Write a deep sample.

        Args:
            seen: What was seen of the step.
            layers: What is known of each layer; how many dimensions it puts out is added.
            step: Its number.
        """
        known = {layer["name"]: layer for layer in layers}
        for event in seen.events:
            arrays = [seen.numbers[slot] for slot in event.slots if slot in seen.numbers]
            if event.what == "layer" and arrays and event.name in known:
                output = arrays[-1]
                if output.ndim == 0:
                    continue
                known[event.name]["dimensions"] = output.ndim
                given = arrays[0] if len(arrays) > 1 else None
                size = 0.0
                if given is not None and np.issubdtype(given.dtype, np.floating):
                    size = measure.rms(measure.thin(given))
                source = self.recorder.source(self.index, event.name, OUTPUT_SIGNALS)
                self.recorder.sample(source, step, (*measure.output_numbers(output), size))
            elif event.what == "activation" and arrays and arrays[-1].ndim:
                self._write_activation(event, arrays[-1], step)

    def _write_activation(self, event: Event, output: Array, step: int) -> None:
        name, kind = event.name, event.facts["kind"]
        axis = _unit_axis(output)
        if name not in self.activations:
            place = event.facts.get("location") or self.births.location(event.source)
            self.activations[name] = {
                "name": name,
                "kind": kind,
                "location": place.to_json() if place else None,
                "functional": event.facts.get("location") is not None,
                "output": name in self.outputs,
                "units": output.shape[axis],
            }
        dead = 0.0
        if kind in ("relu", "relu6"):
            units = measure.fired(output, axis)
            window = self._fired.setdefault(name, [])
            if window and window[-1].shape != units.shape:
                window.clear()
            window.append(units)
            del window[:-DEAD_WINDOW]
            dead = float((~np.stack(window).any(axis=0)).mean())
        source = self.recorder.source(self.index, name, ACTIVATION_SIGNALS)
        self.recorder.sample(source, step, (*measure.activation_numbers(kind, output), dead))


def _unit_axis(output: Array) -> int:
    """Return the dimension that counts units."""
    first = output.ndim >= 4 and backend.image_data_format() == "channels_first"
    return 1 if first else output.ndim - 1
