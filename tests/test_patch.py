"""Edits of source: every span comes from the interpreter that ran the script."""

from __future__ import annotations

import ast
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from unstuck.edits import DropCall, Edit, Insert, ReplaceCall, Rewrite, SetArguments, Surround
from unstuck.findings import Location
from unstuck.patch import (
    Patched,
    apply_edits,
    imports_unstuck,
    read_source,
    unified_diff,
    write_atomically,
)

torch = pytest.importorskip("torch")
FILE = "train.py"

LINEAR = ("in_features", "out_features", "bias")
SGD = ("params", "lr", "momentum")


def span(code: CodeType, instruction: int) -> Location:
    line, end_line, column, end_column = list(code.co_positions())[instruction // 2]
    assert line is not None
    return Location(FILE, line, column, end_line, end_column)


def spots(source: str) -> list[tuple[str, Location]]:
    """Run a script; return what it called, and the interpreter's span of each call."""
    found: list[tuple[str, Location]] = []

    def watch(frame: FrameType, event: str, arg: Any) -> None:
        if event == "c_call" and frame.f_code.co_filename == FILE:
            found.append((arg.__name__, span(frame.f_code, frame.f_lasti)))
        caller = frame.f_back
        if event == "call" and caller is not None and caller.f_code.co_filename == FILE:
            name = frame.f_code.co_name
            if name == "__init__":
                name = type(frame.f_locals["self"]).__name__
            found.append((name, span(caller.f_code, caller.f_lasti)))

    code = compile(source, FILE, "exec")
    sys.setprofile(watch)
    try:
        exec(code, {"__name__": "__main__"})
    finally:
        sys.setprofile(None)
    return found


class Calls:
    """The calls that a script makes."""

    def __init__(self, source: str) -> None:
        self.found = spots(source)

    def __call__(self, name: str, nth: int = 0) -> Location:
        places = list(dict.fromkeys(place for called, place in self.found if called == name))
        assert places, f"{name} is not among {sorted({called for called, _ in self.found})}"
        return places[nth]

    def all(self, name: str) -> list[Location]:
        return [place for called, place in self.found if called == name]


def changes(before: str, after: str) -> str:
    """Return the lines that a patch takes and adds, marked as a diff does."""
    lines = unified_diff(before, after, FILE).split("\n")[2:]
    return "\n".join(line for line in lines if line[:1] in ("-", "+"))


def relu(place: Location, expects: str = "Sigmoid") -> ReplaceCall:
    return ReplaceCall(place, expects, "torch.nn.ReLU")


def relu_function(place: Location, expects: str = "sigmoid") -> ReplaceCall:
    return ReplaceCall(place, expects, "torch.relu", keep=1)


def adam(place: Location, expects: str = "SGD") -> ReplaceCall:
    return ReplaceCall(place, expects, "torch.optim.Adam", keep=1, arguments={"lr": "0.001"})


def norm(place: Location) -> Surround:
    after = ("torch.nn.BatchNorm1d({out_features})",)
    return Surround(place, "Linear", after=after, positions=LINEAR)


def dropout(place: Location) -> Surround:
    return Surround(place, "Linear", after=("torch.nn.Dropout(0.1)",))


def soft(place: Location) -> DropCall:
    return DropCall(place, "softmax")


def softmax(place: Location) -> DropCall:
    return DropCall(place, "Softmax", module=True)


class Case(NamedTuple):
    name: str
    source: str
    edits: Callable[[Calls], list[Edit]]
    want: str


NN = "from torch import nn\n"
T = "import torch\nx = torch.ones(2, 3)\n"
NET = "import torch\nfrom torch import nn\nmodel = nn.Linear(2, 2)\n"

REPLACED = [
    Case(
        "module alias",
        NN + "a = nn.Sigmoid()\n",
        lambda c: [relu(c("Sigmoid"))],
        "-a = nn.Sigmoid()\n+a = nn.ReLU()",
    ),
    Case(
        "full name",
        "import torch\nfrom torch import nn\na = torch.nn.Sigmoid()\n",
        lambda c: [relu(c("Sigmoid"))],
        "-a = torch.nn.Sigmoid()\n+a = torch.nn.ReLU()",
    ),
    Case(
        "import as",
        "import torch as t\na = t.nn.Sigmoid()\n",
        lambda c: [relu(c("Sigmoid"))],
        "-a = t.nn.Sigmoid()\n+a = t.nn.ReLU()",
    ),
    Case(
        "import torch.nn as",
        "import torch.nn as layers\na = layers.Sigmoid()\n",
        lambda c: [relu(c("Sigmoid"))],
        "-a = layers.Sigmoid()\n+a = layers.ReLU()",
    ),
    Case(
        "bare name, module imported too",
        "import torch\nfrom torch.nn import Sigmoid\na = Sigmoid()\n",
        lambda c: [relu(c("Sigmoid"))],
        "-a = Sigmoid()\n+a = torch.nn.ReLU()",
    ),
    Case(
        "bare name, target imported too",
        "from torch.nn import ReLU, Sigmoid\na = Sigmoid()\n",
        lambda c: [relu(c("Sigmoid"))],
        "-a = Sigmoid()\n+a = ReLU()",
    ),
    Case(
        "bare name, nothing reaches",
        "from torch.nn import Sigmoid\n\na = Sigmoid()\n",
        lambda c: [relu(c("Sigmoid"))],
        "+from torch import nn\n-a = Sigmoid()\n+a = nn.ReLU()",
    ),
    Case(
        "star import",
        "from torch.nn import *\na = Sigmoid()\n",
        lambda c: [relu(c("Sigmoid"))],
        "-a = Sigmoid()\n+a = ReLU()",
    ),
    Case(
        "alias by assignment",
        NN + "S = nn.Sigmoid\na = S()\n",
        lambda c: [relu(c("Sigmoid"))],
        "-a = S()\n+a = nn.ReLU()",
    ),
    Case(
        "module alias by assignment",
        "import torch\nnn = torch.nn\na = nn.Sigmoid()\n",
        lambda c: [relu(c("Sigmoid"))],
        "-a = nn.Sigmoid()\n+a = nn.ReLU()",
    ),
    Case(
        "imported under another name",
        "from torch.nn import Sigmoid as S, ReLU as R\na = S()\n",
        lambda c: [relu(c("Sigmoid"))],
        "-a = S()\n+a = R()",
    ),
    Case(
        "class as a parameter",
        NN + "def make(act=nn.Sigmoid):\n    return act()\nmake()\n",
        lambda c: [relu(c("Sigmoid"))],
        "-    return act()\n+    return nn.ReLU()",
    ),
    Case(
        "class kept in an attribute",
        NN + "class Net(nn.Module):\n    def __init__(self, act):\n        super().__init__()\n"
        "        self.kind = act\n        self.act = self.kind()\nNet(nn.Sigmoid)\n",
        lambda c: [relu(c("Sigmoid"))],
        "-        self.act = self.kind()\n+        self.act = nn.ReLU()",
    ),
    Case(
        "looked up",
        NN + "ACTS = {'s': nn.Sigmoid}\na = ACTS['s']()\n",
        lambda c: [relu(c("Sigmoid"))],
        "-a = ACTS['s']()\n+a = nn.ReLU()",
    ),
    Case(
        "getattr, any callee",
        NN + "a = getattr(nn, 'Sigmoid')()\n",
        lambda c: [relu(c("Sigmoid"), "")],
        "-a = getattr(nn, 'Sigmoid')()\n+a = nn.ReLU()",
    ),
    Case(
        "chosen",
        NN + "Act = nn.Tanh if not nn else nn.Sigmoid\na = Act()\n",
        lambda c: [relu(c("Sigmoid"))],
        "-a = Act()\n+a = nn.ReLU()",
    ),
    Case(
        "in a loop, asked for many times",
        NN + "for i in range(3):\n    a = nn.Sigmoid()  # act\n",
        lambda c: [relu(place) for place in c.all("Sigmoid")],
        "-    a = nn.Sigmoid()  # act\n+    a = nn.ReLU()  # act",
    ),
    Case(
        "unicode before it",
        NN + "é = 'ü€😀'; a = nn.Sigmoid()\n",
        lambda c: [relu(c("Sigmoid"))],
        "-é = 'ü€😀'; a = nn.Sigmoid()\n+é = 'ü€😀'; a = nn.ReLU()",
    ),
    Case(
        "one of several on a line",
        NN + "a = nn.Sequential(nn.Sigmoid(), nn.Sigmoid(), nn.Sigmoid())\n",
        lambda c: [relu(c("Sigmoid", 1))],
        "-a = nn.Sequential(nn.Sigmoid(), nn.Sigmoid(), nn.Sigmoid())\n"
        "+a = nn.Sequential(nn.Sigmoid(), nn.ReLU(), nn.Sigmoid())",
    ),
    Case(
        "a comment inside the call goes with its argument",
        NN + "a = nn.LeakyReLU(\n    0.2,  # slope\n)\n",
        lambda c: [relu(c("LeakyReLU"), "LeakyReLU")],
        "-a = nn.LeakyReLU(\n-    0.2,  # slope\n-)\n+a = nn.ReLU()",
    ),
    Case(
        "arguments",
        NN + "a = nn.Sigmoid()\n",
        lambda c: [
            ReplaceCall(
                c("Sigmoid"),
                "Sigmoid",
                "torch.nn.LeakyReLU",
                0,
                {"negative_slope": "0.1", "inplace": "True"},
            )
        ],
        "-a = nn.Sigmoid()\n+a = nn.LeakyReLU(negative_slope=0.1, inplace=True)",
    ),
    Case(
        "local import",
        "def make():\n    import torch.nn as n\n    return n.Sigmoid()\nmake()\n",
        lambda c: [relu(c("Sigmoid"))],
        "-    return n.Sigmoid()\n+    return n.ReLU()",
    ),
    Case(
        "a shadowed module name is not used",
        "import torch\nfrom torch import nn\n"
        "def make(nn, S=torch.nn.Sigmoid):\n    return S()\nmake(3)\n",
        lambda c: [relu(c("Sigmoid"))],
        "-    return S()\n+    return torch.nn.ReLU()",
    ),
    Case(
        "imports under `if` are used inside it only",
        "if 1:\n    from torch import nn\n    a = nn.Sigmoid()\n",
        lambda c: [relu(c("Sigmoid"))],
        "-    a = nn.Sigmoid()\n+    a = nn.ReLU()",
    ),
    Case(
        "a conditional import is not trusted elsewhere",
        "import sys\nfrom torch.nn import Sigmoid\n"
        "if sys.argv is None:\n    import torch\na = Sigmoid()\n",
        lambda c: [relu(c("Sigmoid"))],
        "+from torch import nn\n-a = Sigmoid()\n+a = nn.ReLU()",
    ),
    Case(
        "import goes below docstring and future",
        '"""Doc."""\nfrom __future__ import annotations\nfrom torch.nn import Sigmoid\n'
        "if True:\n    import os\na = Sigmoid()\nimport sys\n",
        lambda c: [relu(c("Sigmoid"))],
        "+from torch import nn\n-a = Sigmoid()\n+a = nn.ReLU()",
    ),
    Case(
        "import where both names are taken",
        "from torch.nn import Sigmoid\nnn = torch = 1\na = Sigmoid()\n",
        lambda c: [relu(c("Sigmoid"))],
        "+import torch as torch_\n-a = Sigmoid()\n+a = torch_.nn.ReLU()",
    ),
    Case(
        "function",
        T + "y = torch.sigmoid(x + 1)\n",
        lambda c: [relu_function(c("sigmoid"))],
        "-y = torch.sigmoid(x + 1)\n+y = torch.relu(x + 1)",
    ),
    Case(
        "functional stays functional",
        T + "import torch.nn.functional as F\ny = F.sigmoid(x)\n",
        lambda c: [relu_function(c("sigmoid"))],
        "-y = F.sigmoid(x)\n+y = F.relu(x)",
    ),
    Case(
        "functional through nn",
        T + "from torch import nn\ny = nn.functional.sigmoid(x)\n",
        lambda c: [relu_function(c("sigmoid"))],
        "-y = nn.functional.sigmoid(x)\n+y = nn.functional.relu(x)",
    ),
    Case(
        "functional to plain torch",
        T + "y = torch.tanh(x)\n",
        lambda c: [ReplaceCall(c("tanh"), "tanh", "torch.nn.functional.relu", 1)],
        "-y = torch.tanh(x)\n+y = torch.relu(x)",
    ),
    Case(
        "only in functional",
        T + "y = torch.sigmoid(x)\n",
        lambda c: [
            ReplaceCall(
                c("sigmoid"),
                "sigmoid",
                "torch.nn.functional.leaky_relu",
                1,
                {"negative_slope": "0.1"},
            )
        ],
        "-y = torch.sigmoid(x)\n+y = torch.nn.functional.leaky_relu(x, negative_slope=0.1)",
    ),
    Case(
        "method",
        T + "y = x.sigmoid()\n",
        lambda c: [relu_function(c("sigmoid"))],
        "-y = x.sigmoid()\n+y = torch.relu(x)",
    ),
    Case(
        "method of an expression",
        T + "y = (x + 1).sigmoid() * 2\n",
        lambda c: [relu_function(c("sigmoid"))],
        "-y = (x + 1).sigmoid() * 2\n+y = torch.relu(x + 1) * 2",
    ),
    Case(
        "method chain over lines",
        T + "y = (\n    x.add(1)\n    .sigmoid()\n    .mul(2)\n)\n",
        lambda c: [relu_function(c("sigmoid"))],
        "-    x.add(1)\n-    .sigmoid()\n+    torch.relu(x.add(1))",
    ),
    Case(
        "nested edits",
        T + "y = torch.sigmoid(torch.sigmoid(x).sigmoid())\n",
        lambda c: [relu_function(place) for place in c.all("sigmoid")],
        "-y = torch.sigmoid(torch.sigmoid(x).sigmoid())\n"
        "+y = torch.relu(torch.relu(torch.relu(x)))",
    ),
    Case(
        "function in an attribute",
        T + "class Net:\n    def __init__(self, act):\n        self.act = act\n"
        "    def run(self, x):\n        return self.act(x)\nNet(torch.sigmoid).run(x)\n",
        lambda c: [relu_function(c("sigmoid"))],
        "-        return self.act(x)\n+        return torch.relu(x)",
    ),
    Case(
        "next to a word",
        T + "def f(x):\n    return(x + 1).sigmoid()if 1 else x\nf(x)\n",
        lambda c: [relu_function(c("sigmoid"))],
        "-    return(x + 1).sigmoid()if 1 else x\n+    return(torch.relu(x + 1))if 1 else x",
    ),
    Case(
        "inside lambda and comprehension",
        T + "f = lambda v: [torch.sigmoid(u) for u in v]\nf(x)\n",
        lambda c: [relu_function(c("sigmoid"))],
        "-f = lambda v: [torch.sigmoid(u) for u in v]\n+f = lambda v: [torch.relu(u) for u in v]",
    ),
    Case(
        "optimizer",
        NET + "opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)\n",
        lambda c: [adam(c("SGD"))],
        "-opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)\n"
        "+opt = torch.optim.Adam(model.parameters(), lr=0.001)",
    ),
    Case(
        "optimizer, lr by position",
        NET + "from torch import optim\nopt = optim.SGD(model.parameters(), 0.1)\n",
        lambda c: [adam(c("SGD"))],
        "-opt = optim.SGD(model.parameters(), 0.1)\n"
        "+opt = optim.Adam(model.parameters(), lr=0.001)",
    ),
    Case(
        "optimizer, everything by keyword",
        NET + "o = {'momentum': 0.9}\nfrom torch.optim import *\n"
        "opt = SGD(lr=0.1, params=model.parameters(), **o)\n",
        lambda c: [adam(c("SGD"))],
        "-opt = SGD(lr=0.1, params=model.parameters(), **o)\n"
        "+opt = Adam(lr=0.001, params=model.parameters())",
    ),
    Case(
        "optimizer over lines",
        NET + "opt = torch.optim.SGD(\n    model.parameters(),  # all\n    momentum=0.9,  # usual\n"
        "    # the rate\n    lr=0.1,  # rate\n)\n",
        lambda c: [adam(c("SGD"))],
        "-opt = torch.optim.SGD(\n+opt = torch.optim.Adam(\n-    momentum=0.9,  # usual\n"
        "-    lr=0.1,  # rate\n+    lr=0.001,  # rate",
    ),
    Case(
        "optimizer over lines, new argument",
        NET + "opt = torch.optim.SGD(\n    model.parameters(),\n    0.1)\n",
        lambda c: [adam(c("SGD"))],
        "-opt = torch.optim.SGD(\n+opt = torch.optim.Adam(\n-    0.1)\n+    lr=0.001)",
    ),
    Case(
        "optimizer looked up",
        NET + "KINDS = {'sgd': torch.optim.SGD}\nopt = KINDS['sgd'](model.parameters(), lr=0.1)\n",
        lambda c: [adam(c("SGD"), "")],
        "-opt = KINDS['sgd'](model.parameters(), lr=0.1)\n"
        "+opt = torch.optim.Adam(model.parameters(), lr=0.001)",
    ),
]

ARGUMENTS = [
    Case(
        "keyword",
        NET + "opt = torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.9)\n",
        lambda c: [SetArguments(c("SGD"), "SGD", {"lr": "0.01"})],
        "-opt = torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.9)\n"
        "+opt = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)",
    ),
    Case(
        "by position",
        NET + "opt = torch.optim.SGD(model.parameters(), 1.0)\n",
        lambda c: [SetArguments(c("SGD"), "SGD", {"lr": "0.01", "momentum": "0.9"}, positions=SGD)],
        "-opt = torch.optim.SGD(model.parameters(), 1.0)\n"
        "+opt = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)",
    ),
    Case(
        "drop",
        NET + "opt = torch.optim.SGD(model.parameters(), lr=1.0, weight_decay=1)\n",
        lambda c: [SetArguments(c("SGD"), "SGD", drop=("weight_decay",))],
        "-opt = torch.optim.SGD(model.parameters(), lr=1.0, weight_decay=1)\n"
        "+opt = torch.optim.SGD(model.parameters(), lr=1.0)",
    ),
    Case(
        "drop by position names what follows",
        NET + "opt = torch.optim.SGD(model.parameters(), 1.0, 0.9)\n",
        lambda c: [SetArguments(c("SGD"), "SGD", drop=("lr",), positions=SGD)],
        "-opt = torch.optim.SGD(model.parameters(), 1.0, 0.9)\n"
        "+opt = torch.optim.SGD(model.parameters(), momentum=0.9)",
    ),
    Case(
        "may be in **options",
        NET + "o = {'lr': 1.0}\nopt = torch.optim.SGD(model.parameters(), **o)\n",
        lambda c: [SetArguments(c("SGD"), "SGD", {"lr": "0.01"}, positions=SGD)],
        "-opt = torch.optim.SGD(model.parameters(), **o)\n"
        '+opt = torch.optim.SGD(model.parameters(), **{**o, "lr": 0.01})',
    ),
    Case(
        "together with another callee",
        NET + "opt = torch.optim.SGD(model.parameters(), lr=1.0)\n",
        lambda c: [adam(c("SGD")), SetArguments(c("SGD"), "Adam", {"weight_decay": "0.1"})],
        "-opt = torch.optim.SGD(model.parameters(), lr=1.0)\n"
        "+opt = torch.optim.Adam(model.parameters(), lr=0.001, weight_decay=0.1)",
    ),
    Case(
        "next to a lone generator",
        NET + "def f(rows, k=0): return k\nf(i for i in [1])\n",
        lambda c: [SetArguments(c("f"), "f", {"k": "1"})],
        "-f(i for i in [1])\n+f((i for i in [1]), k=1)",
    ),
    Case(
        "names in values",
        NET + "x = torch.ones(2)\n",
        lambda c: [SetArguments(c("ones"), "ones", {"dtype": "torch.float64"})],
        "-x = torch.ones(2)\n+x = torch.ones(2, dtype=torch.float64)",
    ),
]

SURROUNDED = [
    Case(
        "one line",
        NN + "net = nn.Sequential(nn.Linear(4, 8), nn.ReLU())\n",
        lambda c: [norm(c("Linear"))],
        "-net = nn.Sequential(nn.Linear(4, 8), nn.ReLU())\n"
        "+net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU())",
    ),
    Case(
        "one per line, comments",
        NN + "net = nn.Sequential(\n    # in\n    nn.Linear(4, 8),  # hidden\n"
        "\n    # act\n    nn.ReLU(),\n)\n",
        lambda c: [norm(c("Linear"))],
        "+    nn.BatchNorm1d(8),",
    ),
    Case(
        "last without a comma",
        NN + "net = nn.Sequential(\n    nn.ReLU(),\n    nn.Linear(4, 8)  # out\n)\n",
        lambda c: [norm(c("Linear"))],
        "-    nn.Linear(4, 8)  # out\n+    nn.Linear(4, 8),  # out\n+    nn.BatchNorm1d(8)",
    ),
    Case(
        "last with a comma",
        NN + "net = nn.Sequential(\n    nn.ReLU(),\n    nn.Linear(4, 8),  # out\n)\n",
        lambda c: [norm(c("Linear"))],
        "+    nn.BatchNorm1d(8),",
    ),
    Case(
        "aligned with the bracket",
        NN + "net = nn.Sequential(nn.Linear(4, 8),\n                    nn.ReLU())\n",
        lambda c: [norm(c("Linear"))],
        "+                    nn.BatchNorm1d(8),",
    ),
    Case(
        "pairs per line",
        NN + "net = nn.Sequential(\n    nn.Linear(4, 8), nn.ReLU(),\n"
        "    nn.Linear(8, 8), nn.ReLU(),\n)\n",
        lambda c: [norm(place) for place in c.all("Linear")],
        "-    nn.Linear(4, 8), nn.ReLU(),\n-    nn.Linear(8, 8), nn.ReLU(),\n"
        "+    nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(),\n"
        "+    nn.Linear(8, 8), nn.BatchNorm1d(8), nn.ReLU(),",
    ),
    Case(
        "before",
        NN + "net = nn.Sequential(\n    nn.ReLU(),  # a\n    nn.Linear(4, 8),\n)\n",
        lambda c: [Surround(c("Linear"), "Linear", before=("torch.nn.Flatten()",))],
        "+    nn.Flatten(),",
    ),
    Case(
        "two edits of one call",
        NN + "net = nn.Sequential(\n    nn.Linear(4, 8),\n    nn.ReLU(),\n)\n",
        lambda c: [norm(c("Linear")), dropout(c("Linear"))],
        "+    nn.BatchNorm1d(8),\n+    nn.Dropout(0.1),",
    ),
    Case(
        "replaced and surrounded",
        NN + "net = nn.Sequential(nn.Sigmoid())\n",
        lambda c: [
            relu(c("Sigmoid")),
            Surround(c("Sigmoid"), "Sigmoid", after=("torch.nn.Dropout()",)),
        ],
        "-net = nn.Sequential(nn.Sigmoid())\n+net = nn.Sequential(nn.ReLU(), nn.Dropout())",
    ),
    Case(
        "attribute",
        NN + "class Net:\n    def __init__(self, n=4):\n"
        "        self.fc = nn.Linear(n, n * 2)\nNet()\n",
        lambda c: [norm(c("Linear"))],
        "-        self.fc = nn.Linear(n, n * 2)\n"
        "+        self.fc = nn.Sequential(nn.Linear(n, n * 2), nn.BatchNorm1d(n * 2))",
    ),
    Case(
        "placeholder in an expression",
        NN + "n = 2\na = nn.Linear(n, out_features=n + 1)\n",
        lambda c: [
            Surround(
                c("Linear"),
                "Linear",
                ("torch.nn.Dropout({in_features} / 10)",),
                ("torch.nn.Unflatten(1, ({out_features} * 1, 1))",),
                LINEAR,
            )
        ],
        "-a = nn.Linear(n, out_features=n + 1)\n"
        "+a = nn.Sequential(nn.Dropout(n / 10), nn.Linear(n, out_features=n + 1), "
        "nn.Unflatten(1, ((n + 1) * 1, 1)))",
    ),
    Case(
        "append",
        NN + "layers = []\nlayers.append(nn.Linear(4, 8))\nnn.Sequential(*layers)\n",
        lambda c: [norm(c("Linear"))],
        "-layers.append(nn.Linear(4, 8))\n"
        "+layers.append(nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8)))",
    ),
    Case(
        "+= of a list that becomes a Sequential",
        NN + "layers = []\nlayers += [nn.Linear(4, 8), nn.ReLU()]\nnn.Sequential(*layers)\n",
        lambda c: [norm(c("Linear"))],
        "-layers += [nn.Linear(4, 8), nn.ReLU()]\n"
        "+layers += [nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU()]",
    ),
    Case(
        "extend, tuple",
        NN + "layers = []\nlayers.extend((nn.Linear(4, 8),))\nnn.Sequential(*layers)\n",
        lambda c: [norm(c("Linear"))],
        "-layers.extend((nn.Linear(4, 8),))\n+layers.extend((nn.Linear(4, 8), nn.BatchNorm1d(8),))",
    ),
    Case(
        "assigned list",
        NN + "layers = [\n    nn.Linear(4, 8),\n    nn.ReLU(),\n]\nnn.Sequential(*layers)\n",
        lambda c: [norm(c("Linear"))],
        "+    nn.BatchNorm1d(8),",
    ),
    Case(
        "starred list",
        NN + "nn.Sequential(*[nn.Linear(4, 8), nn.ReLU()])\n",
        lambda c: [norm(c("Linear"))],
        "-nn.Sequential(*[nn.Linear(4, 8), nn.ReLU()])\n"
        "+nn.Sequential(*[nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU()])",
    ),
    Case(
        "indexed list",
        NN + "layers = [nn.Linear(4, 8), nn.ReLU()]\nlayers[1]\nnn.Sequential(*layers)\n",
        lambda c: [norm(c("Linear"))],
        "-layers = [nn.Linear(4, 8), nn.ReLU()]\n"
        "+layers = [nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8)), nn.ReLU()]",
    ),
    Case(
        "indexed Sequential",
        NN + "net = nn.Sequential(nn.Linear(4, 8), nn.ReLU())\nnet[1]\n",
        lambda c: [norm(c("Linear"))],
        "-net = nn.Sequential(nn.Linear(4, 8), nn.ReLU())\n"
        "+net = nn.Sequential(nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8)), nn.ReLU())",
    ),
    Case(
        "list for something else",
        NN + "net = nn.ModuleList([nn.Linear(4, 8), nn.ReLU()])\n",
        lambda c: [norm(c("Linear"))],
        "-net = nn.ModuleList([nn.Linear(4, 8), nn.ReLU()])\n"
        "+net = nn.ModuleList([nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8)), nn.ReLU()])",
    ),
    Case(
        "repeated list",
        NN + "nn.Sequential(*([nn.Linear(8, 8)] * 3))\n",
        lambda c: [dropout(c("Linear"))],
        "-nn.Sequential(*([nn.Linear(8, 8)] * 3))\n"
        "+nn.Sequential(*([nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.1))] * 3))",
    ),
    Case(
        "comprehension",
        NN + "nn.Sequential(*[nn.Linear(8, 8) for _ in range(3)])\n",
        lambda c: [dropout(place) for place in c.all("Linear")],
        "-nn.Sequential(*[nn.Linear(8, 8) for _ in range(3)])\n"
        "+nn.Sequential(*[nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.1)) for _ in range(3)])",
    ),
    Case(
        "named pairs",
        NN + "from collections import OrderedDict\n"
        "net = nn.Sequential(OrderedDict([('fc', nn.Linear(4, 8)), ('a', nn.ReLU())]))\n",
        lambda c: [norm(c("Linear"))],
        "-net = nn.Sequential(OrderedDict([('fc', nn.Linear(4, 8)), ('a', nn.ReLU())]))\n"
        "+net = nn.Sequential(OrderedDict([('fc', nn.Sequential(nn.Linear(4, 8), "
        "nn.BatchNorm1d(8))), ('a', nn.ReLU())]))",
    ),
    Case(
        "outer and inner Sequential",
        NN + "net = nn.Sequential(nn.Sequential(nn.Linear(4, 8)), nn.Linear(8, 4))\n",
        lambda c: [norm(place) for place in c.all("Linear")],
        "-net = nn.Sequential(nn.Sequential(nn.Linear(4, 8)), nn.Linear(8, 4))\n"
        "+net = nn.Sequential(nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8)), "
        "nn.Linear(8, 4), nn.BatchNorm1d(4))",
    ),
    Case(
        "star import",
        "from torch.nn import *\nnet = Sequential(Linear(4, 8))\n",
        lambda c: [norm(c("Linear"))],
        "-net = Sequential(Linear(4, 8))\n+net = Sequential(Linear(4, 8), BatchNorm1d(8))",
    ),
]

DEF = T + "from torch import nn\nimport torch.nn.functional as F\n"
DROPPED = [
    Case(
        "function",
        DEF + "fc = nn.Linear(3, 3)\ny = F.softmax(fc(x), dim=1)\n",
        lambda c: [soft(c("softmax"))],
        "-y = F.softmax(fc(x), dim=1)\n+y = fc(x)",
    ),
    Case(
        "method",
        DEF + "y = (x + 1).softmax(1)\n",
        lambda c: [soft(c("softmax"))],
        "-y = (x + 1).softmax(1)\n+y = (x + 1)",
    ),
    Case(
        "first argument by keyword",
        DEF + "y = F.softmax(dim=1, input=x)\n",
        lambda c: [soft(c("softmax"))],
        "-y = F.softmax(dim=1, input=x)\n+y = x",
    ),
    Case(
        "precedence",
        DEF + "y = F.softmax(x + 1, 1) * 2\n",
        lambda c: [soft(c("softmax"))],
        "-y = F.softmax(x + 1, 1) * 2\n+y = (x + 1) * 2",
    ),
    Case(
        "no needless parentheses",
        DEF + "y = torch.exp(F.softmax(x + 1, 1))\n",
        lambda c: [soft(c("softmax"))],
        "-y = torch.exp(F.softmax(x + 1, 1))\n+y = torch.exp(x + 1)",
    ),
    Case(
        "a number",
        DEF + "y = torch.exp(torch.ones(1)).clamp(0, 1).exp()\n",
        lambda c: [DropCall(c("clamp"), "")],
        "-y = torch.exp(torch.ones(1)).clamp(0, 1).exp()\n+y = torch.exp(torch.ones(1)).exp()",
    ),
    Case(
        "spread over lines",
        DEF + "y = F.softmax(\n    x +\n    1,\n    dim=1,\n)\n",
        lambda c: [soft(c("softmax"))],
        "-y = F.softmax(\n-    x +\n-    1,\n-    dim=1,\n-)\n+y = (x +\n+    1)",
    ),
    Case(
        "what remains is nothing",
        DEF + "def f(x):\n    x = x + 1\n\n    # probabilities\n"
        "    x = F.softmax(x, dim=1)  # here\n    return x\nf(x)\n",
        lambda c: [soft(c("softmax"))],
        "-    x = F.softmax(x, dim=1)  # here",
    ),
    Case(
        "the only statement stays",
        DEF + "for _ in range(1):\n    x = F.softmax(x, dim=1)\n",
        lambda c: [soft(c("softmax"))],
        "-    x = F.softmax(x, dim=1)\n+    x = x",
    ),
    Case(
        "one of two statements on a line",
        DEF + "y = 1; x = F.softmax(x, 1)  # c\n",
        lambda c: [soft(c("softmax"))],
        "-y = 1; x = F.softmax(x, 1)  # c\n+y = 1  # c",
    ),
    Case(
        "return",
        DEF + "def f(x):\n    return torch.softmax(x, -1)\nf(x)\n",
        lambda c: [soft(c("softmax"))],
        "-    return torch.softmax(x, -1)\n+    return x",
    ),
    Case(
        "with an edit inside",
        DEF + "y = F.softmax(torch.sigmoid(x), 1)\n",
        lambda c: [soft(c("softmax")), relu_function(c("sigmoid"))],
        "-y = F.softmax(torch.sigmoid(x), 1)\n+y = torch.relu(x)",
    ),
    Case(
        "module in an attribute",
        DEF + "class Net:\n    def __init__(self):\n        self.s = nn.Softmax(dim=1)\nNet()\n",
        lambda c: [softmax(c("Softmax"))],
        "-        self.s = nn.Softmax(dim=1)\n+        self.s = nn.Identity()",
    ),
    Case(
        "last layer",
        DEF + "nn.Sequential(\n    nn.Linear(3, 3),  # out\n    nn.Softmax(dim=1),  # p\n)\n",
        lambda c: [softmax(c("Softmax"))],
        "-    nn.Softmax(dim=1),  # p",
    ),
    Case(
        "last layer without a comma",
        DEF + "nn.Sequential(\n    nn.Linear(3, 3),\n    nn.Softmax(dim=1)\n)\n",
        lambda c: [softmax(c("Softmax"))],
        "-    nn.Linear(3, 3),\n-    nn.Softmax(dim=1)\n+    nn.Linear(3, 3)",
    ),
    Case(
        "last layer on the line",
        DEF + "nn.Sequential(nn.Linear(3, 3), nn.Softmax(dim=1))\n",
        lambda c: [softmax(c("Softmax"))],
        "-nn.Sequential(nn.Linear(3, 3), nn.Softmax(dim=1))\n+nn.Sequential(nn.Linear(3, 3))",
    ),
    Case(
        "first layer",
        DEF
        + "nn.Sequential(\n    # p\n    nn.Softmax(dim=1),\n    # fc\n    nn.Linear(3, 3),\n)\n",
        lambda c: [softmax(c("Softmax"))],
        "-    nn.Softmax(dim=1),",
    ),
    Case(
        "layer in the middle",
        DEF + "nn.Sequential(\n    nn.ReLU(), nn.Softmax(dim=1),\n    nn.ReLU(),\n)\n",
        lambda c: [softmax(c("Softmax"))],
        "-    nn.ReLU(), nn.Softmax(dim=1),\n+    nn.ReLU(),",
    ),
    Case(
        "only layer",
        DEF + "nn.Sequential(nn.Softmax(dim=1))\n",
        lambda c: [softmax(c("Softmax"))],
        "-nn.Sequential(nn.Softmax(dim=1))\n+nn.Sequential(nn.Identity())",
    ),
    Case(
        "two of two layers",
        DEF + "nn.Sequential(nn.Softmax(dim=1), nn.Softmax(dim=0))\n",
        lambda c: [softmax(place) for place in c.all("Softmax")],
        "-nn.Sequential(nn.Softmax(dim=1), nn.Softmax(dim=0))\n+nn.Sequential(nn.Identity())",
    ),
    Case(
        "in a list that is starred later",
        DEF + "layers = []\nlayers += [nn.Linear(3, 3), nn.Softmax(1)]\nnn.Sequential(*layers)\n",
        lambda c: [softmax(c("Softmax"))],
        "-layers += [nn.Linear(3, 3), nn.Softmax(1)]\n+layers += [nn.Linear(3, 3)]",
    ),
    Case(
        "surround and drop side by side",
        DEF + "nn.Sequential(\n    nn.Linear(3, 3),\n    nn.Softmax(1),\n    nn.Linear(3, 3),\n)\n",
        lambda c: [norm(c("Linear")), softmax(c("Softmax")), norm(c("Linear", 1))],
        "-    nn.Softmax(1),\n+    nn.BatchNorm1d(3),\n+    nn.BatchNorm1d(3),",
    ),
]

LOOP = "import torch as t\ndef step(): return 1\ndef zero(): return 2\n"
INIT = (
    "for module in [step]:\n    if isinstance(module, torch.nn.Linear):  # only these\n"
    "        torch.nn.init.zeros_(module.weight)"
)


def before(place: Location, lines: str = "zero()") -> Insert:
    return Insert(place, lines)


def after(place: Location, lines: str = "zero()") -> Insert:
    return Insert(place, lines, "after")


INSERTED = [
    Case(
        "before",
        LOOP + "for i in range(2):\n    step()  # go\n",
        lambda c: [before(c("step"))],
        "+    zero()",
    ),
    Case(
        "after",
        LOOP + "for i in range(2):\n    step()  # go\n    i\n",
        lambda c: [after(c("step"))],
        "+    zero()",
    ),
    Case(
        "a loop's own line, before and after",
        LOOP + "if 1:\n    for i in [zero()]:\n        step()\n    # end\n",
        lambda c: [before(c("zero"), "a = 1"), after(c("zero"), "b = 1")],
        "+    a = 1\n+    b = 1",
    ),
    Case(
        "several, in order",
        LOOP + "step()\n",
        lambda c: [
            before(c("step"), "a = 1"),
            before(c("step"), "b = 1"),
            before(c("step"), "a = 1"),
            after(c("step"), "c = 1"),
            after(c("step"), "d = 1"),
        ],
        "+a = 1\n+b = 1\n+c = 1\n+d = 1",
    ),
    Case(
        "the comment above stays with its statement",
        LOOP + "x = 1\n\n# one step\n# of many\nstep()\n",
        lambda c: [before(c("step"))],
        "+zero()",
    ),
    Case(
        "names, nested blocks, comments",
        LOOP + "step()\n",
        lambda c: [after(c("step"), "# start\n" + INIT + "\n# done")],
        "+# start\n+for module in [step]:\n+    if isinstance(module, t.nn.Linear):  # only these\n"
        "+        t.nn.init.zeros_(module.weight)\n+# done",
    ),
    Case(
        "the file's indentation",
        LOOP + "if 1:\n\tstep()\n",
        lambda c: [after(c("step"), INIT)],
        "+\tfor module in [step]:\n+\t\tif isinstance(module, t.nn.Linear):  # only these\n"
        "+\t\t\tt.nn.init.zeros_(module.weight)",
    ),
    Case(
        "an import is added",
        "from torch.nn import Linear\n\n\ndef step(): return 1\nstep()\n",
        lambda c: [after(c("step"), "torch.manual_seed(0)")],
        "+import torch\n+torch.manual_seed(0)",
    ),
    Case(
        "lines with an import of their own",
        LOOP + "step()\n",
        lambda c: [before(c("step"), "import torch\ntorch.manual_seed(0)")],
        "+import torch\n+torch.manual_seed(0)",
    ),
    Case(
        "body on its header's line",
        LOOP + "for i in range(2): step()  # go\n",
        lambda c: [before(c("step"))],
        "-for i in range(2): step()  # go\n+for i in range(2):\n+    zero()\n+    step()  # go",
    ),
    Case(
        "between two on a line",
        LOOP + "step(); i = 1  # go\n",
        lambda c: [after(c("step"))],
        "-step(); i = 1  # go\n+step()\n+zero()\n+i = 1  # go",
    ),
    Case(
        "before the second on a line",
        LOOP + "i = 1; step()  # go\n",
        lambda c: [before(c("step"))],
        "-i = 1; step()  # go\n+i = 1\n+zero()\n+step()  # go",
    ),
    Case(
        "inside a comprehension",
        LOOP + "y = [\n    step()\n    for i in range(2)\n]\n",
        lambda c: [before(c("step"), "a = 1"), after(c("step"), "b = 1")],
        "+a = 1\n+b = 1",
    ),
    Case(
        "elif",
        LOOP + "if 0:\n    pass\nelif step():\n    pass\nelse:\n    pass\n",
        lambda c: [before(c("step"), "a = 1"), after(c("step"), "b = 1")],
        "+a = 1\n+b = 1",
    ),
    Case(
        "decorator",
        LOOP + "def deco(n): return lambda f: f\n@deco(1)\ndef g():\n    pass\n",
        lambda c: [before(c("deco"), "a = 1"), after(c("deco"), "b = 1")],
        "+a = 1\n+b = 1",
    ),
    Case(
        "with statement",
        LOOP + "with t.no_grad():\n    step()\n",
        lambda c: [before(c("no_grad"), "a = 1"), after(c("no_grad"), "b = 1")],
        "+a = 1\n+b = 1",
    ),
    Case(
        "first in a block with a comment",
        LOOP + "if 1:\n    # go\n    step()\n",
        lambda c: [before(c("step"))],
        "+    zero()",
    ),
    Case(
        "last, in a block with a comment below",
        LOOP + "if 1:\n    step()\n    # end\n",
        lambda c: [after(c("step"))],
        "+    zero()",
    ),
    Case(
        "together with a change of the statement",
        LOOP + "opt = t.relu(t.ones(1))\n",
        lambda c: [ReplaceCall(c("relu"), "relu", "torch.tanh", 1), after(c("relu"), "b = 1")],
        "-opt = t.relu(t.ones(1))\n+opt = t.tanh(t.ones(1))\n+b = 1",
    ),
    Case(
        "the same lines asked for at two calls of a statement",
        LOOP + "y = step() + zero()\n",
        lambda c: [after(c("step"), "b = 1"), after(c("zero"), "b = 1")],
        "+b = 1",
    ),
    Case(
        "a string over lines",
        LOOP + "if 1:\n    step()\n",
        lambda c: [after(c("step"), 's = """a\nb"""')],
        '+    s = """a\n+b"""',
    ),
]

ALL = [*REPLACED, *ARGUMENTS, *SURROUNDED, *DROPPED, *INSERTED]


def patched(case: Case, source: str | None = None) -> Patched:
    source = case.source if source is None else source
    return apply_edits(source, case.edits(Calls(source)), FILE)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_edits(case: Case) -> None:
    result = patched(case)
    assert result.skipped == ()
    assert changes(case.source, result.source) == case.want
    spots(result.source)  # it runs


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_line_ends_and_missing_final_newline(case: Case) -> None:
    windows = case.source.replace("\n", "\r\n")
    result = patched(case, windows)
    assert result.source == patched(case).source.replace("\n", "\r\n")
    assert not re.search(r"(?<!\r)\n", result.source)
    bare = case.source.rstrip("\n")
    assert patched(case, bare).source == patched(case).source.rstrip("\n")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_the_same_edits_again_do_no_harm(case: Case) -> None:
    edits = case.edits(Calls(case.source))
    once = apply_edits(case.source, edits, FILE)
    ast.parse(apply_edits(once.source, edits, FILE).source)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", ALL[::9], ids=lambda case: case.name)
@pytest.mark.parametrize("final", ["\n", ""], ids=["newline", "no newline"])
@pytest.mark.parametrize("tool", ["patch", "git"])
def test_diff_is_taken_by_tools(case: Case, final: str, tool: str, tmp_path: Path) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"needs {tool}")
    source = case.source.rstrip("\n").replace("\n", "\r\n" if tool == "git" else "\n") + final
    result = patched(case, source)
    diff = unified_diff(source, result.source, FILE)
    assert diff.startswith(f"--- {FILE}\n+++ {FILE}\n@@ ")
    (tmp_path / FILE).write_bytes(source.encode())
    command = ["git", "apply", "-p0"] if tool == "git" else ["patch", "-p0", "--binary", "-s"]
    subprocess.run(command, input=diff.encode(), cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / FILE).read_bytes() == result.source.encode()


