"""What the watcher knows about a script: layers and lines, activations, losses, validation."""

from __future__ import annotations

import ast
import math
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from scripts import unstuck, write
from treating import execute, recorded, watch
from unstuck import registry
from unstuck.diagnosis import diagnose_run
from unstuck.findings import Location
from unstuck.frameworks import torch as frameworks_torch
from unstuck.record import Recorder, Recording, read
from unstuck.signals import Run

HEAD = """\
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
x = torch.randn(32, 4)
y = torch.randint(0, 3, (32,))
"""
LOOP = """
for step in range(6):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "train.py"


def run_of(path: Path, source: str) -> Run:
    return watch(write(path.parent, source))


def recording_of(path: Path, source: str) -> Recording:
    return recorded(write(path.parent, source))


def said(location: Location | None) -> str:
    """Return the source text that a location spans."""
    assert location is not None
    assert location.column is not None
    assert location.end_line is not None
    assert location.end_column is not None
    lines = Path(location.file).read_bytes().splitlines(keepends=True)
    lines = lines[location.line - 1 : location.end_line]
    lines[-1] = lines[-1][: location.end_column]
    lines[0] = lines[0][location.column :]
    return re.sub(rb"\s+", b" ", b"".join(lines)).decode()


# ---------------------------------------------------------------------- layers, activations


def test_sequential(path: Path) -> None:
    run = run_of(
        path,
        HEAD
        + """
é = "ü"; model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(
    8, 6, bias=False,
), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
"""
        + LOOP,
    )
    assert [la.name for la in run.layers] == ["0", "2", "3", "5"]
    assert [la.kind for la in run.layers] == ["Linear", "Linear", "BatchNorm1d", "Linear"]
    assert [said(la.location) for la in run.layers] == [
        "nn.Linear(4, 8)",
        "nn.Linear( 8, 6, bias=False, )",
        "nn.BatchNorm1d(6)",
        "nn.Linear(6, 3)",
    ]
    assert [la.activation for la in run.layers if la.matrix] == ["tanh", "relu", None]
    assert [la.normalized for la in run.layers if la.matrix] == [False, True, False]
    assert [la.output for la in run.layers] == [False, False, False, True]
    assert [(la.fan_in, la.fan_out) for la in run.weights] == [(4, 8), (8, 6), (6, 3)]
    assert [(a.name, a.kind, a.units, a.functional) for a in run.activations] == [
        ("1", "tanh", 8, False),
        ("4", "relu", 6, False),
    ]
    assert [said(a.location) for a in run.activations] == ["nn.Tanh()", "nn.ReLU()"]


def test_functional_activations_and_order_of_running(path: Path) -> None:
    """Layers are listed as they run, not as they were made; each knows what it really feeds."""
    run = run_of(
        path,
        HEAD
        + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.last = nn.Linear(8, 3)
        self.second = nn.Linear(8, 8)
        self.first = nn.Linear(4, 8)
        self.third = nn.Linear(8, 8)
        self.unused = nn.Linear(2, 2)
        self.act = nn.ELU()
    def forward(self, x):
        x = F.leaky_relu(self.first(x), 0.1)
        x = x + torch.sigmoid(self.second(x)).tanh()
        x = self.third(x).relu() * F.dropout(x, 0.1)
        return self.last(x)
model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
        + LOOP,
    )
    order = [la.name for la in run.layers if la.name != "unused"]
    assert order == ["first", "second", "third", "last"]
    assert {la.name: la.activation for la in run.layers} == {
        "first": "leaky_relu",
        "second": "sigmoid",
        "third": "relu",
        "last": None,
        "unused": None,
    }
    assert run.facts["unused_layers"] == ["unused"]
    assert [(a.kind, said(a.location)) for a in run.activations] == [
        ("leaky_relu", "F.leaky_relu(self.first(x), 0.1)"),
        ("sigmoid", "torch.sigmoid(self.second(x))"),
        ("tanh", "torch.sigmoid(self.second(x)).tanh()"),
        ("relu", "self.third(x).relu()"),
    ]
    assert all(
        a.functional and a.name.split("@")[1].startswith("train.py:") for a in run.activations
    )
    by_name = {a.name: a for a in run.activations}
    first = run.layers[0]
    assert by_name[first.activation_name or ""].kind == "leaky_relu"


def test_convolution_recurrence_and_residual(path: Path) -> None:
    run = run_of(
        path,
        """\
