"""The remedy weigh-classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unstuck.findings import Finding, Location
from unstuck.remedies import Change, Remedy, Settings
from unstuck.signals import Run
from unstuck.sources.keras_subject import KerasSubject
from unstuck.sources.script import Script

__all__ = ["WeighClasses"]

CAP = 100.0
"""At most so many times the weight of the most frequent class."""
FUNCTIONS: Mapping[str, tuple[str, str]] = {
    "cross_entropy": ("CrossEntropyLoss", "weight"),
    "nll_loss": ("NLLLoss", "weight"),
    "binary_cross_entropy_with_logits": ("BCEWithLogitsLoss", "pos_weight"),
}
"""Loss function -> its class, and the argument that takes the weights."""


class WeighClasses(Remedy):
    """Let rows of rare classes count more in the loss.

    What it does:
        The loss gets a weight for each class: ``weight=`` of cross-entropy and the negative
        log-likelihood, ``pos_weight=`` of the binary loss on logits. The numbers are those of the
        classes that the run saw, written out. Of Keras, ``fit`` gets ``class_weight=``.

    When it helps:
        One class outnumbers another so far that always saying the frequent one is nearly optimal.

    Settings:
        ``power``: 1 gives each class the same say (rows over classes times rows of the class),
        then 0.5, the square root of it. No weight is more than 100 times another, as with the
        effective number of samples at beta = 0.99.

    Limits:
        The weighted loss is another number than before, so the two cannot be compared; outputs are
        no longer calibrated probabilities. Left alone are losses that have weights, the binary loss
        on probabilities (it weighs rows, not classes), and losses of the script's own.

    References:
        King and Zeng, Logistic Regression in Rare Events Data, Political Analysis 2001, section 4;
        Cui, Jia, Lin, Song, Belongie: Class-Balanced Loss Based on Effective Number of Samples,
        CVPR 2019; Mahajan et al., ECCV 2018 (the square root).
    """

    stage = "source"

    def settings(self, run: Run, finding: Finding) -> Sequence[Settings]:
        """Return both powers where classes were counted and the loss has no weights."""
        if "loss_call" in run.facts and not _can_be_weighed(run):
            return ()
        counted = sum(count > 0 for count in run.facts.get("class_counts") or [])
        return ({"power": 1.0}, {"power": 0.5}) if counted >= 2 else ()

    def rewrite(self, run: Run, settings: Settings) -> Sequence[Change]:
        """Give the loss its weights; see `Remedy.rewrite`."""
        called = run.facts.get("loss_call") or {}
        kind, argument = FUNCTIONS.get(called.get("function", ""), ("", ""))
        place = Location.from_json(called.get("made" if called.get("criterion") else "location"))
        script = Script.read(place)
        call = script.at(place) if script is not None else None
        if script is None or call is None or not _can_be_weighed(run):
            return []
        name = kind if called.get("criterion") else called["function"]
        full = script.full_name(call.func)
        given = 0 if called.get("criterion") else 2
        if full.rpartition(".")[2] != name or not full.startswith("torch."):
            return []
        if called.get("criterion") not in (None, kind) or len(call.args) > given:
            return []
        weights = class_weights(run.facts["class_counts"], settings.get("power", 1.0))
        if argument == "pos_weight":
            weights = [min(max(weights[1] / weights[0], 1 / CAP), CAP)]
        spelled = script.spelled("torch.tensor")
        if spelled is None:
            return []
        tensor, imports = spelled
        value = _tensor(tensor, weights, called)
        edit = script.set_argument(call, argument, value, -1)
        if edit is None:
            return []
        imported = [Change("torch imported", each) for each in imports]
        return [*imported, Change(f"{name}: {argument}={value}", edit)]

    def apply_keras(self, subject: KerasSubject, settings: Settings) -> list[Change]:
        """Give `fit` the weights; see `Remedy.apply_keras`."""
        counts = subject.run.facts.get("class_counts") or []
        if "loss_call" in subject.run.facts or sum(count > 0 for count in counts) < 2:
            return []
        weights = class_weights(counts, settings.get("power", 1.0))
        text = ", ".join(f"{number}: {weight!r}" for number, weight in enumerate(weights))
        return subject.set_fit(f"class_weight={{{text}}}", class_weight=f"{{{text}}}")

    def place(self, run: Run) -> Location | None:
        """Return where the criterion is constructed, or else the loss called."""
        called = run.facts.get("loss_call") or {}
        place = Location.from_json(called.get("made") or called.get("location"))
        return place or run.loss_function.location

    def display(self, run: Run, settings: Settings) -> str:
        """Say the weights."""
        counts = run.facts.get("class_counts") or []
        if len(counts) < 2:
            return super().display(run, settings)
        weights = ", ".join(f"{w:g}" for w in class_weights(counts, settings.get("power", 1.0)))
        return f"weigh the rows of each class in the loss: {weights}"


def _can_be_weighed(run: Run) -> bool:
    """Return whether classes were counted and the loss takes weights but has none."""
    called = run.facts.get("loss_call") or {}
    counts = run.facts.get("class_counts") or []
    known = called.get("function") in FUNCTIONS and not called.get("weighted")
    return known and sum(count > 0 for count in counts) >= 2


def class_weights(counts: Sequence[float], power: float) -> list[float]:
    """Return a weight for each class, one on average over the rows.

    Args:
        counts: Rows of each class; a class without rows gets the weight 1.
        power: 1 for the inverse of the frequency, less for milder weights.
    """
    known = [count for count in counts if count > 0]
    raw = [max(known) / count if count > 0 else 0.0 for count in counts]
    capped = [min(value**power, CAP) for value in raw]
    mean = sum(w * c for w, c in zip(capped, counts, strict=True)) / sum(known)
    return [float(f"{w / mean:.3g}") if w else 1.0 for w in capped]


def _tensor(function: str, weights: Sequence[float], called: Mapping[str, object]) -> str:
    """Return the source of a tensor that fits the predictions."""
    values = repr(list(weights)) if len(weights) > 1 else repr(float(f"{weights[0]:.3g}"))
    device, dtype = str(called.get("device", "cpu")), str(called.get("dtype", ""))
    more = "" if device == "cpu" else f', device="{device}"'
    if dtype == "float64":
        more += f", dtype={function.removesuffix('tensor')}float64"
    return f"{function}({values}{more})"
