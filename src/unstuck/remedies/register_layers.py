"""The remedy register-layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unstuck.findings import Finding, Location
from unstuck.remedies import Change, Remedy, Settings
from unstuck.signals import Layer, Run
from unstuck.sources.attached import attach
from unstuck.sources.containers import declare, register
from unstuck.sources.parameters import give_all, thaw, unfreeze, zero_before_backward
from unstuck.sources.replaced import move_behind
from unstuck.sources.script import Script

__all__ = ["RegisterLayers"]


class RegisterLayers(Remedy):
    """Let every layer that the loss depends on learn.

    What it does:
        Undoes what keeps layers from learning, in the script itself. Layers in a plain list or dict
        of a module come into ``nn.ModuleList`` or ``nn.ModuleDict``, plain tensors become
        parameters; an optimizer that got a part of the parameters, or another model's, gets them
        all, and one that was made before its model was replaced is made behind it, or gets the new
        modules by ``add_param_group``; layers that were frozen by mistake are no longer frozen;
        ``detach``, ``item``, ``no_grad`` between the layers and the loss go, and what numpy
        computes there is computed in torch; ``zero_grad`` behind ``backward`` goes before it.

    When it helps:
        The finding says that parameters get no gradient, or are in no optimizer.

    Settings:
        None.

    Limits:
        A form that is not understood for certain is left alone: lists that hold more than modules,
        optimizers whose parameters are collected elsewhere, cuts besides which another way leads to
        the same layers, arrays that are read backwards or sent through other libraries.

    References:
        PyTorch documentation, `torch.nn.ModuleList`; `torch.Tensor.detach`.
    """

    stage = "source"

    def settings(self, run: Run, finding: Finding) -> Sequence[Settings]:
        """Return the empty setting if something in the script can be undone."""
        return ({},) if self.rewrite(run, {}) else ()

    def rewrite(self, run: Run, settings: Settings) -> Sequence[Change]:
        """Undo the first mistake that explains the evidence; see `Remedy.rewrite`."""
        counts = run.of("gradient_count").values
        if run.framework == "keras":
            return thaw(run)
        if run.facts.get("disconnected"):
            return move_behind(run) or give_all(run) or attach(run, ())
        if len(counts) >= 3 and max(counts) == 0:
            return zero_before_backward(run) or attach(run, ())
        unheld = [each for each in run.facts.get("unheld") or [] if each.get("matrix")]
        if unheld:
            return _registered(run) or move_behind(run) or give_all(run)
        cut = _cut(run)
        return (attach(run, cut) if cut else []) or unfreeze(run)

    def display(self, run: Run, settings: Settings) -> str:
        """Say what to write for the mistake that explains the evidence, and where."""
        counts = run.of("gradient_count").values
        optimizer = run.optimizer.variable or "the optimizer"
        unheld = [each for each in run.facts.get("unheld") or [] if each.get("matrix")]
        apart = run.facts.get("loss_parameters") or []
        backward, step = _line(run.loss_function.location), _line(run.optimizer.step_location)
        if run.facts.get("disconnected") and not apart:
            return (
                "the loss has no graph: between the model and `backward()`"
                f"{backward} take out {_CUTS}, and compute in torch"
            )
        if run.facts.get("disconnected"):
            return _late(optimizer, apart)
        if len(counts) >= 3 and max(counts) == 0:
            return f"call `zero_grad()` before `backward()`{backward}, not between it and{step}"
        if unheld:
            return _late(optimizer, unheld)
        cut = set(_cut(run))
        if cut:
            lost = [layer for layer in run.weights if layer.name in cut]
            return f"no gradient comes back to {_named(lost)}: take out {_CUTS} behind it"
        frozen = [layer for layer in run.layers if layer.matrix and not layer.trainable]
        if frozen:
            return (
                f"set `requires_grad` of {_named(frozen)} to True, and give {optimizer} the "
                f"parameters behind that{_line(run.optimizer.location)}"
            )
        return super().display(run, settings)


_CUTS = "`detach()`, `item()`, `.data`, numpy, `torch.tensor(...)` and `no_grad`"


def _line(place: Location | None) -> str:
    return f" (line {place.line})" if place is not None else ""


def _named(layers: Sequence[Layer]) -> str:
    """Return some layers with their lines."""
    shown = ", ".join(f"`{layer.name}`{_line(layer.location)}" for layer in layers[:3])
    return shown + (f" and {len(layers) - 3} more" if len(layers) > 3 else "")


def _late(optimizer: str, unheld: Sequence[Mapping[str, Any]]) -> str:
    """Say what to do about modules that the optimizer does not know."""
    places = [Location.from_json(each.get("location")) for each in unheld]
    lines = sorted({place.line for place in places if place is not None})
    where = f" of line {', '.join(map(str, lines[:4]))}" if lines else ""
    return (
        f"let an attribute of the model hold the modules{where} (`nn.ModuleList`, not a list), "
        f"before the optimizer takes the parameters; or, once they are there, write "
        f"`{optimizer}.add_param_group({{'params': module.parameters()}})`"
    )


def _registered(run: Run) -> list[Change]:
    """Put unheld layers that stand in lists into module lists, file by file."""
    unheld = run.facts.get("unheld") or []
    places = [p for each in unheld if (p := Location.from_json(each.get("location")))]
    layers = [la.location for la in run.layers if la.location]
    found: list[Change] = []
    for file in dict.fromkeys(place.file for place in (*places, *layers)):
        script = Script.read(Location(file, 1))
        if script is not None:
            loose = {u["layer"]: u["attributes"] for u in unheld if u.get("attributes")}
            for kind, names in loose.items():
                found += declare(script, kind, names)
            own = [place for place in places if place.file == file]
            found += register(
                script, own, parameters=any(u["layer"] == "Parameter" for u in unheld)
            )
    return found


def _cut(run: Run) -> list[str]:
    """Return the layers that no gradient reaches, though they ask for one."""
    unused = run.facts.get("unused_layers") or []
    return [
        la.name
        for la in run.weights
        if la.name in unused
        or (run.of("output_rms", la.name) and not run.of("gradient_rms", la.name))
    ]