import torch
from torch import nn
x, y = torch.randn(16, 1, 8, 8), torch.randint(0, 3, (16,))
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, stride=2, padding=1, groups=1)
        self.norm = nn.BatchNorm2d(4)
        self.body = nn.Conv2d(4, 4, 3, padding=1, groups=2)
        self.rnn = nn.GRU(16, 6, batch_first=True)
        self.head = nn.Linear(6, 3)
    def forward(self, x):
        x = torch.relu_(self.norm(self.conv(x)))
        x = torch.relu(x + self.body(x))
        states, _ = self.rnn(x.flatten(2))
        return self.head(states[:, -1])
model = Net()
optimizer = torch.optim.Adam(model.parameters())
for step in range(5):
    optimizer.zero_grad()
    nn.CrossEntropyLoss()(model(x), y).backward()
    optimizer.step()
""",
    )
    layers = {la.name: la for la in run.layers}
    assert list(layers) == ["conv", "norm", "body", "rnn", "head"]
    assert layers["conv"].normalized
    assert layers["conv"].activation == layers["body"].activation == "relu"
    assert layers["body"].residual
    assert not layers["conv"].residual
    assert (layers["conv"].fan_in, layers["body"].fan_in) == (9, 18)
    assert layers["conv"].dimensions == 4
    assert layers["rnn"].activation is None
    assert layers["head"].output
    assert run.loss_function.function == "cross_entropy"


def test_layers_made_in_a_loop_a_function_and_another_file(path: Path) -> None:
    write(
        path.parent,
        "from torch import nn\ndef block(n):\n    return nn.Linear(n, n)\n"
        "class Head(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.fc = nn.Linear(4, 3)\n    def forward(self, x):\n        return self.fc(x)\n",
        "parts_of_model.py",
    )
    source = (
        f"import sys; sys.path.insert(0, {str(path.parent)!r})\n{HEAD}"
        """
from parts_of_model import Head, block
blocks = nn.ModuleList([block(4) for _ in range(2)])
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks, self.head = blocks, Head()
    def forward(self, x):
        for block in self.blocks:
            x = F.relu(block(x))
        return self.head(x)
model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
""" + LOOP
    )
    run = run_of(path, source)
    assert [la.name for la in run.layers] == ["blocks.0", "blocks.1", "head.fc"]
    places = [la.location for la in run.layers]
    assert all(p is not None and Path(p.file).name == "parts_of_model.py" for p in places)
    assert [p.line for p in places if p] == [3, 3, 7]


def test_shared_and_frozen_and_forgotten_layers(path: Path) -> None:
    run = run_of(
        path,
        HEAD
        + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3)
        self.b.weight = self.a.weight
    def forward(self, x):
        return self.out(self.b(self.a(x)))
model = Net()
model.a.weight.requires_grad_(False)
optimizer = torch.optim.SGD([*model.a.parameters(), model.b.bias], lr=0.1)
"""
        + LOOP,
    )
    layers = {la.name: la for la in run.layers}
    assert not layers["a"].trainable
    assert not layers["out"].optimized
    assert layers["a"].optimized
    assert "a" not in {la.name for la in run.weights}


# ---------------------------------------------------------------------- optimizer and loss


def test_optimizer_and_its_lines(path: Path) -> None:
    run = run_of(
        path,
        HEAD
        + """
class Trainer:
    def __init__(self, net):
        self.net = net
        self.opt = torch.optim.AdamW(
            [{"params": net[0].parameters(), "lr": 0.02}, {"params": net[1].parameters()}],
            weight_decay=0.1,
        )
    def fit(self):
        for step in range(5):
            self.opt.zero_grad()
            (loss := nn.functional.cross_entropy(self.net(x), y)).backward()
            self.opt.step()
Trainer(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3))).fit()
""",
    )
    made = run.optimizer
    assert made.name == "AdamW"
    assert made.settings["lr"] == 0.02
    assert made.settings["weight_decay"] == 0.1
    assert made.settings["betas.1"] == 0.999
    assert said(made.location).startswith("torch.optim.AdamW( [")
    assert said(made.step_location) == "self.opt.step()"
    assert (made.variable, made.model) == ("self.opt", "net")
    assert said(run.loss_function.location).endswith(".backward()")


