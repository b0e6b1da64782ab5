"""use-mini-batches: a step on all rows becomes a pass over mini-batches, or stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from sourcing import rewrite
from unstuck.findings import Finding, Severity
from unstuck.registry import remedy
from unstuck.sketch import sketch

FINDING = Finding("full-batch-training", "U408", Severity.WARNING, "all rows")
HEAD = """\
import torch
import torch.nn.functional as F
from sklearn.datasets import load_iris
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
bunch = load_iris()
arrays = ((bunch.data - bunch.data.mean(0)) / bunch.data.std(0)).astype("float32")
labels = bunch.target
X, y = torch.tensor(arrays), torch.tensor(labels)
X_val, y_val = X[::2], y[::2]
model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
criterion = nn.CrossEntropyLoss()
history = []

"""
TAIL = """
accuracy = (model(X_val).argmax(1) == y_val).float().mean().item()
"""
PLAIN = """\
for epoch in range(6):
    model.train()
    optimizer.zero_grad()
    # forward
    out = model(X)  # all rows

    loss = criterion(out, y)
    loss.backward()
    optimizer.step()
    history.append(loss.item())
    with torch.no_grad():
        held = criterion(model(X_val), y_val)
    print(epoch, held.item())
"""
PLAIN_AFTER = """\
for epoch in range(6):
    model.train()
    for batch in torch.randperm(len(X)).split(10):
        optimizer.zero_grad()
        # forward
        out = model(X[batch])  # all rows

        loss = criterion(out, y[batch])
        loss.backward()
        optimizer.step()
    history.append(loss.item())
    with torch.no_grad():
        held = criterion(model(X_val), y_val)
    print(epoch, held.item())
"""
TUTORIAL = """\
for t in range(6):
    y_pred = model(X)
    loss = F.cross_entropy(y_pred, y)
    if t % 3 == 0:
        # tell
        print(t, loss.item())
    history.append(loss.item())
    model.zero_grad()
    loss.backward()
    optimizer.step()
"""
TUTORIAL_AFTER = """\
for t in range(6):
    for batch in torch.randperm(len(X)).split(10):
        y_pred = model(X[batch])
        loss = F.cross_entropy(y_pred, y[batch])
        model.zero_grad()
        loss.backward()
        optimizer.step()
    if t % 3 == 0:
        # tell
        print(t, loss.item())
    history.append(loss.item())
"""
FORMS = {
    "plain": PLAIN,
    "tutorial": TUTORIAL,
    "zero-after": """\
for epoch in range(6):
    loss = criterion(model(X), y)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    history.append(loss.item())
""",
    "function": """\
def train():
    model.train(); optimizer.zero_grad()
    loss = criterion(model(X), y)
    loss.backward()
    optimizer.step()
    return loss.item()


if __name__ == "__main__":
\tfor epoch in range(6):
\t\thistory.append(train())
""",
    "tabs": """\
def fit(net, inputs, targets, epochs=6):
\toptim = optimizer
\tfor epoch in range(epochs):
\t\toptim.zero_grad()
\t\tout = net(inputs)
\t\tloss = criterion(
\t\t\tout,
\t\t\ttargets,
\t\t)
\t\tloss.backward()
\t\toptim.step()
\t\thistory.append(loss.item())


fit(model, X, y)
""",
    "class": """\
class Trainer:
    def __init__(self, model, X, y):
        self.model, self.X, self.data = model, X, {"y": y}

    def fit(self):
        for epoch in range(6):
            loss = criterion(self.model(self.X), self.data["y"])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
            optimizer.step()
            history.append(loss.item())


Trainer(model, X, y).fit()
""",
    "arrays": """\
for epoch in range(6):
    xb, yb = torch.from_numpy(arrays), torch.tensor(labels)
    loss = criterion(model(xb), yb)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    history.append(loss.item())
""",
    "compared-later": """\
