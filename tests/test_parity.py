"""What was measured is what gets committed: treated run and patched script agree bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest

from treating import Outcome, Remedies, execute, patch, same, treat, watch
from unstuck import registry
from unstuck.signals import Run

SEQUENTIAL = """\
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(32, 6) * 3 + 2
y = (x.sum(1) > 12).long()
model = nn.Sequential(
    nn.Linear(6, 8), nn.Sigmoid(),  # small
    nn.Linear(8, 8), nn.Sigmoid(),
    nn.Linear(8, 2), nn.Softmax(dim=1),
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(4):
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
"""

FUNCTIONAL = """\
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

torch.manual_seed(1)
x = torch.randn(24, 1, 8, 8) * 3 + 5
y = (x.mean((1, 2, 3)) > 5).long()

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1)
        self.conv2 = nn.Conv2d(4, 4, kernel_size=3)
        self.fc1 = nn.Linear(4 * 6 * 6, 16)
        self.fc2 = nn.Linear(16, 3)

    def forward(self, x):
        x = torch.tanh(self.conv1(x))
        x = F.sigmoid(self.conv2(x))
        x = self.fc1(x.flatten(1)).sigmoid()
        return F.softmax(self.fc2(x), dim=1)

def main():
    net = Net()
    opt = optim.SGD([{"params": net.conv1.parameters(), "lr": 0.02},
                     {"params": [p for n, p in net.named_parameters() if "conv1" not in n]}],
                    lr=0.2, momentum=0.5, weight_decay=1e-5)
    group = 3
    for epoch in range(2):
        for i in range(0, 24, 12):
            loss = F.cross_entropy(net(x[i:i + 12]), y[i:i + 12])
            loss.backward(); opt.step()
    return net

model = main()
after = torch.rand(3)
"""

SHARED = """\
import torch
from torch import nn
from torch.optim import SGD

torch.manual_seed(2)
x = torch.rand(40, 5) * torch.tensor([1.0, 10.0, 100.0, 0.1, 5.0])
y = (x[:, 0] > 0.5).long()

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        act = nn.Tanh()
        layers, width = [], 5
        for size in (12, 12, 12):
            layers += [nn.Linear(width, size), act]
            width = size
        self.body = nn.Sequential(*layers)
        self.mid = nn.ModuleList([nn.Linear(12, 12) for _ in range(2)])
        self.acts = nn.ModuleList([nn.Sigmoid(), nn.Sigmoid()])
        self.head = nn.Linear(12, 2, bias=False)

    def forward(self, x):
        x = self.body(x)
        for layer, act in zip(self.mid, self.acts):
            x = act(layer(x))
        return self.head(x)

class Trainer:
    def __init__(self):
        self.net = Net()
        self.lr = 0.05
        for p in self.net.body[0].parameters():
            p.requires_grad = False
        self.optimizer = SGD(filter(lambda p: p.requires_grad, self.net.parameters()), self.lr, 0.9)
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, 2)

    def fit(self):
        criterion = nn.CrossEntropyLoss()
        for step in range(4):
            loss = criterion(self.net(x), y)
            loss.backward()
            self.optimizer.step()
            self.scheduler.step()
        return self.net

model = Trainer().fit()
after = torch.rand(3)
"""

TIED = """\
import torch
import torch.nn as nn

torch.manual_seed(3)
x = torch.randint(1, 20, (30, 7))
y = x.sum(1) % 2

class Tagger(nn.Module):
    def __init__(self, act=nn.Tanh):
        super().__init__()
        self.emb = nn.Embedding(20, 8)
        self.rnn = nn.LSTM(8, 8, batch_first=True)
        self.drop = nn.Dropout(0.1)
        self.fc = nn.Linear(8, 8)
        self.act = act()
        self.out = nn.Linear(8, 2)
        self.lm = nn.Linear(8, 20, bias=False)
        self.lm.weight = self.emb.weight

    def forward(self, x):
        h, _ = self.rnn(self.drop(self.emb(x)))
        return self.out(self.act(self.fc(h[:, -1]))), self.lm(h)

def make_optimizer(net, lr, **settings):
    decay, rest = [], []
    for p in net.parameters():
        (decay if p.ndim > 1 else rest).append(p)
    groups = [dict(params=decay, weight_decay=0.01), dict(params=rest)]
    return torch.optim.AdamW(groups, lr=lr, **settings)

models = []
for fold in range(2):
    net = Tagger()
    opt = make_optimizer(net, 2e-3, betas=(0.9, 0.95))
    loss_fn = nn.CrossEntropyLoss()
    for epoch in range(2):
        opt.zero_grad()
        a, b = net(x)
        loss = loss_fn(a, y) + loss_fn(b[:, :-1].reshape(-1, 20), x[:, 1:].reshape(-1))
        loss.backward()
        opt.step()
    models.append(net)
"""

PAIR = """\
import torch
from torch import nn

torch.manual_seed(4)
x = torch.rand(24, 1, 8, 8)

def block(i, o):
    return nn.Sequential(nn.Linear(i, o), nn.Sigmoid())