def test_learning_rate_follows_the_schedule(path: Path) -> None:
    run = run_of(
        path,
        HEAD
        + """
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.8)
schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2, gamma=0.5)
"""
        + LOOP.replace("optimizer.step()", "optimizer.step(); schedule.step()"),
    )
    rates = run.of("learning_rate")
    assert rates.steps == (0, 2, 4)
    assert list(rates.values) == pytest.approx([0.8, 0.4, 0.2])


@pytest.mark.parametrize(
    ("loss", "function", "start"),
    [
        ("F.cross_entropy(model(x), y)", "cross_entropy", ["nll_loss", "log_softmax"]),
        ("F.nll_loss(F.log_softmax(model(x), 1), y)", "nll_loss", ["nll_loss", "log_softmax"]),
        (
            "F.cross_entropy(torch.softmax(model(x), 1), y)",
            "cross_entropy",
            ["nll_loss", "log_softmax", "softmax"],
        ),
        ("nn.MSELoss()(model(x), F.one_hot(y, 3).float())", "mse_loss", ["mse_loss"]),
        ("model(x).exp().mean()", None, ["mean", "exp"]),
        ("((model(x) - 1) ** 2).mean()", "mse_loss", ["mean", "pow", "sub"]),
    ],
)
def test_loss_function_and_its_chain(
    path: Path, loss: str, function: str | None, start: list[str]
) -> None:
    source = HEAD + "model = nn.Linear(4, 3)\noptimizer = torch.optim.Adam(model.parameters())\n"
    run = run_of(path, source + LOOP.replace("F.cross_entropy(model(x), y)", loss))
    assert run.loss_function.function == function
    assert list(run.loss_function.chain[: len(start)]) == start
    if function is not None:
        assert run.loss_function.prediction_shape == (32, 3)
    softmax = "softmax-before-cross-entropy" in obstacles(run)
    assert softmax == ("torch.softmax" in loss)


PRINTING = LOOP.replace(
    "    loss.backward()", "    losses.append(loss.item())\n    loss.backward()"
)
SCALED = """
scaler = torch.amp.GradScaler("cpu")
for step in range(6):
    optimizer.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = F.cross_entropy(model(x), y)
    losses.append(loss.item())
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
"""
CLOSURE = """
def closure():
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    return loss
for step in range(6):
    losses.append(optimizer.step(closure).item())
"""
TWO_PARTS = PRINTING.replace("loss.backward()", "torch.autograd.backward([loss])")


@pytest.mark.parametrize("loop", [PRINTING, SCALED, CLOSURE, TWO_PARTS])
def test_loss_of_every_step(path: Path, loop: str) -> None:
    start = "model, losses = nn.Linear(4, 3), []\n"
    start += "optimizer = torch.optim.SGD(model.parameters(), lr=0.5)\n"
    write(path.parent, HEAD + start + loop)
    expected = execute(path)["losses"]
    run = watch(path)
    assert run.loss.steps == tuple(range(6))
    assert list(run.loss.values) == pytest.approx(expected, rel=1e-6)


