"""Whatever keeps layers from learning goes; everything else stays byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from rewriting import finding, found, replaced, rewritten, watched, written
from unstuck import registry

LOOP = """
for epoch in range(3):
    for rows in torch.randperm(150).split(30):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
"""
PLAIN = """
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
"""
CLASS = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 8)
{init}
        self.last = nn.Linear(8, 3)

    def forward(self, x):
        x = torch.tanh(self.first(x))
{forward}
        return self.last(x)

model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
"""
BLOCK = """
class Block(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.inner = nn.Linear(n, n)

    def forward(self, x):
        return torch.relu(self.inner(x))

def make(n):
    return Block(n)
"""
TWO = """
encoder = nn.Sequential(nn.Linear(4, 6), nn.Tanh())
head = nn.Linear(6, 3)
optimizer = torch.optim.SGD({given}, lr=0.1)
"""
TWO_LOOP = LOOP.replace("model(x[rows])", "head(encoder(x[rows]))")


def net(init: str, forward: str) -> str:
    lines = [
        "".join(f"        {line}\n" for line in part.splitlines()).rstrip("\n")
        for part in (init, forward)
    ]
    return CLASS.format(init=lines[0], forward=lines[1])


EACH = "for layer in self.hidden:\n    x = torch.tanh(layer(x))"
LISTS = {
    "appended": (
        net("self.hidden = []\nfor i in range(2):\n    self.hidden.append(nn.Linear(8, 8))", EACH),
        [("self.hidden = []", "self.hidden = nn.ModuleList()")],
    ),
    "display": (
        net("self.hidden = [nn.Linear(8, 8), nn.Linear(8, 8)]  # two", EACH),
        [
            (
                "[nn.Linear(8, 8), nn.Linear(8, 8)]",
                "nn.ModuleList([nn.Linear(8, 8), nn.Linear(8, 8)])",
            )
        ],
    ),
    "comprehension of blocks that a function makes": (
        BLOCK + net("self.hidden = [make(8) for _ in range(2)]", EACH),
        [("[make(8) for _ in range(2)]", "nn.ModuleList([make(8) for _ in range(2)])")],
    ),
    "pairs": (
        net(
            "self.hidden = []\nfor i in range(2):\n"
            "    self.hidden.append((nn.Linear(8, 8), nn.LayerNorm(8)))",
            "for layer, norm in self.hidden:\n    x = torch.tanh(norm(layer(x)))",
        ),
        [
            ("self.hidden = []", "self.hidden = nn.ModuleList()"),
            (
                "(nn.Linear(8, 8), nn.LayerNorm(8))",
                "nn.ModuleList((nn.Linear(8, 8), nn.LayerNorm(8)))",
            ),
        ],
    ),
    "plain tensors": (
        net(
            "self.hidden = torch.randn(8, 8, requires_grad=True)\n"
            "self.shift = torch.zeros(8).requires_grad_()",
            "x = torch.tanh(x @ self.hidden + self.shift)",
        ),
        [
            (
                "torch.randn(8, 8, requires_grad=True)",
                "nn.Parameter(torch.randn(8, 8, requires_grad=True))",
            ),
            ("torch.zeros(8).requires_grad_()", "nn.Parameter(torch.zeros(8).requires_grad_())"),
        ],
    ),
    "local list": (
        net(
            "layers = []\nfor i in range(2):\n    layers += [nn.Linear(8, 8)]\n"
            "self.hidden = layers",
            EACH,
        ),
        [("self.hidden = layers", "self.hidden = nn.ModuleList(layers)")],
    ),
    "dict": (
        net(
            'self.hidden = {"a": nn.Linear(8, 8)}\nself.hidden["b"] = nn.Linear(8, 8)',
            "for layer in self.hidden.values():\n    x = torch.tanh(layer(x))",
        ),
        [
            (
                '{"a": nn.Linear(8, 8)}',
                'nn.ModuleDict({"a": nn.Linear(8, 8)})',
            )
        ],
    ),
    "dict with numbered keys": (
        net(
            'self.hidden = dict()\nfor i in range(2):\n    self.hidden[f"h{i}"] = nn.Linear(8, 8)',
            'for i in range(2):\n    x = torch.tanh(self.hidden[f"h{i}"](x))',
        ),
        [("self.hidden = dict()", "self.hidden = nn.ModuleDict()")],
    ),
    "parameters": (
        net(
            "self.hidden = [nn.Parameter(torch.randn(8, 8)) for _ in range(2)]",
            "for w in self.hidden:\n    x = torch.tanh(x @ w)",
        ),
        [
            (
                "[nn.Parameter(torch.randn(8, 8)) for _ in range(2)]",
                "nn.ParameterList([nn.Parameter(torch.randn(8, 8)) for _ in range(2)])",
            )
        ],
    ),
}
OPTIMIZERS = {
    "head only": (
        net("self.hidden = nn.Linear(8, 8)", "x = torch.tanh(self.hidden(x))").replace(
            "model.parameters()", "model.last.parameters()"
        )
        + LOOP,
        [("model.last.parameters()", "model.parameters()")],
    ),
    "list of some": (
        PLAIN.replace("model.parameters()", "[model[2].weight, model[2].bias]") + LOOP,
        [("[model[2].weight, model[2].bias]", "model.parameters()")],
    ),
    "one of two models": (
        TWO.format(given="head.parameters()") + TWO_LOOP,
        [("head.parameters()", "[*head.parameters(), *encoder.parameters()]")],
    ),
    "one of two models in groups": (
        TWO.format(given='[{"params": head.parameters(), "lr": 0.2}]') + TWO_LOOP,
        [('"lr": 0.2}', '"lr": 0.2}, {"params": encoder.parameters()}')],
    ),
    "main with a function": (
        PLAIN.replace("model = ", "def main():\n    model = ")
        .replace("optimizer =", "    optimizer =")
        .replace("model.parameters()", "model[-1].parameters()")
        + LOOP.replace("\n", "\n    ")
        + "\n\nif __name__ == '__main__':\n    main()\n",
        [("model[-1].parameters()", "model.parameters()")],
    ),
}
REPLACED = {
    "head replaced afterwards": (
        PLAIN + "model[2] = nn.Linear(8, 3)  # new head\n" + LOOP,
        [
            ("optimizer = torch.optim.Adam(model.parameters(), lr=0.01)\n", ""),
            (
                "# new head\n",
                "# new head\noptimizer = torch.optim.Adam(model.parameters(), lr=0.01)\n",
            ),
        ],
    ),
    "scheduler on it": (
        PLAIN
        + "scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)\nn = 8\n"
        + "model = nn.Sequential(nn.Linear(4, n), nn.ReLU(), nn.Linear(n, 3))\n"
        + LOOP,
        [
            (
                "optimizer = torch.optim.Adam(model.parameters(), lr=0.01)\n"
                "scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)\n",
                "",
            ),
            (
                "nn.Linear(n, 3))\n",
                "nn.Linear(n, 3))\noptimizer = torch.optim.Adam(model.parameters(), lr=0.01)\n"
                "scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)\n",
            ),
        ],
    ),
    "function that replaces": (
        "def new_head(net):\n    net[2] = nn.Linear(8, 3)\n" + PLAIN + "new_head(model)\n" + LOOP,
        [
            ("optimizer = torch.optim.Adam(model.parameters(), lr=0.01)\n", ""),
            (
                "\nnew_head(model)\n",
                "\nnew_head(model)\noptimizer = torch.optim.Adam(model.parameters(), lr=0.01)\n",
            ),
        ],
    ),
    "copied": (
        "import copy\n" + PLAIN + "model = copy.deepcopy(model)\n" + LOOP,
        [
            ("optimizer = torch.optim.Adam(model.parameters(), lr=0.01)\n", ""),
            (
                "deepcopy(model)\n",
                "deepcopy(model)\noptimizer = torch.optim.Adam(model.parameters(), lr=0.01)\n",
            ),
        ],
    ),
    "in another method": (
        """
class Trainer:
    def __init__(self, lr=0.02):
        self.net = nn.Linear(4, 3)
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=lr, momentum=0.5)

    def widen(self):
        self.net = nn.Sequential(nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 3))

    def fit(self):
        for epoch in range(9):
            loss = F.cross_entropy(self.net(x), y)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()

trainer = Trainer()
trainer.widen()
trainer.fit()
""",
        [
            (
                "nn.Linear(9, 3))\n",
                "nn.Linear(9, 3))\n        self.optimizer = torch.optim.SGD("
                "self.net.parameters(), lr=0.02, momentum=0.5)\n",
            )
        ],
    ),
}
ADAM = "optimizer = torch.optim.Adam(model.parameters(), lr=0.01)\n"
WHOLE = "model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))\n"
TRAIN = "def train(model, optimizer):" + LOOP.replace("\n", "\n    ")
MAKE = (
    "def build(lr=0.01):\n    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))\n"
)


