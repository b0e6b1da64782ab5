"""What every remedy keeps, and what each of them does."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from treating import Outcome, births, execute, patch, treat, watch
from unstuck.findings import Finding, Severity
from unstuck.frameworks.call_sites import call_at, unused
from unstuck.frameworks.torch_treatment import Treatment, TreatmentError, fill
from unstuck.registry import remedies, remedy
from unstuck.remedies import Change, Remedy
from unstuck.signals import Layer, Optimizer, Run, Series

MINE = (
    *("use-relu", "use-leaky-relu", "use-he-initialization", "use-xavier-initialization"),
    *("use-adam", "use-rmsprop", "use-momentum", "lower-learning-rate", "raise-learning-rate"),
    *("add-weight-decay", "add-l1", "add-dropout", "add-batch-norm", "clip-gradients"),
    *("zero-gradients", "drop-softmax", "scale-inputs"),
)
FINDING = Finding("slow-convergence", "U405", Severity.WARNING, "It is slow.")
HEAD = """\
import copy
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
x = torch.randn(20, 4)
y = (x[:, 0] > 0).long()
"""
LOOP = """
for step in range(3):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
"""


def script(tmp_path: Path, body: str, loop: str = LOOP) -> Path:
    path = tmp_path / "train.py"
    path.write_text(HEAD + body + loop)
    return path


def apply(path: Path, *names: Any, run: Run | None = None) -> Outcome:
    """Treat a script; check on the way that the patched source does the same."""
    pairs = tuple((name, {}) if isinstance(name, str) else name for name in names)
    treated = treat(path, run or watch(path), pairs)
    patched = execute(path, patch(path, treated.changes))
    for mine, theirs in zip(
        treated.names["model"].parameters(), patched["model"].parameters(), strict=True
    ):
        assert torch.equal(mine, theirs)
    return treated


@pytest.mark.parametrize("name", MINE)
def test_every_remedy_explains_itself(name: str) -> None:
    text = remedies()[name].__doc__ or ""
    assert text.splitlines()[0].endswith(".")
    for section in ("What it does", "When it helps", "Settings", "Limits", "References"):
        assert f"{section}:" in text


@pytest.mark.parametrize("name", MINE)
def test_settings_need_no_evidence(name: str) -> None:
    for settings in remedy(name)().settings(Run(), FINDING):
        assert all(math.isfinite(value) for value in settings.values())
    assert remedy(name)().settings(Run(), FINDING)


def test_a_kept_module_keeps_hooks_mode_and_references(tmp_path: Path) -> None:
    path = script(
        tmp_path,
        """
act = nn.Sigmoid()
seen = []
act.register_forward_hook(lambda module, given, out: seen.append(float(out.detach().min())))
model = nn.Sequential(nn.Linear(4, 6), act, nn.Linear(6, 6), act, nn.Linear(6, 2)).double()
x = x.double()
model.eval()
act.note = "mine"
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
before = torch.get_rng_state()
""",
    )
    done = apply(path, "use-relu", "use-he-initialization")
    model, act = done.names["model"], done.names["act"]
    assert type(act) is nn.ReLU
    assert model[1] is act is model[3]
    assert act.note == "mine"
    assert not act.training
    assert len(done.names["seen"]) == 6
    assert min(done.names["seen"]) == 0.0
    assert model[0].weight.dtype == torch.float64
    assert torch.equal(done.names["before"], execute(path)["before"])


@pytest.mark.parametrize("name", MINE)
def test_the_random_stream_stays_where_it_was(tmp_path: Path, name: str) -> None:
    path = script(
        tmp_path,
        """
model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
drawn = torch.rand(2)
""",
    )
    done = treat(path, watch(path), ((name, {}),))
    assert torch.equal(done.names["drawn"], execute(path)["drawn"])


def test_gates_and_outputs_stay(tmp_path: Path) -> None:
    path = script(
        tmp_path,
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(4, 5)
        self.out = nn.Linear(5, 2)

    def forward(self, x):
        h, _ = self.rnn(x.unsqueeze(0))
        return torch.sigmoid(self.out(h[0]))

model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
""",
    )
    assert not apply(path, "use-relu").changes
    assert not apply(path, "use-leaky-relu").changes