def test_signals_are_what_they_say(path: Path) -> None:
    """Weight, gradient and update of a step, against the same computed by hand."""
    source = (
        HEAD
        + """
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
before = model.weight.detach().clone()
loss = F.cross_entropy(model(x), y)
loss.backward()
gradient = model.weight.grad.clone()
everything = sum((p.grad ** 2).sum() for p in model.parameters()) ** 0.5
promised = sum((0.1 * p.grad ** 2).sum() for p in [model.weight])
optimizer.step()
optimizer.zero_grad()
"""
    )
    known = execute(write(path.parent, source))
    run = watch(path)
    name = run.layers[0].name

    def rms(values: torch.Tensor) -> float:
        return float((values**2).mean() ** 0.5)

    assert run.of("weight_rms", name).values[0] == pytest.approx(rms(known["before"]), rel=1e-5)
    assert run.of("gradient_rms", name).values[0] == pytest.approx(rms(known["gradient"]), rel=1e-5)
    assert run.of("gradient_max", name).values[0] == pytest.approx(
        float(known["gradient"].abs().max()), rel=1e-5
    )
    assert run.of("update_ratio", name).values[0] == pytest.approx(
        rms(0.1 * known["gradient"]) / rms(known["before"]), rel=1e-4
    )
    assert run.of("gradient_norm").values[0] == pytest.approx(float(known["everything"]), rel=1e-5)
    promised = run.of("predicted_decrease").values[0]
    assert promised == pytest.approx(float(known["promised"]), rel=1e-4)
    assert run.of("batch_size").values == (32.0,)
    assert run.of("input_std").values[0] == pytest.approx(float(known["x"].std()), rel=1e-5)


# ---------------------------------------------------------------------- gradients left over


def obstacles(run: Run) -> set[str]:
    found = diagnose_run(run, [kind() for kind in registry.obstacles().values()])
    return {finding.obstacle for finding in found}


def loop(body: str, steps: int = 40) -> str:
    indented = "".join(f"    {line}\n" for line in body.strip().splitlines())
    return (
        HEAD
        + "model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))\n"
        + "optimizer = torch.optim.SGD(model.parameters(), lr=0.01)\n"
        + f"for step in range({steps}):\n{indented}"
    )


STEP = "loss = F.cross_entropy(model(x), y)\nloss.backward()\n"
CLEARED = {
    "before backward": f"optimizer.zero_grad()\n{STEP}optimizer.step()",
    "after the step": f"{STEP}optimizer.step()\noptimizer.zero_grad()",
    "to zeros": f"optimizer.zero_grad(set_to_none=False)\n{STEP}optimizer.step()",
    "by the model": f"model.zero_grad()\n{STEP}optimizer.step()",
    "between backward and forward": f"{STEP}optimizer.step()\nmodel.zero_grad(set_to_none=False)",
    "by hand to None": f"for p in model.parameters(): p.grad = None\n{STEP}optimizer.step()",
    "by hand to zeros": f"{STEP}optimizer.step()\nfor p in model.parameters(): p.grad.zero_()",
    "accumulated": f"{STEP}\nif step % 4 == 3: optimizer.step(); optimizer.zero_grad()",
    "accumulated, to zeros": (
        f"if step % 4 == 0: optimizer.zero_grad(set_to_none=False)\n{STEP}"
        "if step % 4 == 3: optimizer.step()"
    ),
}
LEFT = {
    "never": f"{STEP}optimizer.step()",
    "the wrong way round": f"{STEP}optimizer.zero_grad\noptimizer.step()",
    "another model's": f"nn.Linear(1, 1).zero_grad()\n{STEP}optimizer.step()",
}


@pytest.mark.parametrize("how", CLEARED)
def test_cleared_gradients_are_no_finding(path: Path, how: str) -> None:
    run = run_of(path, loop(CLEARED[how]))
    assert set(run.of("stale_gradient").values) == {0.0}
    assert "missing-zero-grad" not in obstacles(run)


@pytest.mark.parametrize("how", LEFT)
def test_gradients_left_over_are_found(path: Path, how: str) -> None:
    run = run_of(path, loop(LEFT[how]))
    stale = run.of("stale_gradient")
    assert stale.values[0] == 0.0
    assert set(stale.values[1:]) == {1.0}
    assert "missing-zero-grad" in obstacles(run)


