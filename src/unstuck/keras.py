"""Watching a Keras model by an ordinary callback.

Import this module before the model is built: from then on it remembers the lines that construct
layers, so that findings can name them.

Example:
    >>> import unstuck.keras  # doctest: +SKIP
    >>> watch = unstuck.keras.Watch()  # doctest: +SKIP
    >>> model.fit(x, y, epochs=5, callbacks=[watch])  # doctest: +SKIP
    >>> watch.findings()  # doctest: +SKIP
"""

from __future__ import annotations

import os
import sys
import tempfile
from typing import Any

import keras

from unstuck.findings import Finding
from unstuck.frameworks.keras import KerasWatcher
from unstuck.frameworks.keras_births import Births
from unstuck.notebook import Watched
from unstuck.record import Recorder

__all__ = ["Watch"]

_BIRTHS = Births()
_BIRTHS.install()


class Watch(keras.callbacks.Callback):  # type: ignore[misc]
    """Watches the trainings of the models that it is given to.

    Args:
        record: Where to write the record; a temporary file by default.
        budget: Share of the time that watching may cost.

    Attributes:
        watched: The record and what is found in it.
    """

    def __init__(self, record: str | None = None, budget: float = 0.01) -> None:
        super().__init__()
        path = record or os.path.join(tempfile.mkdtemp(prefix="unstuck-"), "run.db")
        recorder = Recorder(path)
        recorder.fact("script", getattr(sys.modules.get("__main__"), "__file__", "") or "")
        self.watched = Watched(path, recorder)
        self._watcher = KerasWatcher(recorder, budget, _BIRTHS)

    def set_model(self, model: Any) -> None:
        """Begin to watch; Keras calls this before it makes the model's training function."""
        super().set_model(model)
        self._watcher.begin(model)

    def on_train_end(self, logs: Any = None) -> None:
        """Give the model its own function back, and write what was seen."""
        self._watcher.end(self.model)

    def findings(self) -> list[Finding]:
        """Return what is found so far, first diagnosis first."""
        return self.watched.findings()
