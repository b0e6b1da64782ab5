"""Changes to the user's source, as plain data: what a remedy asks for, what `patch` carries out.

Code inside an edit names everything in full (``torch.nn.BatchNorm1d``); the patch writes it with
the names that the script itself imports.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from unstuck.findings import Location

__all__ = [
    "DropCall",
    "Edit",
    "Insert",
    "ReplaceCall",
    "Rewrite",
    "SetArguments",
    "Surround",
    "from_json",
]


@dataclass(frozen=True)
class ReplaceCall:
    """Call something else: ``nn.Sigmoid()`` becomes ``nn.ReLU()``.

    Attributes:
        location: Span of the call.
        expects: Last part of the name of what is called there now (``Sigmoid``, ``sigmoid``,
            ``SGD``), checked before editing; "" accepts any callee (the run saw the class).
        to: Full name of what is to be called.
        keep: How many leading positional arguments stay (a method's receiver counts as the
            first: ``x.sigmoid()`` with ``keep=1`` becomes ``torch.relu(x)``).
        arguments: Keyword arguments of the new call, as source.
    """

    location: Location
    expects: str
    to: str
    keep: int = 0
    arguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SetArguments:
    """Set or drop keyword arguments of a call: ``SGD(p, lr=1.0)`` becomes ``SGD(p, lr=0.01)``.

    `positions` names the call's positional parameters in order, so that an argument passed by
    position is changed where it stands.
    """

    location: Location
    expects: str
    set: Mapping[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    positions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Surround:
    """Put modules before or after a module that is constructed at `location`.

    Directly inside ``nn.Sequential(...)`` or a list of layers, new elements are inserted; behind
    ``model.add(...)`` and ``x = layer(...)(x)`` new lines; a layer that is called where it is
    constructed gets the others called around it; anywhere else the call becomes
    ``torch.nn.Sequential(*before, call, *after)``, or ``keras.Sequential([...])``. The expressions
    may use ``{name}`` for the source of the call's own argument of that name, found by `positions`.

    Attributes:
        container: What holds a sequence of layers; Keras' own takes a list.
    """

    location: Location
    expects: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    positions: tuple[str, ...] = ()
    container: str = "torch.nn.Sequential"


@dataclass(frozen=True)
class DropCall:
    """Take a call away: ``F.softmax(x, dim=1)`` becomes ``x``, ``nn.Softmax(dim=1)`` goes.

    A function or method call is replaced by its first argument or receiver. A module's constructor
    is taken out of the ``nn.Sequential(...)`` or list it is an element of, the line that adds or
    calls it goes, or it becomes `identity`.
    """

    location: Location
    expects: str
    module: bool = False
    identity: str = "torch.nn.Identity"


@dataclass(frozen=True)
class Insert:
    """Insert statements before or after the statement that contains `location`.

    Attributes:
        location: Any span or line inside the statement.
        lines: Source at indentation 0; comments are kept.
        where: Before or after that statement.
        unstuck: Whether the lines import unstuck (said in the report).
    """

    location: Location
    lines: str
    where: Literal["before", "after"] = "before"
    unstuck: bool = False


@dataclass(frozen=True)
class Rewrite:
    """Write other text for a passage: what remedies of the stage "source" ask for.

    Attributes:
        location: Span of the passage; columns count UTF-8 bytes, as the interpreter does. A span
            of no width inserts.
        expects: The text that stands there now, checked before editing.
        to: The new text, with its own indentation.
    """

    location: Location
    expects: str
    to: str


Edit = ReplaceCall | SetArguments | Surround | DropCall | Insert | Rewrite
_KINDS = {
    kind.__name__: kind for kind in (ReplaceCall, SetArguments, Surround, DropCall, Insert, Rewrite)
}


def to_json(edit: Edit) -> dict[str, Any]:
    """Return an edit as plain data."""
    return {"edit": type(edit).__name__, **asdict(edit), "location": edit.location.to_json()}


def from_json(data: Mapping[str, Any]) -> Edit:
    """Read an edit back from `to_json`."""
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in data.items()
        if key != "edit"
    }
    fields["location"] = Location.from_json(data["location"])
    edit: Edit = _KINDS[data["edit"]](**fields)
    return edit
