"""Watching changes nothing: every training ends with the same weights, bit for bit, and output."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts import DONE, MLP, forked, ours, python, twice, unstuck, write
from unstuck.record import read

HEAD = """\
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
"""

IMAGES = """\
x, y = torch.randn(96, 1, 8, 8), torch.randint(0, 4, (96,))
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 3)
        self.norm = nn.BatchNorm2d(6)
        self.conv2 = nn.Conv2d(6, 6, 3, bias=False)
        self.drop = nn.Dropout(0.3)
        self.out = nn.Linear(6 * 16, 4)
    def forward(self, x):
        x = F.relu(self.norm(self.conv1(x)))
        x = torch.tanh(self.conv2(x))
        return self.out(self.drop(x.flatten(1)))
model = Net()
"""

WORDS = """\
x, y = torch.randint(0, 20, (64, 7)), torch.randint(0, 3, (64,))
"""

CNN_WITH_VALIDATION = f"""\
{HEAD}{IMAGES}
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 5)
for epoch in range(5):
    model.train()
    for rows in torch.randperm(96).split(16):
        optimizer.zero_grad(set_to_none=False)
        loss = F.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
    schedule.step()
    model.eval()
    with torch.no_grad():
        held = F.cross_entropy(model(x), y)
        print(held.item(), (model(x).argmax(1) == y).float().mean().item())
"""

LSTM_CLIPPED = f"""\
{HEAD}{WORDS}
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 8)
        self.lstm = nn.LSTM(8, 12, num_layers=2, dropout=0.2, batch_first=True)
        self.out = nn.Linear(12, 3)
    def forward(self, x):
        states, _ = self.lstm(self.embed(x))
        return self.out(states[:, -1])
model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for step in range(40):
    rows = torch.randint(0, 64, (16,))
    loss = F.cross_entropy(model(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    optimizer.step()
"""

TRANSFORMER_BFLOAT16 = f"""\
{HEAD}{WORDS}
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 16)
        layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.1, batch_first=True)
        self.body = nn.TransformerEncoder(layer, 2)
        self.out = nn.Linear(16, 3)
    def forward(self, x):
        return self.out(self.body(self.embed(x)).mean(1))
model = Net()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for step in range(25):
    rows = torch.randint(0, 64, (16,))
    optimizer.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = F.cross_entropy(model(x[rows]), y[rows])
    loss.backward()
    optimizer.step()
"""

LBFGS = f"""\
{HEAD}
x = torch.randn(60, 5)
y = x.sum(1, keepdim=True).sin()
model = nn.Sequential(nn.Linear(5, 12), nn.Tanh(), nn.Linear(12, 1))
optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=6)
def closure():
    optimizer.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    return loss
for step in range(8):
    print(optimizer.step(closure).item())
"""

GAN = f"""\
{HEAD}
real = torch.randn(200, 2) * 0.5 + 1
generator = nn.Sequential(nn.Linear(4, 16), nn.LeakyReLU(0.2), nn.Linear(16, 2))
judge = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
first = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.9))
second = torch.optim.RMSprop(judge.parameters(), lr=1e-3)
criterion = nn.BCEWithLogitsLoss()
ones, zeros = torch.ones(50, 1), torch.zeros(50, 1)
for step in range(30):
    rows = real[torch.randint(0, 200, (50,))]
    fake = generator(torch.randn(50, 4))
    judge.zero_grad()
    loss = criterion(judge(rows), ones) + criterion(judge(fake.detach()), zeros)
    loss.backward()
    second.step()
    generator.zero_grad()
    criterion(judge(fake), ones).backward()
    first.step()
model = nn.ModuleList([generator, judge])
"""

SCALED_ACCUMULATED_CHECKPOINTED = f"""\
{HEAD}
from torch.utils.checkpoint import checkpoint
x, y = torch.randn(128, 10), torch.randint(0, 3, (128,))
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(10, 20)
        self.body = nn.Sequential(nn.Linear(20, 20), nn.ReLU(), nn.Dropout(0.2), nn.Linear(20, 20))
        self.out = nn.Linear(20, 3)
    def forward(self, x):
        x = torch.relu(self.first(x))
        return self.out(checkpoint(self.body, x, use_reentrant=False))