@pytest.mark.parametrize("cell", [False, True])
def test_matrices_from_step_to_step_become_orthogonal(tmp_path: Path, cell: bool) -> None:
    kind, call = ("RNNCell", "self.rnn(x)") if cell else ("GRU", "self.rnn(x.unsqueeze(0))[0][0]")
    path = script(
        tmp_path,
        f"""
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.{kind}(4, 5)
        self.out = nn.Linear(5, 2)

    def forward(self, x):
        return self.out({call})

model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
""",
    )
    done = apply(path, "use-xavier-initialization")
    weights = dict(done.names["model"].rnn.named_parameters())
    kept = next(w for name, w in weights.items() if name.startswith("weight_hh"))
    given = next(w for name, w in weights.items() if name.startswith("weight_ih"))
    assert torch.allclose(kept.T @ kept, torch.eye(5), atol=1e-5)
    assert given.abs().max() <= math.sqrt(6 / sum(given.shape))


@pytest.mark.parametrize("own", [False, True])
def test_matrices_of_a_loop_over_time_become_orthogonal(tmp_path: Path, own: bool) -> None:
    made = "nn.Parameter(torch.randn(6, 6))" if own else "nn.Linear(6, 6)"
    used = "h @ self.kept" if own else "self.kept(h)"
    path = script(
        tmp_path,
        f"""
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.given = nn.Linear(1, 6)
        self.kept = {made}
        self.out = nn.Linear(6, 2)

    def forward(self, x):
        h = x.new_zeros(len(x), 6)
        for t in range(9):
            h = torch.tanh(self.given(x[:, t % 4 : t % 4 + 1]) + {used})
        return self.out(h)

model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
""",
    )
    kept = apply(path, "use-xavier-initialization").names["model"].kept
    weight = kept if own else kept.weight
    assert torch.allclose(weight.T @ weight, torch.eye(6), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "bound"), [("use-he-initialization", 1.0), ("use-xavier-initialization", 0.2)]
)
def test_matrices_that_are_in_no_module(tmp_path: Path, name: str, bound: float) -> None:
    path = script(
        tmp_path,
        """
W1, W2 = torch.randn(4, 300) * 9, torch.randn(300, 2) * 9
bias = torch.ones(300)
parameters = [W1.requires_grad_(), bias.requires_grad_(), W2.requires_grad_()]
model = lambda x: torch.relu(x @ W1 + bias) @ W2
optimizer = torch.optim.SGD(parameters, lr=0.0)
drawn = torch.rand(2)
""",
    )
    treated = treat(path, watch(path), ((name, {}),))
    patched = execute(path, patch(path, treated.changes))
    for weight in ("W1", "W2", "bias", "drawn"):
        assert torch.equal(treated.names[weight], patched[weight])
    assert torch.equal(patched["drawn"], execute(path)["drawn"])
    assert patched["bias"].eq(1).all()
    assert patched["W2"].std() < bound
    if name == "use-he-initialization":  # four inputs for each of the 300 units
        assert patched["W1"].std().item() == pytest.approx(math.sqrt(2 / 4), rel=0.1)


def test_adding_to_a_list_that_was_collected_before(tmp_path: Path) -> None:
    path = script(
        tmp_path,
        """
model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
parameters = list(model.parameters())
optimizer = torch.optim.SGD(parameters, lr=0.1)
""",
    )
    done = apply(path, "add-batch-norm")
    held = done.names["optimizer"].param_groups[0]["params"]
    assert [id(p) for p in held] == [id(p) for p in done.names["model"].parameters()]
    assert isinstance(done.names["model"][1], nn.BatchNorm1d)


def test_tied_and_frozen_weights(tmp_path: Path) -> None:
    path = script(
        tmp_path,
        """
model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
model[2].weight = model[0].weight
model[4].weight.requires_grad_(False)
frozen = model[4].weight.clone()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
""",
    )
    model = apply(path, "use-he-initialization").names["model"]
    assert model[2].weight is model[0].weight
    assert torch.equal(model[4].weight, execute(path)["frozen"])


def test_copies_are_treated_with_their_original(tmp_path: Path) -> None:
    path = script(
        tmp_path,
        """
model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))
target = copy.deepcopy(model)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
""",
    )
    assert isinstance(apply(path, "use-relu").names["target"][1], nn.ReLU)