def test_two_optimizers_only_one_of_them_cleared(path: Path) -> None:
    recording = recording_of(
        path,
        HEAD
        + """
one, two = nn.Linear(4, 4), nn.Linear(4, 3)
first = torch.optim.SGD(one.parameters(), lr=0.01)
second = torch.optim.SGD(two.parameters(), lr=0.01)
for step in range(40):
    first.zero_grad()
    F.cross_entropy(two(one(x)), y).backward()
    first.step()
    second.step()
""",
    )
    stale = [max(run.of("stale_gradient").values) for run in recording.runs]
    assert stale == [0.0, 1.0]
    assert [run.optimizer.variable for run in recording.runs] == ["first", "second"]
    assert [len(run.loss) for run in recording.runs] == [40, 40]


def test_gan_is_two_runs_and_no_gradient_is_left_over(path: Path) -> None:
    recording = recording_of(
        path,
        HEAD
        + """
generator, judge = nn.Linear(2, 4), nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
first = torch.optim.Adam(generator.parameters(), lr=1e-3)
second = torch.optim.Adam(judge.parameters(), lr=1e-3)
ones, zeros = torch.ones(32, 1), torch.zeros(32, 1)
judged = []
for step in range(12):
    fake = generator(torch.randn(32, 2))
    second.zero_grad()
    loss = F.binary_cross_entropy_with_logits(judge(x), ones)
    loss = loss + F.binary_cross_entropy_with_logits(judge(fake.detach()), zeros)
    judged.append(loss.item())
    loss.backward()
    second.step()
    first.zero_grad()
    F.binary_cross_entropy_with_logits(judge(fake), ones).backward()
    first.step()
""",
    )
    runs = {run.optimizer.variable: run for run in recording.runs}
    assert set(runs) == {"first", "second"}
    assert all(max(run.of("stale_gradient").values) == 0 for run in runs.values())
    assert [la.name for la in runs["second"].layers] == ["0", "2"]
    judged = execute(path)["judged"]
    assert list(runs["second"].loss.values) == pytest.approx(judged, rel=1e-5)


# ---------------------------------------------------------------------- validation


