"""The remedy lighten-regularization."""

from __future__ import annotations

import math
from collections.abc import Sequence

from unstuck.evidence import middle
from unstuck.findings import Finding
from unstuck.remedies import Change, Remedy, Settings
from unstuck.signals import Run
from unstuck.sources.penalties import (
    lower_decay,
    lower_divergence,
    lower_dropout,
    lower_penalty,
    lower_regularizers,
)

__all__ = ["LightenRegularization"]

USUAL = 0.5
"""Dropout rate that is usual for hidden layers; more is lowered to it, or to LIGHT."""
LIGHT = 0.2


class LightenRegularization(Remedy):
    """Regularize less: divide weight decay and penalties, lower dropout rates.

    What it does:
        In the script itself, multiplies the optimizer's weight decay and the coefficients of
        penalties on the weights that are added to the loss, and of Keras' regularizers, by a
        factor, and lowers dropout rates
        that are above a rate to that rate. Of a variational autoencoder, the divergence of its code
        is multiplied. The number is changed where it is written: in the call,
        or where the variable, default or configuration entry it comes from is set.

    When it helps:
        The pull towards zero, or the units that are dropped, leave nothing to learn with.

    Settings:
        ``factor``: 0.01, then 0, for weight decay and penalties. ``dropout``: 0.5, then 0.2, for
        the largest rate. ``divergence``: its weight in the bound on the likelihood, where the
        reconstruction is a mean over the numbers of a prediction: one over these, of a squared
        error times twice the error that is left; then a tenth of it.

    Limits:
        Penalties are found where the loss adds a term made of the parameters alone. Numbers that
        come from outside the script cannot be changed there.

    References:
        Krogh and Hertz: A Simple Weight Decay Can Improve Generalization, NeurIPS 1991; Srivastava
        et al.: Dropout, JMLR 2014; Kingma and Welling: Auto-Encoding Variational Bayes, ICLR 2014;
        Rybkin, Daniilidis, Levine: Simple and Effective VAE Training with Calibrated Decoders, ICML
        2021 (the variance of the decoder is the mean squared error).
    """

    stage = "source"

    def settings(self, run: Run, finding: Finding) -> Sequence[Settings]:
        """Return lighter and lighter settings of what is too strong."""
        rates = [rate for rate in run.facts.get("dropout") or [] if rate > USUAL]
        found: list[dict[str, float]] = [{}, {}]
        if "weight_decay" in finding.evidence or "penalty" in finding.evidence:
            found = [{"factor": 0.01}, {"factor": 0.0}]
        if rates:
            found = [{**found[0], "dropout": USUAL}, {**found[1], "dropout": LIGHT}]
        share = _share(run)
        found += [{"divergence": float(f"{each:.2g}")} for each in (share, share / 10) if each < 1]
        return tuple(each for each in found if each and self.rewrite(run, each))

    def rewrite(self, run: Run, settings: Settings) -> Sequence[Change]:
        """Lower what is too strong; see `Remedy.rewrite`."""
        found: list[Change] = []
        if "factor" in settings:
            found += lower_decay(run, settings["factor"]) + lower_penalty(run, settings["factor"])
            found += lower_regularizers(run, settings["factor"])
        if "dropout" in settings:
            found += lower_dropout(run, settings["dropout"])
        if "divergence" in settings:
            found += lower_divergence(run, settings["divergence"])
        return found


def _share(run: Run) -> float:
    """Return the weight of a divergence beside a mean over the numbers of a prediction."""
    loss = run.loss_function
    size = math.prod(loss.prediction_shape[1:])
    if loss.reduction != "mean" or size < 2:
        return 1.0
    if loss.function != "mse_loss":
        return 1 / size
    return 2 * middle(run.of("batch_loss").finite().values[-8:]) / size
