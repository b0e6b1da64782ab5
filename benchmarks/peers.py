"""What a user would use instead: each takes a training and returns what to call after a step.

Every one is used as its own documentation shows, with its default settings where it has any.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from trainings import Training

AfterStep = Callable[[Tensor], object]
LOGGED = 100
"""Steps between two histograms: what tutorials of TensorBoard and wandb write."""


def bare(training: Training) -> None:
    """Nothing."""


def foreach_norm(training: Training) -> AfterStep:
    """One norm of each gradient every step: the least that looking at all gradients can cost."""
    parameters = list(training.model.parameters())

    def after_step(loss: Tensor) -> object:
        return torch.stack(torch._foreach_norm([p.grad for p in parameters])).max().item()

    return after_step


def snippet(training: Training) -> AfterStep:
    """The hooks that forum answers paste: mean and deviation of outputs, norms of gradients."""
    statistics: dict[str, list[tuple[float, float]]] = {}

    def note(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                row = (output.detach().mean().item(), output.detach().std().item())
                statistics.setdefault(name, []).append(row)

        return hook

    for name, module in training.model.named_modules():
        if not list(module.children()):
            module.register_forward_hook(note(name))

    def after_step(loss: Tensor) -> object:
        named = training.model.named_parameters()
        return {name: p.grad.norm().item() for name, p in named if p.grad is not None}

    return after_step


def tensorboard(training: Training) -> AfterStep:
    """Histograms of weights and gradients every hundred steps, the loss every step."""
    import tempfile

    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(tempfile.mkdtemp())
    step = 0

    def after_step(loss: Tensor) -> object:
        nonlocal step
        writer.add_scalar("loss", loss.item(), step)
        if step % LOGGED == 0:
            for name, parameter in training.model.named_parameters():
                writer.add_histogram(name, parameter, step)
                writer.add_histogram(f"{name}.grad", parameter.grad, step)
        step += 1
        return None

    return after_step


def wandb(training: Training) -> AfterStep:
    """`wandb.watch(log="all", log_freq=100)` offline, the loss every step."""
    import tempfile

    import wandb as weights_and_biases

    weights_and_biases.init(mode="offline", dir=tempfile.mkdtemp(), project="benchmark")
    weights_and_biases.watch(training.model, log="all", log_freq=LOGGED)
    return lambda loss: weights_and_biases.log({"loss": loss.item()})


def torchmortem(training: Training) -> AfterStep:
    """`Autopsy(model, optimizer)` with its default sampling."""
    from torchmortem import Autopsy

    autopsy = Autopsy(training.model, optimizer=training.optimizer)
    autopsy.attach()
    return lambda loss: autopsy.step(loss=loss.item())


def trainscope(training: Training) -> AfterStep:
    """`TrainScope(model, optimizer).attach()` with its default configuration."""
    import tempfile

    from trainscope import TrainScope
    from trainscope.core.config import TrainScopeConfig

    configuration = TrainScopeConfig(run_dir=tempfile.mkdtemp())
    scope = TrainScope(training.model, training.optimizer, config=configuration).attach()
    return lambda loss: scope.step(loss.item())


def traintools(training: Training) -> AfterStep:
    """`GradientHealthMonitor().inspect(model)` every step."""
    from traintools import GradientHealthMonitor

    monitor = GradientHealthMonitor(max_grad_norm=1.0)
    return lambda loss: monitor.inspect(training.model)


def transformers(training: Training) -> AfterStep:
    """`DebugUnderflowOverflow(model)`, on every forward pass."""
    from transformers.debug_utils import DebugUnderflowOverflow

    held = DebugUnderflowOverflow(training.model)
    return lambda loss: held


PEERS: dict[str, Callable[[Training], AfterStep | None]] = {
    "bare": bare,
    "foreach_norm": foreach_norm,
    "snippet": snippet,
    "tensorboard": tensorboard,
    "wandb": wandb,
    "torchmortem": torchmortem,
    "trainscope": trainscope,
    "traintools": traintools,
    "transformers": transformers,
}
