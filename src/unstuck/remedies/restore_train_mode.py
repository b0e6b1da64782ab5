"""The remedy restore-train-mode."""

from __future__ import annotations

from collections.abc import Sequence

from unstuck.evidence import middle
from unstuck.findings import Finding
from unstuck.remedies import Change, Remedy, Settings
from unstuck.signals import Run
from unstuck.sources.modes import evaluate, train

__all__ = ["RestoreTrainMode"]


class RestoreTrainMode(Remedy):
    """Train in training mode, evaluate in evaluation mode.

    What it does:
        ``model.train()`` is called before the loop over the batches, or in each step where the
        evaluation is made within that loop; an ``eval()`` that stands there by mistake becomes
        ``train()``. A model that is evaluated in training mode gets ``model.eval()`` before the
        pass and ``model.train()`` before the training goes on.

    When it helps:
        An evaluation switched the model to evaluation mode and nothing switched it back; or nothing
        ever switched it there.

    Settings:
        None.

    Limits:
        The model needs a name where ``backward`` is called and where it is evaluated. Nothing is
        done where a module defines ``train`` itself, or where a pass is not within
        ``torch.no_grad()`` or a function of its own.

    References:
        PyTorch documentation, `torch.nn.Module.train`.
    """

    stage = "source"

    def settings(self, run: Run, finding: Finding) -> Sequence[Settings]:
        """Return the empty setting if it is certain where to switch."""
        return ({},) if self.rewrite(run, {}) else ()

    def rewrite(self, run: Run, settings: Settings) -> Sequence[Change]:
        """Switch the mode where it is wrong; see `Remedy.rewrite`."""
        modes = run.of("eval_share").since(run.steps // 4)
        return train(run) if middle(modes.values) == 1 else evaluate(run)
