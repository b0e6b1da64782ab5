"""Numbers out of tensors and out of arrays: both frameworks measure the same."""

from __future__ import annotations

import math

import numpy as np
import pytest

from unstuck.frameworks import array_measure

torch = pytest.importorskip("torch")


def test_outputs_that_never_change_and_outputs_of_different_scale() -> None:
    from unstuck.frameworks import torch_measure

    random = np.random.default_rng(0)
    target = random.normal(size=(16, 4)).astype("float32") * [1.0, 10.0, 1.0, 1.0]
    target -= target.mean(axis=0)
    target /= target.std(axis=0)
    target *= [1.0, 10.0, 1.0, 1.0]
    given = target + 0.5
    given[:, 0] = 0.0
    pairs = [(given, target), (given[:4], target[:4]), (given[:, :2], target)]
    for prediction, goal in pairs:
        both = torch.from_numpy(prediction), torch.from_numpy(goal)
        ours = [*array_measure.apart(prediction, goal), array_measure.silent(prediction, goal)]
        theirs = [*torch_measure.apart(*both), torch_measure.silent(*both)]
        assert ours == pytest.approx(theirs, rel=1e-5, nan_ok=True)
    assert array_measure.silent(given, target) == pytest.approx(1 / 103)
    assert array_measure.apart(given, target) == pytest.approx([10.0, 1.0])
    assert math.isnan(array_measure.silent(given[:4], target[:4]))
