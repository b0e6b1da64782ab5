"""The remedy scale-targets: the script's own units, the gradients of standardized targets."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from treating import Outcome, execute, patch, same, treat, watch
from unstuck.findings import Finding, Severity
from unstuck.remedies.scale_inputs import rounded
from unstuck.remedies.scale_targets import ScaleTargets

HEAD = """\
import torch
import torch.nn.functional as F
from sklearn.datasets import load_diabetes
from torch import nn

torch.manual_seed(0)
data = load_diabetes()
x = torch.tensor(data.data, dtype=torch.float32) * 20
y = torch.tensor(data.target, dtype=torch.float32)[:, None]
"""
MODEL = "model = nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 1))\n"
NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(10, 16)
        self.out = nn.Linear(16, 1)

    def forward(self, x):
        return self.out(torch.relu(self.hidden(x))).squeeze(-1)

y = y[:, 0]
model = Net()
"""
LOOP = """
optimizer = OPTIMIZER
for step in range(EPOCHS):
    rows = torch.randperm(442)[:64]
    loss = LOSS
    optimizer.zero_grad()
    loss.backward()
    CLIP
    optimizer.step()

model.eval()
with torch.no_grad():
    r2 = 1 - ((model(x) - y) ** 2).mean() / y.var()
"""
SGD = "torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.5, weight_decay=1e-3)"
ADAM = "torch.optim.Adam(model.parameters(), lr=0.01)"


def script(
    model: str = MODEL,
    optimizer: str = SGD,
    loss: str = "F.mse_loss(model(x[rows]), y[rows])",
    clip: str = "pass",
    epochs: int = 300,
) -> str:
    loop = LOOP.replace("OPTIMIZER", optimizer).replace("LOSS", loss)
    return HEAD + model + loop.replace("CLIP", clip).replace("EPOCHS", str(epochs))


MAIN = """\
import torch, sklearn.datasets
class Fit:
    def __init__(self):
        torch.manual_seed(1)
        data = sklearn.datasets.load_diabetes()
        self.x = torch.tensor(data.data).float() * 20
        self.y = torch.tensor(data.target).float().view(-1, 1)
        self.net = torch.nn.Sequential(torch.nn.Linear(10, 16), torch.nn.GELU(),
                                       torch.nn.Linear(16, 1))
        self.opt = torch.optim.SGD(self.net.parameters(), 0.05)
    def run(self):
        crit = torch.nn.MSELoss()
        for _ in range(300):
            loss = crit(self.net(self.x), self.y)
            self.opt.zero_grad(); loss.backward(); self.opt.step()
        return self.net
if __name__ == "__main__":
    fit = Fit()
    model = fit.run()
    r2 = 1 - ((model(fit.x) - fit.y) ** 2).mean().item() / fit.y.var().item()
"""
SCRIPTS = {
    "sgd": script(),
    "adam": script(optimizer=ADAM),
    "squeezed": script(NET, loss="((model(x[rows]) - y[rows]) ** 2).mean()"),
    "huber": script(NET, loss="F.smooth_l1_loss(model(x[rows]), y[rows])"),
    "clipped": script(clip="torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)"),
    "class": MAIN,
}
FINDING = Finding("unscaled-targets", "U602", Severity.ERROR, "")


@pytest.mark.parametrize("name", SCRIPTS)
def test_trains_well_live_as_in_the_source(tmp_path: Path, name: str) -> None:
    path = tmp_path / "train.py"
    path.write_text(SCRIPTS[name])
    run = watch(path)
    (settings,) = ScaleTargets().settings(run, FINDING)
    assert settings["mean"] == pytest.approx(152, abs=8)
    assert settings["std"] == pytest.approx(77, abs=6)
    treated = treat(path, run, (("scale-targets", settings),))
    patched = patch(path, treated.changes)
    assert patched.replace(_inserted(patched, path), "") == path.read_text()
    assert same(treated, Outcome(execute(path, patched)))
    assert float(treated.names["r2"]) > 0.45
    if name not in ("sgd", "huber"):  # which get there in raw units too, if with luck
        assert not float(execute(path)["r2"]) > 0.42