def behind(line: str, made: str = ADAM) -> list[tuple[str, str]]:
    """Return the replacements that move a line behind another one."""
    return [(made + line, line + made)]


REPLACED |= {
    "put in by a call": (
        PLAIN + "head = nn.Linear(8, 3)\nsetattr(model, '2', head)\n" + LOOP,
        behind("head = nn.Linear(8, 3)\nsetattr(model, '2', head)\n"),
    ),
    "layers added": (
        PLAIN + "for _ in range(2):\n    model.append(nn.Linear(3, 3))\n" + LOOP,
        behind("for _ in range(2):\n    model.append(nn.Linear(3, 3))\n"),
    ),
    "made by a function": (
        "def adam(net):\n    return torch.optim.Adam(net.parameters(), lr=0.01)\n\n"
        + f"{WHOLE}optimizer = adam(model)\nmodel[2] = nn.Linear(8, 3)\n{LOOP}",
        behind("model[2] = nn.Linear(8, 3)\n", "optimizer = adam(model)\n"),
    ),
    "made with the model": (
        f"{MAKE}    {ADAM}    return model, optimizer\n\nmodel, optimizer = build()\n"
        f"model[2] = nn.Linear(8, 3)\n{LOOP}",
        [
            (
                "model[2] = nn.Linear(8, 3)\n",
                "model[2] = nn.Linear(8, 3)\n"
                'optimizer.add_param_group({"params": model[2].parameters()})\n',
            )
        ],
    ),
    "in use before": (
        f"{PLAIN}print(optimizer)\nmodel[2] = nn.Linear(8, 3)\n{LOOP}",
        [
            (
                "model[2] = nn.Linear(8, 3)\n",
                "model[2] = nn.Linear(8, 3)\n"
                'optimizer.add_param_group({"params": model[2].parameters()})\n',
            )
        ],
    ),
    "anew in each fold": (
        f"{TRAIN}\n{MAKE}    return model\n\nmodel = build()\n{ADAM}"
        "for fold in range(2):\n    model = build()\n    train(model, optimizer)\n",
        [
            (ADAM, ""),
            ("    model = build()\n", f"    model = build()\n    {ADAM}"),
        ],
    ),
    "parameters listed before": (
        f"{WHOLE}params = list(model.parameters())\nmodel[2] = nn.Linear(8, 3)\n"
        f"optimizer = torch.optim.Adam(params, lr=0.01)\n{LOOP}",
        behind("model[2] = nn.Linear(8, 3)\n", "params = list(model.parameters())\n"),
    ),
    "another model's": (
        f"{WHOLE}teacher = nn.Linear(4, 3)\n"
        f"optimizer = torch.optim.Adam(teacher.parameters(), lr=0.01)\n{LOOP}",
        [("teacher.parameters()", "model.parameters()")],
    ),
    "copied from another model": (
        "import copy\nfirst = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))\n"
        "optimizer = torch.optim.Adam(first.parameters(), lr=0.01)\nmodel = copy.deepcopy(first)\n"
        + LOOP,
        [
            ("optimizer = torch.optim.Adam(first.parameters(), lr=0.01)\n", ""),
            ("model = copy.deepcopy(first)\n", f"model = copy.deepcopy(first)\n{ADAM}"),
        ],
    ),
}
FROZEN = {
    "loop": (
        PLAIN + "for p in model[0].parameters():\n    p.requires_grad = False\n" + LOOP,
        [("for p in model[0].parameters():\n    p.requires_grad = False\n", "")],
    ),
    "method": (
        PLAIN + "model[0].requires_grad_(False)\n" + LOOP,
        [("model[0].requires_grad_(False)\n", "")],
    ),
    "filtered": (
        PLAIN.replace("optimizer", "model[0].requires_grad_(False)\noptimizer").replace(
            "model.parameters()", "filter(lambda p: p.requires_grad, model.parameters())"
        )
        + LOOP,
        [("model[0].requires_grad_(False)\n", "")],
    ),
    "by name": (
        PLAIN.replace(
            "optimizer",
            "for name, p in model.named_parameters():\n"
            "    if name.startswith('0'):\n        p.requires_grad = False\noptimizer",
        )
        + LOOP,
        [("optimizer = torch", "model.requires_grad_(True)\noptimizer = torch")],
    ),
}
FROZEN["by name, then filtered"] = (
    FROZEN["by name"][0].replace(
        "model.parameters(),", "[p for p in model.parameters() if p.requires_grad],"
    ),
    FROZEN["by name"][1],
)
HIDDEN = net("self.hidden = nn.Linear(8, 8)", "x = torch.tanh(self.hidden(x))")
CUTS = {
    "detach between two models": (
        TWO.format(given="[*head.parameters(), *encoder.parameters()]")
        + "codes = []\n"
        + LOOP.replace(
            "        loss = F.cross_entropy(model(x[rows])",
            "        z = encoder(x[rows]).detach()\n        codes.append(z)\n"
            "        loss = F.cross_entropy(head(z)",
        ),
        [
            ("encoder(x[rows]).detach()", "encoder(x[rows])"),
            ("codes.append(z)", "codes.append(z.detach())"),
        ],
    ),
    "detach in forward": (
        HIDDEN.replace("self.hidden(x))", "self.hidden(x)).detach()") + LOOP,
        [("self.hidden(x)).detach()", "self.hidden(x))")],
    ),
    "data in forward": (
        HIDDEN.replace("torch.tanh(self.hidden(x))", "self.hidden(x).data.tanh()") + LOOP,
        [("self.hidden(x).data.tanh()", "self.hidden(x).tanh()")],
    ),
    "no_grad in forward": (
        HIDDEN.replace(
            "        x = torch.tanh(self.hidden(x))",
            "        with torch.no_grad():  # fast\n            x = self.hidden(x)\n"
            "            x = torch.tanh(x)",
        )
        + LOOP,
        [
            (
                "        with torch.no_grad():  # fast\n            x = self.hidden(x)\n"
                "            x = torch.tanh(x)",
                "        x = self.hidden(x)\n        x = torch.tanh(x)",
            )
        ],
    ),
    "loss made anew": (
        PLAIN
        + LOOP.replace(
            "        loss.backward()",
            "        loss = torch.tensor(loss.item(), requires_grad=True)\n        loss.backward()",
        ),
        [("        loss = torch.tensor(loss.item(), requires_grad=True)\n", "")],
    ),
    "loss in numpy": (
        PLAIN.replace("nn.Linear(8, 3)", "nn.Linear(8, 1)").replace(
            "model =",
            "import numpy as np\n"
            "def error(pred, goal):\n    e = (pred[:, 0] - goal).detach().numpy()\n"
            "    return torch.tensor(np.mean(np.sqrt(1 + e ** 2)), requires_grad=True)\n\nmodel =",
        )
        + LOOP.replace("F.cross_entropy", "error"),
        [
            ("(pred[:, 0] - goal).detach().numpy()", "pred[:, 0] - goal"),
            (
                "torch.tensor(np.mean(np.sqrt(1 + e ** 2)), requires_grad=True)",
                "torch.mean(torch.sqrt(1 + e ** 2))",
            ),
        ],
    ),
    "features in numpy": (
        "import numpy as np\n"
        + HIDDEN.replace(
            "x = torch.tanh(self.hidden(x))",
            "h = np.sort(self.hidden(x).detach().numpy(), axis=1)[:, 2:].astype(np.float32)\n"
            "        h = np.concatenate([h, np.maximum(h[:, :2], 0.1)], axis=1)\n"
            "        x = torch.from_numpy(h.copy())",
        )
        + LOOP,
        [
            (
                "np.sort(self.hidden(x).detach().numpy(), axis=1)[:, 2:].astype(np.float32)",
                "torch.sort(self.hidden(x), axis=1).values[:, 2:].float()",
            ),
            (
                "np.concatenate([h, np.maximum(h[:, :2], 0.1)], axis=1)",
                "torch.concatenate([h, torch.clamp_min(h[:, :2], 0.1)], axis=1)",
            ),
            ("torch.from_numpy(h.copy())", "h.clone()"),
        ],
    ),
    "made to ask for gradients": (
        PLAIN
        + LOOP.replace(
            "        loss = F.cross_entropy(model(x[rows]), y[rows])",
            "        with torch.set_grad_enabled(False):\n            out = model(x[rows])\n"
            "        out.requires_grad = True\n        loss = F.cross_entropy(out, y[rows])",
        ),
        [
            (
                "        with torch.set_grad_enabled(False):\n            out = model(x[rows])\n"
                "        out.requires_grad = True\n",
                "        out = model(x[rows])\n",
            )
        ],
    ),
    "zeroed behind backward": (
        PLAIN
        + LOOP.replace("        optimizer.zero_grad()\n", "").replace(
            "backward()\n", "backward()\n        optimizer.zero_grad()  # clean\n"
        ),
        [
            ("        optimizer.zero_grad()  # clean\n", ""),
            ("        loss.backward()", "        optimizer.zero_grad()\n        loss.backward()"),
        ],
    ),
}
FORMS = {
    **{name: (body + LOOP, pairs) for name, (body, pairs) in LISTS.items()},
    **OPTIMIZERS,
    **REPLACED,
    **FROZEN,
    **CUTS,
}


