"""Several processes train one model: one record, one diagnosis, the same weights."""

from __future__ import annotations

import math
from datetime import timedelta
from pathlib import Path

import pytest
import torch.distributed as dist

from scripts import DONE, ours, python, write
from unstuck.frameworks import torch_ranks
from unstuck.frameworks.torch_ranks import Ranks, combined
from unstuck.record import read

DISTRIBUTED = f"""\
import os
import torch
from torch import nn
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

dist.init_process_group("gloo")
rank = dist.get_rank()
torch.manual_seed(rank)
x = torch.randn(96, 8)
y = (x.sum(1) > 0).long()
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2), nn.Softmax(dim=1))
model = DistributedDataParallel(model)
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
for step in range(40):
    rows = torch.randint(0, 96, (24 + 8 * rank,))
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
    optimizer.step()
if rank == 0:
    {DONE.strip().replace(chr(10), chr(10) + "    ")}
dist.destroy_process_group()
"""

LAUNCH = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def test_two_ranks_make_one_record_and_one_diagnosis(tmp_path: Path) -> None:
    script = write(tmp_path, DISTRIBUTED)
    alone = python(*LAUNCH, script, cwd=tmp_path, timeout=300)
    assert "weights" in alone.stdout, alone.stderr
    watched = python(
        *LAUNCH, "-m", "unstuck", "run", "--record", "r.db", script, cwd=tmp_path, timeout=300
    )
    assert watched.returncode == 0, watched.stderr
    assert watched.stdout == alone.stdout
    said = ours(watched.stderr)
    assert sum("steps watched" in line for line in said) == 1, watched.stderr
    assert watched.stderr.count("error[U801] softmax-before-cross-entropy") == 1
    recording = read(tmp_path / "r.db")
    (run,) = recording.runs
    assert "failed" not in recording.facts
    assert run.steps == 40
    assert len(run.of("gradient_rms", run.layers[0].name)) == recording.facts["deep"]
    assert set(run.of("batch_size")) == {24.0 + 32.0}
    assert [path.name for path in tmp_path.glob("*.db*")] == ["r.db"]


def test_signals_of_ranks_become_one() -> None:
    signals = ("gradient_max", "dead_share", "weight_rms", "gradient_rms", "batch_accuracy")
    first = [("a", signals, [1.0, 0.5, 0.1, 2.0, math.nan]), ("b", ("nonfinite",), [0.0])]
    second = [["b", ["nonfinite"], [0.25]], ["a", list(signals), [3.0, 0.25, 0.1, 4.0, 0.5]]]
    assert combined([first, second]) == [
        ("a", signals, [3.0, 0.25, 0.1, 3.0, 0.5]),
        ("b", ("nonfinite",), [0.25]),
    ]
    third = [["a", list(signals), [math.nan] * 5]]
    assert math.isnan(combined([first, third])[0][2][3])


def test_a_rank_that_does_not_come_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_ranks, "PATIENCE", 0.1)
    store = dist.TCPStore("localhost", 0, is_master=True, timeout=timedelta(seconds=5))
    rows = [("a", ("weight_rms",), [1.0])]
    for rank in (0, 1):
        ranks = Ranks(dist.PrefixStore(str(rank), store), rank, 2)
        assert ranks.meet("0/0", rows, 3) == (rows, 3)
        assert not ranks.together
        assert ranks.meet("0/3", rows, 4) == (rows, 4)


def test_ranks_agree_on_the_next_step() -> None:
    store = dist.HashStore()
    rows = [("a", ("weight_rms",), [1.0])]
    store.set("0/0/1", '[["a", ["weight_rms"], [2.0]]]')
    first, second = Ranks(store, 0, 2), Ranks(store, 1, 2)
    assert first.meet("0/0", rows, 7) == ([("a", ("weight_rms",), [1.5])], 7)
    assert second.meet("0/0", rows, 2) == (rows, 7)
