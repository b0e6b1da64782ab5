"""Networks that are tensors in lists, without a module: seen and repaired like any other."""

from __future__ import annotations

import json
from pathlib import Path

from scripts import unstuck, write
from unstuck.diagnosis import diagnose
from unstuck.record import read

SCRIPT = """\
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)
sizes = [64] * 6 + [10]
weights = [torch.randn(a, b) * 0.1 for a, b in zip(sizes, sizes[1:])]
biases = [torch.zeros(b) for b in sizes[1:]]
parameters = weights + biases
for p in parameters:
    p.requires_grad_()

def forward(x):
    for w, b in zip(weights[:-1], biases[:-1]):
        x = {activation}(x @ w + b)
    return x @ weights[-1] + biases[-1]

optimizer = torch.optim.SGD(parameters, lr=0.1)
for epoch in range(12):
    order = torch.randperm(len(x))
    for rows in order.split(32):
        optimizer.zero_grad()
        loss = F.cross_entropy(forward(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
print("accuracy", (forward(x).argmax(1) == y).float().mean().item())
"""


def test_activations_are_seen_where_no_model_calls_them(tmp_path: Path) -> None:
    path = write(tmp_path, SCRIPT.format(activation="torch.sigmoid"))
    done = unstuck("run", "--record", "r.db", path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (run,) = read(tmp_path / "r.db").runs
    (activation,) = run.activations
    assert (activation.kind, activation.functional, activation.output) == ("sigmoid", True, False)
    assert activation.location is not None
    line = path.read_text().splitlines()[activation.location.line - 1]
    assert line.strip() == "x = torch.sigmoid(x @ w + b)"
    matrices = [layer for layer in run.layers if layer.matrix]
    assert [layer.activation_name for layer in matrices] == [activation.name] * 5 + [None]
    assert not any(layer.normalized for layer in matrices)
    assert run.of("saturated_share", activation.name) or run.of("dead_share", activation.name)
    first = next(f for f in diagnose(read(tmp_path / "r.db")) if f.first)
    assert first.obstacle == "vanishing-gradient"
    assert first.location == activation.location


def test_nothing_stays_wrapped(tmp_path: Path) -> None:
    kept = "import torch\nbefore = torch.relu, torch.nn.functional.relu, torch.Tensor.relu\n"
    said = (
        "after = torch.relu, torch.nn.functional.relu, torch.Tensor.relu\nprint(before == after)\n"
    )
    path = write(tmp_path, kept + SCRIPT.format(activation="F.relu") + said)
    done = unstuck("run", "--record", "r.db", path, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "True", done.stderr


def test_cured_like_any_other(tmp_path: Path) -> None:
    path = write(tmp_path, SCRIPT.format(activation="torch.sigmoid"))
    done = unstuck(
        "fix", "--workers", "1", "--format", "json", "--output", "fix.json", path, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    verdict = json.loads((tmp_path / "fix.json").read_text())["verdict"]
    assert verdict["status"] == "fixed"
    assert verdict["remedies"] == ["use-relu", "use-he-initialization"]
    assert "+        x = torch.relu(x @ w + b)" in verdict["patch"]
    assert "for weight in parameters:" in verdict["patch"]
    assert not verdict["imports_unstuck"]
