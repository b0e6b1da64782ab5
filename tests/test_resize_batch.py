"""resize-batch: more rows a batch, no tiny last batch, or the usual momentum, where it is plain."""

from __future__ import annotations

from pathlib import Path

import pytest

from sourcing import rewrite
from unstuck.findings import Finding, Severity
from unstuck.registry import remedy
from unstuck.signals import Run, Series
from unstuck.sketch import sketch

FINDING = Finding("batch-norm-mismatch", "U504", Severity.ERROR, "mismatch")
HEAD = """\
import functools
import torch
from sklearn.datasets import load_wine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
bunch = load_wine()
scaled = (bunch.data - bunch.data.mean(0)) / bunch.data.std(0)
X = torch.tensor(scaled, dtype=torch.float32)
y = torch.tensor(bunch.target)
criterion = nn.CrossEntropyLoss()

"""
MODEL = """\
model = nn.Sequential(nn.Linear(13, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def step(xb, yb):
    optimizer.zero_grad()
    loss = criterion(model(xb), yb)
    loss.backward()
    optimizer.step()


"""
LOADER = (
    MODEL
    + """\
loader = DataLoader(TensorDataset(X, y), batch_size=2, shuffle=True)
for xb, yb in loader:
    step(xb, yb)
"""
)
SMALL = {
    "loader": LOADER,
    "loader-positional": LOADER.replace("batch_size=2", "2"),
    "loader-named": "BATCH = 2\n" + LOADER.replace("=2", "=BATCH"),
    "loader-counted": "BATCH = 2\n" + LOADER.replace("=2", "=BATCH") + "print(89 * BATCH)\n",
    "slices": MODEL
    + """\
for i in range(0, 178, 2):
    step(X[i:i + 2], y[i:i + 2])
""",
    "named-slices": MODEL
    + """\
def fit(X, y, batch_size=2):
    order = torch.randperm(len(X))
    for i in range(0, len(X), batch_size):
        rows = order[i:i + batch_size]
        step(X[rows], y[rows])


fit(X, y)
""",
    "split": MODEL
    + """\
for rows in torch.randperm(len(X)).split(2):
    step(X[rows], y[rows])
""",
}


@pytest.mark.parametrize("form", SMALL)
def test_batches_get_enough_rows(tmp_path: Path, form: str) -> None:
    settings = {"batch_size": 16.0, "lr": 0.0028}
    done = rewrite(tmp_path, HEAD + SMALL[form], "resize-batch", settings)
    gone, new = done.lines()
    assert len(gone) == len(new) <= 4
    assert "    optimizer.zero_grad()" not in gone
    again = done.again()
    assert min(done.run.of("batch_size")) == 2
    assert max(again.of("batch_size")) == 16
    assert again.optimizer.settings["lr"] == 0.0028


MOMENTUM = """\
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.99)
for epoch in range(2):
    for rows in torch.randperm(len(X)).split(16):
        optimizer.zero_grad()
        loss = criterion(model(X[rows]), y[rows])
        loss.backward()
        optimizer.step()
"""
NORM = "nn.BatchNorm1d(16, momentum=0.99)"
LAYERS = f"model = nn.Sequential(nn.Linear(13, 16), {NORM}, nn.ReLU(), nn.Linear(16, 3))\n"
FAR = {
    "keyword": LAYERS,
    "positional": LAYERS.replace("momentum=", "1e-5, "),
    "constant": "DECAY = 0.99\n" + LAYERS.replace("=0.99)", "=DECAY)"),
    "partial": "Norm = functools.partial(nn.BatchNorm1d, momentum=0.99)\n"
    + LAYERS.replace(NORM, "Norm(16)"),
    "afterwards": LAYERS.replace(", momentum=0.99", "")
    + "for module in model.modules():\n    if isinstance(module, nn.BatchNorm1d):\n"
    "        module.momentum = 0.99\n",
    "class": """\
class Net(nn.Module):
    def __init__(self, bn_momentum=0.99):
        super().__init__()
        self.first = nn.Linear(13, 16)
        self.norms = nn.ModuleList(nn.BatchNorm1d(16, momentum=bn_momentum) for _ in range(2))
        self.last = nn.Linear(16, 3)

    def forward(self, x):
        x = self.first(x)
        for norm in self.norms:
            x = torch.relu(norm(x))
        return self.last(x)


model = Net()
""",
}


@pytest.mark.parametrize("form", FAR)
def test_momentum_becomes_the_usual_one(tmp_path: Path, form: str) -> None:
    done = rewrite(tmp_path, HEAD + FAR[form] + MOMENTUM, "resize-batch", {"momentum": 0.1})
    gone, new = done.lines()
    assert len(gone) == len(new) == 1
    again = done.again()
    assert set(done.run.facts["norm_momentum"]) == {0.99}
    assert set(again.facts["norm_momentum"]) == {0.1}
    assert again.optimizer.settings["momentum"] == 0.99


def test_a_tiny_last_batch_is_dropped(tmp_path: Path) -> None:
    source = HEAD + LOADER.replace("batch_size=2", "batch_size=16")
    done = rewrite(tmp_path, source, "resize-batch", {"drop_last": 1.0})
    assert done.run.facts["loader"]["rows"] % 16 == 2
    assert done.lines()[1] == [
        "loader = DataLoader(TensorDataset(X, y), batch_size=16, shuffle=True, drop_last=True)"
    ]
    assert set(done.again().of("batch_size")) == {16.0}


DECLINED = {
    "batch-sampler": (
        {"batch_size": 16.0},
        LOADER.replace("batch_size=2, shuffle=True", "batch_sampler=torch.arange(178).split(2)"),
    ),
    "computed": (
        {"batch_size": 16.0},
        MODEL
        + "size = len('ab')\n"
        + """\
for i in range(0, 178, size):
    step(X[i:i + size], y[i:i + size])
""",
    ),
    "usual-momentum": ({"momentum": 0.1}, LOADER),
    "shared": (
        {"batch_size": 16.0},
        MODEL
        + """\
loaders = [DataLoader(TensorDataset(X, y), batch_size=2) for _ in range(2)]
for xb, yb in loaders[0]:
    step(xb, yb)
for xb, yb in loaders[1]:
    model(xb)
""",
    ),
    "two-numbers": (
        {"batch_size": 16.0},
        MODEL
        + """\
def fit(X, y, size=2):
    for i in range(0, len(X), size):
        step(X[i:i + size], y[i:i + size])


fit(X, y, size=2)
""",
    ),
}


@pytest.mark.parametrize("form", DECLINED)
def test_what_is_not_certain_stays(tmp_path: Path, form: str) -> None:
    settings, source = DECLINED[form]
    assert rewrite(tmp_path, HEAD + source, "resize-batch", settings).declined


def test_settings_follow_the_evidence() -> None:
    def settings(rows: float, **facts: object) -> list[dict[str, float]]:
        run = sketch(run={"batch_size": rows}, facts=facts)
        return [dict(s) for s in remedy("resize-batch")().settings(run, FINDING)]

    assert settings(64, norm_momentum=[0.99]) == [{"momentum": 0.1}]
    assert settings(64, norm_momentum=[0.1, None]) == []
    assert settings(2, norm_momentum=[0.1])[0] == {"batch_size": 16.0, "lr": 0.28}
    loader = {"rows": 1202, "batch_size": 8, "feeds": True, "drop_last": False}
    assert settings(8, norm_momentum=[0.99], loader=loader) == [
        {"momentum": 0.1},
        {"drop_last": 1.0},
    ]
    assert remedy("resize-batch")().settings(Run(series={("", "loss"): Series()}), FINDING)
