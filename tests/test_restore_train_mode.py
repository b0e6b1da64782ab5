"""The mode is switched where training and evaluation begin, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from rewriting import finding, found, replaced, rewritten, watched, written
from unstuck import registry

MODEL = """
model = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3),
                      nn.Linear(16, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
"""
STEP = """\
optimizer.zero_grad()
loss = F.cross_entropy(model(x[rows]), y[rows])
loss.backward()
optimizer.step()
"""
CHECK = """\
with torch.no_grad():
    accuracy = (model(x).argmax(1) == y).float().mean().item()
"""
SPLIT = "for rows in torch.randperm(150).split(30):\n"


def indented(text: str, by: int = 4) -> str:
    return "".join(" " * by + line for line in text.splitlines(keepends=True))


def function(head: str, body: str) -> str:
    return head + indented(body)


TRAIN = function("def train(model, optimizer):\n", SPLIT + indented(STEP))
EVALUATE = function("def evaluate(model):\n", "model.eval()\n" + CHECK + "return accuracy\n")
QUIET = """
@torch.no_grad()
def evaluate(model):
    '''How good it is.'''
    return (model(x).argmax(1) == y).float().mean()
"""
EVAL = {
    "never back, loops in the module": (
        MODEL
        + "for epoch in range(6):\n"
        + indented(SPLIT + indented(STEP) + "model.eval()\n" + CHECK),
        [("    for rows in", "    model.train()\n    for rows in")],
    ),
    "never back, functions": (
        TRAIN + EVALUATE + MODEL + "for epoch in range(6):\n    train(model, optimizer)\n"
        "    evaluate(model)\n",
        [("    for rows in", "    model.train()\n    for rows in")],
    ),
    "evaluated between the steps": (
        EVALUATE
        + MODEL
        + "for epoch in range(6):\n"
        + indented(SPLIT + indented(STEP + "if rows[0] % 2:\n    print(evaluate(model))\n"))
        + "model.eval()\n".replace("model.eval()\n", ""),
        [("        optimizer.zero", "        model.train()\n        optimizer.zero")],
    ),
    "eval in its place": (
        MODEL
        + "for epoch in range(6):\n"
        + indented("model.eval()\ntotal = 0\n" + SPLIT + indented(STEP)),
        [("model.eval()", "model.train()")],
    ),
    "train(False) in its place": (
        MODEL
        + "model.train(False)\n"
        + "for epoch in range(6):\n"
        + indented(SPLIT + indented(STEP)),
        [("    for rows in", "    model.train()\n    for rows in")],
    ),
    "function for a step": (
        function("def step(rows):\n", '"""One step."""\n' + STEP)
        + EVALUATE
        + MODEL
        + "evaluate(model)\nfor epoch in range(6):\n"
        + indented(SPLIT + "    step(rows)\n"),
        [("    optimizer.zero", "    model.train()\n    optimizer.zero")],
    ),
    "trainer": (
        "class Trainer:\n"
        + indented(
            function(
                "def __init__(self, model):\n",
                "self.net = model\nself.optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n",
            )
            + function(
                "def epoch(self):\n",
                SPLIT
                + indented(
                    STEP.replace("model(", "self.net(").replace("optimizer", "self.optimizer")
                ),
            )
            + function(
                "def check(self):\n", "self.net.eval()\n" + CHECK.replace("model(", "self.net(")
            )
        )
        + MODEL
        + "trainer = Trainer(model)\nfor epoch in range(6):\n    trainer.check()\n"
        + "    trainer.epoch()\n",
        [("        for rows in", "        self.net.train()\n        for rows in")],
    ),
}
TRAINING = {
    "block, train outside the loop": (
        MODEL
        + "model.train()\nfor epoch in range(6):\n"
        + indented(SPLIT + indented(STEP) + "# check\n" + CHECK),
        [
            ("    for rows in", "    model.train()\n    for rows in"),
            ("    with torch", "    model.eval()\n    with torch"),
        ],
    ),
    "block, train in each epoch": (
        MODEL
        + "for epoch in range(6):\n    model.train()\n"
        + indented(SPLIT + indented(STEP) + CHECK),
        [("    with torch", "    model.eval()\n    with torch")],
    ),
    "decorated function": (
        TRAIN
        + QUIET
        + MODEL
        + "for epoch in range(6):\n    train(model, optimizer)\n    evaluate(model)\n",
        [
            ("    for rows in", "    model.train()\n    for rows in"),
            ("    return (model", "    model.eval()\n    return (model"),
        ],
    ),
    "batches of a pass": (
        MODEL
        + "for epoch in range(6):\n"
        + indented(
            SPLIT
            + indented(STEP)
            + "for part in torch.arange(150).split(50):\n"
            + indented(
                "with torch.inference_mode():\n    F.cross_entropy(model(x[part]), y[part])\n"
            )
        ),
        [
            ("    for rows in", "    model.train()\n    for rows in"),
            ("    for part in", "    model.eval()\n    for part in"),
        ],
    ),
    "within the loop over the batches": (
        MODEL
        + "model.train()\nfor epoch in range(6):\n"
        + indented(SPLIT + indented(STEP + "if rows[0] % 2:\n" + indented(CHECK))),
        [
            ("        optimizer.zero", "        model.train()\n        optimizer.zero"),
            ("            with torch", "            model.eval()\n            with torch"),
        ],
    ),
}
FORMS = {**EVAL, **TRAINING}


@pytest.mark.parametrize("form", FORMS)
def test_the_mode_is_right_afterwards(tmp_path: Path, form: str) -> None:
    body, pairs = FORMS[form]
    path = written(tmp_path, body)
    run = watched(path)
    assert found(run, "wrong-mode")
    patched = rewritten(path, run, "restore-train-mode")
    assert patched == replaced(path.read_text(), *pairs)
    (tmp_path / "after").mkdir()
    after = tmp_path / "after" / "train.py"
    after.write_text(patched)
    cured = watched(after)
    assert set(cured.of("eval_share")) == {0.0}
    assert not cured.facts.get("validation_sites")


DECLINED = {
    "a module with a mode of its own": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))
    def train(self, mode=True):
        return super().train(False)
    def forward(self, x):
        return self.inner(x)
model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
model.eval()
for rows in torch.randperm(150).split(5):
"""
    + indented(STEP),
    "no name for the model": (
        "held = {}\n"
        + MODEL.replace("model = ", "held['m'] = ").replace("model.", "held['m'].")
        + "held['m'].eval()\n"
        + SPLIT.replace("30", "5")
        + indented(STEP.replace("model(", "held['m']("))
    ),
    "healthy": MODEL
    + "for epoch in range(6):\n    model.train()\n"
    + indented(SPLIT + indented(STEP) + "model.eval()\n" + CHECK),
}


@pytest.mark.parametrize("form", DECLINED)
def test_what_is_not_certain_is_left_alone(tmp_path: Path, form: str) -> None:
    path = written(tmp_path, DECLINED[form])
    run = watched(path)
    assert rewritten(path, run, "restore-train-mode") is None
    assert not registry.remedy("restore-train-mode")().settings(run, finding("wrong-mode"))