class MySGD(torch.optim.SGD):
    def __init__(self, params, rate=0.1):
        super().__init__(params, lr=rate, momentum=0.2)

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(1, 4, 3, 2, 1), nn.Tanh(), nn.Flatten(), block(64, 10),
                                 nn.Linear(10, 3))

    def forward(self, x):
        return self.net(x)

class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = block(3, 64)
        self.up = nn.ConvTranspose2d(4, 1, 4, 2, 1)

    def forward(self, z):
        return torch.sigmoid(self.up(self.fc(z).view(-1, 4, 4, 4)))

encoder, decoder = Encoder(), Decoder()
scale = nn.Parameter(torch.ones(1))
opt = MySGD(list(encoder.parameters()) + list(decoder.parameters()) + [scale])
for step in range(3):
    opt.zero_grad()
    loss = nn.functional.mse_loss(decoder(encoder(x)) * scale, x)
    loss.backward()
    opt.step()
"""

REACHING = """\
import torch
from torch import nn

torch.manual_seed(5)
x, y = torch.randn(16, 4), torch.randn(16, 1)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.one = nn.Linear(4, 8)
        self.two = nn.Linear(8, 8)
        self.out = nn.Linear(8, 1)
        nn.init.normal_(self.one.weight, std=0.1)

    def forward(self, x):
        return self.out(torch.tanh(self.two(torch.tanh(self.one(x)))))

model = Net()
optimizer = torch.optim.RMSprop(model.parameters())
for step in range(3):
    optimizer.zero_grad()
    loss = ((model(x) - y) ** 2).mean()
    loss.backward()
    optimizer.step()
"""

SCRIPTS = {
    "sequential": SEQUENTIAL,
    "functional": FUNCTIONAL,
    "shared": SHARED,
    "tied": TIED,
    "pair": PAIR,
    "reaching": REACHING,
}
SETTINGS = {
    "use-momentum": {"momentum": 0.9, "lr": 0.04},
    "add-l1": {"strength": 0.1},
    "clip-gradients": {"max_norm": 0.001},
    "add-dropout": {"p": 0.3},
}
WITHOUT_EFFECT = {
    ("use-he-initialization", "sequential"),  # sigmoids
    ("use-he-initialization", "functional"),
    ("use-he-initialization", "shared"),
    ("use-he-initialization", "tied"),
    ("use-he-initialization", "pair"),
    ("use-he-initialization", "reaching"),
    ("add-weight-decay", "tied"),  # a group sets its own
    ("zero-gradients", "tied"),
    ("zero-gradients", "pair"),
    ("zero-gradients", "reaching"),
    ("drop-softmax", "shared"),
    ("drop-softmax", "tied"),
    ("drop-softmax", "pair"),
    ("drop-softmax", "reaching"),
    ("scale-inputs", "tied"),  # token numbers
    ("scale-inputs", "pair"),  # two models
    ("add-batch-norm", "tied"),  # the script has collected its parameters before
}
TOGETHER: tuple[tuple[str, ...], ...] = (
    ("use-relu", "use-he-initialization", "use-adam"),
    ("use-leaky-relu", "use-he-initialization", "use-momentum", "clip-gradients"),
    ("add-batch-norm", "add-dropout", "use-rmsprop", "add-weight-decay", "lower-learning-rate"),
    ("scale-inputs", "drop-softmax", "zero-gradients", "add-l1", "clip-gradients"),
)


def _settled(names: tuple[str, ...]) -> Remedies:
    return tuple((name, SETTINGS.get(name, {})) for name in names)


@pytest.fixture(scope="module", params=sorted(SCRIPTS))
def script(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp(request.param) / f"{request.param}.py"
    path.write_text(SCRIPTS[request.param])
    return path


@pytest.fixture(scope="module")
def run(script: Path) -> Run:
    return watch(script)


LIVE = [
    name
    for name in registry.remedies()
    if registry.remedy(name).__module__.startswith("unstuck.remedies.")
    and name
    in {
        *("use-relu", "use-leaky-relu", "use-he-initialization", "use-xavier-initialization"),
        *("use-adam", "use-rmsprop", "use-momentum", "lower-learning-rate", "raise-learning-rate"),
        *("add-weight-decay", "add-l1", "add-dropout", "add-batch-norm", "clip-gradients"),
        *("zero-gradients", "drop-softmax", "scale-inputs"),
    }
]


@pytest.mark.parametrize("names", [*((name,) for name in LIVE), *TOGETHER], ids="+".join)
def test_treated_and_patched_agree(script: Path, run: Run, names: tuple[str, ...]) -> None:
    treated = treat(script, run, _settled(names))
    expected = len(names) > 1 or (names[0], script.stem) not in WITHOUT_EFFECT
    assert bool(treated.changes) is expected
    assert all(change.edit is not None for change in treated.changes)
    source = patch(script, treated.changes)
    assert (source != script.read_text()) is expected
    assert same(treated, Outcome(execute(script, source)))
    untreated = Outcome(execute(script))
    layered = {"add-dropout", "add-batch-norm"} & set(names)
    if expected and not layered:
        assert not same(treated, untreated)
    # what the script draws after the training is what it draws untreated
    if "after" in untreated.names and "add-dropout" not in names:
        assert treated.names["after"].equal(untreated.names["after"])
