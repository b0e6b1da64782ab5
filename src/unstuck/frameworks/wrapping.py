"""Puts a wrapper around a framework's function, and takes it off again."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, signature
from types import FunctionType
from typing import Any

__all__ = ["shortcut", "wrap"]

_UNCOUNTED = f"{__file__}:importlib_bootstrap"
"""Name of the file of our wrappers. Python leaves frames with these two words in it out where
warnings count frames, so that every warning of a framework's names the same line as without us."""


def uncounted(function: Callable[..., Any]) -> None:
    """Leave a function of ours out where warnings count frames."""
    if isinstance(function, FunctionType):
        function.__code__ = function.__code__.replace(co_filename=_UNCOUNTED)


def shortcut(
    original: Callable[..., Any], direct: Callable[[Any], bool], otherwise: Callable[..., Any]
) -> Callable[..., Any]:
    """Return a wrapper that does next to nothing in most calls.

    It has the parameters of the original written out and hands them on by position. A wrapper that
    takes ``*args, **kwargs`` makes a tuple and dictionaries in each call and has them taken apart
    again, which costs more than all that we do in an ordinary step.

    Args:
        original: The function.
        direct: Whether to call it, and do nothing else; is given the first argument.
        otherwise: What to call if not: the first two arguments by position, others by keyword.
            It is itself the wrapper of a function that has parameters of another kind.
    """
    uncounted(otherwise)
    parameters = signature(original, follow_wrapped=False).parameters.values()
    plain = all(p.kind is Parameter.POSITIONAL_OR_KEYWORD for p in parameters)
    if not isinstance(original, FunctionType) or not parameters or not plain:
        return otherwise
    names = [p.name for p in parameters]
    named = [*names[:2], *(f"{name}={name}" for name in names[2:])]
    text = f"""lambda original, direct, otherwise: (lambda {", ".join(names)}:
        original({", ".join(names)}) if direct({names[0]}) else otherwise({", ".join(named)}))"""
    wrapper: FunctionType = eval(text, {"__name__": __name__})(original, direct, otherwise)
    wrapper.__defaults__ = original.__defaults__
    return wrapper


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
    uncounted(wrapper)
    setattr(owner, name, wrapper)

    def undo() -> None:
        if inherited:
            delattr(owner, name)
        else:
            setattr(owner, name, original)

    return undo
