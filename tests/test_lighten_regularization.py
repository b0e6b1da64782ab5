"""What is too strong is lowered where its number is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from rewriting import finding, replaced, rewritten, watched, written
from unstuck import registry
from unstuck.evidence import middle

PLAIN = """
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
"""
LOOP = """
for epoch in range(6):
    for rows in torch.randperm(150).split(30):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
"""


def penalized(lines: str, before: str = "") -> str:
    """Return a script whose loss becomes something else before backward."""
    added = "".join(f"        {line}\n" for line in lines.splitlines())
    return (
        before
        + PLAIN
        + LOOP.replace("        loss.backward()\n", added + "        loss.backward()\n")
    )


def decayed(argument: str, before: str = "") -> str:
    """Return a script with an optimizer that decays weights."""
    return before + PLAIN.replace("lr=0.01", f"lr=0.01, {argument}") + LOOP


def dropped(layer: str, before: str = "") -> str:
    """Return a script with dropout."""
    return before + PLAIN.replace("nn.Tanh()", f"nn.Tanh(), {layer}") + LOOP


NET = """
class Net(nn.Module):
    def __init__(self, width=8, p=0.9):
        super().__init__()
        self.a, self.b = nn.Linear(4, width), nn.Linear(width, 3)
        self.p = p

    def forward(self, x):
        return self.b(F.dropout(torch.tanh(self.a(x)), self.p, self.training))

model = Net({})
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
L1 = "sum(p.abs().sum() for p in model.parameters())"
FACTOR = {
    "keyword": (decayed("weight_decay=0.5"), [("decay=0.5", "decay=0.005")]),
    "power of ten": (decayed("weight_decay=5e-1"), [("decay=5e-1", "decay=0.005")]),
    "by position": (
        decayed("x").replace(
            "Adam(model.parameters(), lr=0.01, x", "SGD(model.parameters(), 0.1, 0.9, 0, 0.5"
        ),
        [("0, 0.5)", "0, 0.005)")],
    ),
    "variable": (decayed("weight_decay=WD", "WD = 0.5  # L2\n"), [("WD = 0.5", "WD = 0.005")]),
    "variable used twice": (
        decayed("weight_decay=half", "half = 0.5\nrate = half / 50\n"),
        [("decay=half", "decay=0.005")],
    ),
    "dict": (
        decayed('weight_decay=config["wd"]', 'config = {"lr": 0.5, "wd": 0.5}\n'),
        [('"wd": 0.5', '"wd": 0.005')],
    ),
    "argparse": (
        decayed(
            "weight_decay=args.weight_decay",
            "import argparse\nparser = argparse.ArgumentParser()\n"
            'parser.add_argument("--weight-decay", type=float, default=0.5)\n'
            "args = parser.parse_args([])\n",
        ),
        [("default=0.5", "default=0.005")],
    ),
    "class of settings": (
        decayed("weight_decay=Config.decay", "class Config:\n    decay = 0.5\n    lr = 0.5\n"),
        [("    decay = 0.5", "    decay = 0.005")],
    ),
    "groups": (
        decayed("betas=(0.9, 0.99)").replace(
            "(model.parameters()", '([{"params": model.parameters(), "weight_decay": 0.5}]'
        ),
        [('decay": 0.5', 'decay": 0.005')],
    ),
    "L1 in place": (penalized(f"loss = loss + 0.3 * {L1}"), [("0.3 * sum", "0.003 * sum")]),
    "L1 with a variable": (
        penalized(f"l1 = {L1}\nloss += lam * l1", "lam = 0.3\n"),
        [("lam = 0.3", "lam = 0.003")],
    ),
    "L2 in a loop": (
        penalized(
            "reg = 0\nfor p in model.parameters():\n    reg = reg + p.pow(2).sum()\n"
            "loss = loss + reg * 0.3"
        ),
        [("reg * 0.3", "reg * 0.003")],
    ),
    "without a coefficient": (
        penalized(f"reg = {L1}\nloss = loss + reg"),
        [("reg = sum", "reg = 0.01 * sum")],
    ),
    "function": (
        penalized(
            "loss = loss + penalty(model, 0.3)",
            "def penalty(net, strength):\n"
            "    return strength * sum((w ** 2).sum() for w in net.parameters())\n",
        ),
        [("loss + penalty", "loss + 0.01 * penalty")],
    ),
    "two penalties": (
        penalized("loss = loss + 0.1 * model[0].weight.abs().sum() + 0.2 * model[2].weight.norm()"),
        [("0.1 * model", "0.001 * model"), ("0.2 * model", "0.002 * model")],
    ),
}
DROPOUT = {
    "modules": (dropped("nn.Dropout(0.9)"), [("Dropout(0.9)", "Dropout(0.5)")]),
    "keyword": (dropped("nn.Dropout(p=0.9)"), [("p=0.9", "p=0.5")]),
    "variable": (dropped("nn.Dropout(DROP)", "DROP = 0.9\n"), [("DROP = 0.9", "DROP = 0.5")]),
    "share that is kept": (dropped("nn.Dropout(1 - 0.2)"), [("1 - 0.2", "0.5")]),
    "share that is kept, variable": (
        dropped("nn.Dropout(1 - keep)", "keep = 0.2\nprint(keep)\n").replace("print(keep)\n", ""),
        [("1 - keep", "0.5")],
    ),
    "default of a class": (NET.format("") + LOOP, [("p=0.9", "p=0.5")]),
    "argument of a class": (NET.format("8, p=0.8") + LOOP, [("p=0.8", "p=0.5")]),
    "only the large one": (
        dropped("nn.Dropout(0.1), nn.Dropout(0.85)"),
        [("Dropout(0.85)", "Dropout(0.5)")],
    ),
}