model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
for epoch in range(4):
    for number, rows in enumerate(torch.randperm(128).split(8)):
        loss = F.cross_entropy(model(x[rows]), y[rows]) / 4
        scaler.scale(loss).backward()
        if number % 4 == 3:
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_value_(model.parameters(), 0.1)
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
"""

WORKERS = f"""\
{HEAD}
from torch.utils.data import DataLoader, Dataset
class Rows(Dataset):
    def __len__(self):
        return 64
    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        return torch.randn(6, generator=generator) + 0.01 * torch.rand(6), index % 2
loader = DataLoader(Rows(), batch_size=16, shuffle=True, num_workers=2)
model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(3):
    for inputs, targets in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), targets).backward()
        optimizer.step()
"""

FAILS_AND_GOES_ON = f"""\
{HEAD}{IMAGES}
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(20):
    rows = torch.randint(0, 96, (16,))
    try:
        loss = F.cross_entropy(model(x[rows] if step % 3 else x[rows, :, 2:]), y[rows])
    except RuntimeError as error:
        print(str(error).splitlines()[0])
        continue
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""

SAVED_AND_COPIED = f"""\
{HEAD}{IMAGES}
import copy, io, pickle
average = None
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
pickle.dumps(F.cross_entropy)
for step in range(12):
    rows = torch.randint(0, 96, (16,))
    optimizer.zero_grad()
    F.cross_entropy(model(x[rows]), y[rows]).backward()
    optimizer.step()
    average = copy.deepcopy(model)
    saved = io.BytesIO()
    torch.save(model, saved)
    print(len(saved.getvalue()))
    copy.deepcopy(optimizer)
    saved.seek(0)
    model.load_state_dict(torch.load(saved, weights_only=False).state_dict())
    assert not model._forward_hooks and not model.conv1._forward_hooks
traced = torch.jit.trace(model.eval(), x[:2])
print(traced(x).sum().item(), average.eval()(x).sum().item())
"""

SCRIPTED = f"""\
{HEAD}
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 6)
        self.criterion = nn.CrossEntropyLoss()
    def forward(self, x, y):
        outputs = F.relu(self.first(x))
        right = torch.eq(outputs.argmax(1), y).float().mean()
        same = (outputs.argmax(1) == y).float().mean()
        return F.cross_entropy(outputs, y) + self.criterion(outputs, y) + 0 * (right + same)
x, y = torch.randn(32, 4), torch.randint(0, 6, (32,))
model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
fast = torch.jit.script(model)
for step in range(10):
    optimizer.zero_grad()
    fast(x, y).backward()
    optimizer.step()
print(torch.jit.script(model)(x, y).item())
"""

COMPILED = f"""\
{HEAD}
x, y = torch.randn(64, 8), torch.randint(0, 2, (64,))
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
@torch.compile(backend="eager", fullgraph=True)
def loss_of(outputs, targets):
    return F.cross_entropy(outputs, targets)
fast = torch.compile(model, backend="eager", fullgraph=True)
for step in range(30):
    optimizer.zero_grad()
    loss_of(fast(x), y).backward()
    optimizer.step()
print(torch._dynamo.utils.counters["stats"])
"""

NO_GLOBAL_STATE = f"""\
{HEAD}
torch.set_default_dtype(torch.float64)
x = torch.randn(50, 3)
weights = torch.randn(3, 1, requires_grad=True)
bias = nn.Parameter(torch.zeros(1))
optimizer = torch.optim.Adagrad([weights, bias], lr=0.1)
for step in range(15):
    loss = ((x @ weights + bias - x.sum(1, keepdim=True)) ** 2).mean()
    for held, gradient in zip((weights, bias), torch.autograd.grad(loss, (weights, bias))):
        held.grad = gradient
    optimizer.step()
model = nn.ParameterList([nn.Parameter(weights.detach()), bias])
"""

