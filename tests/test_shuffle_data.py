"""shuffle-data: sorted rows come in a random order, inputs and targets together, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from sourcing import rewrite
from unstuck.evidence import middle
from unstuck.findings import Finding, Severity
from unstuck.registry import remedy
from unstuck.sketch import sketch

FINDING = Finding("unshuffled-data", "U603", Severity.ERROR, "sorted")
HEAD = """\
import numpy as np
import torch
from sklearn.datasets import load_iris
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

torch.manual_seed(0)
np.random.seed(0)
bunch = load_iris()
scaled = (bunch.data - bunch.data.mean(0)) / bunch.data.std(0)
X = torch.tensor(scaled, dtype=torch.float32)
y = torch.tensor(bunch.target)
size = 10
model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
criterion = nn.CrossEntropyLoss()


def step(xb, yb):
    loss = criterion(model(xb), yb)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


"""
TAIL = """
accuracy = (model(X).argmax(1) == y).float().mean().item()
"""
LOADER = """\
loader = DataLoader(TensorDataset(X, y), batch_size=size)
for epoch in range(8):
    for xb, yb in loader:
        step(xb, yb)
"""
FORMS = {
    "loader": LOADER,
    "loader-false": LOADER.replace("size)", "size, shuffle=False,  # sorted\n    )"),
    "loader-positional": LOADER.replace("batch_size=size", "size, False"),
    "loader-alias": "from torch.utils.data import DataLoader as DL\n"
    + LOADER.replace("DataLoader", "torch.utils.data.DataLoader"),
    "loader-in-main": """\
def main():
    loaders = {
        "train": DataLoader(TensorDataset(X, y), batch_size=size),
        "test": DataLoader(TensorDataset(X, y), batch_size=150),
    }
    for epoch in range(8):
        for i, (xb, yb) in enumerate(loaders["train"]):
            step(xb, yb)
        with torch.no_grad():
            for xb, yb in loaders["test"]:
                criterion(model(xb), yb)


if __name__ == "__main__":
    main()
""",
    "slices": """\
for epoch in range(8):
    for i in range(0, len(X), size):
        xb, yb = X[i:i + size], y[i:i + size]
        step(xb, yb)
        if i % 50 == 0: print(epoch, i)
""",
    "inline": """\
for epoch in range(8):
    for i in range(0, X.shape[0], 10):
        loss = criterion(model(X[i : i + 10, :]), y[i : i + 10])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
""",
    "multiples": """\
n_batches = len(X) // size
for epoch in range(8):
    for k in range(n_batches):
        start = k * size
        end = min(start + size, len(X))
        step(X[start:end], y[start:end])
""",
    "products": """\
for epoch in range(8):
    for k in range(15):
        step(X[k * size:(k + 1) * size], y[k * size:(k + 1) * size])
""",
    "slice-object": """\
for epoch in range(8):
    for i in range(0, 150, size):
        rows = slice(i, i + size)
        step(X[rows], y[rows])
""",
    "arrays": """\
for epoch in range(8):
    for i in range(0, 150, size):
        xb = torch.tensor(scaled[i:i+size], dtype=torch.float32)
        step(xb, torch.from_numpy(bunch.target[i:i+size]))
""",
    "split": """\
for epoch in range(8):
    for xb, yb in zip(X.split(size), torch.split(y, size)):
        step(xb, yb)
""",
    "chunks-before": """\
parts, targets = None, None
xs = X.chunk(15)
ys = y.chunk(15)
for epoch in range(8):
    for xb, yb in zip(xs, ys):
        step(xb, yb)
""",
    "counted": """\
for epoch in range(8):
    for rows in torch.arange(len(X)).split(size):
        step(X[rows], y[rows])
""",
    "numpy-counted": """\
rows = np.arange(150)
for epoch in range(8):
    for part in np.array_split(rows, 15):
        step(X[part], y[part])
""",
    "list-of-batches": """\
batches = [(X[i:i + size], y[i:i + size]) for i in range(0, len(X), size)]
for epoch in range(8):
    for xb, yb in batches:
        step(xb, yb)
""",
    "generator": """\
def batches(inputs, targets, size):
    for i in range(0, len(inputs), size):
        yield inputs[i:i + size], targets[i:i + size]


for epoch in range(8):
    for xb, yb in batches(X, y, size):
        step(xb, yb)
""",
    "while": """\
for epoch in range(8):
    i = 0
    while i < len(X):
        step(X[i:i + size], y[i:i + size])
        i += size
""",
    "class": """\
class Trainer:
    def __init__(self, X, y, size=10):
        self.X, self.y, self.size = X, y, size

    def epoch(self):
        for i in range(0, len(self.X), self.size):
            xb = self.X[i:i + self.size]
            yb = self.y[i:i + self.size]
            step(xb, yb)


trainer = Trainer(X, y)
for epoch in range(8):
    trainer.epoch()
""",
}


@pytest.mark.parametrize("form", FORMS)
def test_batches_hold_all_classes(tmp_path: Path, form: str) -> None:
    done = rewrite(tmp_path, HEAD + FORMS[form] + TAIL, "shuffle-data")
    assert not done.declined
    assert done.after.startswith(HEAD)
    assert done.after.endswith(TAIL)
    gone, new = done.lines()
    assert len(gone) <= 3
    assert len(new) <= len(gone) + 1
    again = done.again()
    assert middle(done.run.of("target_classes").values) == 1
    assert middle(again.of("target_classes").values) >= 2
    assert again.steps == done.run.steps
    assert done.names()["accuracy"] > 0.75


DECLINED = {
    "sampler": LOADER.replace(
        "size)", "size, sampler=torch.utils.data.SequentialSampler(range(150)))"
    ),
    "keywords": "given = {'shuffle': False}\n" + LOADER.replace("size)", "size, **given)"),
    "shuffled": LOADER.replace("size)", "size, shuffle=True)"),
    "iterable": """\
