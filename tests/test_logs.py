"""Logs of others: each format gives the same numbers, and what is normal gives no finding."""

from __future__ import annotations

import csv
import json
import math
import random
import tempfile
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_diabetes
from torch import nn
from torch.utils.tensorboard import SummaryWriter

from scripts import one_line, python, strict, unstuck
from unstuck import logs, registry
from unstuck.diagnosis import diagnose
from unstuck.findings import Severity
from unstuck.logs import LogError
from unstuck.signals import Run

Rows = list[dict[str, float]]
EPOCHS, PASS = 60, 3


@pytest.fixture(scope="module")
def overfitted() -> Rows:
    """Losses and rate of each step, and the validation loss of each epoch, of 96 rows by heart."""
    torch.manual_seed(0)
    x, y = (torch.tensor(a, dtype=torch.float32) for a in load_diabetes(return_X_y=True))
    x, y = x / x.std(0), ((y - y.mean()) / y.std())[:, None]
    model = nn.Sequential(nn.Linear(10, 128), nn.ReLU(), nn.Linear(128, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    logged: Rows = []
    for epoch in range(EPOCHS):
        for rows in torch.randperm(96).split(32):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            logged.append({"step": len(logged), "epoch": epoch, "loss": loss.item(), "lr": 0.01})
        with torch.no_grad():
            logged[-1]["val_loss"] = nn.functional.mse_loss(model(x[200:]), y[200:]).item()
    return logged


def named(row: Mapping[str, float], **names: str) -> dict[str, float]:
    return {names.get(key, key): value for key, value in row.items()}


def as_csv(path: Path, rows: Rows) -> None:
    with path.open("w", newline="") as file:
        columns = list(dict.fromkeys(key for row in rows for key in row))
        table = csv.DictWriter(file, columns)
        table.writeheader()
        table.writerows(rows)


def event_files(folder: Path, rows: Rows) -> Path:
    with SummaryWriter(folder / "exp1") as writer:
        for row in rows:
            writer.add_scalar("Loss/train", row["loss"], int(row["step"]))
            writer.add_scalar("lr-Adam", row["lr"], int(row["step"]))
            if "val_loss" in row:
                writer.add_scalar("Loss/val", row["val_loss"], int(row["step"]))
                writer.add_histogram("weights", torch.ones(3), int(row["step"]))
    return folder


def lightning(folder: Path, rows: Rows) -> Path:
    """Validation has rows of its own, at the same step; absent cells are empty."""
    given: Rows = []
    for row in rows:
        base = {"epoch": row["epoch"], "step": row["step"], "lr-Adam": row["lr"]}
        given.append({**base, "train_loss_step": row["loss"]})
        if "val_loss" in row:
            given.append({**base, "val_loss": row["val_loss"]})
            given.append({**base, "train_loss_epoch": row["loss"]})
    as_csv(folder / "metrics.csv", given)
    return folder / "metrics.csv"


def transformers(folder: Path, rows: Rows) -> Path:
    history: list[dict[str, Any]] = []
    for row in rows:
        base = {"epoch": row["epoch"] + 0.5, "step": row["step"] + 1}
        history.append({**base, "loss": row["loss"], "learning_rate": row["lr"], "grad_norm": 1.0})
        if "val_loss" in row:
            history.append({**base, "eval_loss": row["val_loss"], "eval_runtime": 0.1})
    history.append({"step": rows[-1]["step"] + 1, "epoch": EPOCHS, "train_loss": 0.4})
    state = {"best_metric": None, "global_step": 180, "log_history": history, "max_steps": 180}
    (folder / "trainer_state.json").write_text(json.dumps(state, indent=2))
    return folder / "trainer_state.json"


def json_lines(folder: Path, rows: Rows) -> Path:
    lines = [json.dumps({"step": r["step"], "train": named(r, step="i")}) for r in rows]
    lines = [line.replace('"val_loss"', '"validLoss"') for line in lines]
    (folder / "log.jsonl").write_text("\n".join([*lines, '{"step": 5000, "train": {"lo']))
    return folder / "log.jsonl"


def columns(folder: Path, rows: Rows) -> Path:
    """A list for each column, the epoch's last batch, no count at all: a Keras history."""
    kept = [row for row in rows if "val_loss" in row]
    history = {key: [row[key] for row in kept] for key in ("loss", "lr", "val_loss")}
    (folder / "history.json").write_text(json.dumps(history))
    return folder / "history.json"


@pytest.mark.parametrize("write", [event_files, lightning, transformers, json_lines, columns])
def test_each_format_gives_the_same(
    write: Callable[[Path, Rows], Path], tmp_path: Path, overfitted: Rows
) -> None:
    recording = logs.read(write(tmp_path, overfitted))
    (run,) = recording.runs
    rows = [r for r in overfitted if "val_loss" in r] if write is columns else overfitted
    assert list(run.loss) == pytest.approx([row["loss"] for row in rows])
    assert list(run.of("learning_rate")) == pytest.approx([0.01] * len(rows))
    signals = {signal.partition(":")[0] for _, signal in run.series}
    held = next(s for _, s in run.series if s.startswith("validation_loss"))
    assert list(run.of(held)) == pytest.approx([r["val_loss"] for r in rows if "val_loss" in r])
    if write is not columns:
        assert run.loss.steps == tuple(range(EPOCHS * PASS))
        assert run.of(held).steps == tuple(range(PASS - 1, EPOCHS * PASS, PASS))
    assert signals >= {"loss", "learning_rate", "validation_loss"}
    kinds = list(registry.obstacles().values())
    beyond = logs.beyond(recording, kinds)
    assert "vanishing-gradient" in beyond
    asked = [kind for kind in kinds if kind.name() not in beyond]
    found = diagnose(recording, asked)
    assert [f.obstacle for f in found] == ["overfitting"]
    assert found[0].location is None


@pytest.mark.parametrize(
    ("name", "steps", "losses", "passes"),
    [
        ("lightning_healthy.csv", 192, 38, 6),
        ("lightning_overfitting.csv", 240, 60, 40),
        ("transformers_healthy.json", 120, 30, 10),
        ("transformers_overfitting.json", 300, 50, 25),
    ],
)
def test_what_lightning_and_transformers_wrote(
    name: str, steps: int, losses: int, passes: int
) -> None:
    """Real files (tests/logs/README.md): all is read, and only what is sick is named."""
    recording = logs.read(Path(__file__).parent / "logs" / name)
    (run,) = recording.runs
    held = next(series for (_, s), series in run.series.items() if s.startswith("validation_loss"))
    assert (run.steps, len(run.loss), len(held)) == (steps, losses, passes)
    assert held.steps[-1] == steps - 1
    kinds = registry.obstacles().values()
    beyond = logs.beyond(recording, list(kinds))
    found = diagnose(recording, [kind for kind in kinds if kind.name() not in beyond])
    serious = [f.obstacle for f in found if f.severity is not Severity.INFO]
    assert serious == (["overfitting"] if "overfitting" in name else [])
    assert ("exploding-gradient" in beyond) == name.startswith("lightning"), "no gradient norm"


def test_what_a_keras_callback_wrote(tmp_path: Path) -> None:
    """A rate far too high: the loss is NaN after some epochs, and epochs are what is counted."""
    if find_spec("keras") is None:
        pytest.skip("Keras is an extra")
    script = """
import keras, numpy as np
keras.utils.set_random_seed(0)
x = np.random.rand(64, 4); y = x.sum(1, keepdims=True)
model = keras.Sequential([keras.layers.Dense(1)])
model.compile(keras.optimizers.SGD(3.0), "mse")
model.fit(x, y, epochs=30, verbose=0, validation_split=0.2,
          callbacks=[keras.callbacks.CSVLogger("training.log")])
"""
    done = python("-c", script, cwd=tmp_path, env={"KERAS_BACKEND": "torch"})
    assert done.returncode == 0, done.stderr
    checked = unstuck("check", "--format", "json", "training.log", cwd=tmp_path)
    data = strict(checked.stdout)
    assert checked.returncode == 1
    assert data["findings"][0]["obstacle"] in ("non-finite-values", "diverging-loss")
    assert data["log"]["unit"] == "epoch"
    assert data["steps"] == 30
    assert "gradient norm" in data["log"]["unjudged"]["exploding-gradient"]
    said = unstuck("check", "training.log", cwd=tmp_path).stdout
    assert "training.log: 30 epochs of training loss, validation loss" in said.replace("the ", "")
    assert "can't be judged from this log, needs what `unstuck run` measures" in said


# ------------------------------------------------------------------------- what is normal


def flat(step: int) -> float:
    return random.Random(step).gauss(0, 1)


LOOKALIKES: dict[str, Callable[[int], dict[str, float]]] = {
    "a language model": lambda s: {"step": 10 * s, "loss": 3.1 + 1.2 * math.exp(-s / 60)},
    "one that is tuned further, a row at a time": lambda s: {"loss": 1.8 + 0.5 * abs(flat(s))},
    "epochs, most of it learned in the first": lambda s: {
        "epoch": s,
        "loss": 0.31 - 1e-4 * s,
        "val_loss": 0.33,
        "lr": 0.1 if s < 80 else 1e-4,
    },
    "a rate lowered on a plateau": lambda s: {
        "epoch": s,
        "loss": 2.1 + 0.9 * math.exp(-s / 10),
        "lr": 0.1 if s < 60 else 0.001,
    },
    "overconfidence while accuracy holds": lambda s: {
        "epoch": s,
        "loss": 0.3 * math.exp(-s / 50) + 0.02,
        "val_loss": 0.3 + 0.002 * s,
        "val_accuracy": 91.5,
    },
    "losses of a policy": lambda s: {
        "iteration": s,
        "train/loss": 0.5 + 0.05 * s,
        "rollout/ep_rew_mean": s,
    },
    "spikes near zero": lambda s: {"loss": math.exp(-s / 20) + (1e-3 if s % 37 == 0 else 0)},
    "a constant": lambda s: {"loss": 1.0},
}


def read(folder: Path, rows: Rows) -> tuple[Run, list[str]]:
    as_csv(folder / "log.csv", rows)
    recording = logs.read(folder / "log.csv")
    return recording.runs[0], [f.obstacle for f in diagnose(recording)]


@pytest.mark.parametrize("name", LOOKALIKES)
@pytest.mark.parametrize("count", [1, 3, 12, 150, 400])
def test_what_is_normal_in_a_log(name: str, count: int, tmp_path: Path) -> None:
    """No obstacle speaks, not even one that can't be judged."""
    _, found = read(tmp_path, [LOOKALIKES[name](step) for step in range(count)])
    kinds = set(logs.beyond(logs.read(tmp_path / "log.csv"), list(registry.obstacles().values())))
    assert not set(found) - kinds


SICK: dict[str, Callable[[int], dict[str, float]]] = {
    "diverging-loss": lambda s: {"loss": 1 + s / 20},
    "oscillating-loss": lambda s: {"epoch": s, "loss": 2 + 1.2 * math.cos(s / 7.2)},
    "non-finite-values": lambda s: {"loss": 1 / (1 + s) if s < 70 else math.nan},
    "overfitting": lambda s: {
        "epoch": s,
        "loss": math.exp(-s / 30),
        "val_loss": 0.6 + s / 100,
        "val_acc": 0.7,
    },
    "premature-decay": lambda s: {"lr": 0.5**s, "loss": 3 + 0.8**s},
    "exploding-gradient": lambda s: {
        "train/loss": 2.0 if s < 50 else 30.0 + s,
        "train/grad_norm": 1.0 if s < 50 else 1e5,
    },
}


@pytest.mark.parametrize("name", SICK)
def test_what_is_seen_in_a_log(name: str, tmp_path: Path) -> None:
    as_csv(tmp_path / "log.csv", [SICK[name](step) for step in range(240)])
    recording = logs.read(tmp_path / "log.csv")
    kinds = list(registry.obstacles().values())
    beyond = logs.beyond(recording, kinds)
    found = diagnose(recording, [kind for kind in kinds if kind.name() not in beyond])
    assert name in [f.obstacle for f in found]


# ------------------------------------------------------------------------- rows and columns


def test_trainings_one_after_another_and_resumed(tmp_path: Path) -> None:
    rows = [{"step": s, "loss": 1.0 + s} for s in [*range(6), *range(4, 8), *range(3)]]
    rows[7]["loss"] = 50.0
    as_csv(tmp_path / "log.csv", rows)
    first, second = logs.read(tmp_path / "log.csv").runs
    assert first.loss.steps == tuple(range(8))
    assert first.loss.at(5) == 50.0
    assert second.loss.steps == (0, 1, 2)
    assert (first.index, second.index) == (0, 1)


def test_batches_counted_anew_in_each_epoch(tmp_path: Path) -> None:
    rows = [{"epoch": e, "batch": b, "loss": 1.0} for e in range(3) for b in range(4)]
    run, _ = read(tmp_path, rows)
    assert run.steps == 12
    assert run.facts["log"]["unit"] == "row"


def test_splits_in_folders_of_their_own(tmp_path: Path) -> None:
    for split, slope in (("train", -1), ("validation", 1)):
        with SummaryWriter(tmp_path / split) as writer:
            for epoch in range(9):
                writer.add_scalar("epoch_loss", 10 + slope * epoch, epoch, walltime=epoch)
    (run,) = logs.read(tmp_path).runs
    assert run.loss.values[-1] == 2
    assert run.of("validation_loss:validation").values[-1] == 18


@pytest.mark.parametrize(
    ("column", "signal"),
    [
        ("loss", "loss"),
        ("train/loss", "loss"),
        ("Loss/train", "loss"),
        ("trainLoss", "loss"),
        ("train_loss_epoch", "loss"),
        ("val_loss", "validation_loss:val"),
        ("eval/loss", "validation_loss:eval"),
        ("valid_sparse_categorical_accuracy", "validation_accuracy:valid"),
        ("binary_accuracy", "batch_accuracy"),
        ("Accuracy/test", "validation_accuracy:test"),
        ("lr-AdamW/pg1", "learning_rate"),
        ("learning_rate", "learning_rate"),
        ("train/grad_norm", "gradient_norm"),
        ("grad_2.0_norm_total", "gradient_norm"),
        ("box_loss", None),
        ("loss_scale", None),
        ("perplexity", None),
        ("eval_runtime", None),
        ("", None),
    ],
)
def test_names_of_columns(column: str, signal: str | None) -> None:
    assert logs.signal_of(column) == signal


# ------------------------------------------------------------------------- what is no log


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"  \n\n", "is empty"),
        (
            "a.csv",
            b"epoch,accuracy\n1,0.5\n",
            "with a training loss; it has accuracy, epoch",
        ),
        ("a.csv", b"loss\n", "it has nothing that is a number"),
        ("a.csv", b"\xff\xfe\x00\x01", "is neither a record nor text"),
        ("a.csv", b'a,b\n"' + b"x" * 200_000, "is no CSV that can be read"),
        ("a.json", b'{"log_history": [{"loss": 1.0', "is no JSON that can be read"),
        ("a.json", b"[1, 2, 3]", "it has nothing that is a number"),
        ("a.jsonl", b'{"loss": 1}\n{"loss"\n{"loss": 2}\n', "line 2 is no JSON"),
        ("a.tfevents.1", b"", "it has nothing that is a number"),
        ("a.tfevents.1", b"not an event file at all, but long enough", "a.tfevents.1"),
        (None, b"", "holds no event files"),
    ],
)
def test_what_is_no_log(tmp_path: Path, name: str | None, content: bytes, said: str) -> None:
    path = tmp_path if name is None else tmp_path / name
    if name is not None:
        path.write_bytes(content)
    with pytest.raises(LogError) as raised:
        logs.read(path)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_cut_off_anywhere(tmp_path: Path, overfitted: Rows) -> None:
    """What was written is read as far as it goes, or refused in one line."""
    event_file = next(event_files(tmp_path, overfitted).rglob("*tfevents*"))
    as_csv(tmp_path / "log.csv", overfitted)
    paths = [event_file, tmp_path / "log.csv", json_lines(tmp_path, overfitted)]
    refused = set()
    for path in [*paths, transformers(tmp_path, overfitted)]:
        whole = path.read_bytes()
        for share in (0.001, 0.3, 0.61, 0.99):
            path.write_bytes(whole[: int(share * len(whole))])
            try:
                (run,) = logs.read(path).runs
            except LogError:
                refused.add((path.suffix, share))
                continue
            assert 1 <= len(run.loss) <= len(overfitted)
            assert list(run.loss)[:-1] == pytest.approx(
                [row["loss"] for row in overfitted][: len(run.loss) - 1]
            )
    assert {suffix for suffix, share in refused if share > 0.01} == {".json"}