RECURRENT = f"""\
{HEAD}{WORDS}
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 8)
        self.rnn = nn.RNN(8, 12, batch_first=True)
        self.cell = nn.Linear(12 + 12, 12)
        self.out = nn.Linear(12, 3)
    def forward(self, x):
        states, _ = self.rnn(self.embed(x))
        state = states[:, 0]
        for time in range(10):
            state = torch.tanh(self.cell(torch.cat([states[:, time % 7], state], 1)))
        return self.out(state)
model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(30):
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
"""

BY_HAND = f"""\
{HEAD}
x, y = torch.randn(64, 5), torch.randn(64)
model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 1))
for step in range(40):
    model.zero_grad()
    F.mse_loss(model(x).squeeze(1), y).backward()
    for parameter in model.parameters():
        parameter.data -= 0.05 * parameter.grad
"""

TIED_HOOKED_AVERAGED = f"""\
{HEAD}{WORDS}
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 8)
        self.body = nn.Linear(8, 8)
        self.out = nn.Linear(8, 20, bias=False)
        self.out.weight = self.embed.weight
    def forward(self, x):
        state = self.embed(x).mean(1)
        for _ in range(3):
            state = torch.tanh(self.body(state))
        return self.out(state)
model = Net()
seen = []
model.body.register_forward_hook(lambda module, given, output: output * 1.01)
model.body.register_forward_pre_hook(lambda module, given: (given[0] + 0.01,))
model.out.register_full_backward_hook(lambda module, inner, outer: seen.append(outer[0].sum()))
model.embed.weight.register_hook(lambda gradient: gradient * 0.5)
model.body.weight.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.norm()))
handle = nn.modules.module.register_module_forward_hook(lambda m, i, o: seen.append(len(seen)))
average = torch.optim.swa_utils.AveragedModel(
    model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)
)
for kind in ("foreach", "fused", "capturable", "differentiable", "amsgrad"):
    try:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, **{{kind: True}})
        optimizer.register_step_post_hook(lambda *_: seen.append(len(seen)))
        for step in range(8):
            optimizer.zero_grad()
            F.cross_entropy(model(x[step::8]), y[step::8]).backward()
            optimizer.step()
            average.update_parameters(model)
    except (RuntimeError, AssertionError) as error:
        print(kind, str(error).splitlines()[0])
print(len(seen), sum(map(float, seen)))
model = nn.ModuleList([model, average])
"""

FUNCTIONAL = f"""\
{HEAD}
from torch.func import functional_call, grad, vmap
x, y = torch.randn(32, 6), torch.randint(0, 3, (32,))
model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
def loss_of(parameters, row, label):
    outputs = functional_call(model, parameters, (row.unsqueeze(0),))
    return F.cross_entropy(outputs, label.unsqueeze(0))
for step in range(20):
    parameters = dict(model.named_parameters())
    held = {{name: p.detach() for name, p in parameters.items()}}
    each = vmap(grad(loss_of), in_dims=(None, 0, 0))(held, x, y)
    optimizer.zero_grad()
    F.cross_entropy(functional_call(model, parameters, (x,)), y).backward()
    if step % 2:
        for name, p in parameters.items():
            p.grad = each[name].mean(0)
    optimizer.step()
"""

FORKED_AND_INTERRUPTED = f"""\
{HEAD}{IMAGES}
import os, signal
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
def train(steps):
    for step in range(steps):
        rows = torch.randint(0, 96, (16,))
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x[rows]), y[rows])
        if steps == 5 and step == 3:
            signal.raise_signal(signal.SIGINT)
        loss.backward()
        optimizer.step()
train(3)
pid = os.fork()
if pid == 0:
    train(4)
    print("child", model.out.weight.sum().item(), flush=True)
    os._exit(0)
os.waitpid(pid, 0)
try:
    train(5)
except KeyboardInterrupt:
    print("interrupted")
train(6)
"""