for epoch in range(6):
    out = model(X)
    loss = criterion(out, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 2 == 0:
        guess = out.argmax(1)
        right = (guess == y).float().mean()
        print(f"{epoch}: {right.item():.3f}")
    history.append(loss.item())
""",
    "counted": """\
n = len(X)
for epoch in range(6):
    guess = model(X).log_softmax(1)
    loss = F.nll_loss(guess.view(n, 3), y, reduction="sum") / n
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    history.append(loss.item())
""",
    "schedule": """\
schedule = torch.optim.lr_scheduler.StepLR(optimizer, 5, 0.5)
scaler = torch.amp.GradScaler(enabled=False)
epoch = 0
while epoch < 6:
    with torch.autocast("cpu", enabled=False):
        loss = criterion(model(X), y)
    optimizer.zero_grad()
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    schedule.step()
    history.append(loss.item())
    epoch += 1
""",
    "no-batch-name": """\
batch = 3
for epoch in range(6):
    optimizer.zero_grad(); loss = criterion(model(X), y); loss.backward(); optimizer.step()
    history.append(loss.item())
""",
    "loader": """\
loader = DataLoader(TensorDataset(X, y), batch_size=len(X))
for epoch in range(6):
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
    history.append(loss.item())
""",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_pass_makes_many_steps(tmp_path: Path, form: str) -> None:
    done = rewrite(tmp_path, HEAD + FORMS[form] + TAIL, "use-mini-batches", {"batch_size": 10})
    assert not done.declined
    assert done.after.startswith(HEAD)
    assert done.after.endswith(TAIL)
    names = done.names()
    assert len(names["history"]) == 6
    again = done.again()
    assert done.run.steps == 6
    assert again.steps == 6 * 15
    assert set(again.of("batch_size")) == {10.0}
    assert names["accuracy"] > 0.8


def test_other_lines_stay_byte_for_byte(tmp_path: Path) -> None:
    for before, after in ((PLAIN, PLAIN_AFTER), (TUTORIAL, TUTORIAL_AFTER)):
        for end in ("\n", "\r\n"):
            source = (HEAD + before + TAIL).replace("\n", end)
            done = rewrite(tmp_path, source, "use-mini-batches", {"batch_size": 10})
            assert done.after == (HEAD + after + TAIL).replace("\n", end)


STEP = """\
    loss = criterion(model(X), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
DECLINED = {
    "closure": """\
for epoch in range(3):
    def closure():
        optimizer.zero_grad()
        loss = criterion(model(X), y)
        loss.backward()
        return loss
    optimizer.step(closure)
""",
    "reads-by-itself": """\
def compute():
    return criterion(model(X), y)


for epoch in range(3):
    print(len(X))
    loss = compute()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
    "inputs-with-gradients": "X.requires_grad_(True)\nfor epoch in range(3):\n" + STEP,
    "overwritten": "for epoch in range(3):\n    X = X * 1.0\n" + STEP,
    "rows-by-number": "rows = torch.randperm(150)\nfor epoch in range(3):\n"
    + STEP.replace("X)", "X[rows])").replace("y)", "y[rows])"),
    "used-after": "for epoch in range(3):\n    out = model(X)\n"
    + STEP.replace("model(X)", "out")
    + "print((out.argmax(1) == y).sum())\n",
    "two-losses": "other = torch.nn.Parameter(torch.ones(3))\n"
    "second = torch.optim.SGD([other], lr=0.1)\nfor epoch in range(3):\n"
    + STEP
    + "    (other ** 2).sum().backward()\n    second.step()\n",
    "long-text": "for epoch in range(3):\n"
    + STEP.replace("    loss.back", '    text = """a\n  b"""\n    loss.back'),
    "literal": "for epoch in range(3):\n" + STEP.replace("(X)", "(X).view(150, 3)"),
    "list": "names = list(range(150))\nfor epoch in range(3):\n"
    + STEP.replace("y)", "y + 0 * torch.tensor(names))"),
    "one-line": "for epoch in range(3): optimizer.zero_grad(); criterion(model(X), y).backward(); "
    "optimizer.step()\n",
    "evaluation-inside": "for epoch in range(3):\n"
    "    loss = criterion(model(X), y)\n    with torch.no_grad():\n        seen = model(X)\n"
    + STEP.partition("\n")[2],
    "shared-loader": """\
def load(a, b):
    return DataLoader(TensorDataset(a, b), batch_size=len(a))


loaders = load(X, y), load(X_val, y_val)
for epoch in range(3):
    for X, y in loaders[0]:
"""
    + STEP.replace("    ", "        ")
    + """\
    for a, b in loaders[1]:
        held = criterion(model(a), b)
""",
    "returned": """\
def train():
    out = model(X)
    loss = criterion(out, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return out


for epoch in range(3):
    right = (train().argmax(1) == y).sum()
""",
}


@pytest.mark.parametrize("form", DECLINED)
def test_what_is_not_certain_stays(tmp_path: Path, form: str) -> None:
    done = rewrite(tmp_path, HEAD + DECLINED[form], "use-mini-batches", {"batch_size": 10})
    assert done.run.of("batch_size")[0] == 150
    assert done.declined


def test_batch_normalization_gets_no_single_row(tmp_path: Path) -> None:
    source = (HEAD + PLAIN).replace("nn.ReLU()", "nn.BatchNorm1d(16)").replace("[::2]", "[:9]")
    source = source.replace("X, y = ", "X, y = (a[:129] for a in (").replace(
        "torch.tensor(labels)\n", "torch.tensor(labels)))\n"
    )
    done = rewrite(tmp_path, source, "use-mini-batches", {"batch_size": 32})
    assert ".split(33)" in done.after
    done.names()


def test_settings_leave_ten_steps_a_pass() -> None:
    kind = remedy("use-mini-batches")()
    for rows, sizes in ((2000, [32, 64]), (400, [32]), (150, [8]), (16, [8])):
        run = sketch(run={"batch_size": float(rows)})
        assert [s["batch_size"] for s in kind.settings(run, FINDING)] == sizes
