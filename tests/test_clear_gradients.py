"""The remedy clear-gradients: updates written by hand, each step with its own gradient."""

from __future__ import annotations

from pathlib import Path

import pytest

from treating import patch, recorded
from unstuck.findings import Finding, Severity
from unstuck.remedies.clear_gradients import ClearGradients
from unstuck.remedies.zero_gradients import ZeroGradients

HEAD = """\
import torch
from torch import nn
from sklearn.datasets import load_diabetes

torch.manual_seed(0)
x = torch.tensor(load_diabetes().data, dtype=torch.float32) * 20
y = torch.tensor(load_diabetes().target, dtype=torch.float32)[:, None] / 77 - 2
w = torch.zeros(10, 1, requires_grad=True)
b = torch.zeros(1, requires_grad=True)
model = nn.Linear(10, 1)
params = [w, b]
lr = 0.01
"""
LOOP = """
for step in range(30):
    loss = ((LOSS - y) ** 2).mean()
    loss.backward()
"""
WEIGHTS = LOOP.replace("LOSS", "x @ w + b")
MODEL = LOOP.replace("LOSS", "model(x)")
FORMS = {
    "no_grad": WEIGHTS + "    with torch.no_grad():\n        w -= lr * w.grad\n"
    "        b -= lr * b.grad  # the offset\n",
    "data": WEIGHTS + "    w.data -= lr * w.grad.data; b.data.sub_(lr * b.grad)\n"
    "    print(w.grad.norm().item())\n",
    "loop": MODEL + "    for p in model.parameters():\n        p.data = p.data - lr * p.grad\n",
    "add": MODEL + "    for p in model.parameters(): p.data.add_(p.grad, alpha=-lr)\n",
    "function": "\ndef update(params):\n    with torch.no_grad():\n        for p in params:\n"
    "            p.add_(-lr * p.grad)\n" + WEIGHTS + "    update(params)\n",
    "index": WEIGHTS + "    with torch.no_grad():\n        for i in range(2):\n"
    "            params[i] -= lr * params[i].grad\n            # done\n",
    "class": "\nclass Descent:\n    def __init__(self, w, b):\n        self.w, self.b = w, b\n\n"
    "    def step(self):\n        self.w.data -= lr * self.w.grad\n"
    "        self.b.data -= lr * self.b.grad\n\ndescent = Descent(w, b)\n"
    + WEIGHTS
    + "    descent.step()\n",
}
FINDING = Finding("missing-zero-grad", "U802", Severity.ERROR, "")


@pytest.mark.parametrize("name", FORMS)
def test_gradients_are_cleared(tmp_path: Path, name: str) -> None:
    path = tmp_path / "train.py"
    path.write_text(HEAD + FORMS[name])
    run = recorded(path).runs[0]
    assert max(run.of("stale_gradient").values) == 1
    remedy = ClearGradients()
    assert remedy.settings(run, FINDING)
    assert not ZeroGradients().settings(run, FINDING)
    patched = patch(path, tuple(remedy.rewrite(run, {})))
    added = [line for line in patched.splitlines() if line not in path.read_text().splitlines()]
    assert all("grad.zero_()" in line for line in added)
    after = tmp_path / "patched.py"
    after.write_text(patched)
    treated = recorded(after).runs[0]
    assert max(treated.of("stale_gradient").values) == 0
    assert not remedy.rewrite(treated, {})


@pytest.mark.parametrize(
    "rest",
    [
        WEIGHTS + "    with torch.no_grad():\n        w -= lr * w.grad\n        w.grad.zero_()\n",
        WEIGHTS + "    g = w.grad\n    w.data -= lr * g\n",
        "opt = torch.optim.SGD(model.parameters(), lr=lr)\n" + MODEL + "    opt.step()\n",
    ],
)
def test_declines(tmp_path: Path, rest: str) -> None:
    path = tmp_path / "train.py"
    path.write_text(HEAD + rest)
    assert not ClearGradients().rewrite(recorded(path).runs[0], {})
