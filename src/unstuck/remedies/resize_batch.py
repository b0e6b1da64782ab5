"""The remedy resize-batch."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence

from unstuck.edits import Rewrite
from unstuck.evidence import lagging, middle, norm_momenta
from unstuck.findings import Finding
from unstuck.remedies import Change, Remedy, Settings
from unstuck.signals import Run
from unstuck.sources.batches import (
    LOADER,
    Script,
    argument,
    called,
    constant_places,
    dotted,
    fed_by,
    loader_call,
    script_of,
    set_argument,
    sound,
)
from unstuck.sources.keras_subject import KerasSubject
from unstuck.sources.slices import batches, training_loop

__all__ = ["ResizeBatch"]

ENOUGH = 16
"""Rows whose mean and deviation are usable statistics of all rows."""
TINY = 3
"""A last batch of at most so many rows is dropped."""
MOMENTUM = 0.1
"""What `torch.nn.BatchNorm1d` takes by default: the statistics of the last ten batches or so."""
USUAL = (0.002, 0.9)
"""Momenta between these keep statistics of more than one batch and yet move."""
NORM = ("num_features", "eps", "momentum")


class ResizeBatch(Remedy):
    """Give batch normalization enough rows a batch, and running statistics that follow them.

    What it does:
        Batches get more rows, in the loader or where the script cuts them itself; the learning
        rate grows with the square root of their size. Or a tiny last batch is dropped. Or the
        momentum of the running statistics becomes 0.1 where the layers are constructed (0.9 in
        Keras, which names what is kept).

    When it helps:
        Normalized by two rows, values are little more than signs. Running statistics that follow
        the last batch only, or hardly leave their initial values, describe no data of evaluation.

    Settings:
        ``momentum``: 0.1, the usual one, where the run's is far from it. ``batch_size`` with
        ``lr``: 16 rows, then 32; fewer steps of a pass take longer steps each. ``drop_last``: 1.

    Limits:
        Needs the number in the script: a batch size that comes from the command line stays. Where
        one call constructs the loaders of training and validation, it is left alone.

    References:
        Ioffe and Szegedy, ICML 2015. Wu and He: Group Normalization, ECCV 2018, figure 1 (small
        batches). Malladi et al.: On the SDEs and Scaling Rules for Adaptive Gradient Algorithms,
        NeurIPS 2022 (the square root).
    """

    stage = "source"

    def settings(self, run: Run, finding: Finding) -> Sequence[Settings]:
        """Return what the evidence says is wrong, first."""
        found: list[Settings] = []
        if _odd(run):
            found.append({"momentum": MOMENTUM})
        rows = middle(run.of("batch_size").values)
        loader = fed_by(run) or {}
        if not rows >= ENOUGH and (rows <= TINY or not found):
            rate = run.optimizer.settings.get("lr", math.nan)
            for size in (ENOUGH, 2 * ENOUGH):
                longer = rate * math.sqrt(size / rows) if rows > 0 else math.nan
                setting = {"batch_size": float(size)}
                if math.isfinite(longer):
                    setting["lr"] = float(f"{longer:.2g}")
                found.append(setting)
        if _rest(loader):
            found.append({"drop_last": 1.0})
        return found

    def rewrite(self, run: Run, settings: Settings) -> Sequence[Change]:
        """Set what the settings name; see `Remedy.rewrite`."""
        if "momentum" in settings:
            return _set_momentum(run, settings["momentum"])
        if "drop_last" in settings:
            return _drop_last(run)
        return _enlarge(run, int(settings.get("batch_size", ENOUGH)), settings.get("lr"))

    def apply_keras(self, subject: KerasSubject, settings: Settings) -> list[Change]:
        """Set what `fit` and the layers take; see `Remedy.apply_keras`."""
        if "momentum" in settings:
            return subject.set_norm_momentum(1 - settings["momentum"])
        if "batch_size" not in settings:
            return []
        size = int(settings["batch_size"])
        changes = subject.set_fit(f"batches of {size} rows", batch_size=str(size))
        if changes and "lr" in settings:
            changes += subject.use_optimizer(learning_rate=settings["lr"])
        return changes


def _odd(run: Run) -> list[float]:
    late = [m for m in lagging(run) if m < MOMENTUM]
    return [
        m for m in dict.fromkeys(norm_momenta(run)) if m in late or not USUAL[0] <= m <= USUAL[1]
    ]


def _rest(loader: Mapping[str, object]) -> bool:
    """Return whether a loader's last batch is tiny, and no other is."""
    rows, size = loader.get("rows"), loader.get("batch_size")
    if not isinstance(rows, int) or not isinstance(size, int) or size <= TINY:
        return False
    return rows > size and 1 <= rows % size <= TINY and not loader.get("drop_last")


# ------------------------------------------------------------------ momentum


