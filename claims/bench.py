"""What claims are checked with: comparisons on shared seeds, and figures read from them."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Literal

from unstuck.bench import Options
from unstuck.side_by_side import Arm, compare
from unstuck.signals import Run
from unstuck.trials import LocalExecutor, Target
from unstuck.verdict import Objective
from unstuck.verdict import compare as compare_values

HERE = Path(__file__).parent
SEEDS = 3
Verdict = Literal["confirmed", "only under conditions", "false"]


@dataclass(frozen=True)
class Outcome:
    """What a check came to.

    Attributes:
        compared: What was compared.
        figure: The numbers, medians over seeds with smallest and largest.
        verdict: By the claim's own criterion.
        said: What this means and when it holds.
    """

    compared: str
    figure: str
    verdict: Verdict
    said: str


@dataclass(frozen=True)
class Claim:
    """A sentence of the lecture and how it is checked.

    Attributes:
        name: Of the check.
        statement: What the lecture says.
        criterion: What counts as confirmed, decided before the first run.
        scripts: The scripts of this folder that it runs, without suffix.
        check: Runs them and judges.
    """

    name: str
    statement: str
    criterion: str
    scripts: tuple[str, ...]
    check: Callable[[Bench], Outcome]


class _Shared(LocalExecutor):
    """One server for all comparisons; a comparison does not end it."""

    def close(self) -> None:
        pass

    def end(self) -> None:
        super().close()


class Bench:
    """Runs comparisons, each once."""

    def __init__(self, seeds: int = SEEDS) -> None:
        self.seeds = seeds
        preload = ["torch", "sklearn.datasets", "sklearn.model_selection", "sklearn.preprocessing"]
        self._executor = _Shared(os.cpu_count() or 1, preload)
        self._known: dict[tuple[str, tuple[str, ...]], tuple[Arm, ...]] = {}

    def arms(self, command: str, *remedies: str) -> list[Arm]:
        """Return a script of this folder as it is and with each of some remedies.

        Args:
            command: Its name and arguments, such as ``batches 32 0.1``.
            remedies: As `unstuck compare --remedy` takes them.
        """
        key = (command, remedies)
        if key not in self._known:
            name, *arguments = command.split()
            target = Target(str(HERE / f"{name}.py"), tuple(arguments))
            options = Options(seeds=self.seeds, seconds=600)
            print(f"{command}: as it is, {', '.join(remedies)}", flush=True)
            compared = compare(target, remedies, options, lambda line: None, self._executor)
            for arm in compared.arms:
                if arm.note:
                    raise RuntimeError(f"{command} with {arm.label}: {arm.note}")
            self._known[key] = compared.arms
        return list(self._known[key])

    def arm(self, command: str) -> Arm:
        """Return a script as it is."""
        known = next((arms for (c, _), arms in self._known.items() if c == command), None)
        return known[0] if known else self.arms(command)[0]

    def close(self) -> None:
        """End the server."""
        self._executor.end()


def show(values: Sequence[float], digits: int = 2) -> str:
    """Return median, smallest and largest."""
    low, middle, high = (_number(v, digits) for v in (min(values), median(values), max(values)))
    return middle if low == high else f"{middle} ({low}–{high})"


def _number(value: float, digits: int) -> str:
    text = f"{value:.{digits}g}"
    return f"{float(text):.0f}" if "e+" in text and abs(value) < 1e6 else text


def less(small: Sequence[float], large: Sequence[float]) -> bool:
    """Return whether the first values are smaller, proven by the permutation test."""
    return compare_values(Objective("", "min"), large, small).proven


def cosines(arm: Arm) -> list[float]:
    """Return the median cosine of consecutive gradients, per seed."""
    return [median(run.of("gradient_cosine").finite()) for run in arm.runs]


def across(arm: Arm, signal: str, samples: int = 10) -> list[float]:
    """Return a signal's first values in the first hidden layer over those in the last, per seed."""
    found = []
    for run in arm.runs:
        first, last = run.weights[0].name, run.weights[-2].name
        ends = [median(run.of(signal, name)[:samples]) for name in (first, last)]
        found.append(ends[0] / max(ends[1], 1e-30))
    return found


def layer_scales(run: Run) -> list[tuple[float, float]]:
    """Return gradient and step of each layer, root mean squares, medians over the run."""
    scales = []
    for layer in run.weights:
        ratios, weights = run.of("update_ratio", layer.name), run.of("weight_rms", layer.name)
        steps = [r * w for r, w in zip(ratios[10:], weights[10:], strict=False)]
        scales.append((median(run.of("gradient_rms", layer.name)[10:]), median(steps)))
    return scales


def weight_scale(arm: Arm) -> list[float]:
    """Return the root mean square of the weights at the end, mean over layers, per seed."""
    ends = [[run.of("weight_rms", la.name)[-1] for la in run.weights] for run in arm.runs]
    return [sum(values) / len(values) for values in ends]


def rises(arm: Arm) -> list[float]:
    """Return the share of passes whose printed validation loss is above that of the pass before.

    A loss that is no number counts as a rise.
    """
    found = []
    for output in arm.outputs:
        losses = [float(text) for text in re.findall(r"validation loss ([^,\s]+)", output)]
        ups = sum(not after <= before for before, after in pairwise(losses))
        found.append(ups / max(len(losses) - 1, 1))
    return found


def best(arms: Mapping[str, Sequence[float]]) -> str:
    """Return the name whose worst seed is best, smaller being better; NaN counts as worst."""
    return min(arms, key=lambda name: max(v if v == v else math.inf for v in arms[name]))
