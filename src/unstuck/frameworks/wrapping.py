"""Puts a wrapper around a framework's function, and takes it off again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["wrap"]

_UNCOUNTED = f"{__file__}:importlib_bootstrap"
"""Name of the file of our wrappers. Python leaves frames with these two words in it out where
warnings count frames, so that every warning of a framework's names the same line as without us."""


def wrap(
    owner: Any, name: str, around: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> Callable[[], None]:
    """Put what `around` makes of a function in its place.

    Args:
        owner: The class or module that holds the function.
        name: Its name there.
        around: Returns the wrapper of the original that it is given.

    Returns:
        What puts the original back.
    """
    inherited = name not in vars(owner)
    original = getattr(owner, name)
    wrapper = around(original)
    wrapper.__name__ = getattr(original, "__name__", name)
    wrapper.__qualname__ = getattr(original, "__qualname__", name)
    wrapper.__module__ = getattr(original, "__module__", __name__)
    wrapper.__doc__ = original.__doc__
    wrapper.__wrapped__ = original  # type: ignore[attr-defined]
    wrapper.__code__ = wrapper.__code__.replace(co_filename=_UNCOUNTED)
    setattr(owner, name, wrapper)

    def undo() -> None:
        if inherited:
            delattr(owner, name)
        else:
            setattr(owner, name, original)

    return undo