def test_a_relu_comes_behind_the_normalization_of_its_layer(tmp_path: Path) -> None:
    path = script(
        tmp_path,
        """
layers = []
for before, after in ((4, 6), (6, 6)):
    layers += [nn.Linear(before, after), nn.BatchNorm1d(after)]
model = nn.Sequential(*layers, nn.Linear(6, 4), nn.Linear(4, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
""",
    )
    model = apply(path, "use-relu").names["model"]
    parts = [type(part).__name__ for part in model.modules() if not [*part.children()]]
    block = ["Linear", "BatchNorm1d", "ReLU"]
    assert parts == [*block, *block, "Linear", "ReLU", "Linear"]


def test_a_call_that_makes_hidden_and_output_activations_is_left(tmp_path: Path) -> None:
    path = script(
        tmp_path,
        """
layers = []
for size in (4, 4, 2):
    layers += [nn.Linear(4, size), nn.Sigmoid()]
model = nn.Sequential(*layers)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
""",
    )
    assert not apply(path, "use-relu").changes


def test_he_variance(tmp_path: Path) -> None:
    path = script(
        tmp_path,
        """
model = nn.Sequential(nn.Linear(4, 400), nn.ReLU(), nn.Linear(400, 300), nn.ReLU(),
                      nn.Linear(300, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
""",
    )
    layer = apply(path, "use-he-initialization").names["model"][2]
    assert layer.weight.var().item() == pytest.approx(2 / 400, rel=0.05)
    assert not layer.bias.any()


@pytest.mark.parametrize(
    ("shape", "product"),
    [("n_in, n_out", "x @ self.w"), ("n_out, n_in", "F.linear(x, self.w)")],
)
def test_matrices_written_by_hand_are_drawn(tmp_path: Path, shape: str, product: str) -> None:
    path = script(
        tmp_path,
        f"""
class Dense(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.w = nn.Parameter(torch.zeros({shape}))
        self.b = nn.Parameter(torch.full((n_out,), 0.5))

    def forward(self, x):
        return {product} + self.b

model = nn.Sequential(Dense(4, 400), nn.ReLU(), Dense(400, 300), nn.ReLU(), nn.Linear(300, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
""",
    )
    model = apply(path, "use-he-initialization").names["model"]
    assert model[2].w.var().item() == pytest.approx(2 / 400, rel=0.05)
    assert model[4].weight.var().item() == pytest.approx(2 / 300, rel=0.2)
    assert model[2].b.unique().item() == 0.5


def test_a_matrix_of_the_script_among_torchs_layers_is_kept(tmp_path: Path) -> None:
    path = script(
        tmp_path,
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.place = nn.Parameter(torch.zeros(20, 4))
        self.body = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))

    def forward(self, x):
        return self.body(x + self.place)

model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
""",
    )
    assert not apply(path, "use-he-initialization").names["model"].place.any()


def test_l1_gives_exact_zeros(tmp_path: Path) -> None:
    path = script(
        tmp_path,
        """
model = nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
""",
    )
    weight = apply(path, ("add-l1", {"strength": 0.8})).names["model"].weight
    assert 0 < int((weight == 0).sum()) < weight.numel()
    assert apply(path, ("add-l1", {"strength": 1e-9})).names["model"].weight.all()


def test_scaled_inputs_have_mean_zero_and_deviation_one(tmp_path: Path) -> None:
    path = script(
        tmp_path,
        """
x = x * torch.tensor([1.0, 100.0, 1e-3, 0.0]) + torch.tensor([0.0, 5.0, 1.0, 7.0])
given = []
model = nn.Sequential(nn.Linear(4, 2))
model[0].register_forward_pre_hook(lambda module, inputs: given.append(inputs[0]))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
""",
    )
    inside = apply(path, "scale-inputs").names["given"][0]
    assert inside.mean(0).abs().max() < 1e-2
    assert inside.std(0, correction=0)[:3].tolist() == pytest.approx([1, 1, 1], abs=1e-2)
    assert not inside[:, 3].any()


def test_nll_loss_gets_a_log_softmax(tmp_path: Path) -> None:
    loop = LOOP.replace("F.cross_entropy", "F.nll_loss")
    for activation in ("nn.Softmax(dim=1)", "nn.Softmax(1)"):
        body = f"""
model = nn.Sequential(nn.Linear(4, 2), {activation})
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
        done = apply(script(tmp_path, body, loop), "drop-softmax")
        assert isinstance(done.names["model"][1], nn.LogSoftmax)
        assert done.names["model"][1].dim == 1


