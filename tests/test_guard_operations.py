"""The remedy guard-operations: the patched script has a finite loss at every step."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from rewriting import finding, found, replaced, rewritten, watched, written
from unstuck import registry
from unstuck.findings import Location
from unstuck.remedies.guard_operations import GuardOperations
from unstuck.signals import Loss, Run

OBSTACLE = "non-finite-values"
MODEL = """
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
"""
LOOP = """
for step in range(6):
    optimizer.zero_grad()
    out = model(x)
    loss = LOSS
    loss.backward()
    optimizer.step()
"""


def script(loss: str, before: str = "") -> str:
    """Return the body of a script whose loss is an expression of ``out``."""
    return before + MODEL + LOOP.replace("LOSS", loss)


MASK = "keep = torch.arange(450).reshape(150, 3) % 7 > 2\n"
P = "p = torch.sigmoid(out * 1e4)\n    loss = "
FORMS = {
    "log": (
        script(f"{P}-(torch.log(p) + torch.log(1 - p)).mean()"),
        ("torch.log(p)", "torch.log(p.clamp_min(1e-7))"),
        ("torch.log(1 - p)", "torch.log((1 - p).clamp_min(1e-7))"),
    ),
    "method": (
        script(f"{P}(1 - p).log().mean()"),
        ("(1 - p).log()", "(1 - p).clamp_min(1e-7).log()"),
    ),
    "log1p": (
        script(f"{P}torch.log1p(-p).mean()"),
        ("torch.log1p(-p)", "torch.log1p((-p).clamp_min(-0.999999))"),
    ),
    "sqrt": (
        script("torch.sqrt((out - out).square().sum(1)).sum()"),
        (".sum(1))", ".sum(1).clamp_min(1e-12))"),
    ),
    "power": (
        script("(((out - out) ** 2).sum(1) ** 0.5).mean()"),
        ("((out - out) ** 2).sum(1)", "((out - out) ** 2).sum(1).clamp_min(1e-12)"),
    ),
    "acos": (
        script("torch.acos(out / out.detach()).mean()"),
        ("out / out.detach()", "(out / out.detach()).clamp(-0.999999, 0.999999)"),
    ),
    "exponential": (
        script("torch.exp(out * 1e4).mean()"),
        ("torch.exp(out * 1e4)", "torch.exp((out * 1e4).clamp_max(40))"),
    ),
    "norm": (
        script("(z / z.norm()).mean() + out.mean()", "").replace(
            "    loss =", "    z = out - out\n    loss ="
        ),
        ("/ z.norm()", "/ z.norm().clamp_min(1e-6)"),
    ),
    "sum": (
        script("(out / (out * 0).abs().sum(1, keepdim=True)).mean()"),
        ("sum(1, keepdim=True)", "sum(1, keepdim=True).clamp_min(1e-6)"),
    ),
    "divisor": (
        script("(out / d).mean()").replace("    loss =", "    d = out * 0\n    loss ="),
        ("out / d", "out / torch.where(d == 0, 1e-6, d)"),
    ),
    "root as divisor": (
        script("(out / n).mean()").replace(
            "    loss =", "    n = (out * 0).square().sum(1, True).sqrt()\n    loss ="
        ),
        (".sum(1, True).sqrt()", ".sum(1, True).clamp_min(1e-12).sqrt()"),
    ),
    "count": (
        script("(out / keep.sum(1, keepdim=True)).mean()", MASK),
        ("keep.sum(1, keepdim=True)", "keep.sum(1, keepdim=True).clamp_min(1)"),
    ),
    "weights": (
        script("((out.exp() * keep) / (out.exp() * keep).sum(1)[:, None]).square().mean()", MASK),
        (".sum(1)[:, None])", ".sum(1)[:, None].clamp_min(1e-6))"),
    ),
    "masked rows": (
        script("F.softmax(out.masked_fill(~keep, -torch.inf), 1).square().mean()", MASK),
        ("-torch.inf", "-1e9"),
    ),
    "masked in place": (
        script("s.softmax(1).square().mean()", MASK).replace(
            "    loss =", "    s = out + 1 / 2 ** 0.5\n    s[~keep] = float('-inf')\n    loss ="
        ),
        ("float('-inf')", "-1e9"),
    ),
    "logarithm of a mask": (
        script("(out + keep.float().log()).softmax(1).square().mean()", MASK),
        ("keep.float().log()", "keep.float().clamp_min(1e-7).log()"),
    ),
    "padding": (
        script(
            "attend(out[:, :, None], *[out[:, :, None]] * 2, key_padding_mask=~keep)[0].mean()",
            f"{MASK}attend = nn.MultiheadAttention(1, 1, batch_first=True)\n",
        ),
        ("=~keep)", "=~keep & ~(~keep).all(1, keepdim=True))"),
    ),
    "mean of nothing": (
        script("torch.stack([o[k].mean() for o, k in zip(out, keep)]).square().mean()", MASK),
        ("o[k].mean()", "o[k].mean().nan_to_num()"),
    ),
    "in functions": (
        "def entropy(p):\n    return -(p * p.log2()).sum(1)\n\n"
        "def train(criterion):\n    for step in range(6):\n        optimizer.zero_grad()\n"
        "        loss = criterion(torch.softmax(model(x) * 1e4, 1)).mean()\n"
        "        loss.backward()\n        optimizer.step()\n" + MODEL + "train(entropy)\n",
        ("p.log2()", "p.clamp_min(1e-7).log2()"),
    ),
    "half precision": (
        "dtype = torch.float16\nx = x.to(dtype)\n"
        + MODEL.replace("8, 3))", "8, 3)).to(dtype)").replace("SGD", "Adam")
        + LOOP.replace("LOSS", "F.cross_entropy(out, y)"),
        ("torch.float16", "torch.float32"),
    ),
    "half": (
        "x = x.half()\n"
        + MODEL.replace("8, 3))", "8, 3)).half()").replace("SGD", "Adam")
        + LOOP.replace("LOSS", "F.cross_entropy(out, y)"),
        ("x.half()", "x.float()"),
        ("8, 3)).half()", "8, 3)).float()"),
    ),
    "gaps": (
        "x[3, 1] = float('nan')\nx = x * 1\n" + script("F.cross_entropy(out, y)"),
        ("x = x * 1\n", "x = x * 1\nx = torch.where(torch.isfinite(x), x, 0.0)\n"),
    ),
    "gaps of two": (
        "x[[3, 120], 1] = float('nan')\nx_train = x[:100] + 5\nx_test = x[100:] + 5\ndel x\n"
        + MODEL
        + LOOP.replace("LOSS", "F.cross_entropy(out, y[:100])").replace("(x)", "(x_train)"),
        (
            "x_train = x[:100] + 5\n",
            "x_train = x[:100] + 5\n"
            "x_train = torch.where(torch.isfinite(x_train), x_train, x_train.nanmean(0))\n",
        ),
        (
            "x_test = x[100:] + 5\n",
            "x_test = x[100:] + 5\n"
            "x_test = torch.where(torch.isfinite(x_test), x_test, x_train.nanmean(0))\n",
        ),
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_guarded(tmp_path: Path, form: str) -> None:
    body, *pairs = FORMS[form]
    path = written(tmp_path, body)
    run = watched(path)
    assert found(run, OBSTACLE)
    patched = rewritten(path, run, "guard-operations")
    assert patched == replaced(path.read_text(), *pairs)
    after = written(tmp_path, patched, "")
    cured = watched(after)
    assert not found(cured, OBSTACLE)
    assert cured.steps == run.steps
    assert all(map(math.isfinite, cured.loss.values))


DECLINED = {
    "a step that is too long": script("(out ** 2).mean() * 1e30"),
    "maximum of nothing": script(
        "out.masked_fill(~keep, -torch.inf).amax(1).square().mean()", MASK
    ),
    "no computation of its own": script("F.mse_loss(out * 1e30, out.detach())"),
    "without gradients": script(
        "F.cross_entropy(out * float('inf'), y)",
        "with torch.no_grad():\n    print(torch.log(x.abs()).mean())\n",
    ),
    "dead column": "x[:, 1] = float('nan')\nx = x * 1\n" + script("F.cross_entropy(out, y)"),
    "unknown means": "x[3, 1] = float('nan')\nx = x + 5\n" + script("F.cross_entropy(out, y)"),
    "targets": "z = torch.log(x[:, :1] * 0 - 1)\n" + script("((out - z) ** 2).mean()"),
}


@pytest.mark.parametrize("form", DECLINED)
def test_declined(tmp_path: Path, form: str) -> None:
    path = written(tmp_path, DECLINED[form])
    run = watched(path)
    assert found(run, OBSTACLE)
    assert rewritten(path, run, "guard-operations") is None
    assert GuardOperations().display(run, {})


def test_the_exponents_of_a_chain(tmp_path: Path) -> None:
    layers = "nn.Linear(4, 4), Exp(), nn.Linear(4, 4), Exp(), nn.Linear(4, 3)"
    kind = "class Exp(nn.Module):\n    def forward(self, x):\n        return x.exp()\n"
    body = kind + script("F.cross_entropy(out * 1e4, y)").replace(
        "nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)", layers
    )
    path = written(tmp_path, body.replace("model(x)", "model(x * 100)"))
    run = watched(path)
    assert run.facts["nonfinite"]["in_a_row"] == 2
    assert run.facts["nonfinite"]["location"]["line"] == 12
    first, second = GuardOperations().settings(run, finding(OBSTACLE))
    assert first["exponent"] > second["exponent"]
    assert "x.clamp_max(" in (rewritten(path, run, "guard-operations", second) or "")


def test_it_comes_first() -> None:
    assert registry.obstacle(OBSTACLE).remedies[0] == "guard-operations"


KERAS = """
import keras
import numpy as np
from keras import layers, ops
x = np.arange(40.0).reshape(10, 4)
x = (x - x.mean(0)) / x.std(0)
def entropy(y_true, y_pred):
    sure = ops.sum(ops.abs(y_pred), axis=-1)
    return -ops.mean(y_true * ops.log(y_pred) + (1 - y_true) * ops.log(1 - y_pred), axis=-1) / sure
model = keras.Sequential([layers.Dense(1, activation="sigmoid")])
model.compile("sgd", loss=entropy)
model.fit(x, np.ones(10))
"""


def test_guarded_in_a_keras_script(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(KERAS)
    line = KERAS[: KERAS.index("model.compile")].count("\n") + 1
    call = Location(str(path), line, 0, line, len('model.compile("sgd", loss=entropy)'))
    run = Run(
        framework="keras",
        loss_function=Loss("entropy", call),
        facts={"nonfinite": {"cause": "loss", "steep": ["log", "div"]}},
    )
    patched = rewritten(path, run, "guard-operations")
    assert patched is not None
    assert "ops.log(ops.maximum(y_pred, 1e-7))" in patched
    assert "ops.log(ops.maximum(1 - y_pred, 1e-7))" in patched
    assert "/ ops.maximum(sure, 1e-6)" in patched
    assert "/ x.std(0)" in patched