# What is skipped, and why

NAMED = NN + "a = nn.Tanh()\n"
SKIPPED: list[tuple[str, str, Callable[[Calls], Edit], str]] = [
    ("another class", NAMED, lambda c: relu(c("Tanh")), "line 2 calls Tanh, not Sigmoid"),
    (
        "built by torch",
        NN + "a = nn.TransformerEncoderLayer(4, 2, batch_first=True)\n",
        lambda c: norm(c("TransformerEncoderLayer")),
        "line 2 calls TransformerEncoderLayer, not Linear",
    ),
    (
        "an alias of another class",
        NN + "A = nn.Tanh\na = A()\n",
        lambda c: relu(c("Tanh")),
        "line 3 calls A, not Sigmoid",
    ),
    (
        "a function of the file",
        NN + "def make(): return nn.Tanh()\nmake()\n",
        lambda c: relu(c("make")),
        "line 3 calls make, not Sigmoid",
    ),
    (
        "called by a builtin",
        NN + "a = list(map(lambda k: k, [nn.Sigmoid]))\n",
        lambda c: relu(c("<lambda>")),
        "line 2 calls list, not Sigmoid",
    ),
    (
        "inside a module",
        T + "from torch import nn\nnet = nn.Sequential(nn.Sigmoid())\ny = net(x)\n",
        lambda c: relu_function(Location(FILE, 5, 4, 5, 10)),
        "line 5 calls net, not sigmoid; the function is called inside it",
    ),
    (
        "inside a module that was passed on",
        T + "from torch import nn\ndef run(net, x):\n    return net(x)\n"
        "m = nn.Sequential(nn.Sigmoid())\nrun(m, x)\n",
        lambda c: relu_function(Location(FILE, 5, 11, 5, 17)),
        "line 5 calls net, not sigmoid; the function is called inside it",
    ),
    (
        "in place",
        T + "x.sigmoid_()\n",
        lambda c: relu_function(c("sigmoid_")),
        "line 3 calls sigmoid_, not sigmoid (in place)",
    ),
    (
        "no call there",
        NN + "a = 1\n",
        lambda c: relu(Location(FILE, 2, 0, 2, 5)),
        "line 2: no call is found there",
    ),
    (
        "ambiguous line",
        NN + "a = nn.Sigmoid(), nn.Sigmoid()\n",
        lambda c: relu(Location(FILE, 2)),
        "line 2: 2 calls there may be meant",
    ),
    (
        "another name on the line",
        NAMED,
        lambda c: relu(Location(FILE, 2)),
        "line 2 calls Tanh, not Sigmoid",
    ),
    (
        "another file",
        NAMED,
        lambda c: relu(Location("/other/net.py", 2)),
        "the location is in net.py",
    ),
    (
        "starred",
        NET + "args = (model.parameters(), 1.0)\nopt = torch.optim.SGD(*args)\n",
        lambda c: adam(c("SGD")),
        "line 5: the arguments are passed as *args",
    ),
    (
        "starred, set",
        NET + "args = (model.parameters(), 1.0)\nopt = torch.optim.SGD(*args)\n",
        lambda c: SetArguments(c("SGD"), "SGD", {"lr": "1"}, positions=SGD),
        "line 5: the arguments are passed as *args",
    ),
    (
        "drop from options",
        NET + "o = {'lr': 1.0}\nopt = torch.optim.SGD(model.parameters(), **o)\n",
        lambda c: SetArguments(c("SGD"), "SGD", drop=("lr",)),
        "line 5: the arguments are passed as **options",
    ),
    (
        "placeholder",
        NN + "shape = (4, 8)\na = nn.Linear(*shape)\n",
        lambda c: norm(c("Linear")),
        "line 3: no argument out_features is found in the call",
    ),
    (
        "nothing to keep",
        T + "y = torch.sigmoid(**{'input': x})\n",
        lambda c: relu_function(c("sigmoid")),
        "line 3: the argument to keep is not found",
    ),
    (
        "after return",
        NN + "def make():\n    return nn.Tanh()\nmake()\n",
        lambda c: after(c("Tanh")),
        "line 3: nothing runs after this statement",
    ),
    (
        "no statement",
        NN + "\na = 1\n",
        lambda c: after(Location(FILE, 2)),
        "line 2: no statement is found there",
    ),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("source", "edit", "reason"), [c[1:] for c in SKIPPED], ids=[c[0] for c in SKIPPED]
)
def test_skipped(source: str, edit: Callable[[Calls], Edit], reason: str) -> None:
    asked = edit(Calls(source))
    assert apply_edits(source, [asked], FILE) == Patched(source, (), ((asked, reason),))


