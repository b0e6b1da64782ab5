"""Findings and signals sent to trackers, real ones, without a network."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from scripts import DOUBLE_SOFTMAX, environment, unstuck, write
from unstuck import registry, trackers
from unstuck.diagnosis import diagnose
from unstuck.log_files import rows
from unstuck.record import Recording
from unstuck.report import Report
from unstuck.signals import Series


@pytest.fixture
def report() -> Report:
    run = registry.obstacle("vanishing-gradient").SICK
    broken = Series((0, 1, 2), (1.0, math.nan, 2.0))
    series = {**run.series, ("", "gradient_norm"): broken, ("a:b\n", "update_ratio"): broken}
    recording = Recording("run.db", (replace(run, series=series),), {"script": "jobs/train.py"})
    return Report(recording, diagnose(recording))


def curves(folder: str) -> dict[str, dict[int, float]]:
    """Read what is in event files."""
    found: dict[str, dict[int, float]] = {}
    for given in rows(Path(folder)).values():
        for row in given:
            for name in row.keys() - {"step"}:
                found.setdefault(name, {})[int(row["step"])] = row[name]
    return found


def test_tensorboard(report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = trackers.send(report, "tensorboard")
    assert folder == str(Path("runs", "unstuck", "train"))
    sent = curves(folder)
    assert list(sent["unstuck/loss"].values()) == pytest.approx(list(report.recording.runs[0].loss))
    assert sent["unstuck/gradient_norm"] == {0: 1.0, 2: 2.0}
    content = next(Path(folder).iterdir()).read_bytes()
    for part in (b"unstuck/findings", b"vanishing-gradient", b"unstuck/gradient_rms/0"):
        assert part in content


def test_long_runs_are_thinned(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = report.recording.runs[0]
    long = Series(tuple(range(12_345)), (1.0,) * 12_345)
    run = replace(run, series={("", "loss"): long})
    trackers.send(
        replace(report, recording=Recording("r.db", (run, replace(run, index=1)), {})),
        "tensorboard",
    )
    sent = curves("runs/unstuck/r")
    assert {name: 900 < len(curve) <= 1000 for name, curve in sent.items()} == {
        "unstuck/0/loss": True,
        "unstuck/1/loss": True,
    }


def test_mlflow(report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    place = trackers.send(report, "mlflow")
    client = mlflow.MlflowClient()
    run = client.get_run(place.rpartition(" ")[2])
    assert run.data.tags["unstuck.first"] == "vanishing-gradient"
    assert run.data.metrics["unstuck/gradient_norm"] == 2.0
    loss = report.recording.runs[0].loss
    sent = client.get_metric_history(run.info.run_id, "unstuck/loss")
    assert [m.value for m in sorted(sent, key=lambda m: m.step)] == pytest.approx(list(loss))
    assert "unstuck/update_ratio/a_b_" in run.data.metrics
    listed = {file.path for file in client.list_artifacts(run.info.run_id, "unstuck")}
    assert listed == {"unstuck/findings.txt", "unstuck/findings.json"}


def test_wandb_and_tensorboard_from_the_command_line(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    write(tmp_path, DOUBLE_SOFTMAX)
    done = unstuck(
        *("run", "--to", "wandb", "--to", "tensorboard", "train.py"),
        cwd=tmp_path,
        env={"WANDB_MODE": "offline"},
    )
    assert done.returncode == 0
    assert "unstuck: sent to tensorboard: runs/unstuck/train" in done.stderr
    assert "unstuck: sent to wandb: " in done.stderr, done.stderr
    assert any((tmp_path / "wandb").glob("offline-run-*/*.wandb"))
    # What fails in a tracker is one line, and costs neither findings nor exit status.
    (tmp_path / "wandb" / "__init__.py").write_text("raise RuntimeError('no server\\nanywhere')")
    broken = {"PYTHONPATH": f"{tmp_path}:{environment()['PYTHONPATH']}"}
    done = unstuck("check", "--to", "wandb", ".unstuck/train.db", cwd=tmp_path, env=broken)
    assert done.returncode == 1
    assert done.stderr == "unstuck: nothing was sent to wandb (RuntimeError: no server)\n"
    assert "softmax-before-cross-entropy" in done.stdout


def test_a_package_that_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    said = trackers.missing("mlflow")
    assert said == "--to mlflow needs the package mlflow: pip install 'unstuck[mlflow]'"
    assert "Invalid value for '--to'" in unstuck("check", "--to", "x", "a", cwd=tmp_path).stderr