def _set_momentum(run: Run, momentum: float) -> list[Change]:
    norms = [layer for layer in run.layers if "BatchNorm" in layer.kind]
    place = next((layer.location for layer in norms if layer.location), None)
    script = script_of(run, place or run.optimizer.location)
    odd = _odd(run)
    if script is None or not odd:
        return []
    made = [call for layer in norms if (call := script.call(layer.location)) is not None]
    named = [
        node
        for node in ast.walk(script.tree)
        if isinstance(node, ast.Call)
        and (
            "BatchNorm" in called(node)
            or any("BatchNorm" in dotted(argument) for argument in node.args)
        )
    ]
    values = [
        value
        for call in dict.fromkeys([*made, *named])
        if (value := argument(call, "momentum", NORM if "BatchNorm" in called(call) else ()))
    ]
    values += [
        node.value
        for node in ast.walk(script.tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Attribute)
        and node.targets[0].attr == "momentum"
        and (isinstance(node.value, ast.Constant) or dotted(node.value))
    ]
    numbers = dict.fromkeys(n for value in values for n in _numbers(script, value, odd))
    edits = [script.replace(node, repr(momentum)) for node in numbers]
    return sound(script, f"momentum of batch normalization set to {momentum:g}", edits)


def _numbers(script: Script, value: ast.expr, odd: Sequence[float]) -> list[ast.Constant]:
    """Return the numbers of the script that a momentum comes from."""
    if isinstance(value, ast.Constant):
        return [value] if value.value in odd else []
    name = dotted(value).rpartition(".")[2]
    found = [node for number in odd for node in constant_places(script, name, number)]
    return found if name and len(found) == 1 else []


# ------------------------------------------------------------------ batches


def _drop_last(run: Run) -> list[Change]:
    loader, place = fed_by(run) or {}, loader_call(run)
    if place is None or loader.get("shared"):
        return []
    script, call = place
    if argument(call, "batch_sampler", LOADER):
        return []
    edit = set_argument(script, call, "drop_last", "True", LOADER)
    return sound(script, "the tiny last batch is dropped", [edit])


def _enlarge(run: Run, size: int, rate: float | None) -> list[Change]:
    found = _loader(run, size) if fed_by(run) is not None else _by_hand(run, size)
    if found is None:
        return []
    script, edits = found
    what = f"batches of {size} rows"
    faster = _rate(run, script, rate) if rate is not None else None
    if faster is not None and (changes := sound(script, what, [*edits, faster])):
        return changes
    return sound(script, what, edits)


def _rate(run: Run, script: Script, rate: float) -> Rewrite | None:
    """Return the edit that sets the optimizer's learning rate."""
    place = run.optimizer.location
    call = script.call(place) if place is not None and place.file == script.file else None
    if call is None or any(word.arg is None for word in call.keywords):
        return None
    written = script.full_name(call.func).rpartition(".")[2] == run.optimizer.name
    return set_argument(script, call, "lr", repr(rate), ("params", "lr")) if written else None


def _loader(run: Run, size: int) -> tuple[Script, list[Rewrite]] | None:
    loader, place = fed_by(run) or {}, loader_call(run)
    if place is None or loader.get("shared"):
        return None
    script, call = place
    if any(argument(call, name, LOADER) for name in ("batch_sampler",)):
        return None
    held = argument(call, "batch_size", LOADER)
    name = dotted(held).rpartition(".")[2] if held is not None else ""
    elsewhere = [
        node
        for node in ast.walk(script.tree)
        if isinstance(node, (ast.Name, ast.Attribute))
        and isinstance(node.ctx, ast.Load)
        and name
        and dotted(node).rpartition(".")[2] == name
        and not isinstance(script.parents[node], ast.keyword)
    ]
    if elsewhere and held not in elsewhere:
        # Other lines count with the same number: they have to see the new one.
        places = constant_places(script, name, float(str(loader.get("batch_size"))))
        return (script, [script.replace(places[0], str(size))]) if len(places) == 1 else None
    edit = set_argument(script, call, "batch_size", str(size), LOADER)
    edits = [edit] if edit is not None else []
    rows = loader.get("rows")
    if isinstance(rows, int) and rows > size and 1 <= rows % size <= TINY:
        last = set_argument(script, call, "drop_last", "True", LOADER)
        edits += [last] if last is not None else []
    return script, edits


def _by_hand(run: Run, size: int) -> tuple[Script, list[Rewrite]] | None:
    """Return the edits of the numbers by which the script cuts its batches."""
    script = script_of(run, run.optimizer.step_location)
    step = script.call(run.optimizer.step_location) if script is not None else None
    loop = training_loop(script, step) if script is not None else None
    found = batches(script, loop) if script is not None and loop is not None else None
    rows = middle(run.of("batch_size").values)
    if script is None or found is None or not found.sizes:
        return None
    numbers: dict[ast.Constant, None] = {}
    for node in found.sizes:
        if isinstance(node, ast.Constant) and node.value == rows:
            numbers[node] = None
        elif dotted(node):
            places = constant_places(script, dotted(node).rpartition(".")[2], rows)
            if len(places) > 1:
                return None
            numbers.update(dict.fromkeys(places))
    return (script, [script.replace(node, str(size)) for node in numbers]) if numbers else None