def test_contradictions_keep_the_first_edit() -> None:
    source = NET + "opt = torch.optim.SGD(model.parameters(), lr=1.0)\n"
    place = Calls(source)("SGD")
    edits: list[Edit] = [
        adam(place),
        ReplaceCall(place, "SGD", "torch.optim.RMSprop", 1),
        DropCall(place, "SGD"),
        SetArguments(place, "SGD", {"lr": "1"}),
        SetArguments(place, "SGD", {"lr": "2"}),
    ]
    result = apply_edits(source, edits, FILE)
    assert result.done == (edits[0], edits[3])
    assert [reason for _, reason in result.skipped] == [
        "line 4: another edit already replaces this call",
        "line 4: another edit already changes this call",
        "line 4: another edit already sets this argument",
    ]
    assert result.source.endswith("opt = torch.optim.Adam(model.parameters(), lr=1)\n")


def test_a_skipped_edit_adds_no_import() -> None:
    source = "from torch.nn import Linear\nshape = (4, 8)\na = Linear(*shape)\n"
    place = Calls(source)("Linear")
    twice = Surround(
        place, "Linear", ("torch.nn.Flatten()",), ("torch.nn.BatchNorm1d({out_features})",), LINEAR
    )
    assert apply_edits(source, [twice], FILE).source == source