def test_validation_passes(path: Path) -> None:
    source = (
        HEAD
        + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.drop = nn.Linear(4, 3), nn.Dropout(0.5)
    def forward(self, x):
        return self.drop(self.fc(x))
model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
held_x, held_y = torch.randn(50, 4), torch.randint(0, 3, (50,))
losses, rights = [], []
def evaluate():
    model.eval()
    total = right = 0
    with torch.no_grad():
        for rows in torch.arange(50).split(20):
            outputs = model(held_x[rows])
            total += F.cross_entropy(outputs, held_y[rows]).item() * len(rows)
            right += (outputs.argmax(1) == held_y[rows]).sum().item()
    model.train()
    return total / 50, right / 50
for epoch in range(4):
    for rows in torch.arange(32).split(16):
        optimizer.zero_grad()
        F.cross_entropy(model(x[rows]), y[rows]).backward()
        optimizer.step()
    loss, share = evaluate()
    losses.append(loss)
    rights.append(share)
"""
    )
    known = execute(write(path.parent, source))
    run = watch(path)
    kinds = [name for layer, name in run.series if name.startswith("validation_loss:")]
    held = [run.of(name) for name in kinds if run.of(name).finite()]
    assert len(held) == 1
    assert held[0].finite().steps == (1, 3, 5, 7)
    assert list(held[0].finite().values) == pytest.approx(known["losses"], rel=1e-5)
    shares = [list(run.of(f"validation_accuracy:{n}").finite().values) for n in range(len(kinds))]
    assert any(s == pytest.approx(known["rights"]) for s in shares)


def test_training_data_and_test_data_are_two_validations(path: Path) -> None:
    source = (
        HEAD
        + """
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
test_x, test_y = torch.randn(20, 4), torch.randint(0, 3, (20,))
for epoch in range(3):
    for rows in torch.arange(32).split(8):
        optimizer.zero_grad()
        F.cross_entropy(model(x[rows]), y[rows]).backward()
        optimizer.step()
    with torch.inference_mode():
        first = F.cross_entropy(model(x), y).item()
        second = F.cross_entropy(model(test_x), test_y).item()
"""
    )
    known = execute(write(path.parent, source))
    run = watch(path)
    ends = [run.of(name).values[-1] for _, name in run.series if name.startswith("validation_loss")]
    assert sorted(ends) == pytest.approx(sorted([known["first"], known["second"]]), rel=1e-5)
    rows = [run.of(n).values[-1] for _, n in run.series if n.startswith("validation_rows")]
    assert sorted(rows) == [20, 32]


def test_losses_with_gradients_are_no_validation(path: Path) -> None:
    run = run_of(path, loop(f"optimizer.zero_grad()\n{STEP}optimizer.step()", steps=5))
    assert not [name for _, name in run.series if name.startswith("validation")]


# ---------------------------------------------------------------------- failing, letting go


@pytest.mark.parametrize(
    ("owner", "method"),
    [
        ("TorchWatcher", "_optimizer_made"),
        ("TorchWatcher", "_look"),
        ("TorchWatcher", "_loss_computed"),
        ("TorchWatcher", "_end_validation"),
        ("Training", "before_step"),
        ("Training", "sample_ends"),
        ("Training", "_read_wiring"),
        ("Training", "_layer_ran"),
        ("Training", "activation_ran"),
        ("Training", "_root_begins"),
        ("Training", "write_facts"),
    ],
)
def test_failure_of_the_watcher_costs_one_line(
    path: Path,
    owner: str,
    method: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = loop(f"optimizer.zero_grad()\n{STEP}optimizer.step()", steps=8)
    source += "with torch.no_grad(): F.cross_entropy(model(x), y)\n"
    expected = execute(write(path.parent, source))["model"]

    def fail(*args: object, **kwargs: object) -> None:
        raise ArithmeticError("of our own\nmaking")

    monkeypatch.setattr(getattr(frameworks_torch, owner), method, fail)
    original = nn.Module.__init__, nn.Module.__setstate__
    recorder = Recorder(path.with_suffix(".db"))
    watcher = frameworks_torch.TorchWatcher(recorder, 1.0)
    watcher.install()
    try:
        actual = execute(path)["model"]
    finally:
        watcher.uninstall()
        nn.Module.__init__, nn.Module.__setstate__ = original
        recorder.close()
    assert capsys.readouterr().err == (
        "unstuck: watching stopped, the training goes on (ArithmeticError: of our own)\n"
    )
    for one, other in zip(expected.parameters(), actual.parameters(), strict=True):
        assert torch.equal(one, other)


def test_nothing_is_left_behind(path: Path) -> None:
    """After watching, torch is what it was, and the script's modules were never touched."""
    import torch.nn.functional as F  # noqa: N812
    from torch.nn.modules import module as global_hooks

    before = (F.cross_entropy, torch.autograd.backward, torch.optim.Optimizer.__init__, torch.eq)
    source = loop(f"optimizer.zero_grad()\n{STEP}optimizer.step()", steps=4)
    run_of(path, source)
    after = (F.cross_entropy, torch.autograd.backward, torch.optim.Optimizer.__init__, torch.eq)
    assert before == after
    assert not global_hooks._global_forward_hooks
    assert not global_hooks._global_forward_pre_hooks
    assert not torch.overrides._get_current_function_mode_stack()


def test_models_and_optimizers_are_not_kept_alive(path: Path) -> None:
    source = (
        HEAD
        + """
import gc, weakref
alive = []
for trial in range(3):
    model = nn.Linear(4, 3)
    optimizer = torch.optim.Adam(model.parameters())
    for step in range(3):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    held = [weakref.ref(thing) for thing in (model, optimizer, model.weight, loss)]
    del model, optimizer, loss
    gc.collect()
    alive += [reference() for reference in held]
assert alive == [None] * 12, alive
"""
    )
    assert len(recording_of(path, source).runs) == 3


def test_non_finite_loss_names_its_operation(path: Path) -> None:
    source = loop(
        "optimizer.zero_grad()\n"
        "loss = model(x).sub(0 if step < 3 else 99).log().mean() if step else model(x).mean()\n"
        "loss.backward()\noptimizer.step()",
        steps=6,
    )
    run = run_of(path, source)
    assert math.isnan(run.loss.values[-1])
    (finding,) = [
        f
        for f in diagnose_run(run, [registry.obstacle("non-finite-values")()])
        if f.obstacle == "non-finite-values"
    ]
    assert "logarithm" in finding.message


BAD_ROW = """\
import torch
from torch import nn

torch.manual_seed(0)
x = torch.rand(64, 4)
x[37] = -5
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
nn.init.ones_(model[0].weight), nn.init.ones_(model[2].weight)
optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
for step in range(12):
    rows = x[(torch.arange(16) + 16 * step) % 64]
    with torch.no_grad():
        shown = torch.log(model(rows).mean())
    loss = torch.log(model(rows) + rows.sum(1, keepdim=True)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


@pytest.mark.parametrize("stop", [False, True])
def test_non_finite_loss_names_its_line_and_row(path: Path, stop: bool) -> None:
    write(path.parent, BAD_ROW)
    options = ("--stop-on", "error") if stop else ()
    done = unstuck("run", "--record", "run.db", *options, "train.py", cwd=path.parent)
    (run,) = read(path.parent / "run.db").runs
    assert run.steps == (3 if stop else 12), done.stderr
    (finding,) = registry.obstacle("non-finite-values")().check(run)
    assert "in 1 of 16 rows of the batch (5)" in finding.message
    assert finding.steps[0] == 2
    assert finding.location is not None
    line = BAD_ROW.splitlines()[finding.location.line - 1]
    assert line.startswith("    loss = torch.log(")


# ---------------------------------------------------------------------- without an optimizer


MODEL_BY_HAND = """\
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(200, 5)
y = x @ torch.randn(5, 1)
model = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 1))
for step in range(60):
    loss = nn.functional.mse_loss(model(x), y)
    CLEAR
    loss.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter UPDATE 0.02 * parameter.grad
