"""The remedy zero-gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unstuck.findings import Finding
from unstuck.remedies import Change, Remedy, Settings
from unstuck.signals import Run

if TYPE_CHECKING:
    from unstuck.frameworks.torch_treatment import Subject

__all__ = ["ZeroGradients"]


class ZeroGradients(Remedy):
    """Forget the gradients after each step.

    What it does:
        ``optimizer.zero_grad()`` is called right after each ``optimizer.step()``.

    When it helps:
        `backward` adds to the gradients that are there. Without `zero_grad` every step uses the
        sum over all batches so far.

    Settings:
        None.

    Limits:
        No effect where the run never saw leftover gradients. Gradients summed over several
        batches before one step, on purpose, stay summed. Needs an ``optimizer.step()`` without a
        closure in the script.

    References:
        PyTorch documentation, `torch.optim.Optimizer.zero_grad`.
    """

    stage = "training"

    def settings(self, run: Run, finding: Finding) -> Sequence[Settings]:
        """Return nothing to set, or that there is no optimizer."""
        return ({},) if not run.optimizer.by_hand else ()

    def apply_torch(self, subject: Subject, settings: Settings) -> list[Change]:
        """Zero the gradients after each step; see `Remedy.apply_torch`."""
        stale = subject.run.of("stale_gradient")
        if stale and not any(value > 0 for value in stale):
            return []
        lines = "$optimizer.zero_grad()\n"
        return subject.at_step("gradients set to zero after each step", lines, after=True)