cell = st.one_of(st.floats(), st.integers(), st.none(), st.text(max_size=4))
column = st.sampled_from(["step", "epoch", "loss", "val_loss", "acc", "val_acc", "lr", "x\x1b"])


@given(st.lists(st.dictionaries(column, cell, max_size=5), max_size=30), st.text(max_size=40))
def test_whatever_is_in_a_log(rows: list[dict[str, Any]], text: str) -> None:
    """It is read and diagnosed, or refused in one line that cannot steer the terminal."""
    with tempfile.TemporaryDirectory() as folder:
        lines = "\n".join(json.dumps(row) for row in rows)
        for name, content in (("a.jsonl", lines), ("b.csv", text), ("c.csv", f"loss,{text}\n1,2")):
            path = Path(folder, name)
            path.write_bytes(content.encode(errors="replace"))
            refused = ""
            try:
                diagnose(logs.read(path))
            except LogError as error:
                refused = str(error)
            assert not any(ord(c) < 32 for c in refused)


def test_several_trainings_stand_each_for_itself(tmp_path: Path) -> None:
    """A folder of runs: the finding says which one, however long the others are."""
    for name, slope, steps in (("broken", 1, 60), ("fine", -0.001, 300)):
        with SummaryWriter(tmp_path / "runs" / name) as writer:
            for step in range(steps):
                writer.add_scalar("train/loss", 1 + slope * step, step)
    said = unstuck("check", "runs", cwd=tmp_path)
    assert said.returncode == 1
    assert "diverging-loss" in said.stdout
    assert "  --> broken, steps" in said.stdout
    assert "runs: 60 + 300 steps of training loss" in said.stdout


def test_one_line_and_status_2(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("epoch,accuracy\n1,0.5\n")
    assert "log.csv is no record, and no log" in one_line(unstuck("check", "log.csv", cwd=tmp_path))