"""
TENSORS_BY_HAND = """\
import torch

torch.manual_seed(0)
x = torch.randn(200, 5)
y = x @ torch.randn(5)
first = torch.randn(5, 16).requires_grad_()
second = torch.zeros(16).requires_grad_()
for step in range(60):
    loss = ((torch.tanh(x @ first) @ second - y) ** 2).mean()
    loss.backward()
    first.data -= 0.01 * first.grad
    second.data -= 0.01 * second.grad
    first.grad = second.grad = None
"""
ASKED_FOR = """\
import torch

torch.manual_seed(0)
x = torch.randn(200, 5)
y = x @ torch.randn(5, 1)
first = torch.FIRST.requires_grad_()
second = torch.randn(16, 1).requires_grad_()
for step in range(60):
    loss = ((torch.tanh(x @ first) @ second - y) ** 2).mean()
    for w, g in zip((first, second), torch.autograd.grad(loss, (first, second))):
        w.data.sub_(0.02 * g)
"""
REPLACED_BY_HAND = """\
import torch

torch.manual_seed(0)
x = torch.randn(200, 5)
y = x @ torch.randn(5)
w = torch.zeros(5, requires_grad=True)
for step in range(60):
    loss = ((x @ w - y) ** 2).mean()
    loss.backward()
    w = (w - 0.05 * w.grad).detach().requires_grad_()
