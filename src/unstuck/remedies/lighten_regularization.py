"""The remedy lighten-regularization."""

from __future__ import annotations

import math
from collections.abc import Sequence

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
        the largest rate. ``divergence``: one over the numbers that a prediction has, where the
        reconstruction is their mean, so that both are as they are in the bound on the likelihood;
        then a tenth of it.

    Limits:
        Penalties are found where the loss adds a term made of the parameters alone. Numbers that
        come from outside the script cannot be changed there.

    References:
        Krogh and Hertz: A Simple Weight Decay Can Improve Generalization, NeurIPS 1991; Srivastava
        et al.: Dropout, JMLR 2014; Kingma and Welling: Auto-Encoding Variational Bayes, ICLR 2014;
        Higgins et al.: beta-VAE, ICLR 2017, section 4.2 (the normalized weight of the divergence).
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
        size = math.prod(run.loss_function.prediction_shape[1:])
        if run.loss_function.reduction == "mean" and size > 1:
            found += [{"divergence": 1 / size}, {"divergence": 0.1 / size}]
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
