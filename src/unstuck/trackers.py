"""Findings and summary signals to where a team already looks: TensorBoard, W&B, MLflow."""

from __future__ import annotations

import importlib.util
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from unstuck.logs import CURVES
from unstuck.report import Report
from unstuck.report import json as report_json
from unstuck.report import text as report_text

__all__ = ["TRACKERS", "missing", "send"]

LAYERS = ("gradient_rms", "update_ratio", "dead_share", "saturated_share")
"""What is sent of each layer and activation, besides the `CURVES` of the run."""
POINTS = 1000
"""So many values are sent of a signal; of longer ones every n-th."""
HOME = Path("runs") / "unstuck"
"""Where TensorBoard finds it, below the folder that torch's `SummaryWriter` takes by default."""

Points = Mapping[str, Mapping[int, float]]
"""Name of a curve -> step -> value."""


def missing(tracker: str) -> str | None:
    """Return one line that says how to install what a tracker needs, None if it is there."""
    if importlib.util.find_spec(tracker) is not None:
        return None
    return f"--to {tracker} needs the package {tracker}: pip install 'unstuck[{tracker}]'"


def send(report: Report, tracker: str) -> str:
    """Send a report; return where it can be looked at.

    A tracker's own settings (``WANDB_PROJECT``, ``WANDB_MODE``, ``MLFLOW_TRACKING_URI``,
    ``MLFLOW_RUN_ID``, ...) hold as ever.

    Raises:
        Exception: Whatever the tracker's package raises, an unreachable server for example.
    """
    name = Path(str(report.recording.facts.get("script") or report.recording.path)).stem
    return TRACKERS[tracker](report, name, _points(report))


def _points(report: Report) -> dict[str, dict[int, float]]:
    """Return what is finite of the summary signals; several trainings are numbered."""
    runs = report.recording.runs
    found: dict[str, dict[int, float]] = {}
    for run in runs:
        before = "unstuck" if len(runs) == 1 else f"unstuck/{run.index}"
        for (layer, signal), series in run.series.items():
            if signal.partition(":")[0] not in (LAYERS if layer else CURVES):
                continue
            known = series.finite()
            pace = max(1, -(-len(known) // POINTS))
            curve = dict(zip(known.steps[::pace], known.values[::pace], strict=True))
            if curve:
                found["/".join(filter(None, (before, signal, layer)))] = curve
    return found


def _by_step(points: Points) -> Iterator[tuple[int, dict[str, float]]]:
    for step in sorted({step for curve in points.values() for step in curve}):
        yield step, {name: curve[step] for name, curve in points.items() if step in curve}


def _summary(report: Report) -> dict[str, str | int]:
    first = next((f for f in report.findings if f.first), None)
    return {
        "unstuck.first": first.obstacle if first else "nothing found",
        "unstuck.findings": len(report.findings),
    }


def _tensorboard(report: Report, name: str, points: Points) -> str:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    folder = HOME / name
    writer = EventFileWriter(str(folder))
    now = time.time()
    for step, values in _by_step(points):
        scalars = [Summary.Value(tag=tag, simple_value=v) for tag, v in values.items()]
        writer.add_event(Event(wall_time=now, step=step, summary=Summary(value=scalars)))
    indented = "".join(f"    {line}\n" for line in report_text.render(report).splitlines())
    said = TensorProto(dtype="DT_STRING", string_val=[indented.encode()])
    text = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
    value = Summary.Value(tag="unstuck/findings", metadata=text, tensor=said)
    writer.add_event(Event(wall_time=now, step=0, summary=Summary(value=[value])))
    writer.close()
    return str(folder)


def _wandb(report: Report, name: str, points: Points) -> str:
    import wandb

    project = os.environ.get("WANDB_PROJECT", "unstuck")
    silent = wandb.Settings(silent=True)
    run = wandb.init(project=project, name=name, job_type="unstuck", settings=silent)
    for step, values in _by_step(points):
        run.log(values, step=step)
    columns = ["code", "obstacle", "severity", "message", "layers"]
    rows = [
        [f.code, f.obstacle, f.severity.value, f.message, ", ".join(f.layers)]
        for f in report.findings
    ]
    run.log({"unstuck/findings": wandb.Table(columns=columns, data=rows)})
    run.summary.update(_summary(report))
    place = str(run.url or run.dir)
    run.finish()
    return place


def _mlflow(report: Report, name: str, points: Points) -> str:
    import mlflow
    from mlflow.entities import Metric

    now = int(1000 * time.time())
    metrics = [
        Metric(re.sub(r"[^\w\-. /]", "_", key), value, now, step)
        for key, curve in points.items()
        for step, value in curve.items()
    ]
    with mlflow.start_run(run_name=None if os.environ.get("MLFLOW_RUN_ID") else name) as run:
        client = mlflow.MlflowClient()
        for start in range(0, len(metrics), 1000):  # no server takes more at once
            client.log_batch(run.info.run_id, metrics[start : start + 1000])
        mlflow.set_tags(_summary(report))
        mlflow.log_text(report_text.render(report), "unstuck/findings.txt")
        mlflow.log_text(report_json.render(report), "unstuck/findings.json")
        return f"{mlflow.get_tracking_uri()}, run {run.info.run_id}"


TRACKERS: Mapping[str, Callable[[Report, str, Points], str]] = {
    "tensorboard": _tensorboard,
    "wandb": _wandb,
    "mlflow": _mlflow,
}
