"""Where things were born: the source location of every module, and which model a parameter is in.

Torch keeps no such record, so `Births` wraps `torch.nn.Module.__init__` and looks at the caller's
frame. Nothing is stored on the modules themselves: copies and pickles stay what they were.
"""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import Any

import torch
from torch import nn

from unstuck.findings import Location
from unstuck.frameworks.frames import calling_frame, expression, locate


class Births:
    """Remembers where modules were constructed, and finds the models that hold parameters."""

    def __init__(self) -> None:
        self._locations: dict[int, Location | None] = {}
        self._alive: dict[int, weakref.ref[nn.Module]] = {}

    def install(self) -> None:
        """Watch every module from now on."""
        original = nn.Module.__init__
        births = self

        def __init__(self: nn.Module, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            original(self, *args, **kwargs)
            if not torch.compiler.is_compiling():
                births.register(self)

        __init__.__wrapped__ = original  # type: ignore[attr-defined]
        nn.Module.__init__ = __init__
        restore = nn.Module.__setstate__

        def __setstate__(self: nn.Module, state: Any) -> None:  # noqa: N807
            restore(self, state)
            births.register_copy(self)

        __setstate__.__wrapped__ = restore  # type: ignore[attr-defined]
        nn.Module.__setstate__ = __setstate__
        self._originals = (original, restore)

    def uninstall(self) -> None:
        """Watch no longer; what is remembered stays."""
        nn.Module.__init__, nn.Module.__setstate__ = self._originals

    def adopt(self) -> None:
        """Remember the modules that are alive already, without locations (a notebook's case)."""
        for thing in gc.get_objects():
            # By its type: asking the object itself could run code of whoever made it.
            if issubclass(type(thing), nn.Module) and self.location(thing) is None:
                key = id(thing)
                self._alive[key] = weakref.ref(thing, self._forgetter(key))
                self._locations[key] = None

    def register(self, module: nn.Module) -> None:
        """Remember `module` with the location of the code that constructs it right now."""
        try:
            key = id(module)
            if key in self._alive and self._alive[key]() is module:
                return  # a class that calls Module.__init__ twice
            self._alive[key] = weakref.ref(module, self._forgetter(key))
            self._locations[key] = locate(calling_frame(module))
        except Exception:  # a module that cannot be referenced: it has no location, that is all
            return

    def register_copy(self, module: nn.Module) -> None:
        """Remember a module that is being copied or unpickled; a copy is born where its model was.

        `copy.deepcopy` restores each module inside ``_reconstruct(x, ...)``, x being the original.
        """
        try:
            key = id(module)
            self._alive[key] = weakref.ref(module, self._forgetter(key))
            self._locations[key] = None
            frame: FrameType | None = sys._getframe(1)
            for _ in range(6):  # classes may extend __setstate__
                if frame is None or frame.f_code.co_name == "_reconstruct":
                    break
                frame = frame.f_back
            original = frame.f_locals.get("x") if frame is not None else None
            if type(original) is type(module):
                self._locations[key] = self.location(original)
        except Exception:
            return

    def _forgetter(self, key: int) -> Callable[[Any], None]:
        def forget(reference: Any) -> None:
            if self._alive.get(key) is reference:
                self._alive.pop(key, None)
                self._locations.pop(key, None)

        return forget

    def location(self, module: nn.Module) -> Location | None:
        """Return where `module` was constructed, or None (it was unpickled, for example)."""
        reference = self._alive.get(id(module))
        if reference is None or reference() is not module:
            return None
        return self._locations.get(id(module))

    def modules(self) -> Iterator[nn.Module]:
        """Yield the living modules in the order in which they were constructed."""
        for reference in list(self._alive.values()):
            module = reference()
            if module is not None and "_modules" in module.__dict__:
                yield module

    def holder(self, tensor: torch.Tensor) -> tuple[nn.Module | None, str | None]:
        """Return the module that has a tensor as a parameter, or as a plain attribute of a name."""
        for module in self.modules():
            if any(held is tensor for held in module._parameters.values()):
                return module, None
            for name, held in list(vars(module).items()):
                if held is tensor:
                    return module, name
        return None, None

    def models(self, parameters: Iterable[torch.Tensor]) -> list[nn.Module]:
        """Return the outermost modules that hold any of `parameters`, in order of construction."""
        wanted = {id(parameter) for parameter in parameters}
        alive = list(self.modules())
        children = {id(child) for module in alive for child in module._modules.values()}
        return [
            module
            for module in alive
            if id(module) not in children
            and any(id(parameter) in wanted for parameter in module.parameters())
        ]


def layer_names(
    models: Iterable[nn.Module], frame: FrameType | None, parameters: Iterable[torch.Tensor] = ()
) -> dict[str, nn.Module | torch.Tensor]:
    """Return the dotted name of every module of some models, and of parameters outside them.

    One model's modules have the names of `named_modules`; the model itself is called by its class
    name in lower case. Several models put the name in front by which the code in `frame` calls
    them, or else that class name. Parameters in no model have the names by which that code calls
    them, or are called ``parameters.0`` and so on.
    """
    models = list(models)
    names: dict[str, nn.Module | torch.Tensor] = {}
    inside: set[int] = set()
    for model in models:
        inside.update(id(parameter) for parameter in model.parameters())
        own = type(model).__name__.lower()
        if len(models) > 1:
            own = (expression(model, frame) or own).rpartition(".")[2]
            while own in names:
                own += "_"
        for name, module in model.named_modules():
            if len(models) > 1:
                names[f"{own}.{name}" if name else own] = module
            else:
                names[name or own] = module
    for index, parameter in enumerate(parameters):
        if id(parameter) not in inside:
            own = expression(parameter, frame) or f"parameters.{index}"
            names[own if own not in names else f"parameters.{index}"] = parameter
    return names
