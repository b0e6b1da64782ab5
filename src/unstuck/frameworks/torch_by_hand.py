"""Trainings without an optimizer: ``w -= rate * w.grad``, written out by the script.

Torch has no hook there. A step is seen as what happens between two calls of `backward` that leave
the parameters changed; what the forward pass shows is therefore measured in every other step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from unstuck.frameworks import torch_measure as measure
from unstuck.frameworks.torch_wiring import leaves

if TYPE_CHECKING:
    from unstuck.frameworks.torch import TorchWatcher
    from unstuck.frameworks.torch_training import Training

__all__ = ["ByHand"]

PATIENCE = 16
"""Calls of `backward` after which a script whose parameters never changed is no training."""
PROBE = 256
"""Entries of each parameter that are compared where its version counter tells nothing."""


class HandWritten:
    """Stands for an update that the script writes out; never stepped.

    No `torch.optim.Optimizer`: constructing the first of these imports torch's compiler, a second.
    """

    def __init__(self, parameters: list[Tensor]) -> None:
        self.param_groups = [{"params": parameters}]


class ByHand:
    """Finds the steps of a training that has no optimizer.

    Args:
        watcher: Whose training it is.
    """

    def __init__(self, watcher: TorchWatcher) -> None:
        self.watcher = watcher
        self.training: Training | None = None
        self._optimizer: HandWritten | None = None
        self._calls = 0
        self._leaves: list[Tensor] = []
        self._versions: list[int] = []
        self._values: list[Tensor] = []
        self._silent = 0
        self._pending = False

    def begins(self, loss: Tensor) -> None:
        """Look at what happened since the last `backward`; the next one starts from `loss`."""
        if self.training is not None:
            if self._pending and self._changed():
                self._step_ends(self.training)
                self._pending = False
            return
        if self._calls >= PATIENCE or loss.grad_fn is None:
            return
        self._calls += 1
        found = leaves(loss.grad_fn)[::-1]  # in the order in which they are used
        found = [p for p in found if isinstance(p, nn.Parameter)] or found
        before, shapes = self._leaves, [p.shape for p in found]
        replaced = (
            bool(before)
            and shapes == [p.shape for p in before]
            and not {id(p) for p in found} & {id(p) for p in before}
        )
        if replaced or (before and self._changed()):
            # Parameters that are replaced in each step cannot be followed: only the loss is.
            self._leaves = [] if replaced else found
            self._optimizer = HandWritten(self._leaves)
            self.training = self.watcher.by_hand(self._optimizer)
            self.training.stage = int(replaced)  # there is no wiring to read
            self._note()
        elif found:
            self._leaves = found
            self._note()

    def ended(self) -> None:
        """Measure gradients and weights, now that `backward` is through."""
        if self.training is not None and not self._pending:
            self._pending = True
            self.training.before_step(closure=False)
            self._note()

    def given(self, parameters: Sequence[Tensor], gradients: Sequence[Tensor | None]) -> None:
        """Measure gradients that `torch.autograd.grad` returned, which are in no ``.grad``."""
        held = [parameter.grad for parameter in parameters]
        try:
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient
            self.ended()
        finally:
            for parameter, before in zip(parameters, held, strict=True):
                parameter.grad = before

    def finish(self) -> None:
        """Close the last step; the script has ended."""
        if self.training is not None and self._pending and self._changed():
            self._pending = False
            self._step_ends(self.training)

    def _step_ends(self, training: Training) -> None:
        if training.armed:
            training.sample_ends(closure=False)
        training.step_ends()
        self.watcher.keep_up()
        if training.due():
            training.arm()

    def _note(self) -> None:
        self._versions = [p._version for p in self._leaves]
        if self._silent < 3:
            self._values = [measure.thin(p, PROBE).clone() for p in self._leaves]

    def _changed(self) -> bool:
        """Return whether a parameter is no longer what it was."""
        if not self._leaves or self._versions != [p._version for p in self._leaves]:
            return True
        if self._silent >= 3:  # changed through ``.data``, which counts no versions: so every time
            return True
        changed = any(
            not torch.equal(measure.thin(p, PROBE), value)
            for p, value in zip(self._leaves, self._values, strict=True)
        )
        self._silent += changed
        return changed
