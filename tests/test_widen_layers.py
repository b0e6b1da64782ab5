"""Narrow hidden layers get more units, where their sizes are written; nothing else changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rewriting import DATA, FINDING, replaced, rewritten, watched, written
from unstuck import registry
from unstuck.diagnosis import diagnose_run
from unstuck.evidence import hidden_units
from unstuck.findings import Severity
from unstuck.signals import Run
from unstuck.sketch import sketch

LOOP = """
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for step in range(3):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
"""
CLASS = """
class Net(nn.Module):
    def __init__(self, width=5, classes=3):
        super().__init__()
        self.width = width
        self.a = nn.Linear(4, self.width)
        self.norm = nn.BatchNorm1d(width)
        self.b = nn.Linear(width, classes)

    def forward(self, x):
        return self.b(torch.relu(self.norm(self.a(x))))

model = Net()
"""
RECURRENT = """
class Net(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.hidden = hidden
        self.lstm = nn.LSTM(1, hidden, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * hidden, 3)

    def forward(self, x):
        start = torch.zeros(2, len(x), self.hidden)
        return self.out(self.lstm(x[..., None], (start, start))[0][:, -1])

model = Net(hidden=6)
"""
LISTED = """
sizes = [4, 6, 5, 3]
layers = []
for a, b in zip(sizes[:-1], sizes[1:]):
    layers += [nn.Linear(a, b), nn.ReLU()]
model = nn.Sequential(*layers[:-1])
"""
GROWING = """
def mlp(inputs, outputs, hidden=(6, 5)):
    layers, before = [], inputs
    for units in hidden:
        layers.append(nn.Linear(before, units))
        layers.append(nn.Tanh())
        before = units
    return nn.Sequential(*layers, nn.Linear(before, outputs))

model = mlp(4, 3)
"""
SETTINGS = """
from dataclasses import dataclass

@dataclass
class Config:
    classes: int = 3
    hidden: int = 5
    epochs: int = 5

def build(cfg):
    return nn.Sequential(nn.Linear(4, cfg.hidden), nn.Tanh(), nn.Linear(cfg.hidden, cfg.classes))

config = Config()
model = build(config)
"""
OPTIONS = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--hidden-units", type=int, default=5)
parser.add_argument("--epochs", type=int, default=5)
args = parser.parse_args([])
print(f"{args.hidden_units} units")
model = nn.Sequential(nn.Linear(4, args.hidden_units), nn.Tanh(), nn.Linear(args.hidden_units, 3))
"""
CONVOLUTION = """
x = x.reshape(-1, 1, 2, 2)
model = nn.Sequential(
    nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(),
    nn.Linear(6 * 2 * 2, 12), nn.ReLU(), nn.Linear(12, 3),
)
"""
FLATTENED = CONVOLUTION.replace("6 * 2 * 2", "24")
WIDENED = {
    "in place": (
        "model = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 3))\n",
        [("4, 5)", "4, 40)"), ("1d(5)", "1d(40)"), ("(5, 3)", "(40, 3)")],
        [40],
    ),
    "as many units as inputs and classes": (
        "model = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 3), nn.Tanh(), "
        "nn.Linear(3, 3))\n",
        [("4, 4)", "4, 32)"), ("4, 3)", "32, 24)"), ("3, 3)", "24, 3)")],
        [32, 24],
    ),
    "variable": (
        "H, classes = 5, 3\n"
        "model = nn.Sequential(nn.Linear(4, H), nn.ReLU(), nn.Linear(H, H), nn.ReLU(), "
        "nn.Linear(H, classes))\n",
        [("= 5, 3", "= 40, 3")],
        [40, 40],
    ),
    "default and attribute": (CLASS, [("width=5", "width=40")], [40]),
    "argument": (
        CLASS.replace("Net()", "Net(classes=3, width=6)"),
        [("width=6", "width=48")],
        [48],
    ),
    "recurrent": (RECURRENT, [("hidden=6", "hidden=48")], [48]),
    "list of all sizes": (LISTED, [("[4, 6, 5, 3]", "[4, 48, 40, 3]")], [48, 40]),
    "list of hidden sizes": (GROWING, [("(6, 5)", "(48, 40)")], [48, 40]),
    "unpacked": (
        "hidden = [6, 5]\nsizes = [4, *hidden, 3]\n"
        "model = nn.Sequential(*[nn.Linear(sizes[i], sizes[i + 1]) for i in range(3)])\n",
        [("[6, 5]", "[48, 40]")],
        [48, 40],
    ),
    "class of settings": (SETTINGS, [("hidden: int = 5", "hidden: int = 40")], [40]),
    "option": (OPTIONS, [('units", type=int, default=5', 'units", type=int, default=40')], [40]),
    "dict": (
        'config = {"hidden": 5, "batch": 5, "layers": [5, 5]}\n'
        'model = nn.Sequential(nn.Linear(4, config["hidden"]), nn.Linear(config["hidden"], 3))\n',
        [('"hidden": 5', '"hidden": 40')],
        [40],
    ),
    "dict that is unpacked": (
        CLASS.replace("Net()", 'Net(**{"width": 6, "classes": 3})'),
        [('"width": 6', '"width": 48')],
        [48],
    ),
    "convolution": (
        CONVOLUTION,
        [
            ("(1, 6, 3", "(1, 48, 3"),
            ("BatchNorm2d(6)", "BatchNorm2d(48)"),
            ("6 * 2 * 2, 12)", "48 * 2 * 2, 96)"),
            ("Linear(12", "Linear(96"),
        ],
        [48, 96],
    ),
    "flattened": (
        FLATTENED,
        [
            ("(1, 6, 3", "(1, 48, 3"),
            ("BatchNorm2d(6)", "BatchNorm2d(48)"),
            ("24, 12)", "192, 96)"),
            ("Linear(12", "Linear(96"),
        ],
        [48, 96],
    ),
    "autoencoder": (
        "class Auto(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.body = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2), nn.Tanh(), "
        "nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 4))\n"
        "    def forward(self, x):\n"
        "        return self.body(x)\n"
        "model = Auto()\n",
        [("4, 6)", "4, 48)"), ("6, 2)", "48, 2)"), ("2, 6)", "2, 48)"), ("6, 4)", "48, 4)")],
        [48, 2, 48],
    ),
}


@pytest.mark.parametrize("form", WIDENED)
def test_narrow_layers_are_widened(tmp_path: Path, form: str) -> None:
    body, pairs, sizes = WIDENED[form]
    path = written(tmp_path, body + LOOP)
    patched = rewritten(path, watched(path), "widen-layers", {"factor": 8.0})
    assert patched == DATA + replaced(body, *pairs) + LOOP
    path.write_text(patched)
    run = watched(path)
    assert run.steps == 3
    assert list(hidden_units(run).values()) == sizes


PLAIN = "model = nn.Sequential(nn.Linear(4, {0}), nn.Tanh(), nn.Linear({0}, {1}))\n"
DECLINED = {
    "also the number of classes": "n = 3\n" + PLAIN.format("n", "n"),
    "also the number of inputs": "n = 4\n" + PLAIN.format("n", 3).replace("(4", "(n"),
    "also a length": "n = 5\nx, y = x[:n], y[:n]\n" + PLAIN.format("n", 3),
    "also a count": "n = 5\nfor _ in range(n):\n    torch.rand(1)\n" + PLAIN.format("n", 3),
    "also a batch": "n = 5\nx, y = next(iter(torch.utils.data.DataLoader("
    "torch.utils.data.TensorDataset(x, y), batch_size=n)))\n" + PLAIN.format("n", 3),
    "of the data": "n = x.shape[1]\n" + PLAIN.format("n", 3),
    "compared": "n = 5\nassert n > 2\n" + PLAIN.format("n", 3),
    "list that begins with it": LISTED.replace("[4, 6, 5, 3]", "[4, 4, 4, 3]"),
    "from outside": "import os\nn = int(os.environ.get('N', 5))\n" + PLAIN.format("n", 3),
    "all of a dict": "c = {'n': 5}\nn = list(c.values())[0]\n" + PLAIN.format("n", 3),
    "joined with the inputs": CLASS.replace("(width, classes)", "(width + 4, classes)").replace(
        "torch.relu(self.norm(self.a(x)))", "torch.cat([self.norm(self.a(x)), x], 1)"
    ),
    "a layer of the script's own": CLASS.replace(
        "self.norm = nn.BatchNorm1d(width)",
        "self.scale = nn.Parameter(torch.ones(5))\n        self.norm = lambda h: h * self.scale",
    ),
}


@pytest.mark.parametrize("form", DECLINED)
def test_what_is_not_certain_is_left_alone(tmp_path: Path, form: str) -> None:
    path = written(tmp_path, DECLINED[form] + LOOP)
    run = watched(path)
    remedy = registry.remedy("widen-layers")()
    assert remedy.settings(run, FINDING)
    assert rewritten(path, run, "widen-layers", {"factor": 8.0}) is None


@pytest.mark.parametrize(
    ("units", "factors"),
    [(1, []), (2, [16, 64]), (3, [16, 64]), (8, [4, 16]), (31, [2, 8]), (32, [])],
)
def test_the_narrowest_layer_gets_32_to_63_units(
    tmp_path: Path, units: int, factors: list[int]
) -> None:
    path = written(tmp_path, PLAIN.format(units, 3) + LOOP)
    settings = registry.remedy("widen-layers")().settings(watched(path), FINDING)
    assert [values["factor"] for values in settings] == factors


def shallow(run: Run, units: int) -> Run:
    """Return a run as if each of its hidden layers had few units."""
    layers = [replace(la, shape=(la.shape[0] if la.output else units, 2)) for la in run.layers]
    layers = [replace(la, fan_in=2) for la in layers]
    return replace(run, layers=tuple(layers))


def test_a_model_of_few_units_is_too_small_rather_than_slow() -> None:
    kinds = [kind() for kind in registry.obstacles().values()]
    slow = sketch(loss=lambda s: 2.3 - 2e-3 * s)
    assert diagnose_run(slow, kinds)[0].obstacle == "slow-convergence"
    first, *others = diagnose_run(shallow(slow, 3), kinds)
    assert (first.obstacle, first.severity) == ("underfitting", Severity.WARNING)
    assert first.remedies[0].name == "widen-layers"
    assert [f.consequence_of for f in others] == ["underfitting"] * len(others)
    assert diagnose_run(shallow(slow, 5), kinds)[0].obstacle == "slow-convergence"


def test_what_may_be_noise_is_a_remark() -> None:
    kinds = [kind() for kind in registry.obstacles().values()]
    noisy = sketch(
        loss=lambda s: 0.3 + 0.7 * 0.98**s,
        function="mse_loss",
        classes=1,
        run={"target_mean": 0.0, "target_std": 1.0, "target_spread": 1.0},
    )
    assert diagnose_run(noisy, kinds) == []
    remarks = diagnose_run(shallow(noisy, 3), kinds)
    assert [(f.obstacle, f.severity) for f in remarks] == [("underfitting", Severity.INFO)]
