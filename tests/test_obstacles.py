"""All obstacles at once: examples, docs, names, and that no series makes one fail."""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unstuck import registry
from unstuck.diagnosis import arrange, diagnose, diagnose_run
from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.record import Recording
from unstuck.report import Report
from unstuck.report.text import render
from unstuck.signals import Run, Series
from unstuck.sketch import sketch

KINDS = list(registry.obstacles().values())
ALL = [kind() for kind in KINDS]
EACH = pytest.mark.parametrize("kind", KINDS, ids=[kind.name() for kind in KINDS])

CODES = {
    "vanishing-gradient": "U101",
    "exploding-gradient": "U102",
    "dead-relu": "U201",
    "saturated-activation": "U202",
    "mismatched-initialization": "U301",
    "symmetric-initialization": "U302",
    "learning-rate-too-high": "U401",
    "learning-rate-too-low": "U402",
    "oscillating-loss": "U403",
    "diverging-loss": "U404",
    "slow-convergence": "U405",
    "zigzag-descent": "U406",
    "uneven-gradient-scale": "U407",
    "full-batch-training": "U408",
    "overfitting": "U501",
    "underfitting": "U502",
    "excessive-regularization": "U503",
    "batch-norm-mismatch": "U504",
    "unscaled-inputs": "U601",
    "unscaled-targets": "U602",
    "unshuffled-data": "U603",
    "class-imbalance": "U604",
    "non-finite-values": "U701",
    "softmax-before-cross-entropy": "U801",
    "missing-zero-grad": "U802",
    "output-activation-mismatch": "U803",
    "frozen-parameters": "U804",
    "shape-broadcast": "U805",
    "missing-nonlinearity": "U806",
    "wrong-mode": "U807",
    "premature-decay": "U808",
}
"""Names are stable and codes never reused: this table only ever grows."""

REMEDIES = {
    "use-momentum",
    "use-rmsprop",
    "use-adam",
    "use-mini-batches",
    "lower-learning-rate",
    "raise-learning-rate",
    "warm-up",
    "widen-layers",
    "weigh-classes",
    "use-relu",
    "use-leaky-relu",
    "use-he-initialization",
    "use-xavier-initialization",
    "clip-gradients",
    "add-weight-decay",
    "add-l1",
    "add-dropout",
    "add-batch-norm",
    "stop-early",
    "scale-inputs",
    "scale-targets",
    "shuffle-data",
    "drop-softmax",
    "zero-gradients",
    "clear-gradients",
    "fix-output-activation",
    "register-layers",
    "restore-train-mode",
    "fix-shapes",
    "guard-operations",
    "fix-schedule",
    "lighten-regularization",
    "resize-batch",
}
SECTIONS = (
    "What it does:",
    "Why is this bad?",
    "Evidence:",
    "Known problems:",
    "Remedies:",
    "References:",
)


def found(run: Run, capsys: pytest.CaptureFixture[str]) -> list[Finding]:
    findings = diagnose_run(run, ALL)
    assert capsys.readouterr().err == "", "an obstacle raised"
    return findings


@EACH
def test_sick_run_has_this_first_diagnosis(
    kind: type[Obstacle], capsys: pytest.CaptureFixture[str]
) -> None:
    findings = found(kind.SICK, capsys)
    assert [f.obstacle for f in findings if f.first] == [kind.name()]
    own = next(f for f in findings if f.obstacle == kind.name())
    assert own.code == kind.code
    assert own.message
    assert 0 < own.confidence <= 1
    assert own.severity is not Severity.INFO
    assert 0 <= own.steps[0] <= own.steps[1] < kind.SICK.steps


@EACH
def test_healthy_run_is_silent(kind: type[Obstacle], capsys: pytest.CaptureFixture[str]) -> None:
    assert [f.obstacle for f in found(kind.HEALTHY, capsys)] == []


@EACH
def test_docstring_says_everything(kind: type[Obstacle]) -> None:
    text = kind.__doc__ or ""
    assert text.splitlines()[0].endswith(".")
    places = [text.find(section) for section in SECTIONS]
    assert -1 not in places, SECTIONS[places.index(-1)]
    assert places == sorted(places)
    for threshold in kind.thresholds():
        assert re.search(rf"\b{threshold}\b", text), f"{threshold} is not explained"


@EACH
def test_names_are_those_of_the_design(kind: type[Obstacle]) -> None:
    assert CODES[kind.name()] == kind.code
    assert set(kind.remedies) <= REMEDIES
    assert set(kind.explains) <= set(CODES) - {kind.name()}
    assert len(set(kind.remedies)) == len(kind.remedies)


def test_codes_and_names_are_unique() -> None:
    assert len({kind.code for kind in KINDS}) == len({kind.name() for kind in KINDS}) == len(KINDS)
    assert len(set(CODES.values())) == len(CODES)
    assert set(registry.remedies()) <= REMEDIES


@EACH
def test_threshold_can_be_set_and_unknown_one_is_refused(kind: type[Obstacle]) -> None:
    for name, value in kind.thresholds().items():
        assert getattr(kind({name: str(value)}), name) == value
    with pytest.raises(ValueError, match="no threshold"):
        kind({"NONSENSE": 1})