def test_line_only_and_inexact_locations() -> None:
    source = NN + "a = [nn.Sigmoid(),\n     nn.Tanh()]\n"
    for place in (Location(FILE, 2), Location(FILE, 2, 4, 3, 14), Location(FILE, 2, 5, 2, 9)):
        result = apply_edits(source, [relu(place)], FILE)
        assert changes(source, result.source) == "-a = [nn.Sigmoid(),\n+a = [nn.ReLU(),"
    result = apply_edits(source, [after(Location(FILE, 3), "b = 1")], FILE)
    assert changes(source, result.source) == "+b = 1"


def test_line_only_statements() -> None:
    source = "a = 1; b = 2\nfor i in a: i\n"
    for line, where, want in [
        (1, "before", "+z = 0"),
        (1, "after", "+z = 0"),
        (2, "before", "+z = 0"),
        (2, "after", "+z = 0"),
    ]:
        edit = Insert(Location(FILE, line), "z = 0", where)  # type: ignore[arg-type]
        result = apply_edits(source, [edit], FILE)
        assert changes(source, result.source) == want
        assert result.source.split("\n").index("z = 0") == line - (where == "before")


def test_method_call_spans_of_other_interpreters() -> None:
    """The start may be the whole expression or the method's name; both mean the same call."""
    source = T + "y = (x.add(1)\n     .sigmoid())\n"
    for place in (Location(FILE, 3, 5, 4, 15), Location(FILE, 4, 6, 4, 15), Location(FILE, 4)):
        result = apply_edits(source, [relu_function(place)], FILE)
        assert "y = (torch.relu(x.add(1)))\n" in result.source