TRAININGS = {
    "mlp, adam": MLP,
    "cnn, batch norm, dropout, momentum, schedule, validation": CNN_WITH_VALIDATION,
    "lstm, clipping": LSTM_CLIPPED,
    "transformer, bfloat16": TRANSFORMER_BFLOAT16,
    "lbfgs closure": LBFGS,
    "gan": GAN,
    "grad scaler, accumulation, checkpointing": SCALED_ACCUMULATED_CHECKPOINTED,
    "two workers": WORKERS,
    "exceptions in the middle": FAILS_AND_GOES_ON,
    "saved, copied, traced": SAVED_AND_COPIED,
    "scripted": SCRIPTED,
    "compiled": COMPILED,
    "no module, no backward": NO_GLOBAL_STATE,
    "rnn, cell in a loop": RECURRENT,
    "no optimizer": BY_HAND,
    "tied, hooks, averages, Adam's implementations": TIED_HOOKED_AVERAGED,
    "torch.func": FUNCTIONAL,
    "fork, Ctrl-C": FORKED_AND_INTERRUPTED,
}


@pytest.mark.parametrize("name", TRAININGS)
def test_final_weights_are_the_same_bit_for_bit(name: str, tmp_path: Path) -> None:
    alone, watched = twice(write(tmp_path, TRAININGS[name] + DONE))
    assert alone.returncode == 0, alone.stderr
    assert "weights" in alone.stdout
    assert watched.returncode == 0, watched.stderr
    assert watched.stdout == alone.stdout
    recording = read(tmp_path / "run.db")
    assert "failed" not in recording.facts, recording.facts["failed"]
    assert recording.facts["deep"] > 3
    assert [run.steps > 5 for run in recording.runs if run.steps]


def test_nothing_healthy_is_reported_without_backward(tmp_path: Path) -> None:
    """Gradients from torch.autograd.grad: no loss is seen, and none is made up."""
    write(tmp_path, NO_GLOBAL_STATE)
    watched = unstuck("run", "--record", "run.db", "train.py", cwd=tmp_path)
    assert "NaN" not in watched.stderr
    (run,) = read(tmp_path / "run.db").runs
    assert run.steps == 15
    assert len(run.loss) == 0


def test_script_that_fails_before_it_trains(tmp_path: Path) -> None:
    write(tmp_path, "import torch\nimport no_such_package\n")
    watched = unstuck("run", "train.py", cwd=tmp_path)
    assert watched.returncode == 1
    assert ours(watched.stderr) == [
        "unstuck: the script fails before it trains: "
        "ModuleNotFoundError: No module named 'no_such_package'"
    ]
    noted = "error = ValueError('two losses')\nerror.add_note('Set a variable to see more.')\n"
    write(tmp_path, f"{noted}raise error\n")
    watched = unstuck("run", "train.py", cwd=tmp_path)
    assert ours(watched.stderr) == [
        "unstuck: the script fails before it trains: ValueError: two losses"
    ]


def test_script_without_torch_pays_nothing(tmp_path: Path) -> None:
    write(tmp_path, "import sys\nprint('torch' in sys.modules, __name__, __file__, sys.argv)\n")
    alone = python("train.py", "a", cwd=tmp_path)
    watched = unstuck("run", "train.py", "a", cwd=tmp_path)
    assert watched.stdout == alone.stdout
    assert watched.returncode == 0
    assert ours(watched.stderr) == ["unstuck: no training was seen (no optimizer took a step)"]


WARNINGS = f"""\
{HEAD}
import warnings
warnings.simplefilter("always")
model = nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1)
schedule.step()
x, y = torch.randn(8, 3), torch.randn(8)
for step in range(2):
    loss = F.mse_loss(model(x), y)
    loss = loss + nn.L1Loss()(model(x), y)
    loss = loss + F.mse_loss(model(x), y, size_average=True)
    loss.backward()
    optimizer.step()
"""


