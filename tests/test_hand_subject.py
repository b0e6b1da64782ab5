"""Updates that a script writes out: which tensors they move, at which rate, and what is edited."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from patching import rewritten
from unstuck.findings import Location
from unstuck.remedies import Settings
from unstuck.signals import Activation, Layer, Optimizer, Run
from unstuck.working_files import rewriting

HEAD = """\
import torch as t

lr, mu = 0.5, 0.9
"""
LOOPED = """\
for epoch in range(9):
    for x, y in batches:
        loss = criterion(t.sigmoid(x @ W1) @ W2, y)
        loss.backward()
        with t.no_grad():
            for p in model.parameters():
                p -= lr * p.grad
                p.grad.zero_()
"""
NAMED = """\
for x, y in batches:
    loss = criterion(t.sigmoid(x @ W1) @ W2, y)
    loss.backward()
    W1.data -= lr * W1.grad
    W2.data = W2.data - lr * W2.grad
"""
ZIPPED = """\
for step in range(100):
    loss = criterion(t.sigmoid(x @ W1) @ W2, y)
    grads = t.autograd.grad(loss, [W1, W2])
    with t.no_grad():
        for p, v, g in zip([W1, W2], velocity, grads):
            v.mul_(mu).add_(g)
            p.sub_(lr * v)
"""
FUNCTION = """\
def sgd(params, rate, size):
    with t.no_grad():
        for param in params:
            param.add_(param.grad / size, alpha=-rate)
            param.grad = None

while going:
    loss = criterion(t.sigmoid(x @ W1) @ W2, y)
    loss.backward()
    sgd([W1, W2], lr, 32)
"""


def hand(folder: Path, body: str) -> Run:
    """Return what a run of a script recorded whose step is its `backward` or `grad`."""
    path = folder / "train.py"
    path.write_text(HEAD + body)
    calls = [n for n in ast.walk(ast.parse(HEAD + body)) if isinstance(n, ast.Call)]

    def place(*names: str) -> Location:
        call = next(n for n in calls if isinstance(n.func, ast.Attribute) and n.func.attr in names)
        return Location(
            str(path), call.lineno, call.col_offset, call.end_lineno, call.end_col_offset
        )

    sigmoid = Activation("sigmoid@train.py", "sigmoid", place("sigmoid"), True, False, 64)
    layers = (
        Layer("W1", "Parameter", (64, 64), 64, activation="sigmoid"),
        Layer("W2", "Parameter", (10, 64), 64, output=True, depth=1),
    )
    return Run(
        layers,
        (sigmoid,),
        Optimizer("HandWritten", {}, None, place("backward", "grad")),
        steps=90,
        facts={"by_columns": True},
    )


def treated(run: Run, *candidate: tuple[str, Settings]) -> str:
    assert rewriting(run, candidate)
    return rewritten(run, candidate)


@pytest.mark.parametrize(
    ("body", "tensors", "head"),
    [
        (LOOPED, "model.parameters()", "for epoch in range(9):"),
        (NAMED, "(W1, W2)", "for x, y in batches:"),
        (ZIPPED, "[W1, W2]", "for step in range(100):"),
        (FUNCTION, "[W1, W2]", "while going:"),
    ],
)
def test_cures(tmp_path: Path, body: str, tensors: str, head: str) -> None:
    run = hand(tmp_path, body)
    text = treated(run, ("use-relu", {}), ("use-he-initialization", {}))
    assert "t.relu(x @ W1) @ W2" in text
    draw = 't.nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")'
    assert (
        f"    for weight in {tensors}:\n        if weight.ndim == 2:\n            {draw}\n{head}"
        in (text)
    )
    text = treated(run, ("lower-learning-rate", {"factor": 0.1}), ("use-leaky-relu", {}))
    assert "lr, mu = 0.5, 0.9" in text or "lr, mu = 0.05, 0.9" in text
    assert ("0.1 * lr" in text) or ("0.1 * rate" in text) or ("0.05" in text)
    assert "t.nn.functional.leaky_relu(x @ W1, negative_slope=0.01)" in text
    text = treated(run, ("clip-gradients", {"max_norm": 1.0}))
    clip = f"t.nn.utils.clip_grad_norm_({tensors}, max_norm=1.0)"
    assert (clip in text) == ("backward" in body)
    assert treated(run, ("use-adam", {"lr": 0.001})) == ""
    assert treated(run, ("use-relu", {}), ("use-adam", {"lr": 0.001})) == ""


def test_a_rate_that_stands_where_it_is_used(tmp_path: Path) -> None:
    text = treated(hand(tmp_path, LOOPED.replace("lr *", "0.5 *")), ("raise-learning-rate", {}))
    assert "p -= 5.0 * p.grad" in text
    run = hand(tmp_path, NAMED.replace("lr *", "lr * decay *"))
    assert treated(run, ("lower-learning-rate", {"factor": 0.01})).count("0.01 * lr * decay") == 2
    run = hand(tmp_path, NAMED.replace("lr *", "a * b *"))
    assert treated(run, ("lower-learning-rate", {})) == ""


def test_what_is_not_certain_is_left_alone(tmp_path: Path) -> None:
    body = LOOPED.replace("for p in model.parameters():", "for i, p in enumerate(model):")
    assert treated(hand(tmp_path, body), ("use-he-initialization", {})) == ""
    run = hand(tmp_path, LOOPED)
    assert treated(run, ("use-he-initialization", {})) == ""  # no ReLU
    assert "xavier_uniform_(weight)" in treated(run, ("use-xavier-initialization", {}))
