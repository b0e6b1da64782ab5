"""Where things of Keras were born: the source location of layers, optimizers and `compile`.

Keras keeps no such record, so `Births` wraps the constructors and `compile`, and looks at the
caller's frame. Nothing is stored on the objects themselves: they save, copy and pickle as ever.
An optimizer that ``compile("adam")`` makes is born in that call.
"""

from __future__ import annotations

import contextlib
import gc
import inspect
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from keras.src.layers.layer import Layer
from keras.src.models.model import Model
from keras.src.optimizers.base_optimizer import BaseOptimizer
from keras.src.trainers.trainer import Trainer

from unstuck.findings import Location
from unstuck.frameworks.frames import calling_frame, expression, locate
from unstuck.frameworks.wrapping import wrap

__all__ = ["Births", "Compiled"]


@dataclass(frozen=True)
class Compiled:
    """A call of `compile`.

    Attributes:
        location: The call.
        model: The expression by which the script calls the model there.
    """

    location: Location | None = None
    model: str | None = None


class Births:
    """Remembers where layers and optimizers were constructed and models compiled."""

    def __init__(self) -> None:
        self._places: weakref.WeakKeyDictionary[Any, Location | None] = weakref.WeakKeyDictionary()
        self._compiled: weakref.WeakKeyDictionary[Any, Compiled] = weakref.WeakKeyDictionary()
        self._undo: list[Callable[[], None]] = []

    def install(self) -> None:
        """Watch every layer, optimizer and `compile` from now on."""
        for kind in (Layer, BaseOptimizer):
            self._undo.append(wrap(kind, "__init__", self._around_init))
        self._undo.append(wrap(Trainer, "compile", self._around_compile))

    def uninstall(self) -> None:
        """Watch no longer; what is remembered stays."""
        for undo in reversed(self._undo):
            undo()
        self._undo.clear()

    def adopt(self) -> None:
        """Remember the layers that are alive already, without locations (a notebook's case)."""
        for thing in gc.get_objects():
            if issubclass(type(thing), (Layer, BaseOptimizer)):
                with contextlib.suppress(Exception):
                    self._places.setdefault(thing, None)

    def location(self, born: Any) -> Location | None:
        """Return the constructor call of a layer or an optimizer, None if it was not seen."""
        with contextlib.suppress(TypeError):  # a class of the script's own may not be hashable
            return self._places.get(born)
        return None

    def models(self) -> list[Any]:
        """Return the models that are alive, the oldest first."""
        return [born for born in list(self._places) if isinstance(born, Model)]

    def compiled(self, model: Any) -> Compiled:
        """Return the last call of a model's `compile`, an empty one if it was not seen."""
        return self._compiled.get(model, Compiled())

    def _around_init(self, original: Callable[..., Any]) -> Callable[..., Any]:
        births = self

        def __init__(born: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            births._register(born)
            original(born, *args, **kwargs)

        # Keras reads the arguments of a class without a constructor of its own from this one.
        __init__.__signature__ = inspect.signature(original)  # type: ignore[attr-defined]
        return __init__

    def _register(self, born: Any) -> None:
        with contextlib.suppress(Exception):  # then it has no location, that is all
            if born not in self._places:
                self._places[born] = locate(calling_frame(born))

    def _around_compile(self, original: Callable[..., Any]) -> Callable[..., Any]:
        births = self

        def compile_(model: Any, *args: Any, **kwargs: Any) -> Any:
            with contextlib.suppress(Exception):
                frame = calling_frame(model, ("compile",))
                births._compiled[model] = Compiled(locate(frame), expression(model, frame))
            return original(model, *args, **kwargs)

        return compile_