def test_customary_names_from_a_star_import_of_the_user() -> None:
    source = "from common import *\nnet = nn.Sequential(nn.Linear(4, 8), nn.Sigmoid())\n"
    start = source.index("nn.Sigmoid") - source.index("net")
    result = apply_edits(source, [relu(Location(FILE, 2, start, 2, start + 12))], FILE)
    assert changes(source, result.source).endswith("nn.Linear(4, 8), nn.ReLU())")


def test_what_is_not_python_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"^train.py:2: not valid Python$"):
        apply_edits("a = 1\nb = (\n", [before(Location(FILE, 1))], FILE)
    with pytest.raises(ValueError, match="an edit's lines are not valid Python"):
        apply_edits("a = 1\n", [before(Location(FILE, 1), "b = (")], FILE)
    with pytest.raises(ValueError, match=r"would not compile \('return' outside function, line 1"):
        apply_edits("a = 1\n", [before(Location(FILE, 1), "return")], FILE)
    with pytest.raises(ValueError, match="an edit's expression is not valid Python"):
        apply_edits(NAMED, [Surround(Location(FILE, 2), "Tanh", ("nn.",))], FILE)


def test_what_libcst_loses_is_restored() -> None:
    source = "try:\n    a = 1\nexcept (OSError, ValueError) :\n    b = 1\n"
    result = apply_edits(source, [after(Location(FILE, 2), "c = 1")], FILE)
    assert changes(source, result.source) == "+    c = 1"


