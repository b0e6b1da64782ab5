"""Early stopping: written into loops whose validation loss has a name, declined elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from rewriting import found, rewritten, watched, written
from treating import execute
from unstuck.evidence import kept_pass, validation
from unstuck.worth import value

MODEL = """\
model = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
rows = torch.randperm(150)
held, rows = rows[:110], rows[110:]
y[rows[:12]] = (y[rows[:12]] + 1) % 3  # wrong labels, to be learned by heart


def train():
    optimizer.zero_grad()
    F.cross_entropy(model(x[rows]), y[rows]).backward()
    optimizer.step()


def evaluate(at):
    with torch.no_grad():
        out = model(x[at])
        loss = F.cross_entropy(out, y[at])
    return loss.item(), (out.argmax(1) == y[at]).float().mean().item()


def only_loss(at):
    total = 0.0
    for part in at.split(50):
        total += evaluate(part)[0] * len(part)
    return total / len(at)


"""
LOOPS = {
    "name": (
        "for epoch in range(60):\n    train()\n    with torch.no_grad():\n"
        "        val = F.cross_entropy(model(x[held]), y[held])\n    print(val.item())\n",
        "val",
    ),
    "sum over batches": (
        "for epoch in range(60):\n    train()\n    total, count = 0.0, 0\n"
        "    with torch.no_grad():\n        for part in held.split(40):\n"
        "            total += F.cross_entropy(model(x[part]), y[part]).item() * len(part)\n"
        "            count += len(part)\n    total /= count\n",
        "total",
    ),
    "list": (
        "curve = []\nfor epoch in range(60):\n    train()\n    with torch.no_grad():\n"
        "        curve.append(F.cross_entropy(model(x[held]), y[held]).item())\n",
        "curve[-1]",
    ),
    "mean of a list": (
        "for epoch in range(60):\n    train()\n    losses = []\n    with torch.no_grad():\n"
        "        for part in held.split(55):\n"
        "            losses.append(F.cross_entropy(model(x[part]), y[part]).item())\n"
        "    mean = sum(losses) / len(losses)\n",
        "mean",
    ),
    "functions": (
        "for epoch in range(60):\n    train()\n    if epoch % 2 == 1:\n"
        "        loss, right = evaluate(held)\n",
        "loss",
    ),
    "function of a function": (
        "def main():\n    for epoch in range(60):\n        train()\n"
        "        found = only_loss(held)\n        print(found)\n\n\nmain()\n",
        "found",
    ),
    "generator": (
        "for epoch in range(60):\n    train()\n    with torch.no_grad():\n"
        "        val = sum(F.cross_entropy(model(x[p]), y[p]) for p in held.split(55)) / 2\n",
        "val",
    ),
}


@pytest.mark.parametrize("form", LOOPS)
def test_the_best_state_is_kept_and_loaded(tmp_path: Path, form: str) -> None:
    body, name = LOOPS[form]
    path = written(tmp_path, MODEL + body)
    run = watched(path)
    after = rewritten(path, run, "stop-early")
    assert after is not None
    assert f"if {name} < best_loss:" in after
    path.write_text(after)
    stopped = watched(path)
    losses = validation(run)[0]  # type: ignore[index]
    at = losses.steps[losses.values.index(min(losses))]
    assert kept_pass(stopped) == at
    assert stopped.steps < run.steps
    assert value(stopped, "validation loss", stopped.steps) == min(losses)
    assert value(stopped, "validation loss", at + 1) != min(losses)
    assert found(run, "overfitting")
    assert not found(stopped, "overfitting")
    if form == "name":
        names = execute(path, after)
        again = names["F"].cross_entropy(
            names["model"](names["x"][names["held"]]), names["y"][names["held"]]
        )
        assert again.item() == pytest.approx(min(losses))


DECLINED = {
    "no name": "for epoch in range(30):\n    train()\n    evaluate(held)\n",
    "over all epochs": (
        "total = 0.0\nfor epoch in range(30):\n    train()\n    total += evaluate(held)[0]\n"
    ),
    "the last batch": (
        "for epoch in range(30):\n    train()\n    for part in held.split(55):\n"
        "        val = evaluate(part)[0]\n"
    ),
    "turned round": "for epoch in range(30):\n    train()\n    val = 1 - evaluate(held)[0]\n",
    "overwritten": (
        "for epoch in range(30):\n    train()\n    val = evaluate(held)[0]\n    val = epoch\n"
    ),
    "stops by itself": (
        "for epoch in range(30):\n    train()\n    val = evaluate(held)[0]\n"
        "    if val < 0.01:\n        break\n"
    ),
    "saves states": (
        "for epoch in range(30):\n    train()\n    val = evaluate(held)[0]\n"
        "    kept = model.state_dict()\n"
    ),
    "in the loop over batches": (
        "for epoch in range(3):\n    for batch in range(10):\n        train()\n"
        "        val = evaluate(held)[0]\n"
    ),
}


@pytest.mark.parametrize("form", DECLINED)
def test_what_is_not_certain_is_left_alone(tmp_path: Path, form: str) -> None:
    path = written(tmp_path, MODEL + DECLINED[form])
    assert rewritten(path, watched(path), "stop-early") is None