def test_exponentials_between_the_layers_become_others_where_they_overflow(tmp_path: Path) -> None:
    body = """
class Exp(nn.Module):
    def forward(self, x):
        return torch.exp(x)

def build(depth):
    hidden = [m for _ in range(depth) for m in (nn.Linear(4, 4), Exp())]
    return nn.Sequential(*hidden, nn.Linear(4, 2))

model = build(3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
    path = script(tmp_path, body)
    broken = replace(FINDING, obstacle="non-finite-values")
    relu = remedy("use-relu")()
    run = watch(path)
    assert list(relu.settings(run, broken)) == [{}]
    done = apply(path, "use-relu", run=run)
    assert "return torch.relu(x)" in patch(path, done.changes)
    path.write_text(path.read_text().replace("torch.exp", "torch.tanh"))
    assert not relu.settings(watch(path), broken)


EVALUATED = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.score, self.out = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        h = x * torch.softmax(self.score(x), 1)
        RETURN

    def predict(self, x):
        return torch.softmax(self.out(x), 1)

model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
EVALUATION = """
model.eval()
with torch.no_grad():
    held = F.cross_entropy(GIVEN, y)
    shown = model.predict(x)
"""


@pytest.mark.parametrize(
    ("returned", "given"),
    [
        ("return self.out(h) if self.training else F.softmax(self.out(h), dim=1)", "model(x)"),
        ("if self.training: return self.out(h)\n        return self.out(h).softmax(1)", "model(x)"),
        ("return self.out(h)", "F.softmax(model(x), dim=1)"),
    ],
)
def test_a_softmax_of_an_evaluation_alone_goes(tmp_path: Path, returned: str, given: str) -> None:
    loop = LOOP + EVALUATION.replace("GIVEN", given)
    path = script(tmp_path, EVALUATED.replace("RETURN", returned), loop)
    done = apply(path, "drop-softmax")
    assert len(done.changes) == 1
    spoilt, source = execute(path), patch(path, done.changes)
    held = execute(path, source)["held"]
    assert held.equal(done.names["held"])
    assert not held.equal(spoilt["held"])
    assert source.count("softmax") == path.read_text().count("softmax") - 1
    assert done.names["shown"].sum(1).allclose(torch.ones(20))


def test_momentum_is_no_change_where_it_is_set(tmp_path: Path) -> None:
    path = script(
        tmp_path,
        """
model = nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
""",
    )
    run = watch(path)
    assert not apply(path, ("use-momentum", {"momentum": 0.9, "lr": 0.1}), run=run).changes
    assert apply(path, ("use-momentum", {"momentum": 0.9, "lr": 0.01}), run=run).changes
    assert not apply(path, "zero-gradients", run=run).changes


def test_groups_keep_the_ratio_of_their_rates(tmp_path: Path) -> None:
    path = script(
        tmp_path,
        """
model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
optimizer = torch.optim.SGD(
    [{"params": model[0].parameters(), "lr": 0.01}, {"params": model[2].parameters()}], lr=0.1
)
""",
    )
    groups = apply(path, ("use-adam", {"lr": 0.001})).names["optimizer"].param_groups
    assert [group["lr"] for group in groups] == pytest.approx([1e-4, 1e-3])
    assert "betas" in groups[0]


def test_a_closure_is_left_alone(tmp_path: Path) -> None:
    loop = """
def closure():
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    return loss

for step in range(2):
    optimizer.step(closure)
"""
    body = """