def test_imports_unstuck() -> None:
    place = Location(FILE, 1)
    assert imports_unstuck([before(place), Insert(place, "import unstuck", unstuck=True)])
    assert not imports_unstuck([before(place), relu(place)])


# Files

FILES = {
    "latin": "# -*- coding: latin-1 -*-\ns = 'é'\n".encode("latin-1"),
    "mark": b"\xef\xbb\xbfs = '\xc3\xa9'\n",
    "windows": b"a = 1\r\nb = 2\r\n",
    "mixed": b"a = 1\r\nb = 2\nc = 3\r",
    "tabs": b"if 1:\n\ta = 1\n",
    "open": b"a = 1\n\x0c\nb = 2",
    "empty": b"",
}


@pytest.mark.parametrize("data", FILES.values(), ids=FILES)
def test_files_round_trip(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_bytes(data)
    path.chmod(0o751)
    text, encoding = read_source(path)
    assert text.encode(encoding) == data
    write_atomically(path, text + "# ü\n" if encoding != "utf-8" else text)
    assert path.read_bytes() == (
        data if encoding == "utf-8" else data + "# ü\n".encode(encoding.replace("-sig", ""))
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o751
    assert os.listdir(tmp_path) == [FILE]


def test_files_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_bytes(b"# coding: latin-1\n")
    with pytest.raises(ValueError, match="can't encode"):
        write_atomically(path, "s = '€'\n")
    assert path.read_bytes() == b"# coding: latin-1\n"
    path.write_bytes(b"s = '\xff'\n")
    with pytest.raises(ValueError, match=FILE):
        read_source(path)


def test_links_stay_links(tmp_path: Path) -> None:
    real, link = tmp_path / "real.py", tmp_path / "link.py"
    write_atomically(real, "a = 1\n")
    link.symlink_to(real)
    write_atomically(link, "a = 2\n")
    assert link.is_symlink()
    assert real.read_text() == "a = 2\n"


def test_diff_of_nothing_and_names_with_blanks() -> None:
    assert unified_diff("a\n", "a\n", FILE) == ""
    assert unified_diff("a\n", "b\n", "my train.py").startswith(
        "--- my train.py\t\n+++ my train.py\t\n"
    )
    assert unified_diff("a\x0cb\u2028c\n", "", FILE).count("\n-") == 1


# Odd but valid layout

BLANK = st.sampled_from(["", " ", "  ", "\t"])
BREAK = st.sampled_from(["", " ", "\n", "\n    ", "  # c\n  ", "\n\n\t", "\\\n"])
END = st.sampled_from(["\n", "\r\n"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(BLANK, BREAK, BREAK, BREAK, BREAK, st.booleans(), END, st.sampled_from(["    ", "\t", " "]))
@example("", "\n", "  # c\n  ", "\n", "\n", True, "\n", "\t")
def test_any_layout_keeps_what_is_around(
    blank: str, one: str, two: str, three: str, four: str, comma: bool, end: str, indent: str
) -> None:
    row = f"{one}nn.Linear(4,{blank}8){blank},{two}nn.Sigmoid({blank}){three}{',' * comma}{four}"
    head = f"from torch import nn\nif{blank or ' '}1:  # é\n{indent}# up{blank}\n{indent}"
    tail = f"{indent}x{blank}={blank}1{blank}\n#{blank}end"
    source = f"{head}net = nn.Sequential({row})\n{tail}".replace("\n", end)
    calls = Calls(source)
    edits: list[Edit] = [
        *(relu(calls("Sigmoid")), norm(calls("Linear")), after(calls("Linear"), "y = 2"))
    ]
    result = apply_edits(source, edits, FILE)
    assert result.skipped == ()
    assert result.source.startswith(head.replace("\n", end))
    assert result.source.endswith(f"{end}{indent}y = 2{end}" + tail.replace("\n", end))
    assert result.source.count("# c") == source.count("# c")
    assert [
        name for name, _ in spots(result.source) if name in ("Linear", "BatchNorm1d", "ReLU")
    ] == ["Linear", "BatchNorm1d", "ReLU"]


MIXED = """\
import torch
rate = 0.5
def forward(x, é="é"):
    return torch.sigmoid(x @ w), torch.sigmoid(
        x @ (w * 2.0))
for step in range(9):
    loss = forward(x)
"""


def test_passages_and_calls_in_one_patch() -> None:
    """Calls are found where they have gone when passages before, on or in them are rewritten."""
    calls = [n for n in ast.walk(ast.parse(MIXED)) if isinstance(n, ast.Call)]
    first, second = (
        Location(FILE, n.lineno, n.col_offset, n.end_lineno, n.end_col_offset)
        for n in calls
        if ast.unparse(n.func) == "torch.sigmoid"
    )
    edits: list[Edit] = [
        ReplaceCall(first, "sigmoid", "torch.relu", 1),
        ReplaceCall(second, "sigmoid", "torch.relu", 1),
        Rewrite(Location(FILE, 2, 7, 2, 10), "0.5", "(\n    0.25)"),
        Rewrite(Location(FILE, 3, 18, 3, 22), '"é"', '"ähnlich"'),
        Rewrite(Location(FILE, 5, 17, 5, 20), "2.0", "3.125"),
        Insert(Location(FILE, 6), "start()"),
    ]
    patched = apply_edits(MIXED, edits, FILE)
    assert not patched.skipped
    assert len(patched.done) == len(edits)
    assert patched.source == (
        'import torch\nrate = (\n    0.25)\ndef forward(x, é="ähnlich"):\n'
        "    return torch.relu(x @ w), torch.relu(\n        x @ (w * 3.125))\n"
        "start()\nfor step in range(9):\n    loss = forward(x)\n"
    )
    over = Rewrite(Location(FILE, 4, 11, 4, 33), "torch.sigmoid(x @ w), ", "")
    patched = apply_edits(MIXED, [over, edits[0], edits[1]], FILE)
    assert "return torch.relu(\n" in patched.source
    assert [edit for edit, _ in patched.skipped] == [edits[0]]
