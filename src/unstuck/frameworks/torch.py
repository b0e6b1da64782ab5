"""Watches a PyTorch training by torch's own hooks, without changing anything about it.

Every step costs a few microseconds: the loss is noted where `backward` starts, the learning rate
where the optimizer steps. Some steps, most of them early, are measured in depth: hooks are attached
to the layers just before such a step and taken off after it. No random number is drawn, no tensor
kept beyond its step, no mode flipped; if anything here fails, one line says so and watching stops.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.optim import Optimizer
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)
from torch.overrides import TorchFunctionMode

from unstuck.findings import Location
from unstuck.frameworks import torch_measure as measure
from unstuck.frameworks.torch_births import (
    Births,
    calling_frame,
    expression,
    layer_names,
    locate,
)
from unstuck.frameworks.torch_wiring import ACTIVATIONS, Graph, handwritten, operation
from unstuck.record import Recorder

__all__ = ["TorchWatcher"]

ALLOWANCE = 0.25
"""Seconds of deep samples that are free, so that the first steps are seen whatever the budget."""
DENSE = 20
"""The first steps are all measured in depth, as far as two fifths of the allowance reach: they tell
most (learning rate, initialization)."""
DOUBLING = 12
"""After them, at most that many deep samples are taken while the number of steps doubles."""
DEAD_WINDOW = 8
"""Sampled batches over which a unit has to stay at zero to count as dead."""

LAYER_SIGNALS = (
    "weight_rms",
    "gradient_rms",
    "gradient_max",
    "unit_spread",
    "gradient_spread",
    "column_range",
    "nonfinite",
    "update_ratio",
    "bias_update",
)
OUTPUT_SIGNALS = ("output_rms", "output_std", "sample_std", "input_rms")
ACTIVATION_SIGNALS = ("zero_share", "saturated_share", "active_rms", "dead_share")
STEP_SIGNALS = ("gradient_norm", "predicted_decrease", "stale_gradient", "gradient_count")
BATCH_SIGNALS = (
    "batch_loss",
    "batch_accuracy",
    "batch_size",
    "target_mean",
    "target_std",
    "target_classes",
    "prediction_mean",
    "prediction_std",
    "prediction_spread",
    "probabilities",
    "target_min",
    "target_max",
    "prediction_min",
    "prediction_max",
)
INPUT_SIGNALS = ("input_max", "input_mean", "input_std")

LOSSES = (
    "cross_entropy",
    "nll_loss",
    "mse_loss",
    "l1_loss",
    "smooth_l1_loss",
    "huber_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "poisson_nll_loss",
    "gaussian_nll_loss",
    "kl_div",
    "soft_margin_loss",
    "multilabel_soft_margin_loss",
    "multi_margin_loss",
    "hinge_embedding_loss",
    "ctc_loss",
)
"""Losses of torch.nn.functional taking (prediction, target); torch's classes call them."""

KINDS: Mapping[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.ReLU6: "relu6",
    nn.Hardtanh: "relu6",
    nn.LeakyReLU: "leaky_relu",
    nn.PReLU: "leaky_relu",
    nn.RReLU: "leaky_relu",
    nn.ELU: "elu",
    nn.CELU: "elu",
    nn.SELU: "elu",
    nn.GELU: "gelu",
    nn.SiLU: "silu",
    nn.Mish: "silu",
    nn.Hardswish: "silu",
    nn.Softplus: "softplus",
    nn.Sigmoid: "sigmoid",
    nn.Hardsigmoid: "sigmoid",
    nn.LogSigmoid: "sigmoid",
    nn.Tanh: "tanh",
    nn.Softsign: "tanh",
    nn.Softmax: "softmax",
    nn.LogSoftmax: "log_softmax",
}
FUNCTIONS: Mapping[str, str] = {
    "relu": "relu",
    "relu_": "relu",
    "relu6": "relu6",
    "leaky_relu": "leaky_relu",
    "elu": "elu",
    "selu": "elu",
    "gelu": "gelu",
    "silu": "silu",
    "mish": "silu",
    "hardswish": "silu",
    "softplus": "softplus",
    "sigmoid": "sigmoid",
    "sigmoid_": "sigmoid",
    "tanh": "tanh",
    "tanh_": "tanh",
    "softsign": "tanh",
    "softmax": "softmax",
    "log_softmax": "log_softmax",
    "exp": "exponential",
    "clamp_min": "relu",
}
"""Function or method name -> kind of activation."""
_BETWEEN = frozenset(
    (F.__file__, torch.overrides.__file__, __file__.replace("torch.py", "torch_treatment.py"))
)
_UNCOUNTED = f"{__file__}:importlib_bootstrap"
"""Name of the file of our wrappers. Python leaves frames with these two words in it out where
warnings count frames, so that every warning of torch's names the same line as without us."""
_TORCH_DIRECTORY = os.path.dirname(torch.__file__) + os.sep
_RECURRENT = (nn.RNNBase, nn.RNNCellBase)
_MODAL = (nn.modules.batchnorm._NormBase, nn.modules.dropout._DropoutNd)


