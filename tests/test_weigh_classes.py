"""weigh-classes gives the loss weights where it can be sure, else leaves the script alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rewriting import changed, rewritten, watched, written
from treating import execute
from unstuck import registry
from unstuck.remedies.weigh_classes import CAP, class_weights

DATA = """\
from sklearn.datasets import load_breast_cancer, load_iris
iris, cancer = load_iris(), load_breast_cancer()
rows = list(range(6)) + list(range(50, 100)) + list(range(100, 106))
torch.manual_seed(0)
x = torch.tensor(iris.data[rows], dtype=torch.float32)
y = torch.tensor(iris.target[rows])
few = (cancer.target == 1).nonzero()[0].tolist() + (cancer.target == 0).nonzero()[0][:20].tolist()
u = torch.tensor(cancer.data[few], dtype=torch.float32)
u = (u - u.mean(0)) / u.std(0)
v = 1 - torch.tensor(cancer.target[few], dtype=torch.float32)
"""
TRAIN = """
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for step in range(30):
    optimizer.zero_grad()
    loss = LOSS
    loss.backward()
    optimizer.step()
"""
BINARY = TRAIN.replace("nn.Linear(4, 3)", "nn.Linear(30, 1)")
NN = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n" + DATA
FORMS = {
    "module": (NN + "loss_fn = nn.CrossEntropyLoss()" + TRAIN, "loss_fn(model(x), y)"),
    "module, arguments": (
        NN + "loss_fn = nn.CrossEntropyLoss(label_smoothing=0.1)" + TRAIN,
        "loss_fn(model(x), y)",
    ),
    "module, inline": (NN + TRAIN, "nn.CrossEntropyLoss()(model(x), y)"),
    "function": (NN + TRAIN, "F.cross_entropy(model(x), y)"),
    "function, keywords": (
        NN + TRAIN,
        'F.cross_entropy(input=model(x), target=y, reduction="sum") / len(y)',
    ),
    "function by another name, torch not imported by name": (
        "from torch.nn.functional import cross_entropy as ce\nimport torch.nn as nn\n"
        "from torch import manual_seed, optim, tensor, float32\n"
        + DATA.replace("torch.", "")
        + TRAIN.replace("torch.", ""),
        "ce(model(x), y)",
    ),
    "torch not imported at all": (
        '"""A script."""\nfrom __future__ import annotations\n'
        "from torch.nn import CrossEntropyLoss as Criterion, Linear\nfrom torch.optim import SGD\n"
        "from sklearn.datasets import load_iris\nimport numpy as np\n"
        "rows = list(range(6)) + list(range(50, 100)) + list(range(100, 106))\n"
        "from torch import from_numpy\n"
        "x = from_numpy(load_iris().data[rows].astype('float32'))\n"
        "y = from_numpy(load_iris().target[rows])\n"
        "criterion = Criterion()" + TRAIN.replace("nn.", "").replace("torch.optim.", ""),
        "criterion(model(x), y)",
    ),
    "log-likelihood": (
        NN + "loss_fn = nn.NLLLoss()" + TRAIN,
        "loss_fn(F.log_softmax(model(x), dim=1), y)",
    ),
    "double": (
        NN + "x = x.double()\nnn.Module.double" + TRAIN.replace("(4, 3)", "(4, 3).double()"),
        "F.cross_entropy(model(x), y)",
    ),
    "binary": (
        NN + "bce = nn.BCEWithLogitsLoss()" + BINARY,
        "bce(model(u).squeeze(1), v)",
    ),
    "binary function": (
        NN + BINARY,
        "F.binary_cross_entropy_with_logits(\n        model(u),\n        v[:, None],\n    )",
    ),
    "in a class": (
        NN + "class Trainer:\n    def __init__(self):\n        self.loss = nn.CrossEntropyLoss()\n"
        "    def __call__(self, out, y):\n        return self.loss(out, y)\n"
        "trainer = Trainer()" + TRAIN,
        "trainer(model(x), y)",
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("power", [1.0, 0.5])
def test_rare_classes_are_predicted_more(tmp_path: Path, form: str, power: float) -> None:
    path = written(tmp_path, FORMS[form][0].replace("LOSS", FORMS[form][1]), "")
    run = watched(path)
    source = rewritten(path, run, "weigh-classes", {"power": power})
    assert source is not None
    names = execute(path, source)
    before = execute(path)
    given = names["u"] if form.startswith("binary") else names["x"]

    def rare(model: Any) -> float:
        out = model(given)
        if out.shape[1] == 1:
            return out.sigmoid().mean().item()
        return 1 - out.softmax(1)[:, 1].mean().item()

    assert rare(names["model"]) > rare(before["model"])


def test_only_the_loss_changes(tmp_path: Path) -> None:
    source = FORMS["module, arguments"][0].replace("LOSS", FORMS["module, arguments"][1])
    path = written(tmp_path, source, "")
    run = watched(path)
    after = rewritten(path, run, "weigh-classes", {"power": 1.0})
    assert after is not None
    ((old, new),) = changed(source, after)
    assert old == "loss_fn = nn.CrossEntropyLoss(label_smoothing=0.1)"
    assert new == (
        "loss_fn = nn.CrossEntropyLoss(label_smoothing=0.1, "
        "weight=torch.tensor([3.44, 0.413, 3.44]))"
    )


DECLINED = {
    "weights are there": (
        NN + "loss_fn = nn.CrossEntropyLoss(weight=torch.ones(3))" + TRAIN,
        "loss_fn(model(x), y)",
    ),
    "weights by position": (
        NN + "loss_fn = nn.CrossEntropyLoss(torch.ones(3))" + TRAIN,
        "loss_fn(model(x), y)",
    ),
    "weights in the function": (NN + TRAIN, "F.cross_entropy(model(x), y, torch.ones(3))"),
    "probabilities": (
        NN + "bce = nn.BCELoss()" + BINARY,
        "bce(torch.sigmoid(model(u)).squeeze(1), v)",
    ),
    "a class of the script's": (
        NN + "class Mine(nn.CrossEntropyLoss):\n    pass\nloss_fn = Mine()" + TRAIN,
        "loss_fn(model(x), y)",
    ),
    "unpacked arguments": (
        NN + "given = {}\nloss_fn = nn.CrossEntropyLoss(**given)" + TRAIN,
        "loss_fn(model(x), y)",
    ),
    "chosen from a table": (
        NN + "table = {'ce': nn.CrossEntropyLoss}\nloss_fn = table['ce']()" + TRAIN,
        "loss_fn(model(x), y)",
    ),
    "an expression": (
        NN + TRAIN,
        "-F.log_softmax(model(x), 1)[range(len(y)), y].mean()",
    ),
    "regression": (NN + TRAIN, "F.mse_loss(model(x), F.one_hot(y, 3).float())"),
}


@pytest.mark.parametrize("form", DECLINED)
def test_what_is_not_understood_is_left_alone(tmp_path: Path, form: str) -> None:
    path = written(tmp_path, DECLINED[form][0].replace("LOSS", DECLINED[form][1]), "")
    run = watched(path)
    assert rewritten(path, run, "weigh-classes", {"power": 1.0}) is None
    assert registry.remedy("weigh-classes")().display(run, {})


def test_weights_are_one_on_average_and_capped() -> None:
    assert class_weights([50, 50], 1.0) == [1.0, 1.0]
    weights = class_weights([90, 10, 0], 1.0)
    assert weights == [0.556, 5.0, 1.0]
    weights = class_weights([1_000_000, 1], 1.0)
    assert weights[1] / weights[0] == pytest.approx(CAP)
    assert class_weights([90, 10], 0.5)[1] / class_weights([90, 10], 0.5)[0] == pytest.approx(
        3, 0.01
    )
