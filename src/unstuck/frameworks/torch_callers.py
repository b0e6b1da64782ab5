"""By which names a script calls its models, at the places where remedies have to be written."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping, Sequence
from types import FrameType
from typing import Any

from torch import Tensor, nn

from unstuck.frameworks.frames import calling_frame, expression, locate, written_by_user
from unstuck.frameworks.torch_births import Births

__all__ = ["Sites", "call_chain", "called", "root_of", "roots"]

_MANY = 64
_FRAMES = 6

Roots = Sequence[tuple[str, "weakref.ref[nn.Module]"]]


def called(models: Iterable[nn.Module], frame: FrameType | None) -> list[str]:
    """Return the expressions by which the code in `frame` calls `models`."""
    return [name for model in models if (name := _near(model, frame)) is not None]


def _near(model: nn.Module, frame: FrameType | None) -> str | None:
    """Return the expression for a model, a local name or attribute before a global one."""
    owner = frame.f_locals.get("self") if frame is not None else None
    local = frame is not None and any(held is model for held in frame.f_locals.values())
    for name, held in list(getattr(owner, "__dict__", {}).items()):
        if held is model and not local:
            return f"self.{name}"
    return expression(model, frame)


def roots(births: Births, frame: FrameType | None) -> Roots:
    """Return the outermost living modules that the code in `frame` has names for."""
    alive = list(births.modules())
    inner = {id(child) for module in alive for child in module._modules.values()}
    outer = [module for module in alive if id(module) not in inner][:_MANY]
    named = [(expression(module, frame), module) for module in outer]
    return [(name, weakref.ref(module)) for name, module in named if name is not None]


def root_of(parameter: Tensor, known: Roots, held: set[int]) -> Mapping[str, Any]:
    """Return the outermost module with a parameter: its name, and whether more of it is held.

    Args:
        parameter: The parameter.
        known: What `roots` returned where the optimizer was constructed.
        held: ids of the parameters that optimizers hold.
    """
    for name, reference in known:
        module = reference()
        own = list(module.parameters()) if module is not None else []
        if any(p is parameter for p in own):
            return {"root": name, "held": any(id(p) in held for p in own)}
    return {}


def call_chain(models: Sequence[nn.Module]) -> list[dict[str, Any]]:
    """Return the calls that are being made in the script, the innermost first.

    Each has its ``location`` and the expressions by which the code there calls ``models``.
    """
    chain: list[dict[str, Any]] = []
    frame = calling_frame()
    while frame is not None and len(chain) < _FRAMES:
        place = locate(frame)
        if place is not None and written_by_user(frame):
            chain.append({"location": place.to_json(), "models": called(models, frame)})
        if frame.f_code.co_name == "<module>":
            break
        frame = frame.f_back
    return chain


class Sites:
    """The places of gradient-free passes that are made while a model is in training mode."""

    def __init__(self) -> None:
        self.facts: list[dict[str, Any]] = []

    def note(self, models: Sequence[nn.Module]) -> bool:
        """Note where the script is, and by which names it calls `models` there.

        Returns:
            Whether that is new.
        """
        frame = calling_frame()
        for _ in range(_FRAMES):
            if frame is None:
                return False
            names, place = called(models, frame), locate(frame)
            if names and place is not None:
                found = {"location": place.to_json(), "models": names}
                if found in self.facts or len(self.facts) >= 16:
                    return False
                self.facts.append(found)
                return True
            frame = frame.f_back
        return False
