"""The remedy widen-layers."""

from __future__ import annotations

from collections.abc import Sequence

from unstuck.evidence import hidden_units
from unstuck.findings import Finding, Location
from unstuck.remedies import Change, Remedy, Settings
from unstuck.signals import Layer, Run
from unstuck.sources.script import Script, changes
from unstuck.sources.sizes import bottlenecks, widened

__all__ = ["WidenLayers"]

ENOUGH = 32
"""A hidden layer with so many units is not narrow."""
WIDE = 64
"""A hidden layer with so many units stays as it is."""
FURTHER = 4
"""How many times wider the second setting is than the first."""


class WidenLayers(Remedy):
    """Give narrow hidden layers more units.

    What it does:
        Multiplies the sizes of hidden layers in the script: where they stand in a layer's
        constructor, or in the variable, default, configuration or list that they come from. What
        depends on them changes with them: the inputs of the next layers, normalization. Layers of
        64 units and more, inputs and outputs stay.

    When it helps:
        A few units can bend a function a few times only; what remains looks like noise.

    Settings:
        ``factor``: the power of two that gives the narrowest hidden layer 32 to 63 units, then
        four times that.

    Limits:
        A number that also means something else, or that cannot be followed to all its uses, is
        left alone, and with it all that would have to change; so are layers of one unit, which
        are scores or gates. The middle of an autoencoder is
        narrow on purpose: it stays as long as another layer is narrow. More units can fit noise.

    References:
        Barron, IEEE Transactions on Information Theory 1993: the squared error falls as one over
        the number of units. Hornik, Neural Networks 1991.
    """

    stage = "source"

    def settings(self, run: Run, finding: Finding) -> Sequence[Settings]:
        """Return two factors if a hidden layer is narrow."""
        narrow = _narrow(run)
        if not narrow:
            return ()
        factor = 2
        while narrow[0] * factor < ENOUGH:
            factor *= 2
        return ({"factor": float(factor)}, {"factor": float(FURTHER * factor)})

    def rewrite(self, run: Run, settings: Settings) -> Sequence[Change]:
        """Multiply the sizes, the narrowest for certain; see `Remedy.rewrite`."""
        factor = int(settings.get("factor", 8))
        narrow = _narrow(run)
        script = Script.read(self.place(run))
        if script is None or not narrow or factor < 2:
            return []
        wider = ", ".join(f"{size} -> {size * factor}" for size in narrow)
        named = [la.name for la in _layers(run) if hidden_units(run)[la.name] in narrow]
        edits = widened(script, run, narrow, factor)
        return changes(f"units of hidden layers: {wider}", edits, named)

    def place(self, run: Run) -> Location | None:
        """Return where the narrowest hidden layer is constructed."""
        units, narrow = hidden_units(run), _narrow(run)
        found = [la.location for la in _layers(run) if units[la.name] in narrow[:1]]
        return found[0] if found else None

    def display(self, run: Run, settings: Settings) -> str:
        """Say how many units the narrowest hidden layers should have."""
        narrow = _narrow(run)
        if not narrow:
            return super().display(run, settings)
        wider = int(narrow[0] * settings.get("factor", 8))
        return f"give the hidden layers of {narrow[0]} units {wider} or more"


def _layers(run: Run) -> list[Layer]:
    return [la for la in run.layers if la.name in hidden_units(run)]


def _narrow(run: Run) -> list[int]:
    """Return the numbers of units of layers to make wider, smallest first; [] if none is narrow."""
    found = sorted({size for size in hidden_units(run).values() if 1 < size < WIDE})
    rest = [size for size in found if size not in bottlenecks(run)]
    chosen = rest if rest and rest[0] < ENOUGH else found
    return chosen if chosen and chosen[0] < ENOUGH else []
