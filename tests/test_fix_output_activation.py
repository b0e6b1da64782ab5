"""Output activations that the loss does not want, in the forms in which scripts write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from treating import Outcome, execute, patch, same, treat, watch

HEAD = """\
import torch
import torch.nn.functional as F
from sklearn.datasets import load_diabetes
from torch import nn

torch.manual_seed(0)
data = load_diabetes()
x = torch.tensor(data.data, dtype=torch.float32)[:96] * 20
y = torch.tensor((data.target - 152) / 77, dtype=torch.float32)[:96, None]
labels = (y[:, 0] > 0).long()
"""
LOOP = """
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for step in range(5):
    rows = torch.randperm(96)[:24]
    loss = LOSS
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def script(model: str, loss: str = "F.mse_loss(model(x[rows]), y[rows])") -> str:
    return HEAD + model + LOOP.replace("LOSS", loss)


def net(forward: str, more: str = "") -> str:
    return f"""
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(10, 8)
        self.out = nn.Linear(8, 1)
        self.act = nn.ReLU()
        self.layers = nn.ModuleList([nn.Linear(10, 8), nn.Linear(8, 8), nn.Linear(8, 1)])
        {more}

    def forward(self, x):
{forward}

model = Net()
"""


def loop(body: str, rows: str = "layer in self.layers") -> str:
    return net(f"        for {rows}:\n            {body}\n        return x")


GROWING = """
def mlp(*sizes):
    layers = []
    for before, after in zip(sizes[:-1], sizes[1:]):
        layers += [nn.Linear(before, after), nn.Sigmoid()]
    return nn.Sequential(*layers)

model = mlp(10, 8, 8, 1)
"""
SPARED = "x = layer(x) if layer is self.layers[-1] else torch.relu(layer(x))"
SCRIPTS = {
    "sequential": (
        script("model = nn.Sequential(nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 1), nn.Tanh())\n"),
        "nn.Linear(8, 1))",
    ),
    "function": (
        script(net("        return torch.sigmoid(self.out(F.elu(self.hidden(x))))")),
        "return self.out(F.elu(self.hidden(x)))",
    ),
    "method": (
        script(net("        h = self.hidden(x).tanh()\n        return self.out(h).relu()")),
        "return self.out(h)\n",
    ),
    "statement": (
        script(
            net(
                "        x = F.elu(self.hidden(x))\n        x = self.out(x)\n"
                "        x = F.relu(x)\n        return x"
            )
        ),
        "x = self.out(x)\n        return x",
    ),
    "shared module": (
        script(net("        return self.act(self.out(self.act(self.hidden(x))))")),
        "return self.out(self.act(self.hidden(x)))",
    ),
    "loop": (script(loop("x = torch.relu(layer(x))")), SPARED),
    "numbered loop": (
        script(loop("x = torch.relu(layer(x))", "i, layer in enumerate(self.layers)")),
        SPARED,
    ),
    "loop of two": (
        script(loop("x = layer(x)\n            x = F.relu(x)")),
        "x = x if layer is self.layers[-1] else F.relu(x)",
    ),
    "loop with a module": (
        script(loop("x = self.act(layer(x))")),
        "x = layer(x) if layer is self.layers[-1] else self.act(layer(x))",
    ),
    "growing list": (script(GROWING), "model[5] = nn.Identity()"),
    "softmax over one": (
        script(
            "model = nn.Sequential(nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 1), nn.Softmax(1))\n",
            "F.binary_cross_entropy(model(x[rows]), labels[rows, None].float())",
        ),
        "nn.Sigmoid())",
    ),
    "relu on logits": (
        script(
            "model = nn.Sequential(nn.Linear(10, 8), nn.ELU(), nn.Linear(8, 2), nn.ReLU())\n",
            "F.cross_entropy(model(x[rows]), labels[rows])",
        ),
        "nn.Linear(8, 2))",
    ),
    "outside of the model": (
        script(
            "model = nn.Sequential(nn.Linear(10, 8), nn.ELU(), nn.Linear(8, 1))\n",
            "F.mse_loss(torch.sigmoid(model(x[rows])), y[rows])",
        ),
        "loss = F.mse_loss(model(x[rows]), y[rows])",
    ),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_taken_away_live_as_in_the_source(tmp_path: Path, name: str) -> None:
    source, wanted = SCRIPTS[name]
    path = tmp_path / "train.py"
    path.write_text(source)
    treated = treat(path, watch(path), (("fix-output-activation", {}),))
    patched = patch(path, treated.changes)
    assert wanted in patched
    changed = set(patched.splitlines()) ^ set(source.splitlines())
    assert len(changed) <= 4
    assert same(treated, Outcome(execute(path, patched)))
    assert not same(treated, Outcome(execute(path)))


def test_calls_that_hidden_layers_share_in_other_ways_stay(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(
        script(net("        return use(self.out, use(self.hidden, x))")).replace(
            "class Net", "def use(layer, x):\n    return torch.relu(layer(x))\n\nclass Net"
        )
    )
    assert not treat(path, watch(path), (("fix-output-activation", {}),)).changes
    path.write_text(
        script(
            "act = nn.ReLU()\nmodel = nn.Sequential(nn.Linear(10, 8), act, nn.Linear(8, 1), act)"
        )
    )
    assert not treat(path, watch(path), (("fix-output-activation", {}),)).changes


OUTSIDE = {
    "softmax": "F.cross_entropy(F.softmax(model(x[rows]), dim=1), labels[rows])",
    "method": "F.cross_entropy(model(x[rows]).softmax(-1), labels[rows])",
    "criterion": "nn.CrossEntropyLoss()(torch.softmax(model(x[rows]), 1), labels[rows])",
    "sigmoid": "F.binary_cross_entropy_with_logits(torch.sigmoid(model(x[rows])), "
    "F.one_hot(labels[rows], 2).float())",
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_softmax_outside_of_the_model_is_dropped(tmp_path: Path, name: str) -> None:
    path = tmp_path / "train.py"
    model = "model = nn.Sequential(nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 2))\n"
    path.write_text(script(model, OUTSIDE[name]))
    treated = treat(path, watch(path), (("drop-softmax", {}),))
    patched = patch(path, treated.changes)
    assert "softmax(" not in patched
    assert "sigmoid(" not in patched
    assert same(treated, Outcome(execute(path, patched)))