VAE = """
x = x * 0.1

class Coder(nn.Module):
    def __init__(self):
        super().__init__()
        self.mu, self.logvar, self.out = nn.Linear(4, 2), nn.Linear(4, 2), nn.Linear(2, 4)

    def forward(self, x):
        mu, logvar = self.mu(x), self.logvar(x)
        return self.out(mu + torch.randn_like(mu) * (0.5 * logvar).exp()), mu, logvar

model = Coder()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
""" + LOOP.replace("loss = F.cross_entropy(model(x[rows]), y[rows])", "LOSS")
FUNCTION = """
def judge(out, x, mu, logvar, beta=1.0):
    rec = F.mse_loss(out, x)
    kl = torch.mean(-0.5 * torch.sum(1 + logvar - mu.pow(2) - torch.exp(logvar), 1))
    return rec + beta * kl
"""
DIVERGENCE = {
    "in place": (
        VAE.replace(
            "LOSS",
            "out, mu, logvar = model(x[rows])\n        rec = F.mse_loss(out, x[rows])\n"
            "        kl = -0.5 * (1 + logvar - mu ** 2 - logvar.exp()).sum(1).mean()\n"
            "        loss = rec + kl",
        ),
        [("kl = -0.5 *", "kl = -0.125 *")],
    ),
    "function": (
        FUNCTION
        + VAE.replace("LOSS", "loss = judge(model(x[rows])[0], x[rows], *model(x[rows])[1:])"),
        [("return rec + beta", "return rec + 0.25 * beta")],
    ),
}


@pytest.mark.parametrize("form", DIVERGENCE)
def test_a_divergence_is_lowered_to_its_share_of_the_bound(tmp_path: Path, form: str) -> None:
    body, pairs = DIVERGENCE[form]
    path = written(tmp_path, body)
    run = watched(path)
    first, second = registry.remedy("lighten-regularization")().settings(
        run, finding("underfitting")
    )
    error = middle(run.of("batch_loss").values[-8:])
    assert first["divergence"] == pytest.approx(2 * error / 4, rel=0.05)
    assert second["divergence"] == pytest.approx(first["divergence"] / 10, rel=0.05)
    patched = rewritten(path, run, "lighten-regularization", {"divergence": 0.25})
    assert patched == replaced(path.read_text(), *pairs)
    path.write_text(patched)
    again = rewritten(path, watched(path), "lighten-regularization", {"divergence": 0.25})
    assert again is None


@pytest.mark.parametrize("form", FACTOR)
def test_decay_and_penalties_are_divided(tmp_path: Path, form: str) -> None:
    body, pairs = FACTOR[form]
    path = written(tmp_path, body)
    run = watched(path)
    patched = rewritten(path, run, "lighten-regularization", {"factor": 0.01})
    assert patched == replaced(path.read_text(), *pairs)
    (tmp_path / "after").mkdir()
    after = tmp_path / "after" / "train.py"
    after.write_text(patched)
    cured = watched(after)
    was = run.optimizer.settings["weight_decay"]
    assert cured.optimizer.settings["weight_decay"] == pytest.approx(was / 100)
    share = {
        1 - cured.of("batch_loss").at(step) / cured.loss.at(step) < 0.5  # type: ignore[operator]
        for step in cured.of("batch_loss").steps
    }
    assert share == {True}


@pytest.mark.parametrize("form", DROPOUT)
def test_dropout_is_lowered(tmp_path: Path, form: str) -> None:
    body, pairs = DROPOUT[form]
    path = written(tmp_path, body)
    run = watched(path)
    patched = rewritten(path, run, "lighten-regularization", {"dropout": 0.5})
    assert patched == replaced(path.read_text(), *pairs)
    (tmp_path / "after").mkdir()
    after = tmp_path / "after" / "train.py"
    after.write_text(patched)
    assert max(watched(after).facts["dropout"]) == 0.5


def test_settings_follow_the_evidence(tmp_path: Path) -> None:
    path = written(tmp_path, decayed("weight_decay=0.5"))
    remedy = registry.remedy("lighten-regularization")()
    run = watched(path)
    decay = finding("excessive-regularization", {"weight_decay": 0.5})
    assert remedy.settings(run, decay) == ({"factor": 0.01}, {"factor": 0.0})
    assert remedy.settings(run, finding("excessive-regularization", {"dropout": 0.9})) == ()


DECLINED = {
    "another term than the weights": penalized("loss = loss + 0.3 * model(x[rows]).pow(2).sum()"),
    "the loss itself": penalized("loss = 0.3 * loss"),
    "nothing": PLAIN + LOOP,
    "dropout from outside": dropped(
        'nn.Dropout(float(os.environ.get("DROP", "0.9")))', "import os\n"
    ),
}


@pytest.mark.parametrize("form", DECLINED)
def test_what_is_not_certain_is_left_alone(tmp_path: Path, form: str) -> None:
    path = written(tmp_path, DECLINED[form])
    settings = {"factor": 0.01, "dropout": 0.5}
    assert rewritten(path, watched(path), "lighten-regularization", settings) is None