@pytest.mark.parametrize("filters", ["always", "default", "error"])
def test_warnings_are_the_same(tmp_path: Path, filters: str) -> None:
    """They name the same lines, are shown as often, and pass the same filters."""
    alone, watched = twice(write(tmp_path, WARNINGS.replace("always", filters)))
    expected = re.findall(r"\S+:\d+: \w+Warning: .*|^\w+Warning: .*", alone.stderr, re.MULTILINE)
    assert len(expected) >= {"always": 7, "default": 4, "error": 1}[filters]
    assert watched.stderr.splitlines()[-1 if filters == "error" else 0] == expected[0]
    assert [line for line in expected if line not in watched.stderr] == []
    assert watched.stderr.count("Warning: ") == alone.stderr.count("Warning: ")
    assert watched.returncode == alone.returncode


LOGGED_LATER = """\
import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(64, 4), torch.randint(0, 2, (64,))
model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(40):
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 8 == 7:
        model.eval()
        with torch.no_grad():
            held = model(x)
        model.train()
        print(nn.functional.cross_entropy(held, y).item())
"""


def test_a_loss_taken_after_the_pass_counts_and_says_nothing_of_its_mode(tmp_path: Path) -> None:
    script = write(tmp_path, LOGGED_LATER)
    done = unstuck("run", "--record", "r.db", script, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = read(tmp_path / "r.db").runs[0]
    assert len(run.of("validation_loss:0")) == 5
    assert set(run.of("validation_training_mode:0")) == {0.0}
    assert "wrong-mode" not in done.stderr


def test_what_cannot_be_seen_of_a_compiled_model_is_said(tmp_path: Path) -> None:
    write(tmp_path, COMPILED)
    watched = unstuck("run", "train.py", cwd=tmp_path)
    assert "unstuck: inside a compiled model only weights" in watched.stderr


def test_leaving_at_once_is_the_same(tmp_path: Path) -> None:
    """`os._exit` ends everything, but not before what was seen is written."""
    leaving = "\nimport os, sys\nsys.stdout.flush()\nos._exit(3)\n"
    alone, watched = twice(write(tmp_path, MLP + DONE + leaving))
    assert alone.returncode == watched.returncode == 3
    assert "weights" in alone.stdout
    assert watched.stdout == alone.stdout
    (run,) = read(tmp_path / "run.db").runs
    assert len(run.loss) == 60


def test_losses_on_an_accelerator_are_fetched_together(tmp_path: Path) -> None:
    """As if nothing were at hand: no loss is waited for, none is lost or out of order."""
    far = (
        "from unstuck.frameworks import torch_measure\n"
        "torch_measure.at_hand = lambda tensor: False\n"
    )
    alone, near, away = forked(write(tmp_path, MLP + DONE), {"near": "", "away": far})
    assert alone.stdout == near.stdout == away.stdout
    (here,) = read(tmp_path / "near" / "run.db").runs
    (there,) = read(tmp_path / "away" / "run.db").runs
    assert here.loss == there.loss
    assert len(there.loss) == 60


LARGE = f"""\
{HEAD}
import resource, sys
model = nn.Sequential(*(nn.Linear(2000, 2000) for _ in range(25)))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(3):
    optimizer.zero_grad()
    model(torch.randn(4, 2000)).square().mean().backward()
    optimizer.step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
print(model[3].weight.sum().item())
"""


def test_a_model_of_100_million_parameters_is_not_copied(tmp_path: Path) -> None:
    """Its weights take 400 MB; every step is sampled."""
    alone, watched = twice(write(tmp_path, LARGE))
    assert watched.stdout == alone.stdout
    assert int(watched.stderr) - int(alone.stderr) < 50_000  # kB
    recording = read(tmp_path / "run.db")
    assert recording.facts["deep"] == 3
    assert len(recording.runs[0].of("update_ratio", "24")) == 3