def _inserted(patched: str, path: Path) -> str:
    kept = path.read_text().splitlines(keepends=True)
    lines = patched.splitlines(keepends=True)
    start = next(i for i, line in enumerate(lines) if line != kept[i])
    return "".join(lines[start : start + len(lines) - len(kept)])


def test_the_weights_are_those_of_standardized_targets(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(script(epochs=20))
    run = watch(path)
    values = {"mean": 152.0, "std": 64.0}
    treated = treat(path, run, (("scale-targets", values),)).names["model"]
    scaled = path.read_text().replace("\nmodel =", "\ny = (y - 152) / 64\nmodel =")
    for one, other in zip(
        treated.parameters(), execute(path, scaled)["model"].parameters(), strict=True
    ):
        assert torch.allclose(one, other, atol=1e-4)


COLUMNS = (
    script(
        MODEL.replace("Linear(16, 1)", "Linear(16, 3)")
        + "y = torch.cat([y, x[:, :1] * 0.01 + 5, (x[:, 1:2] + x[:, 2:3]) * 4000 - 700], 1)\n",
        ADAM,
    )
    .replace("y.var()", "y.var(0)")
    .replace("** 2).mean()", "** 2).mean(0)")
)


def test_outputs_in_columns_are_scaled_each_by_its_own(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(COLUMNS)
    run = watch(path)
    mean, std = run.facts["target_mean"], run.facts["target_std"]
    # A few batches know a mean to a part of the deviation, not of the mean: how many of them are
    # looked at depends on the machine.
    deviations = [77, 0.0095, 5300]
    for found, true, deviation in zip(mean, [152, 5, -700], deviations, strict=True):
        assert found == pytest.approx(true, abs=0.2 * deviation)
    assert std == pytest.approx(deviations, rel=0.2)
    assert list(ScaleTargets().settings(run, FINDING)) == [{}]
    treated = treat(path, run, (("scale-targets", {}),))
    patched = patch(path, treated.changes)
    assert patched.replace(_inserted(patched, path), "") == path.read_text()
    assert same(treated, Outcome(execute(path, patched)))
    assert float(treated.names["r2"].min()) > 0.45
    assert not float(execute(path)["r2"].min()) > 0


def test_the_columns_gradients_are_those_of_standardized_targets(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(COLUMNS.replace("range(300)", "range(20)"))
    run = watch(path)
    pairs = zip(run.facts["target_mean"], run.facts["target_std"], strict=True)
    mean, std = (list(each) for each in zip(*(rounded(*pair) for pair in pairs), strict=True))
    treated = treat(path, run, (("scale-targets", {}),)).names["model"]
    scaled = path.read_text().replace(
        "optimizer =", f"y = (y - torch.tensor({mean})) / torch.tensor({std})\noptimizer =", 1
    )
    for one, other in zip(
        treated.parameters(), execute(path, scaled)["model"].parameters(), strict=True
    ):
        assert torch.allclose(one, other, atol=1e-3)


@pytest.mark.parametrize(
    "source",
    [
        script(epochs=5, loss="F.mse_loss(torch.relu(model(x[rows])), y[rows])"),
        script(epochs=5, loss="F.mse_loss(model(x[rows]) * 100, y[rows])"),
        script(MODEL.replace("Linear(16, 1)", "Linear(16, 1), nn.Softplus()"), epochs=5),
        script(epochs=5, loss="F.mse_loss(model(x[rows]), torch.full((64, 1), 300.0))"),
    ],
)
def test_declines_where_the_loss_is_given_something_else(tmp_path: Path, source: str) -> None:
    path = tmp_path / "train.py"
    path.write_text(source)
    run = watch(path)
    assert not ScaleTargets().settings(run, FINDING)
    assert not treat(path, run, (("scale-targets", {}),)).changes
