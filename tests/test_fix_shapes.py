"""The remedy fix-shapes: the patched script compares what it was meant to compare."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from treating import execute, patch, recorded
from unstuck.findings import Location
from unstuck.remedies.fix_shapes import FixShapes, reshaping
from unstuck.sources.script import Script

HEAD = """\
import torch
import torch.nn.functional as F
from sklearn.datasets import load_diabetes
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = load_diabetes()
x = torch.tensor(data.data, dtype=torch.float32)[:96] * 20
y = torch.tensor((data.target - 152) / 77, dtype=torch.float32)[:96]
"""
MODEL = """\
model = nn.Sequential(nn.Linear(10, 12), nn.Tanh(), nn.Linear(12, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
"""
LOOP = """\
for step in range(8):
    optimizer.zero_grad()
    rows = torch.randperm(96)[:32]
    pred = model(x[rows])
    loss = LOSS
    loss.backward()
    optimizer.step()
"""


def script(loss: str, before: str = "") -> str:
    return HEAD + MODEL + before + LOOP.replace("LOSS", loss)


LOADER = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(10, 8)
        self.out = nn.Linear(8, 1)

    def forward(self, x):
        return self.out(torch.relu(self.body(x)))


class Trainer:
    def __init__(self, model):
        self.model = model
        self.criterion = nn.SmoothL1Loss()
        self.optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

    def step(self, xb, yb):
        self.optimizer.zero_grad()
        loss = self.criterion(input=self.model(xb), target=yb)
        loss.backward()
        self.optimizer.step()
        return loss

    def validate(self, xb, yb):
        with torch.no_grad():
            return self.criterion(self.model(xb), yb).item()


def main():
    trainer = Trainer(Net())
    for epoch in range(3):
        for xb, yb in DataLoader(TensorDataset(x, y), batch_size=32):
            loss = trainer.step(xb, yb)
        trainer.validate(x[:40], y[:40])
    return loss


if __name__ == "__main__":
    loss = main()
"""
)
FUNCTION = (
    HEAD
    + MODEL
    + """
def weighted(prediction, goal, weight):
    error = prediction - goal
    return (weight * error.abs()).sum() / 32

def r2(p, t):
    return 1 - ((p - t) ** 2).sum() / ((t - t.mean()) ** 2).sum()

"""
    + LOOP.replace("LOSS", "weighted(pred, y[rows], torch.ones(32))")
    + """
with torch.no_grad():
    score = r2(model(x), y)
    right = ((model(x) > 0) == (y > 0)).float()
"""
)
SCRIPTS = {
    "criterion": (script("nn.MSELoss()(pred, y[rows])"), 1),
    "function": (script("F.l1_loss(model(x[rows]), y[rows], reduction='sum')"), 1),
    "square": (script("((y[rows] - pred) ** 2).mean()"), 1),
    "torch.sub": (script("torch.abs(torch.sub(pred, y[rows])).mean()"), 1),
    "method": (script("pred.sub(y[rows]).pow(2).mean()"), 1),
    "sum": (script("((pred - (y[rows] + 0.1)) ** 2).mean()"), 1),
    "lambda": (
        script("mse(pred, y[rows])", "mse = lambda p, t: ((p - t) * (p - t)).mean()\n"),
        1,
    ),
    "binary": (
        script("(F.softplus(pred) - (y[rows] > 0).float() * pred).mean()"),
        1,
    ),
    "rows": (script("((pred.squeeze(1) - y[rows, None]) ** 2).mean()"), 0),
    "targets": (
        script("((pred.flatten() - z[rows]) ** 2).mean()", "z = y.reshape(96, 1)\n"),
        1,
    ),
    "class": (LOADER, 2),
    "weights": (FUNCTION, 4),
}


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("name", SCRIPTS)
def test_losses_compare_each_with_its_own(tmp_path: Path, name: str) -> None:
    source, places = SCRIPTS[name]
    path = tmp_path / "train.py"
    path.write_text(source)
    changes = FixShapes().rewrite(recorded(path).runs[0], {})
    assert len({change.what for change in changes}) == places
    patched = patch(path, tuple(changes))
    assert len(patched.splitlines()) == len(source.splitlines())
    if not places:
        return
    after = tmp_path / "patched.py"
    after.write_text(patched)
    run = recorded(after).runs[0]
    assert not run.facts["broadcast"]
    assert not run.facts.get("stretched")
    if name == "weights":
        names = execute(path, patched)
        assert names["right"].shape == (96, 1)
        assert torch.isfinite(names["score"])


@pytest.mark.filterwarnings("ignore:Using a target size")
def test_healthy_scripts_are_not_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(script("F.mse_loss(pred.squeeze(1), y[rows])"))
    subtract = torch.Tensor.__sub__
    run = recorded(path).runs[0]
    assert torch.Tensor.__sub__ is subtract
    assert "stretched" not in run.facts
    assert not FixShapes().rewrite(run, {})


def test_watching_leaves_torch_and_the_run_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(script("((pred - y[rows]) ** 2).mean()"))
    before = dict(vars(torch.Tensor)), torch.sub
    recorded(path)
    assert (dict(vars(torch.Tensor)), torch.sub) == before


@pytest.mark.parametrize(
    ("mine", "other", "calls"),
    [
        ((8,), (8, 1), ".unsqueeze(-1)"),
        ((8, 1), (8,), ".squeeze(-1)"),
        ((8, 5), (8, 5, 1), ".unsqueeze(-1)"),
        ((8, 5), (8, 1, 5), ".unsqueeze(1)"),
        ((8, 1, 1), (8,), ".squeeze(-1).squeeze(-1)"),
        ((1, 8), (8,), ".squeeze(0)"),
        ((8,), (5,), ""),
    ],
)
def test_reshaping(mine: tuple[int, ...], other: tuple[int, ...], calls: str) -> None:
    assert reshaping(mine, other) == calls
    if calls:
        assert eval(f"tensor{calls}", {"tensor": torch.zeros(mine)}).shape == other


def test_reading_what_is_no_script(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    assert Script.read(Location(str(path), 1)) is None
    path.write_text("x = (")
    assert Script.read(Location(str(path), 1)) is None