def _turn(values: Series, how: str, dice: random.Random) -> Series:
    """Return a damaged copy of a series."""
    if how == "one":
        return Series(values.steps[:1], values.values[:1])
    if how == "two":
        return Series(values.steps[:2], values.values[:2])
    if how == "gaps":
        kept = [i for i in range(len(values)) if dice.random() < 0.3]
        return Series(tuple(values.steps[i] for i in kept), tuple(values.values[i] for i in kept))
    extreme = {"nan": math.nan, "inf": math.inf, "minus": -math.inf, "zero": 0.0, "huge": 3e38}
    if how in extreme:
        return replace(values, values=(extreme[how],) * len(values))
    if how == "negative":
        return replace(values, values=tuple(-v for v in values.values))
    if how == "mixed":
        odd = (math.nan, math.inf, -math.inf, 0.0, -1.0, 1e-45, 3e38)
        mixed = tuple(v if dice.random() < 0.7 else dice.choice(odd) for v in values.values)
        return replace(values, values=mixed)
    return values


HOWS: tuple[str, ...] = (
    *("keep", "drop", "empty", "one", "two", "gaps", "nan", "inf", "minus", "zero", "huge"),
    *("negative", "mixed"),
)
FACTS: list[Mapping[str, Any]] = [
    {},
    {"loss_inputs": [], "input_mean": [math.nan], "input_std": [0.0], "eval_share": math.nan},
    {"loss_inputs": [["nll_loss", "", None]], "nonfinite": {}, "input_mean": [], "input_std": []},
    {"nonfinite": {"what": "the loss", "layer": "nobody"}, "loaders": [], "unused_layers": []},
]


def _damaged(run: Run, seed: int) -> Run:
    dice = random.Random(seed)
    common = dice.choice(HOWS)  # most series alike, so that whole kinds of damage meet
    series = {}
    for key, values in run.series.items():
        how = common if dice.random() < 0.5 else dice.choice(HOWS)
        if how == "empty":
            series[key] = Series()
        elif how != "drop":
            series[key] = _turn(values, how, dice)
    layers = tuple(la for la in run.layers if dice.random() < 0.9)
    return replace(
        run,
        series=series,
        layers=layers if dice.random() < 0.8 else (),
        activations=run.activations if dice.random() < 0.8 else (),
        facts={**run.facts, **dice.choice(FACTS)} if dice.random() < 0.8 else dice.choice(FACTS),
        steps=run.steps if dice.random() < 0.8 else dice.choice((0, 1, 2)),
    )


@given(kind=st.sampled_from(KINDS), sick=st.booleans(), seed=st.integers(0, 2**32))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_series_makes_an_obstacle_fail(kind: type[Obstacle], sick: bool, seed: int) -> None:
    run = _damaged(kind.SICK if sick else kind.HEALTHY, seed)
    findings = [finding for obstacle in ALL for finding in obstacle.check(run)]
    for finding in arrange(findings):
        data = json.loads(json.dumps(finding.to_json(), allow_nan=False))
        assert Finding.from_json(data).to_json() == finding.to_json()
    assert render(Report(Recording("run.db", (run,), {}), arrange(findings), verbose=True))


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
@EACH
def test_short_run_is_no_error(
    kind: type[Obstacle], steps: int, capsys: pytest.CaptureFixture[str]
) -> None:
    found(kind.SICK.until(steps - 1), capsys)


def test_outputs_that_one_loss_leaves_nothing_to_are_unscaled_targets() -> None:
    run = sketch(
        loss=lambda step: 1e5 * math.exp(-step / 50) + 1e3,
        function="mse_loss",
        run={"target_ratio": 800.0, "output_error": 6.0, "target_mean": 0.0, "target_std": 400.0},
    )
    first = diagnose_run(run, ALL)[0]
    assert (first.obstacle, first.evidence["target_ratio"]) == ("unscaled-targets", 800.0)
    errors = Series((0, 40, 80, 99), (6.0, 0.5, 0.3, 0.3))
    learned = replace(run, series={**run.series, ("", "output_error"): errors})
    assert "unscaled-targets" not in {f.obstacle for f in diagnose_run(learned, ALL)}


def test_relu_output_with_few_dead_units_is_judged_by_what_they_should_say() -> None:
    run = sketch(
        loss=lambda s: 0.04 + 0.16 * math.exp(-s / 20),
        function="mse_loss",
        layers={"dead_share": 0.2},
        run={"silent_outputs": 0.0, "target_std": 0.28, "target_mean": 0.2},
    )
    last = replace(run.layers[-1], activation="relu", activation_name="7")
    output = replace(run.activations[-1], name="7", output=True)
    dead = {("7", "dead_share"): run.of("dead_share", "1")}
    run = replace(
        run,
        layers=(*run.layers[:-1], last),
        activations=(*run.activations, output),
        series={**run.series, **dead},
    )
    assert "dead-relu" not in {f.obstacle for f in diagnose_run(run, ALL)}
    share = Series(run.of("silent_outputs").steps, (0.13,) * len(run.of("silent_outputs")))
    run = replace(run, series={**run.series, ("", "silent_outputs"): share})
    assert diagnose_run(run, ALL)[0].obstacle == "dead-relu"