class Rows(torch.utils.data.IterableDataset):
    def __iter__(self):
        return iter(zip(X, y))


for epoch in range(2):
    for xb, yb in DataLoader(Rows(), batch_size=size):
        step(xb, yb)
""",
    "windows": """\
for i in range(0, 120):
    step(X[i:i + 20], y[i:i + 20])
""",
    "shifted": """\
for i in range(0, 140, 10):
    step(X[i:i + 10], y[i + 1:i + 11])
""",
    "other-use": """\
targets = [y[i:i + 10] for i in range(0, 150, 10)]
for k in range(15):
    step(X[k * 10:(k + 1) * 10], targets[k])
""",
    "handed-on": """\
def target(i):
    return y[i:i + 10]


for i in range(0, 150, 10):
    step(X[i:i + 10], target(i))
""",
    "second-dimension": """\
Z = X.T.contiguous()
for i in range(0, 150, 10):
    step(Z[:, i:i + 10].T, y[i:i + 10])
""",
    "one-of-two": """\
others = list(y.split(10))[::1]
for xb, yb in zip(X.split(10), others):
    step(xb, yb)
""",
    "two-uses": """\
def batches(inputs, targets):
    for i in range(0, len(inputs), 10):
        yield inputs[i:i + 10], targets[i:i + 10]


for xb, yb in batches(X, y):
    step(xb, yb)
predicted = [model(xb) for xb, _ in batches(X, y)]
""",
}


@pytest.mark.parametrize("form", DECLINED)
def test_what_is_not_certain_stays(tmp_path: Path, form: str) -> None:
    assert rewrite(tmp_path, HEAD + DECLINED[form] + TAIL, "shuffle-data").declined


SPLITS = {
    "slices": """\
X_train, y_train = X[:100], y[:100]
X_val, y_val = X[100:], y[100:]
""",
    "arrays": """\
n = int(0.7 * len(scaled))
labels = bunch.target
X_train = torch.tensor(scaled[:n], dtype=torch.float32)
X_val = torch.tensor(scaled[n:], dtype=torch.float32)
y_train, y_val = torch.tensor(labels[:n]), torch.tensor(labels[n:])
""",
    "function": """\
def cut(a, b, part=0.3):
    k = int(part * len(a))
    return_train = a[:-k], b[:-k]
    return_val = a[-k:], b[-k:]
    return return_train, return_val


(X_train, y_train), (X_val, y_val) = cut(X, y)
""",
    "subsets": """\
rows = TensorDataset(X, y)
train, val = Subset(rows, range(100)), Subset(rows, list(range(100, 150)))
(X_train, y_train), (X_val, y_val) = (next(iter(DataLoader(d, 150))) for d in (train, val))
""",
    "sklearn": """\
from sklearn.model_selection import train_test_split
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=50, shuffle=False)
""",
}
TRAIN = """
for epoch in range(20):
    for rows in torch.randperm(len(X_train)).split(10):
        step(X_train[rows], y_train[rows])
held = (model(X_val).argmax(1) == y_val).float().mean().item()
"""


@pytest.mark.parametrize("form", SPLITS)
def test_rows_are_shuffled_before_they_are_split(tmp_path: Path, form: str) -> None:
    settings = {"before_split": 1.0}
    done = rewrite(tmp_path, HEAD + SPLITS[form] + TRAIN, "shuffle-data", settings)
    assert not done.declined
    names = done.names()
    assert len(names["y_val"].unique()) == 3
    assert names["held"] > 0.75
    assert len(names["X_val"]) + len(names["X_train"]) == 150


def test_other_slices_are_no_split(tmp_path: Path) -> None:
    source = """\
first = X[:5], y[:5]
past, future = X[:100], X[100:]
X_train, y_train, X_val, y_val = X, y, X, y
"""
    settings = {"before_split": 1.0}
    assert rewrite(tmp_path, HEAD + source + TRAIN, "shuffle-data", settings).declined


def test_torch_is_imported_where_it_is_not(tmp_path: Path) -> None:
    source = (
        "# é\n"
        + HEAD.replace("import torch\n", "")
        .replace("torch.manual_seed(0)", "from torch import tensor, float32, optim, manual_seed")
        .replace("torch.", "")
        .replace("from utils.data", "from torch.utils.data")
        + "for i in range(0, 150, size):\n    step(X[i:i + size], y[i:i + size])  # é\n"
    )
    done = rewrite(tmp_path, source, "shuffle-data")
    assert "import torch\n" in done.after
    assert "X[order[i:i + size]], y[order[i:i + size]])  # é\n" in done.after
    done.names()


def test_line_ends_are_kept(tmp_path: Path) -> None:
    source = (HEAD + FORMS["slices"]).replace("\n", "\r\n")
    done = rewrite(tmp_path, source, "shuffle-data")
    assert not done.declined
    assert "\n" not in done.after.replace("\r\n", "")


def test_a_missing_class_asks_for_the_split_first() -> None:
    known = sketch(facts={"class_counts": [40, 0, 40]})
    assert remedy("shuffle-data")().settings(known, FINDING)[0] == {"before_split": 1.0}
    assert list(remedy("shuffle-data")().settings(sketch(), FINDING)) == [{}]