model = nn.Linear(4, 2)
optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1)
"""
    path = script(tmp_path, body, loop)
    for name in ("clip-gradients", "add-l1", "zero-gradients", "add-weight-decay"):
        assert not apply(path, name).changes


class _Broken(Remedy):
    """Fail."""

    def apply_torch(self, subject: Any, settings: Any) -> list[Change]:
        raise KeyError("weight")


def test_a_failing_remedy_says_so_in_one_line(tmp_path: Path) -> None:
    path = script(
        tmp_path,
        "\nmodel = nn.Linear(4, 2)\noptimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n",
    )
    run = watch(path)
    with births() as known:
        treatment = Treatment(known, [(_Broken(), {})], run)
        treatment.install()
        try:
            with pytest.raises(TreatmentError, match=r"could not be applied \(KeyError"):
                execute(path)
        finally:
            treatment.uninstall()
    assert torch.optim.SGD.__init__.__module__ == "torch.optim.sgd"
    execute(path)


def test_another_optimizer_is_not_touched(tmp_path: Path) -> None:
    path = script(
        tmp_path,
        "\nmodel = nn.Linear(4, 2)\n"
        "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "other = torch.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1)\n",
    )
    done = apply(path, "use-adam")
    assert type(done.names["optimizer"]) is torch.optim.Adam
    assert type(done.names["other"]) is torch.optim.SGD


def _run(**series: tuple[float, ...]) -> Run:
    layers = (Layer("0", "Linear", (8, 8)), Layer("2", "Linear", (2, 8), output=True))
    made: dict[tuple[str, str], Series] = {}
    for name, values in series.items():
        own = [la.name for la in layers] if name in ("update_ratio", "weight_rms") else [""]
        made.update({(la, name): Series(tuple(range(len(values))), values) for la in own})
    return Run(layers, optimizer=Optimizer("SGD", {"lr": 0.1}), series=made, steps=1000)


def test_rates_follow_the_evidence() -> None:
    lower, higher = remedy("lower-learning-rate")(), remedy("raise-learning-rate")()
    wild = _run(loss=(2.0, 2e3), predicted_decrease=(2000.0, 1e9), update_ratio=(0.5, 4.0))
    assert lower.settings(wild, FINDING)[0]["factor"] <= 1e-3
    tame = _run(loss=(2.0,), predicted_decrease=(0.1,), update_ratio=(5e-2,))
    assert lower.settings(tame, FINDING)[0] == {"factor": 0.1}
    still = _run(loss=(2.0,), predicted_decrease=(2e-6,), update_ratio=(3e-6,))
    assert higher.settings(still, FINDING)[0]["factor"] == pytest.approx(1000)
    edge = _run(loss=(2.0,), predicted_decrease=(0.1,), update_ratio=(3e-6,))
    assert higher.settings(edge, FINDING)[0]["factor"] == pytest.approx(10)
    burst = _run(loss=(2.0, 2e9), predicted_decrease=(20.0, 1e21), update_ratio=(0.1, 1e9))
    assert lower.settings(burst, FINDING)[0] == {"factor": 0.1}, "the second step is damage"
    broken = _run(loss=(math.nan,), predicted_decrease=(math.nan,), update_ratio=(math.inf,))
    assert lower.settings(broken, FINDING)[0]["factor"] > 0


def test_other_settings_follow_the_evidence() -> None:
    adam = remedy("use-adam")()
    assert adam.settings(_run(weight_rms=(0.1,)), FINDING)[0] == {"lr": 1e-3}
    short = replace(_run(weight_rms=(0.1,)), steps=20)
    assert adam.settings(short, FINDING)[0] == {"lr": 1e-2}
    clip = remedy("clip-gradients")()
    assert clip.settings(_run(gradient_norm=(0.2, 0.21, 400.0)), FINDING)[0] == {"max_norm": 0.2}
    burst = _run(loss=(4.0, 6e9, 2e22), gradient_norm=(26.0, 1e11, math.inf))
    assert clip.settings(burst, FINDING) == ({"max_norm": 1.0},), "one step says nothing"
    decay = remedy("add-weight-decay")()
    risen = _run(**{"validation_loss:0": (1.0, 0.5, 0.9)})
    assert decay.settings(_run(), FINDING)[0]["weight_decay"] == 0.001
    assert decay.settings(risen, FINDING)[0]["weight_decay"] == 0.03
    decoupled = replace(risen, optimizer=Optimizer("AdamW", {"lr": 0.01}))
    assert decay.settings(decoupled, FINDING)[0]["weight_decay"] == 50  # forgotten in two steps
    adaptive = replace(risen, optimizer=Optimizer("Adam", {"lr": 0.01}))
    assert remedy("add-l1")().settings(adaptive, FINDING)[0]["strength"] == 0.3
    momentum = remedy("use-momentum")()
    zigzag = _run(gradient_cosine=(-0.9, -0.8))
    assert momentum.settings(zigzag, FINDING)[0] == {"momentum": 0.9, "lr": pytest.approx(0.1)}


def test_inserted_names_do_not_clash(tmp_path: Path) -> None:
    path = tmp_path / "names.py"
    path.write_text("module = 1\nimport weight\n\n\ndef group(p): ...\n")
    assert [unused(name, str(path)) for name in ("module", "weight", "group", "p", "free")] == [
        *("module_", "weight_", "group_", "p_", "free")
    ]
    assert fill("$module in $model", {"model": "self.net"}, str(path)) == "module_ in self.net"
    assert call_at(None) is None