def test_signal_that_grows_through_a_recurrent_layer_explodes() -> None:
    run = sketch(
        depth=1,
        function="mse_loss",
        classes=1,
        loss=lambda s: 1e12 / (1 + s) ** 4 + 20,
        layers={"output_rms": [1e6, 4e6]},
    )
    assert "exploding-gradient" not in {f.obstacle for f in diagnose_run(run, ALL)}
    rnn = replace(run.layers[0], kind="SimpleRNN", activation=None, activation_name=None)
    run = replace(run, layers=(rnn, *run.layers[1:]))
    first = diagnose_run(run, ALL)[0]
    assert first.obstacle == "exploding-gradient"
    assert "1.7e+06-fold through the time steps of `0`" in first.message


def test_statistics_that_come_too_late_are_no_overfitting() -> None:
    """Keras' own momentum and 240 steps; evaluations never better than guessing, or better once."""

    def held(best: float) -> Run:
        return sketch(
            validation=lambda step: 2.4 + step / 100 if step > 60 else best,
            validation_accuracy=lambda step: 0.1,
            facts={"norm_momentum": [0.01]},
        )

    assert diagnose_run(held(2.4), ALL)[0].obstacle == "batch-norm-mismatch"
    assert diagnose_run(held(1.2), ALL)[0].obstacle == "overfitting"
    usual = replace(held(2.4), facts={**held(2.4).facts, "norm_momentum": [0.1]})
    assert diagnose_run(usual, ALL)[0].obstacle != "batch-norm-mismatch"


def test_weights_that_are_nan_behind_a_finite_loss() -> None:
    run = sketch(loss=lambda step: 0.69)
    key = ("0", "weight_rms")
    sizes = run.series[key]
    lost = Series(sizes.steps, (*sizes.values[:5], *[math.nan] * len(sizes.values[5:])))
    finding = diagnose_run(replace(run, series={**run.series, key: lost}), ALL)[0]
    assert finding.obstacle == "non-finite-values"
    assert "the weights of `0` are NaN, which the loss does not show, at step 5" in finding.message


def test_a_first_step_that_breaks_the_training_is_the_rates() -> None:
    """Afterwards gradients are zero: neither promises nor changes tell."""
    moved = sketch(
        loss=lambda step: 1.6 if step == 0 else 13 + step % 2,
        layers={"update_ratio": 0.0},
        run={"predicted_decrease": 0.0},
    )
    ratios = {
        key: Series(series.steps, (4.0, *series.values[1:]))
        for key, series in moved.series.items()
        if key[1] == "update_ratio"
    }
    broken = replace(moved, series={**moved.series, **ratios})
    assert "learning-rate-too-high" in {f.obstacle for f in diagnose_run(broken, ALL)}
    assert "learning-rate-too-high" not in {f.obstacle for f in diagnose_run(moved, ALL)}


def test_wrong_labels_are_no_model_that_is_too_small() -> None:
    """One label in eight is wrong: the loss stays up, nine tenths of what can be right is."""
    run = sketch(
        loss=lambda step: 0.42 + 0.27 * math.exp(-step / 30),
        function="binary_cross_entropy_with_logits",
        run={"target_mean": 0.45, "batch_accuracy": 0.84},
    )
    assert "underfitting" not in {f.obstacle for f in diagnose_run(run, ALL)}


def test_run_without_anything_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    assert found(Run(), capsys) == []
    assert diagnose(Recording("run.db", (Run(), Run(index=1)), {})) == []


def test_consequences_hang_below_the_first_diagnosis() -> None:
    """Whatever fires together, there is one first diagnosis, and every chain ends at a cause."""
    for kind in KINDS:
        findings = diagnose_run(kind.SICK, ALL)
        names = {f.obstacle for f in findings}
        causes = {f.obstacle for f in findings if f.consequence_of is None}
        assert all(f.consequence_of is None or f.consequence_of in causes for f in findings)
        assert sum(f.first for f in findings) == 1
        assert names


def test_obstacle_that_raises_costs_one_line_and_no_other(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Broken(Obstacle):
        code = "X001"

        def check(self, run: Run) -> Any:
            raise RuntimeError("no\nluck")

    sick = KINDS[0]
    findings = diagnose_run(sick.SICK, [Broken(), *ALL])
    assert [f.obstacle for f in findings if f.first] == [sick.name()]
    assert capsys.readouterr().err == "unstuck: broken could not be checked (RuntimeError: no)\n"


def test_first_diagnosis_knows_since_when_it_stood() -> None:
    run = sketch(loss=lambda step: 2.3 if step < 100 else math.nan)
    findings = diagnose(Recording("run.db", (run,), {}))
    first = next(f for f in findings if f.first)
    assert first.obstacle == "non-finite-values"
    assert first.known_at is not None
    assert first.known_at >= 100