@pytest.mark.parametrize("form", FORMS)
def test_all_layers_learn_afterwards(tmp_path: Path, form: str) -> None:
    body, pairs = FORMS[form]
    path = written(tmp_path, body)
    run = watched(path)
    patched = rewritten(path, run, "register-layers")
    assert patched == replaced(path.read_text(), *pairs)
    (tmp_path / "after").mkdir()
    after = tmp_path / "after" / "train.py"
    after.write_text(patched)
    cured = watched(after)
    assert not found(cured, "frozen-parameters")
    assert not [u for u in cured.facts.get("unheld") or [] if u.get("matrix")]
    assert len(cured.weights) == len([la for la in cured.layers if la.matrix]) >= 1
    assert all(max(cured.of("update_ratio", la.name)) > 0 for la in cured.weights)


DECLINED = {
    "list of layers and functions": net(
        "self.hidden = []\nself.hidden.append(nn.Linear(8, 8))\nself.hidden.append(torch.tanh)",
        "for layer in self.hidden:\n    x = layer(x)",
    )
    + LOOP,
    "list of pairs": net(
        "self.hidden = [(nn.Linear(8, 8), torch.tanh)]",
        "for layer, act in self.hidden:\n    x = act(layer(x))",
    )
    + LOOP,
    "dict that is asked with get": net(
        'self.hidden = {"a": nn.Linear(8, 8)}', 'x = torch.tanh(self.hidden.get("a")(x))'
    )
    + LOOP,
    "dict with a key of torch's": net(
        'self.hidden = {"forward": nn.Linear(8, 8)}', 'x = torch.tanh(self.hidden["forward"](x))'
    )
    + LOOP,
    "layer made in forward": net("pass", "x = nn.Linear(8, 8)(x)") + LOOP,
    "two optimizers": PLAIN.replace("model.parameters()", "model[2].parameters()")
    + "other = torch.optim.SGD(model[0].parameters(), lr=0.1)\n"
    + LOOP,
    "healthy": PLAIN + LOOP,
    "read backwards": "import numpy as np\n"
    + HIDDEN.replace(
        "x = torch.tanh(self.hidden(x))",
        "x = torch.from_numpy(self.hidden(x).detach().numpy()[:, ::-1].copy())",
    )
    + LOOP,
    "detached target": PLAIN
    + LOOP.replace(
        "F.cross_entropy(model(x[rows]), y[rows])",
        "(model(x[rows]) - model(x[rows]).detach() * 0.9).square().mean()",
    ),
}


@pytest.mark.parametrize("form", DECLINED)
def test_what_is_not_certain_is_left_alone(tmp_path: Path, form: str) -> None:
    path = written(tmp_path, DECLINED[form])
    run = watched(path)
    assert rewritten(path, run, "register-layers") is None
    remedy = registry.remedy("register-layers")()
    assert not remedy.settings(run, finding("frozen-parameters"))


def test_the_import_that_is_missing_is_added(tmp_path: Path) -> None:
    body = LISTS["appended"][0].replace("nn.Linear", "Linear").replace("nn.Module)", "Module)")
    data = (
        "import torch.nn.functional as F\nimport torch as th\nfrom torch.nn import Linear, Module\n"
    )
    rest = written(tmp_path, "").read_text().partition("from sklearn")
    source = data + rest[1] + rest[2] + (body + LOOP)
    path = written(
        tmp_path, "", source.replace("torch.manual_seed", "import torch\ntorch.manual_seed")
    )
    patched = rewritten(path, watched(path), "register-layers")
    assert patched == replaced(
        path.read_text(), ("hidden = []", "hidden = th.nn.ModuleList()")
    ) or (patched == replaced(path.read_text(), ("hidden = []", "hidden = torch.nn.ModuleList()")))