class TorchWatcher:
    """Watches every optimizer of the process and writes what it sees to a record.

    Args:
        recorder: Where to write.
        budget: Share of the run's time that deep samples may cost beyond the allowance.
        births: Where modules were constructed; shared with a treatment.
        thorough: Measure the statistics of the inputs over many batches (for trials).
        stop_at: Number of steps after which `StopTraining` is raised (for trials).
        stop_on: ``error`` raises it before a loss that is not finite reaches the weights.
    """

    def __init__(
        self,
        recorder: Recorder,
        budget: float = 0.01,
        births: Births | None = None,
        thorough: bool = False,
        stop_at: int | None = None,
        stop_on: str | None = None,
    ) -> None:
        self.recorder = recorder
        self.budget = budget
        self.births = births or Births()
        self.thorough = thorough
        self.stop_at = stop_at
        self.stop_on_error = stop_on == "error"
        self.failed: str | None = None
        self.active = True
        self.hooking = True
        self._pid = os.getpid()
        self._runs: weakref.WeakKeyDictionary[Optimizer, _Training] = weakref.WeakKeyDictionary()
        self._all: list[_Training] = []
        self._made: weakref.WeakKeyDictionary[Optimizer, dict[str, Any]] = (
            weakref.WeakKeyDictionary()
        )
        self._undo: list[Callable[[], None]] = []
        self._loss_calls: list[_LossCall] = []
        self._loss_value: float = math.nan
        self._loss_tensor: Tensor | None = None
        self._backward_seen = 0
        self._scaled: dict[int, tuple[weakref.ref[Tensor], weakref.ref[Tensor]]] = {}
        self._validation: dict[tuple[Any, ...], _Pass] = {}
        self._validation_keys: dict[tuple[Any, ...], int] = {}
        self._loaders: list[dict[str, Any]] = []
        self._inside = False
        self.started = time.perf_counter()
        self.spent = 0.0

    # ------------------------------------------------------------------ installing

    def install(self) -> None:
        """Attach to torch: global optimizer hooks, `backward`, the loss functions."""
        self.births.install()
        self._undo.append(self.births.uninstall)
        watcher = self
        self.recorder.fact("framework", "torch")
        self.recorder.fact("torch", torch.__version__)

        self._wrap(Optimizer, "__init__", self._around_optimizer)
        self._wrap(torch.autograd, "backward", self._around_backward)
        for name in LOSSES:
            if hasattr(F, name):
                self._wrap(F, name, self._around_loss)
        for name in ("__eq__", "eq"):
            self._wrap(Tensor, name, self._around_equal)
        self._wrap(torch, "eq", self._around_equal)
        with contextlib.suppress(Exception):  # so that torch.jit.script still knows torch.eq
            torch.jit._builtins._register_builtin(torch.eq, "aten::eq")
        self._wrap(torch.amp.GradScaler, "scale", self._around_scale)
        self._wrap(torch.utils.data.DataLoader, "__init__", self._around_loader)
        for owner in (torch, nn.Module):
            self._wrap(owner, "compile", self._around_compile)
        before = register_optimizer_step_pre_hook(
            lambda optimizer, args, kwargs: watcher._guard(
                watcher._before_step, optimizer, len(args) > 1 or bool(kwargs.get("closure"))
            )
        )
        after = register_optimizer_step_post_hook(
            lambda optimizer, args, kwargs: watcher._guard(
                watcher._after_step, optimizer, len(args) > 1 or bool(kwargs.get("closure"))
            )
        )
        self._undo += [before.remove, after.remove]

    def _wrap(
        self, owner: Any, name: str, around: Callable[[Callable[..., Any]], Callable[..., Any]]
    ) -> None:
        original = getattr(owner, name)
        wrapper = around(original)
        wrapper.__name__ = getattr(original, "__name__", name)
        wrapper.__qualname__ = getattr(original, "__qualname__", name)
        wrapper.__module__ = getattr(original, "__module__", __name__)
        wrapper.__doc__ = original.__doc__
        wrapper.__wrapped__ = original  # type: ignore[attr-defined]
        wrapper.__prepare_scriptable__ = lambda: original  # type: ignore[attr-defined]
        wrapper.__code__ = wrapper.__code__.replace(co_filename=_UNCOUNTED)
        setattr(owner, name, wrapper)
        self._undo.append(lambda: setattr(owner, name, original))

    def uninstall(self) -> None:
        """Detach from torch and write what is left."""
        self.finish()
        for undo in reversed(self._undo):
            undo()
        self._undo.clear()
        self.active = False

    def finish(self) -> None:
        """Write what is still held; the script has ended."""
        if os.getpid() != self._pid:
            return
        self._guard(self._end_validation)
        for training in self._all:
            training.disarm()
            self._guard(training.write_facts)
        seconds = time.perf_counter() - self.started
        self.recorder.fact("seconds", seconds)
        self.recorder.fact("spent", self.spent)
        self.recorder.fact("deep", sum(training.deep for training in self._all))
        if self.failed:
            self.recorder.fact("failed", self.failed)

    def _guard(self, work: Callable[..., Any], *args: Any) -> None:
        """Do our own work; if it fails, say so in one line and stop watching."""
        if not self.active or self._inside or os.getpid() != self._pid or torch.jit.is_tracing():
            return
        begin = time.thread_time()
        self._inside = True
        try:
            work(*args)
        except Exception as error:
            self.active = False
            self.failed = f"{type(error).__name__}: {error}".splitlines()[0]
            for training in self._all:
                training.disarm()
            print(
                f"unstuck: watching stopped, the training goes on ({self.failed})", file=sys.stderr
            )
            if os.environ.get("UNSTUCK_DEBUG"):
                raise
        finally:
            self._inside = False
        self.spent += time.thread_time() - begin

    def may_sample(self, cost: float) -> bool:
        """Return whether a deep sample of that many seconds is within the budget."""
        return cost <= self._left()

    def _left(self) -> float:
        """Return the seconds that deep samples may still cost by now."""
        return ALLOWANCE + self.budget * (time.perf_counter() - self.started) - self.spent

    def distance(self, step: int, cost: float) -> int:
        """Return how many steps after the one before `step` the next deep sample is due.

        The first steps are measured one by one; then a fifth of what is left may be spent while
        the number of steps doubles, so that a run of any length is seen to its end.
        """
        if step < max(5, min(DENSE, 0.4 * ALLOWANCE / max(cost, 1e-6))):
            return 1
        samples = min(DOUBLING, max(0.2 * self._left() / max(cost, 1e-6), 1))
        return max(1, round(step * (2 ** (1 / samples) - 1)))

    # ------------------------------------------------------------------ what torch calls

    def _around_optimizer(self, original: Callable[..., Any]) -> Callable[..., Any]:
        watcher = self

        def __init__(optimizer: Optimizer, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            original(optimizer, *args, **kwargs)
            watcher._guard(watcher._optimizer_made, optimizer)

        return __init__

    def _optimizer_made(self, optimizer: Optimizer) -> None:
        frame = calling_frame(optimizer)
        self._made[optimizer] = self.made(optimizer, frame, locate(frame))
        # The first step is measured in depth, so its hooks have to be there before it begins.
        if all(training.optimizer() is not optimizer for training in self._all):
            self._training(optimizer).arm()

    def made(
        self, optimizer: Optimizer, frame: FrameType | None, location: Location | None
    ) -> dict[str, Any]:
        """Return what an optimizer trains, by the names that the code in `frame` uses."""
        parameters = _parameters(optimizer)
        models = self.births.models(parameters)
        return {
            "location": location,
            "names": layer_names(models, frame, parameters),
            "model": expression(models[0], frame) if len(models) == 1 else None,
        }

    def _training(self, optimizer: Optimizer) -> _Training:
        training = self._runs.get(optimizer)
        if training is None:
            training = _Training(self, optimizer, len(self._all))
            self._runs[optimizer] = training
            self._all.append(training)
        return training

    def _around_compile(self, original: Callable[..., Any]) -> Callable[..., Any]:
        watcher = self

        def compile_(*args: Any, **kwargs: Any) -> Any:
            # A compiled model would take our hooks for its own and be compiled anew with each.
            watcher.hooking = False
            for training in watcher._all:
                training.unhook()
                if training._lasting is not None:
                    training._lasting.remove()
            return original(*args, **kwargs)

        return compile_

    def _around_backward(self, original: Callable[..., Any]) -> Callable[..., Any]:
        watcher = self

        def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
            if watcher.active and not torch.compiler.is_compiling():
                watcher._guard(watcher._before_backward, tensors)
                if watcher.stop_on_error and not math.isfinite(watcher.loss_value()):
                    from unstuck.runner import StopTraining

                    raise StopTraining
            return original(tensors, *args, **kwargs)

        return backward

    def _before_backward(self, tensors: Any) -> None:
        first = tensors if isinstance(tensors, Tensor) else next(iter(tensors), None)
        if not isinstance(first, Tensor) or first.numel() != 1:
            return
        loss: Tensor = first
        if self._validation:
            self._end_validation()
        held = self._scaled.pop(id(loss), None)
        if held is not None and held[0]() is loss:
            unscaled: Tensor | None = held[1]()
            if unscaled is not None:
                loss = unscaled
        self._backward_seen += 1
        if loss.device.type == "cpu":
            self._loss_value, self._loss_tensor = loss.item(), None
        else:
            self._loss_tensor = loss.detach()
        location: Location | None = None
        broken = self._loss_tensor is None and not math.isfinite(self._loss_value)
        for training in list(self._runs.values()):
            if broken:
                training.find_nonfinite(loss)
            if training.armed or training.stage == 0:
                location = location or locate(calling_frame())
            training.backward_begins(loss, location, self._loss_calls)
        self._loss_calls = []

    def loss_value(self) -> float:
        """Return the last loss as a number; waits for the device only if it lives on one."""
        if self._loss_tensor is not None:
            self._loss_value, self._loss_tensor = float(self._loss_tensor), None
        return self._loss_value

    def _around_scale(self, original: Callable[..., Any]) -> Callable[..., Any]:
        watcher = self

        def scale(scaler: Any, outputs: Any) -> Any:
            result = original(scaler, outputs)
            if isinstance(outputs, Tensor) and isinstance(result, Tensor) and watcher.active:
                watcher._scaled = {id(result): (weakref.ref(result), weakref.ref(outputs))}
            return result

        return scale

    def _around_loss(self, original: Callable[..., Any]) -> Callable[..., Any]:
        watcher = self
        name = original.__name__

        def loss_function(*args: Any, **kwargs: Any) -> Any:
            if watcher._inside or not watcher.active or torch.compiler.is_compiling():
                return original(*args, **kwargs)
            watcher._inside = True
            try:
                result = original(*args, **kwargs)
            finally:
                watcher._inside = False
            watcher._guard(watcher._loss_computed, name, args, kwargs, result)
            return result

        return loss_function

    def _loss_computed(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
    ) -> None:
        if not isinstance(result, Tensor):
            return
        prediction = args[0] if args else kwargs.get("input")
        target = args[1] if len(args) > 1 else kwargs.get("target")
        if not isinstance(prediction, Tensor) or not isinstance(target, Tensor):
            return
        if result.requires_grad:
            if any(training.armed for training in self._runs.values()):
                reduction = str(kwargs.get("reduction", "mean"))
                self._loss_calls.append(_LossCall(name, prediction, target, result, reduction))
                del self._loss_calls[:-8]
        elif result.numel() == 1 and self._all and not torch.is_grad_enabled():
            found = self._pass(name)
            rows = prediction.shape[0] if prediction.ndim else 1
            found.loss += result.item() * rows
            found.rows += rows
            right, total = _right(name, prediction, target)
            found.right += right
            found.judged += total
            found.probable = min(found.probable, _probabilities(name, prediction))

    def _around_equal(self, original: Callable[..., Any]) -> Callable[..., Any]:
        watcher = self

        def equal(first: Any, second: Any, *args: Any, **kwargs: Any) -> Any:
            if (
                torch.is_grad_enabled()
                or watcher._inside
                or not watcher._all
                or type(first) is not Tensor
                or type(second) is not Tensor
                or torch.compiler.is_compiling()
            ):
                return original(first, second, *args, **kwargs)
            watcher._inside = True
            try:
                result = original(first, second, *args, **kwargs)
            finally:
                watcher._inside = False
            watcher._guard(watcher._compared, first, second, result)
            return result

        return equal

    def _compared(self, first: Tensor, second: Tensor, result: Tensor) -> None:
        """Take a gradient-free comparison of predictions with targets as the pass's accuracy."""
        if first.shape != second.shape or not 1 <= first.ndim <= 2 or first.numel() < 2:
            return
        if first.is_floating_point() and not (second == second.round()).all():
            return
        found = self._pass("accuracy")
        found.right += int(result.sum())
        found.judged += result.numel()

    def _pass(self, name: str) -> _Pass:
        key = (name, *_call_sites())
        found = self._validation.get(key)
        if found is None:
            found = self._validation[key] = _Pass()
            found.training_mode = self._modal_layers_training()
        return found

    def _modal_layers_training(self) -> bool:
        """Return whether a layer that behaves otherwise in evaluation is in training mode."""
        latest = self._latest()
        return latest is not None and any(
            module.training for module in latest.modules() if isinstance(module, _MODAL)
        )

    def _latest(self) -> _Training | None:
        # Among all of them: after a script's `main()` has returned, its optimizers are gone.
        steps = [training for training in self._all if training.step]
        return max(steps, key=lambda training: training.touched, default=None)

    def _end_validation(self) -> None:
        latest = self._latest()
        for key, found in self._validation.items():
            if latest is None:
                break
            number = self._validation_keys.setdefault(key, len(self._validation_keys))
            source = self.recorder.source(
                latest.index,
                "",
                (
                    f"validation_loss:{number}",
                    f"validation_accuracy:{number}",
                    f"validation_rows:{number}",
                    f"validation_training_mode:{number}",
                    f"validation_probabilities:{number}",
                ),
            )
            self.recorder.sample(
                source,
                latest.step - 1,
                (
                    found.loss / found.rows if found.rows else math.nan,
                    found.right / found.judged if found.judged else math.nan,
                    max(found.rows, found.judged),
                    float(found.training_mode),
                    found.probable if found.rows else 0.0,
                ),
            )
        self._validation = {}

    def _around_loader(self, original: Callable[..., Any]) -> Callable[..., Any]:
        watcher = self

        def __init__(loader: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            original(loader, *args, **kwargs)
            watcher._guard(watcher._loader_made, loader)

        return __init__

    def _loader_made(self, loader: Any) -> None:
        location = locate(calling_frame(loader))
        try:
            rows = len(loader.dataset)
        except TypeError:
            rows = 0
        self._loaders.append(
            {
                "rows": rows,
                "batch_size": loader.batch_size or 0,
                "sampler": type(loader.sampler).__name__,
                "drop_last": bool(loader.drop_last),
                "location": location.to_json() if location else None,
            }
        )
        self.recorder.fact("loaders", self._loaders[-32:])

    def _before_step(self, optimizer: Optimizer, closure: bool) -> None:
        self._training(optimizer).before_step(closure)

    def _after_step(self, optimizer: Optimizer, closure: bool) -> None:
        training = self._training(optimizer)
        training.after_step(closure)
        if self.stop_at is not None and training.step >= self.stop_at:
            from unstuck.runner import StopTraining

            raise StopTraining


def _range(values: Tensor) -> list[float]:
    """Return the smallest and largest of some values."""
    if not values.numel():
        return [math.nan, math.nan]
    low, high = torch.aminmax(values)
    return [float(low), float(high)]


def _call_sites() -> tuple[Any, ...]:
    """Return the lines of the user's frames above: which of several evaluations this is."""
    sites: list[tuple[str, int]] = []
    frame = calling_frame()
    while frame is not None and len(sites) < 4:
        name = frame.f_code.co_filename
        if not name.startswith(("<frozen", _TORCH_DIRECTORY)):
            sites.append((name, frame.f_lineno))
        if frame.f_code.co_name == "<module>":
            break
        frame = frame.f_back
    return tuple(sites)


def _right(name: str, prediction: Tensor, target: Tensor) -> tuple[int, int]:
    """Return how many predictions are right and how many were judged; (0, 0) if none can be."""
    if name in ("cross_entropy", "nll_loss") and prediction.ndim >= 2:
        if target.is_floating_point():
            if target.shape != prediction.shape:
                return 0, 0
            target = target.argmax(1)
        if prediction.shape[:1] + prediction.shape[2:] != target.shape:
            return 0, 0
        guess = prediction.argmax(1)
        return int((guess == target).sum()), target.numel()
    if name.startswith("binary_cross_entropy") and prediction.shape == target.shape:
        border = 0.0 if name.endswith("logits") else 0.5
        return int(((prediction > border) == (target > 0.5)).sum()), target.numel()
    return 0, 0


class _Pass:
    """One gradient-free pass over some data, between two training steps."""

    def __init__(self) -> None:
        self.loss = 0.0
        self.rows = 0
        self.right = 0
        self.judged = 0
        self.probable = 1.0
        self.training_mode = False


class _LossCall:
    """One call of a loss function in training; dropped when its step ends."""

    def __init__(
        self, name: str, prediction: Tensor, target: Tensor, result: Tensor, reduction: str
    ) -> None:
        self.name = name
        self.prediction = prediction
        self.target = target
        self.result = result
        self.reduction = reduction


class _Training:
    """One optimizer and the layers it trains: a run of the record."""

    def __init__(self, watcher: TorchWatcher, optimizer: Optimizer, index: int) -> None:
        self.watcher = watcher
        self.recorder = watcher.recorder
        self.index = index
        self.optimizer = weakref.ref(optimizer)
        made = watcher._made.get(optimizer)
        if made is None:  # born before unstuck watched
            made = watcher.made(optimizer, calling_frame(), None)
        self.made = made
        self._names: dict[str, weakref.ref[nn.Module]] = {}
        self._loose: dict[str, weakref.ref[Tensor]] = {}
        for name, held in made["names"].items():
            if isinstance(held, nn.Module):
                self._names[name] = weakref.ref(held)
            else:
                self._loose[name] = weakref.ref(held)
        made["names"] = {}
        self.optimized = {id(p) for p in _parameters(optimizer)}
        self.step = 0
        self.touched = 0
        self.deep = 0
        self.armed = False
        self.next_deep = 0
        self.cost = 0.0
        self.stage = 0  # 0: wiring not yet read, 1: read
        self.rates: float | None = None
        self.clean = False
        self.step_location: Location | None = None
        self.variable: str | None = None
        self.loss_location: Location | None = None
        self._handles: list[Any] = []
        self._places: dict[int, str] = {}
        self._roots: set[int] = set()
        self._lasting: Any = None
        self._order: dict[str, int] = {}
        self._outputs: dict[str, list[Tensor]] = {}
        self._inputs: dict[str, Tensor] = {}
        self._last: Tensor | None = None
        self._dimensions: dict[str, int] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._activations: dict[str, dict[str, Any]] = {}
        self._active: dict[str, list[Tensor]] = {}
        self._fired: dict[str, list[Tensor]] = {}
        self._nodes: dict[str, Any] = {}
        self._batch: list[float] | None = None
        self._input: list[float] | None = None
        self._moments: _Moments | None = None
        self._mode: _Sensor | None = None
        self._mode_owner: nn.Module | None = None
        self._before: dict[str, tuple[Tensor, Tensor | None]] = {}
        self._gradients: dict[str, Tensor] = {}
        self._last_gradient: tuple[int, list[Tensor]] | None = None
        self._scalars: list[tuple[str, tuple[str, ...], list[Tensor]]] = []
        self._facts: dict[str, Any] = {}
        self._layers: list[dict[str, Any]] = []
        self._loss_fact: dict[str, Any] = {}
        self._backwards = 0
        self._dropped: list[float] = []
        self._begun = False
        self._loss_source = -1

    # -------------------------------------------------------------- layers

    def modules(self) -> list[nn.Module]:
        """Return the living modules of the trained models."""
        return [m for reference in self._names.values() if (m := reference()) is not None]

    def _owners(self) -> dict[str, list[Tensor]]:
        """Return for each layer that owns parameters these parameters, its weight first."""
        owners: dict[str, list[Tensor]] = {}
        seen: set[int] = set()
        for name, reference in self._names.items():
            module = reference()
            if module is None:
                continue
            own = [p for p in module._parameters.values() if p is not None and id(p) not in seen]
            if not own:
                continue
            seen.update(map(id, own))
            matrices = [p for p in own if p.ndim >= 2]
            weight = max(matrices, key=lambda p: p.numel()) if matrices else own[0]
            owners[name] = [weight, *(p for p in own if p is not weight)]
        for name, held in self._loose.items():
            parameter = held()
            if parameter is not None and id(parameter) not in seen:
                owners[name] = [parameter]
        return owners

    def _describe(self) -> None:
        self._layers = []
        for name, (weight, *_) in self._owners().items():
            reference = self._names.get(name)
            module = reference() if reference is not None else None
            place = self.watcher.births.location(module) if module is not None else None
            if place is None and module is not None:
                place = self._parent_location(name)
            fan_in, fan_out = _fans(weight, module)
            self._layers.append(
                {
                    "name": name,
                    "kind": type(module).__name__ if module is not None else "Parameter",
                    "shape": list(weight.shape),
                    "fan_in": fan_in,
                    "fan_out": fan_out,
                    "location": place.to_json() if place else None,
                    "trainable": bool(weight.requires_grad),
                    "optimized": id(weight) in self.optimized,
                }
            )

    def _parent_location(self, name: str) -> Location | None:
        """Return the place of the nearest module around `name` that has one."""
        while "." in name:
            name = name.rpartition(".")[0]
            module = self._names[name]() if name in self._names else None
            place = self.watcher.births.location(module) if module is not None else None
            if place is not None:
                return place
        return None

    # -------------------------------------------------------------- deep samples

    def arm(self) -> None:
        """Attach hooks for the coming step; they are taken off when it ends.

        They are torch's hooks for all modules. Nothing is ever put on a module of the script, so
        that it can be copied, saved and compiled at any moment.
        """
        if self.armed:
            return
        self.armed = True
        living = {name: m for name, ref in self._names.items() if (m := ref()) is not None}
        children = {id(child) for m in living.values() for child in m._modules.values()}
        self._places = {id(m): name for name, m in living.items()}
        self._roots = {id(m) for m in living.values() if id(m) not in children}
        if not self.watcher.hooking:
            return
        self._handles.append(register_module_forward_pre_hook(self._module_begins))
        self._handles.append(
            register_module_forward_hook(self._module_ends, with_kwargs=True, always_call=True)
        )
        if self.watcher.thorough and self._lasting is None:
            self._lasting = register_module_forward_hook(self._every_input, with_kwargs=True)
            self.watcher._undo.append(self._lasting.remove)

    def _name(self, module: nn.Module) -> str | None:
        """Return the name of a module of this training, None for any other."""
        name = self._places.get(id(module))
        return name if name is not None and self._names[name]() is module else None

    def _module_begins(self, module: nn.Module, args: Any) -> None:
        if id(module) in self._roots and self._name(module) is not None:
            self.watcher._guard(self._root_begins, module)

    def _module_ends(self, module: nn.Module, args: Any, *rest: Any) -> None:
        """Measure what a module put out; `rest` is (kwargs, output), (None,) if it raised."""
        name = self._name(module)
        if name is None:
            return
        kind = KINDS.get(type(module))
        if kind is not None:
            self.watcher._guard(self.activation_ran, name, kind, rest[-1], None)
        elif any(parameter is not None for parameter in module._parameters.values()):
            self.watcher._guard(self._layer_ran, name, args, rest[-1])
        if id(module) in self._roots:
            if len(rest) == 2 and torch.is_grad_enabled():
                self.watcher._guard(self._see_inputs, args, rest[0])
            if self._mode is not None and self._mode_owner is module:
                self._leave_mode()

    def unhook(self) -> None:
        """Take the hooks off."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def disarm(self) -> None:
        """Take the hooks off and let go of everything that was held for the step."""
        self.unhook()
        if self._mode is not None:
            self._leave_mode()
        for held in (self._outputs, self._inputs, self._active, self._before, self._gradients):
            held.clear()
        self._nodes.clear()
        self._last = None
        self._scalars.clear()
        self.armed = False

    def _root_begins(self, module: nn.Module) -> None:
        if not torch.is_grad_enabled() or not self.armed:
            return
        modal = [m for m in self.modules() if isinstance(m, _MODAL)]
        if modal:
            share = sum(not m.training for m in modal) / len(modal)
            source = self.recorder.source(self.index, "", ("eval_share",))
            self.recorder.sample(source, self.step, (share,))
        if self._mode is None and not torch.compiler.is_compiling():
            self._mode = _Sensor(self)
            self._mode.__enter__()
            self._mode_owner = module

    def _leave_mode(self) -> None:
        mode, self._mode, self._mode_owner = self._mode, None, None
        if mode is not None:
            mode.__exit__(None, None, None)

    def _every_input(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        """In trials, take the moments of the inputs of every step (at most 2000)."""
        if id(module) not in self._roots or self._name(module) is None:
            return
        given = next((v for v in (*args, *kwargs.values()) if isinstance(v, Tensor)), None)
        if torch.is_grad_enabled() and given is not None and given.is_floating_point():
            self.watcher._guard(self._add_moments, given)

    def _add_moments(self, values: Tensor) -> None:
        if self._moments is None:
            self._moments = _Moments(values)
        if self._moments.batches < 2000:
            self._moments.add(values)

    def _see_inputs(self, args: Any, kwargs: Any) -> None:
        values = next((v for v in (*args, *kwargs.values()) if isinstance(v, Tensor)), None)
        if values is None or not self.armed:
            return
        self._facts["input_shape"] = list(values.shape)
        self._facts["input_dtype"] = str(values.dtype).removeprefix("torch.")
        if values.is_floating_point():
            flat = measure.thin(values)
            self._input = torch.stack([flat.abs().max(), flat.mean(), flat.std()]).tolist()
            if not self.watcher.thorough:
                self._add_moments(values)

    def _layer_ran(self, name: str, args: Any, output: Any) -> None:
        if isinstance(output, tuple) and output:
            output = output[0]
        if not isinstance(output, Tensor) or not output.requires_grad:
            return
        self._order.setdefault(name, len(self._order))
        self._dimensions[name] = output.ndim
        self._shapes[name] = tuple(output.shape)
        given = next((a for a in args if isinstance(a, Tensor) and a.is_floating_point()), None)
        scalars = measure.output_scalars(output)
        if given is None:
            scalars.append(torch.zeros((), device=output.device))
        else:
            scalars.append(measure.rms(measure.thin(given)))
        self._outputs[name] = scalars
        self._last = output

    def dropout_ran(self, args: Any, kwargs: Mapping[str, Any]) -> None:
        """Note the rate of a dropout, also of one that is a function call."""
        rate = kwargs.get("p", args[1] if len(args) > 1 else 0.5)
        if isinstance(rate, (int, float)) and float(rate) not in self._dropped:
            self._dropped.append(float(rate))

    def activation_ran(self, name: str, kind: str, output: Any, location: Location | None) -> None:
        """Note what an activation put out; `location` is given for function calls."""
        if not isinstance(output, Tensor) or not output.requires_grad:
            return
        if not output.is_floating_point() or output.ndim == 0:
            return
        if name not in self._activations:
            reference = self._names.get(name)
            module = reference() if reference is not None else None
            place = location
            if module is not None:
                place = self.watcher.births.location(module) or self._parent_location(name)
            self._activations[name] = {
                "name": name,
                "kind": kind,
                "location": place.to_json() if place else None,
                "functional": location is not None,
                "units": output.shape[measure.unit_axis(output)],
            }
        self._nodes[name] = output.grad_fn
        self._active[name] = measure.activation_scalars(kind, output)
        if kind in ("relu", "relu6"):
            units = measure.fired(output)
            window = self._fired.setdefault(name, [])
            if window and window[-1].shape != units.shape:
                window.clear()
            window.append(units)
            del window[:-DEAD_WINDOW]
            dead = ~torch.stack(window).any(dim=0)
            self._active[name].append(dead.sum() / max(dead.numel(), 1))
        else:
            self._active[name].append(torch.zeros((), device=output.device))

    # -------------------------------------------------------------- a step

    def backward_begins(
        self, loss: Tensor, location: Location | None, calls: Sequence[_LossCall]
    ) -> None:
        """Look at the gradients that are still there, and in deep samples at the graph."""
        if self.watcher._backward_seen and self.loss_location is None:
            self.loss_location = location
        if not self.clean:
            self.clean = not self._gradients_left()
        if self.armed and self.stage == 0:
            self._backwards += 1
        if not self.armed or loss.grad_fn is None:
            return
        if self.stage == 0:
            self._read_wiring(loss)
        if not calls:
            written = handwritten(loss, self._last)
            calls = [_LossCall(*written, loss, "mean")] if written is not None else []
        if calls:
            self._see_batch(calls)

    def find_nonfinite(self, loss: Tensor) -> None:
        """Note once where a loss that is not finite came from, unless it is another model's."""
        if "nonfinite" in self._facts or loss.grad_fn is None:
            return
        from unstuck.frameworks.torch_nonfinite import origin

        self._facts["nonfinite"] = {**origin(loss, self._owners()), "step": self.step}
        self.recorder.fact("nonfinite", self._facts["nonfinite"], self.index)

    def _gradients_left(self) -> bool:
        """Return whether gradients of an earlier step are still in place and not zero."""
        optimizer = self.optimizer()
        if optimizer is None or self.step == 0:
            return False
        left = False
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    if not self.armed:
                        return True
                    if bool(measure.thin(parameter.grad, 1024).any()):
                        return True
                    left = False
        return left

    def _read_wiring(self, loss: Tensor) -> None:
        owners = self._owners()
        by_parameter = {id(p): name for name, own in owners.items() for p in own}
        graph = Graph.read(loss.grad_fn, by_parameter)
        if not graph.owners:
            return  # another model's loss, or this one's is not connected
        self._describe()
        matrices = frozenset(name for name, own in owners.items() if own[0].ndim >= 2)
        norms = frozenset(owners) - matrices
        inner = graph.before_weights(matrices)
        names = {node: name for name, node in self._nodes.items() if node is not None}
        for layer in self._layers:
            name = layer["name"]
            reference = self._names.get(name)
            module = reference() if reference is not None else None
            uses = graph.uses(name)
            layer["used"] = bool(uses)
            layer["output"] = bool(uses) and not any(node in inner for node in uses)
            if isinstance(module, _RECURRENT):
                layer["activation"] = None
            else:
                kind, node, normalized, added = graph.next_activation(name, norms, matrices)
                layer["activation"] = kind
                layer["activation_name"] = names.get(node)
                if names.get(node) in self._activations:
                    layer["activation"] = self._activations[names[node]]["kind"]
                layer["normalized"] = normalized
                layer["residual"] = added
            layer["dimensions"] = self._dimensions.get(name, 0)
            layer["depth"] = self._order.get(name, len(self._order))
        for name, facts in self._activations.items():
            node = self._nodes.get(name)
            facts["output"] = node is not None and node not in inner
        self._facts["unheld"] = self._unheld(graph, owners)
        self._facts["broadcast"] = self._broadcast(graph, inner)
        self._facts["nonlinear"] = self._nonlinear(graph, inner)
        pairs = []
        for node in graph.nodes:
            if operation(node) in _LOSS_OPERATIONS:
                made_by, source = graph.feeds(node)
                if operation(node) == "nll_loss" and made_by == "log_softmax":
                    continue
                pairs.append([operation(node), made_by, names.get(source)])
        self._loss_fact["chain"] = graph.chain(matrices)
        self._facts["loss_inputs"] = pairs[:8]
        self._layers.sort(key=lambda layer: layer["depth"])
        self.stage = 1

    def _unheld(self, graph: Graph, owners: Mapping[str, list[Tensor]]) -> list[dict[str, Any]]:
        """Return the parameters that the loss depends on but no optimizer holds."""
        held = {id(p) for optimizer in self.watcher._made for p in _parameters(optimizer)}
        names = {id(p): name for name, own in owners.items() for p in own}
        unheld: dict[str, dict[str, Any]] = {}
        for node in graph.nodes:
            parameter = getattr(node, "variable", None)
            if not isinstance(parameter, nn.Parameter) or id(parameter) in held:
                continue
            name = names.get(id(parameter))
            owner = self._names[name]() if name in self._names else None
            if owner is None:
                owner = next(
                    (
                        m
                        for m in self.watcher.births.modules()
                        if any(p is parameter for p in m._parameters.values())
                    ),
                    None,
                )
            place = self.watcher.births.location(owner) if owner is not None else None
            label = name or (type(owner).__name__ if owner is not None else "Parameter")
            unheld[f"{label}{id(owner)}"] = {
                "layer": label,
                "location": place.to_json() if place else None,
                "matrix": parameter.ndim >= 2
                or unheld.get(f"{label}{id(owner)}", {}).get("matrix"),
            }
        return list(unheld.values())[:32]

    def _broadcast(self, graph: Graph, inner: set[Any]) -> list[int]:
        """Return the shape of a difference that became a square: (n, 1) against (n,), else []."""
        sizes = [
            self._shapes[layer["name"]]
            for layer in self._layers
            if layer.get("output") and layer["name"] in self._shapes
        ]
        columns = {shape[0] for shape in sizes if shape and math.prod(shape) == shape[0] > 1}
        for node in graph.nodes:
            if node in inner or operation(node) not in ("pow", "abs", "mul", "mse_loss", "l1_loss"):
                continue
            kept = getattr(node, "_saved_self", None)
            if not isinstance(kept, Tensor) or kept.ndim != 2 or kept.shape[0] != kept.shape[1]:
                continue
            made_by, _ = graph.feeds(node)
            if kept.shape[0] in columns and made_by in ("sub", "rsub"):
                return list(kept.shape)
        return []

    def _nonlinear(self, graph: Graph, inner: set[Any]) -> bool:
        """Return whether anything between the layers is more than linear."""
        return any(
            node in inner and (operation(node) in _NONLINEAR or operation(node) in ACTIVATIONS)
            for node in graph.nodes
        )

    def _modal(self) -> dict[str, Any]:
        """Return the settings of the layers that behave otherwise in evaluation."""
        drops = [m.p for m in self.modules() if isinstance(m, nn.modules.dropout._DropoutNd)]
        drops += [rate for rate in self._dropped if rate not in drops]
        momenta = [
            m.momentum
            for m in self.modules()
            if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats
        ]
        facts: dict[str, Any] = {}
        if drops:
            facts["dropout"] = drops
        if momenta:
            facts["norm_momentum"] = momenta
        return facts

    def _see_batch(self, calls: Sequence[_LossCall]) -> None:
        call = max(calls, key=lambda c: c.prediction.numel())
        prediction, target = call.prediction.detach(), call.target.detach()
        if prediction.numel() >= math.prod(self._loss_fact.get("prediction_shape", [])[:1] or [0]):
            self._loss_fact["prediction_shape"] = list(prediction.shape)
            self._loss_fact["target_shape"] = list(target.shape)
        self._loss_fact.update(
            function=call.name,
            target_dtype=str(target.dtype).removeprefix("torch."),
            reduction=call.reduction,
        )
        right, judged = _right(call.name, prediction, target)
        values = measure.thin(prediction)
        goals = measure.thin(target)
        rows = measure.output_scalars(prediction) if prediction.ndim else [values.std()] * 3
        classes = math.nan
        if not target.is_floating_point() and target.numel() < 100_000:
            classes = float(target.unique().numel())
        elif target.numel() and bool(((target == 0) | (target == 1)).all()):
            classes = float(target.reshape(-1)[:65536].unique().numel())
        parts = [c.result.detach().sum() for c in calls]
        result = torch.stack([part.to(parts[0].device) for part in parts]).sum()
        self._batch = [
            float(result),
            right / judged if judged else math.nan,
            float(prediction.shape[0] if prediction.ndim else 1),
            float(goals.mean()),
            float(goals.std(correction=0)),
            classes,
            float(values.mean()),
            float(values.std(correction=0)),
            float(rows[2]),
            float(_probabilities(call.name, prediction)),
            *_range(goals),
            *_range(values),
        ]
        self._count_classes(call.name, prediction, target)

    def _count_classes(self, name: str, prediction: Tensor, target: Tensor) -> None:
        """Count how often each class occurs and is recognized, the recent batches most."""
        if name in ("cross_entropy", "nll_loss"):
            if prediction.ndim != 2 or target.ndim != 1 or prediction.shape[1] > 64:
                return
            guess, goal, classes = prediction.argmax(1), target, prediction.shape[1]
        elif name.startswith("binary_cross_entropy") and prediction.shape == target.shape:
            if prediction.numel() != prediction.shape[0]:
                return
            border = 0.0 if name.endswith("logits") else 0.5
            guess = (prediction.reshape(-1) > border).long()
            goal, classes = (target.reshape(-1) > 0.5).long(), 2
        else:
            return
        goal = goal.clamp(0, classes - 1)
        counts = torch.bincount(goal, minlength=classes).tolist()
        hits = torch.bincount(goal[guess == goal], minlength=classes).tolist()
        seen = self._facts.setdefault("class_counts", [0] * classes)
        if len(seen) != classes:
            return
        self._facts["class_counts"] = [a + b for a, b in zip(seen, counts, strict=True)]
        for key, new in (("recent_counts", counts), ("recent_hits", hits)):
            old = self._facts.get(key) or [0.0] * classes
            self._facts[key] = [0.8 * a + b for a, b in zip(old, new, strict=True)]

    def before_step(self, closure: bool) -> None:
        """Measure weights and gradients before the optimizer changes them."""
        optimizer = self.optimizer()
        if optimizer is None:
            return
        if not self._begun:
            self._begin(optimizer)
        rate = optimizer.param_groups[0].get("lr", math.nan)
        rate = (
            float(rate) if not isinstance(rate, Tensor) or rate.device.type == "cpu" else math.nan
        )
        if rate != self.rates:
            self.rates = rate
            source = self.recorder.source(self.index, "", ("learning_rate",))
            self.recorder.sample(source, self.step, (rate,))
        if closure:
            self.clean = True
        if self.armed:
            begin = time.thread_time()
            self._measure_before(closure)
            self._cost_so_far = time.thread_time() - begin
        elif self._last_gradient is not None:
            self._compare_gradients()

    def _begin(self, optimizer: Optimizer) -> None:
        self._begun = True
        frame = calling_frame()
        self.step_location = locate(frame)
        self.variable = expression(optimizer, frame)
        if not self._layers:
            self._describe()
        self._loss_source = self.recorder.source(self.index, "", ("loss",))
        self.write_facts()

    def write_facts(self) -> None:
        """Write what is known about the run so far: layers, activations, optimizer, loss."""
        if not self._begun:
            return
        optimizer = self.optimizer()
        run = self.index
        self.recorder.fact("layers", [_known(layer, _LAYER_FIELDS) for layer in self._layers], run)
        self.recorder.fact("activations", list(self._activations.values()), run)
        if optimizer is not None:
            place = self.made["location"]
            self.recorder.fact(
                "optimizer",
                {
                    "name": type(optimizer).__name__,
                    "settings": _settings(optimizer),
                    "location": place.to_json() if place else None,
                    "step_location": self.step_location.to_json() if self.step_location else None,
                    "variable": self.variable,
                    "model": self.made["model"],
                },
                run,
            )
            self.recorder.fact("groups", len(optimizer.param_groups), run)
        place = self.loss_location
        loss = {**self._loss_fact, "location": place.to_json() if place else None}
        self.recorder.fact("loss_function", loss, run)
        self.recorder.fact("steps", self.step, run)
        unused = [layer["name"] for layer in self._layers if layer.get("used") is False]
        self.recorder.fact("unused_layers", unused, run)
        for key, value in self._modal().items():
            self.recorder.fact(key, value, run)
        if self.stage == 0 and self._backwards:
            self.recorder.fact("disconnected", True, run)
        for key, value in self._facts.items():
            self.recorder.fact(key, value, run)
        if self._moments is not None:
            for key, value in self._moments.facts().items():
                self.recorder.fact(key, value, run)

    def _measure_before(self, closure: bool) -> None:
        for name, own in self._owners().items():
            weight = own[0]
            if not weight.requires_grad:
                continue
            bias = next((p for p in own[1:] if p.ndim == 1 and p.requires_grad), None)
            self._before[name] = (
                measure.thin(weight).clone(),
                measure.thin(bias).clone() if bias is not None else None,
            )
        if not closure:
            self._measure_gradients()

    def _measure_gradients(self) -> None:
        squares: list[Tensor] = []
        for name, own in self._owners().items():
            weight = own[0]
            if name not in self._before or weight.grad is None:
                continue
            gradient = measure.thin(weight.grad)
            self._gradients[name] = gradient.clone()
            before = self._before[name][0]
            finite = torch.isfinite(gradient).sum() + torch.isfinite(before).sum()
            self._scalars.append(
                (
                    name,
                    LAYER_SIGNALS[:7],
                    [
                        measure.rms(before),
                        measure.rms(gradient),
                        gradient.abs().max(),
                        measure.spread(weight),
                        measure.spread(weight.grad),
                        measure.column_range(weight.grad),
                        1 - finite / max(gradient.numel() + before.numel(), 1),
                    ],
                )
            )
            squares += [
                torch.linalg.vector_norm(p.grad.detach().float())
                if not p.grad.is_sparse
                else torch.linalg.vector_norm(measure.thin(p.grad))
                for p in own
                if p.grad is not None
            ]
        if squares:
            self._norm = torch.linalg.vector_norm(torch.stack([s.cpu() for s in squares]))
        else:
            self._norm = torch.tensor(math.nan)

    def _compare_gradients(self) -> None:
        """Take the cosine between this step's gradient and the one of the sampled step before."""
        step, before = self._last_gradient or (0, [])
        self._last_gradient = None
        now = [
            measure.thin(own[0].grad, 4096)
            for own in self._owners().values()
            if own[0].requires_grad and own[0].grad is not None
        ]
        if step != self.step - 1 or [g.shape for g in now] != [g.shape for g in before]:
            return
        cosine = F.cosine_similarity(torch.cat(now), torch.cat(before), dim=0)
        source = self.recorder.source(self.index, "", ("gradient_cosine",))
        self.recorder.sample(source, self.step, (cosine.item(),))

    def after_step(self, closure: bool) -> None:
        """Note the loss; in a deep sample, measure the update and write the row."""
        optimizer = self.optimizer()
        if optimizer is None or not self._begun:
            return
        if self.watcher._backward_seen > self.touched:  # else there is no loss, or no new one
            self.recorder.append(self._loss_source, self.step, self.watcher.loss_value())
        else:  # the losses do not tell how many steps there were
            self.recorder.fact("steps", self.step + 1, self.index)
        if self.armed:
            begin = time.thread_time()
            self._write_sample(closure)
            self.disarm()
            self.deep += 1
            cost = self._cost_so_far + time.thread_time() - begin
            # The hooks in the forward pass cost as much again.
            self.cost = 2 * cost if not self.cost else 0.5 * self.cost + cost
            self.next_deep = self.step + self.watcher.distance(self.step + 1, self.cost)
            if self.deep == 1 or self.deep % 16 == 0:
                self.write_facts()
        self.clean = False
        self.step += 1
        self.touched = self.watcher._backward_seen
        if self.step >= self.next_deep and self.watcher.may_sample(self.cost):
            self.arm()

    def _write_sample(self, closure: bool) -> None:
        if closure:
            self._measure_gradients()
        promised: list[Tensor] = []
        owners = self._owners()
        updates: dict[str, list[Tensor]] = {}
        for name, (before, bias_before) in self._before.items():
            own = owners.get(name)
            if own is None:
                continue
            weight = own[0]
            after = measure.thin(weight)
            if after.shape != before.shape:
                continue
            change = after - before
            ratio = measure.rms(change) / measure.rms(before).clamp_min(1e-12)
            bias = next((p for p in own[1:] if p.ndim == 1 and p.requires_grad), None)
            moved = torch.zeros((), device=change.device)
            if bias is not None and bias_before is not None:
                moved = measure.rms(measure.thin(bias) - bias_before)
            updates[name] = [ratio, moved]
            gradient = self._gradients.get(name)
            if gradient is not None and gradient.shape == change.shape:
                whole = weight.numel() / max(change.numel(), 1)
                promised.append((-(gradient * change).sum() * whole).cpu())
        step = self.step
        rows: list[tuple[str, tuple[str, ...], list[Tensor]]] = []
        for name, signals, scalars in self._scalars:
            more = updates.get(name)
            rows.append(
                (name, LAYER_SIGNALS, [*scalars, *more]) if more else (name, signals, scalars)
            )
        rows += [(name, OUTPUT_SIGNALS, scalars) for name, scalars in self._outputs.items()]
        rows += [(name, ACTIVATION_SIGNALS, scalars) for name, scalars in self._active.items()]
        total = torch.stack(promised).sum() if promised else torch.tensor(math.nan)
        norm = getattr(self, "_norm", torch.tensor(math.nan))
        count = torch.tensor(float(len(self._gradients)))
        stale = torch.tensor(float(not self.clean))
        rows.append(("", STEP_SIGNALS, [norm, total, stale, count]))
        flat = torch.stack([s.float().cpu() for _, _, scalars in rows for s in scalars]).tolist()
        position = 0
        for name, signals, scalars in rows:
            values = flat[position : position + len(scalars)]
            position += len(scalars)
            self.recorder.sample(self.recorder.source(self.index, name, signals), step, values)
        if self._batch is not None:
            source = self.recorder.source(self.index, "", BATCH_SIGNALS)
            self.recorder.sample(source, step, self._batch)
            self._batch = None
        if self._input is not None:
            source = self.recorder.source(self.index, "", INPUT_SIGNALS)
            self.recorder.sample(source, step, self._input)
            self._input = None
        thin = [
            measure.thin(own[0].grad, 4096).clone()
            for own in owners.values()
            if own[0].requires_grad and own[0].grad is not None
        ]
        self._last_gradient = (step, thin) if thin else None


class _Sensor(TorchFunctionMode):  # type: ignore[misc]
    """Sees the activation functions that the user's forward calls directly."""

    def __init__(self, training: _Training) -> None:
        self.training = training

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        name = getattr(function, "__name__", "")
        if name in ("dropout", "feature_dropout", "dropout2d"):
            self.training.dropout_ran(args, kwargs or {})
        kind = FUNCTIONS.get(name)
        if kind is None:
            return result
        frame = _caller(sys._getframe(1))
        if frame is not None and not frame.f_code.co_filename.startswith(_TORCH_DIRECTORY):
            location = locate(frame)
            if location is not None:
                label = f"{name}@{os.path.basename(location.file)}:{location.line}"
                if location.column is not None:
                    label += f":{location.column + 1}"
                training = self.training
                training.watcher._guard(training.activation_ran, label, kind, result, location)
        return result


def _caller(frame: FrameType | None) -> FrameType | None:
    """Return the frame that calls a function, behind torch.nn.functional and a treatment's wrapper.

    ``F.sigmoid`` and ``F.softmax`` are Python; a module's own call comes from torch.nn.modules.
    """
    while frame is not None and frame.f_code.co_filename in _BETWEEN:
        frame = frame.f_back
    return frame


class _Moments:
    """Running mean and standard deviation of the model's input, per feature where there are few."""

    FEATURES = 64

    def __init__(self, values: Tensor) -> None:
        self.per_feature = values.ndim == 2 and values.shape[1] <= self.FEATURES
        self.batches = 0
        self.count = 0
        self.mean: Any = 0.0
        self.square: Any = 0.0

    def add(self, values: Tensor) -> None:
        """Add a batch, shape (rows, features) or anything."""
        rows = values.detach().double().cpu()
        if self.per_feature:
            if rows.ndim != 2 or (self.count and rows.shape[1] != self.mean.shape[0]):
                return
        else:
            rows = measure.thin(rows).reshape(-1, 1)
        count, total = rows.shape[0], self.count + rows.shape[0]
        if not count:
            return
        delta = rows.mean(0) - self.mean
        within = rows.var(0, correction=0) * count
        self.square = self.square + within + delta**2 * self.count * count / total
        self.mean = self.mean + delta * count / total
        self.count = total
        self.batches += 1

    def facts(self) -> dict[str, Any]:
        """Return input_mean and input_std, lists over features (of length 1 for scalars)."""
        if not self.count:
            return {}
        deviation = (self.square / self.count) ** 0.5
        return {"input_mean": self.mean.tolist(), "input_std": deviation.tolist()}


_LOSS_OPERATIONS = frozenset(
    {
        "log_softmax",
        "nll_loss",
        "nll_loss2_d",
        "binary_cross_entropy",
        "binary_cross_entropy_with_logits",
        "mse_loss",
    }
)
_NONLINEAR = frozenset(
    {"max_pool2_d_with_indices", "max_pool1_d", "adaptive_max_pool2_d", "max", "amax", "pow", "abs"}
    | {"norm", "native_layer_norm", "native_group_norm", "mul", "bmm", "sin", "cos", "maximum"}
    | {"where", "clamp", "log", "sqrt", "div", "sign", "cumsum", "embedding", "topk", "minimum"}
    | {"mkldnn_rnn_layer", "cudnn_rnn", "scaled_dot_product_flash_attention_for_cpu", "erf"}
    | {"compiled_function", "checkpoint_function", "clamp_min", "clamp_max", "median", "sort"}
)
"""Operations between layers that make the whole more than linear (or that may)."""
_LAYER_FIELDS = (
    *("name", "kind", "shape", "fan_in", "fan_out", "location", "activation", "activation_name"),
    *("normalized", "output", "trainable", "optimized", "dimensions", "depth", "residual"),
)


def _known(data: Mapping[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    return {key: data[key] for key in fields if key in data}


def _parameters(optimizer: Optimizer) -> list[Tensor]:
    """Return the parameters of all groups."""
    return [p for group in optimizer.param_groups for p in group["params"]]


def _settings(optimizer: Optimizer) -> dict[str, float]:
    """Return the numeric settings of the first parameter group."""
    settings: dict[str, float] = {}
    for key, value in optimizer.param_groups[0].items():
        if key == "params" or value is None:
            continue
        if isinstance(value, (bool, int, float)):
            settings[key] = float(value)
        elif isinstance(value, (tuple, list)) and all(isinstance(v, (int, float)) for v in value):
            settings.update({f"{key}.{i}": float(v) for i, v in enumerate(value)})
    return settings


def _fans(weight: Tensor, module: nn.Module | None) -> tuple[int, int]:
    """Return fan-in and fan-out of a weight, shape (outputs, inputs, *kernel)."""
    if weight.ndim < 2:
        return 0, 0
    kernel = math.prod(weight.shape[2:])
    fan_in, fan_out = weight.shape[1] * kernel, weight.shape[0] * kernel
    if isinstance(module, nn.modules.conv._ConvTransposeNd):
        return fan_out, fan_in
    if module is None:  # a loose matrix is used as x @ w more often than as w @ x
        return fan_out, fan_in
    return fan_in, fan_out


def _probabilities(name: str, prediction: Tensor) -> float:
    """Return 1.0 if the predictions are probabilities over the classes, else 0.0."""
    if name not in ("cross_entropy", "nll_loss") or prediction.ndim < 2:
        return 0.0
    if prediction.shape[1] < 2:
        return 0.0
    rows = prediction.float()
    sums = rows.sum(dim=1)
    return float(bool((rows >= 0).all()) and bool(((sums - 1).abs() < 1e-3).all()))