"""


@pytest.mark.parametrize(
    ("source", "layers"),
    [
        (MODEL_BY_HAND.replace("CLEAR", "model.zero_grad()").replace("UPDATE", "-="), ["0", "2"]),
        (TENSORS_BY_HAND, ["first", "second"]),
        (ASKED_FOR.replace("FIRST", "randn(5, 16)"), ["first", "second"]),
        (REPLACED_BY_HAND, []),
    ],
)
def test_updates_written_out_are_steps(path: Path, source: str, layers: list[str]) -> None:
    run = run_of(path, source)
    assert run.steps == 59  # the first one shows that there is no optimizer
    assert len(run.loss) == 59
    assert run.loss.values[-1] < run.loss.values[0]
    assert [la.name for la in run.layers if la.name in layers] == layers
    for name in layers:
        assert len(run.of("update_ratio", name)) > 5
        assert all(v > 0 for v in run.of("gradient_rms", name))
    assert not diagnose_run(run, [kind() for kind in registry.obstacles().values()])


def test_units_of_a_matrix_from_the_right_are_its_columns(path: Path) -> None:
    source = ASKED_FOR.replace("FIRST", "full((5, 16), 0.2)")
    run = run_of(path, source.replace("randn(16, 1)", "full((16, 1), 0.1)"))
    layer = run.layer("first")
    assert layer is not None
    assert (layer.shape, layer.fan_in, layer.fan_out) == ((16, 5), 5, 16)
    assert "symmetric-initialization" in obstacles(run)


def test_outputs_of_different_scale_are_looked_at_one_by_one(path: Path) -> None:
    source = MODEL_BY_HAND.replace("CLEAR", "model.zero_grad()").replace("UPDATE", "-=")
    source = source.replace("Linear(16, 1)", "Linear(16, 2)").replace("0.02 *", "1e-7 *")
    source = source.replace("torch.randn(5, 1)", "torch.randn(5, 2) * torch.tensor([1000.0, 1.0])")
    run = run_of(path, source)
    assert 100 < run.of("target_ratio")[0] < 10_000
    assert run.of("output_error")[0] > 0.5


def test_gradients_left_over_are_found_without_an_optimizer(path: Path) -> None:
    run = run_of(path, MODEL_BY_HAND.replace("CLEAR", "pass").replace("UPDATE", "-="))
    assert "missing-zero-grad" in obstacles(run)


def test_steps_up_the_gradient_are_named(path: Path) -> None:
    source = MODEL_BY_HAND.replace("CLEAR", "model.zero_grad()").replace("UPDATE", "+=")
    findings = diagnose_run(run_of(path, source), [k() for k in registry.obstacles().values()])
    assert findings[0].obstacle == "diverging-loss"
    assert "sign" in findings[0].notes[0]


def test_gradients_without_a_training_are_no_run(path: Path) -> None:
    """An attack, a saliency map: gradients are taken, parameters stay."""
    source = """\
import torch
from torch import nn

model = nn.Linear(4, 3)
x = torch.randn(32, 4, requires_grad=True)
for step in range(20):
    model.zero_grad()
    nn.functional.cross_entropy(model(x), torch.zeros(32).long()).backward()
"""
    assert [run for run in recording_of(path, source).runs if run.steps] == []


# ---------------------------------------------------------------------- through time


RECURRENT = """\
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(64, 40, 3)
y = (x[:, 0, 0] > 0).long()
rnn = nn.RNN(3, 16, batch_first=True)
head = nn.Linear(16, 2)
parameters = [*rnn.parameters(), *head.parameters()]
optimizer = torch.optim.SGD(parameters, lr=0.05)
for step in range(60):
    states, _ = rnn(x)
    loss = nn.functional.cross_entropy(head(PART), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def test_gradient_through_time(path: Path) -> None:
    last = run_of(path, RECURRENT.replace("PART", "states[:, -1]"))
    (share, *_) = last.of("through_time", "rnn")
    assert 0 < share < 1e-4
    assert "vanishing-gradient" in obstacles(last)
    mean = run_of(path, RECURRENT.replace("PART", "states.mean(1)"))
    (share, *_) = mean.of("through_time", "rnn")
    assert 0.05 < share < 20
    assert "vanishing-gradient" not in obstacles(mean)


def test_locations_are_calls_of_the_source(path: Path) -> None:
    """Whatever has a column spans exactly one call expression: the patch relies on it."""
    write(path.parent, (Path(__file__).parents[1] / "examples" / "healthy.py").read_text())
    text = path.read_text().replace("range(12)", "range(1)")
    run = run_of(path, text)
    calls = {
        (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
    }
    places = [la.location for la in run.layers] + [a.location for a in run.activations]
    places += [run.optimizer.location, run.optimizer.step_location, run.loss_function.location]
    assert len(places) > 8
    for place in places:
        assert place is not None
        assert (place.line, place.column, place.end_line, place.end_column) in calls
