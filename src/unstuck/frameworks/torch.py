"""Watches a PyTorch training by torch's own hooks, without changing anything about it.

Every step costs a few microseconds, however many layers there are: the loss is noted where
`backward` starts, the learning rate where the optimizer steps. Some steps, most of them early, are
measured in depth: hooks are attached to the layers just before such a step and taken off after it
(`torch_training`). No random number is drawn, no tensor kept beyond its step, no mode flipped; if
anything here fails, one line says so and watching stops.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import sys
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType
from typing import Any, cast

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from unstuck.findings import Location
from unstuck.frameworks import pacing
from unstuck.frameworks import torch_measure as measure
from unstuck.frameworks.frames import calling_frame, expression, locate
from unstuck.frameworks.torch_births import Births, layer_names
from unstuck.frameworks.torch_by_hand import ByHand, HandWritten
from unstuck.frameworks.torch_callers import Sites, call_chain, roots
from unstuck.frameworks.torch_data import KEPT, Loaders
from unstuck.frameworks.torch_loss_sites import site
from unstuck.frameworks.torch_ranks import Ranks
from unstuck.frameworks.torch_schedules import Schedules
from unstuck.frameworks.torch_second_look import Stretches
from unstuck.frameworks.torch_training import LossCall, Training, modal, parameters_of
from unstuck.frameworks.wrapping import shortcut, wrap
from unstuck.record import COMMIT_SECONDS, PAUSE_SECONDS, Recorder

__all__ = ["TorchWatcher"]

TIMED = 256
"""Every so many steps, the few microseconds are timed that every step costs."""
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

_TORCH_DIRECTORY = os.path.dirname(torch.__file__) + os.sep


class TorchWatcher:
    """Watches every optimizer of the process and writes what it sees to a record.

    Args:
        recorder: Where to write.
        budget: Share of the run's time that deep samples may cost beyond the allowance.
        births: Where modules were constructed; shared with a treatment.
        thorough: Measure the statistics of the inputs over many batches (for trials).
        stop_at: Number of steps after which `StopTraining` is raised (for trials).
        stop_on: ``error`` raises it before a loss that is not finite reaches the weights.
        pauses: Numbers of steps, ascending, after which the process stops itself (for trials).
        counted: Index of the training whose steps these numbers count; None for any.
    """

    # What every step touches lies together: between two steps, training empties the caches, and
    # the microseconds that we take are those of fetching it again.
    __slots__ = (
        *("__dict__", "__weakref__", "recorder", "loaders", "active", "attentive", "loss_held"),
        *("_inside", "_current", "_timing", "_armed", "_validation", "_validating", "_hand"),
        *("_scaled", "_loss_value", "_backward_seen", "listeners", "stop_at", "pauses"),
        *("stop_on_error", "_runs", "quiet"),
    )

    def __init__(
        self,
        recorder: Recorder,
        budget: float = 0.01,
        births: Births | None = None,
        thorough: bool = False,
        stop_at: int | None = None,
        stop_on: str | None = None,
        pauses: Sequence[int] = (),
        counted: int | None = None,
    ) -> None:
        self.recorder = recorder
        self.budget = budget
        self.births = births or Births()
        self.thorough = thorough
        self.stop_at = stop_at
        self.stop_on_error = stop_on == "error"
        self.pauses = list(pauses)
        self.counted = counted
        self.failed: str | None = None
        self.active = True
        self.hooking = True
        self._pid = os.getpid()
        self._runs: weakref.WeakKeyDictionary[Optimizer, Training] = weakref.WeakKeyDictionary()
        self._all: list[Training] = []
        self._made: weakref.WeakKeyDictionary[Optimizer, dict[str, Any]] = (
            weakref.WeakKeyDictionary()
        )
        self._hand: ByHand | None = ByHand(self)
        self._schedules = Schedules(self)
        self._undo: list[Callable[[], None]] = []
        self._loss_calls: list[LossCall] = []
        self._loss_value: float = math.nan
        self.loss_held: Tensor | None = None
        self.broken = False
        self._backward_seen = 0
        self.listeners: list[Callable[[Tensor], None]] = []
        self._armed: dict[int, Training] = {}
        self._scales = 0
        self._scaled: dict[int, tuple[weakref.ref[Tensor], weakref.ref[Tensor]]] = {}
        self._validation: dict[tuple[Any, ...], _Pass] = {}
        self._validation_keys: dict[tuple[Any, ...], int] = {}
        self._pass_calls: list[list[dict[str, Any]]] = []
        self._validating = True
        self._sites = Sites()
        self.stretches = Stretches(self)
        self.loaders = Loaders()
        self._inside = False
        self._current: Training | None = None
        self.attentive = True  # whether a training measures something before its coming step
        # Whether nothing is to be done but to note a loss and to count a step. Whoever wants more
        # says False; the end of a step that went the long way decides anew.
        self.quiet = False
        self.started = time.perf_counter()
        self.spent = 0.0
        self.light = 0.0
        self.judged = 0.0
        self._timing = False
        self._ranks: Ranks | None = None

    # ------------------------------------------------------------------ installing

    def install(self) -> None:
        """Attach to torch: global optimizer hooks, `backward`, the loss functions."""
        self.births.install()
        self._undo.append(self.births.uninstall)
        self.recorder.fact("framework", "torch")
        self.recorder.fact("torch", torch.__version__)

        self._wrap(Optimizer, "__init__", self._around_optimizer)
        self._wrap(torch.autograd, "backward", self._around_backward)
        self._wrap(torch.autograd, "grad", self._around_grad)
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
        self._wrap(torch.utils.data.DataLoader, "__iter__", self._around_pass)
        self._wrap(nn.Module, "load_state_dict", self._around_load)
        for owner in (torch, nn.Module):
            self._wrap(owner, "compile", self._around_compile)
        self._schedules.install()
        before = register_optimizer_step_pre_hook(self._step_begins)
        after = register_optimizer_step_post_hook(self._step_ends)
        self._undo += [before.remove, after.remove]
        held = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: TorchWatcher._forked(held()))

    @staticmethod
    def _forked(watcher: TorchWatcher | None) -> None:
        """Watch nothing in a child of the script's process: the record is its parent's."""
        if watcher is not None:
            watcher.active = watcher.quiet = False

    def _wrap(
        self, owner: Any, name: str, around: Callable[[Callable[..., Any]], Callable[..., Any]]
    ) -> None:
        original = getattr(owner, name)
        self._undo.append(wrap(owner, name, around))
        getattr(owner, name).__prepare_scriptable__ = lambda: original

    def uninstall(self) -> None:
        """Detach from torch and write what is left."""
        self.finish()
        for undo in reversed(self._undo):
            undo()
        self._undo.clear()
        self.active = self.quiet = False

    def finish(self) -> None:
        """Write what is still held; the script has ended."""
        if os.getpid() != self._pid:
            return
        self._guard(self._end_validation)
        if self._hand is not None:
            self._guard(self._hand.finish)
        self._guard(self._schedules.write)
        for training in self._all:
            training.disarm()
            self._guard(training.fetch)
            self._guard(training.write_facts)
        seconds = time.perf_counter() - self.started
        self.recorder.fact("seconds", seconds)
        if self._scales and len(self._all) == 1:
            self.recorder.fact("scaled_losses", self._scales, self._all[0].index)
        self.recorder.fact("spent", self.spent + self.light + self.judged)
        self.recorder.fact("deep", sum(training.deep for training in self._all))
        if self.failed:
            self.recorder.fact("failed", self.failed)

    def _guard(self, work: Callable[..., Any], *args: Any) -> None:
        """Do our own work; if it fails, say so in one line and stop watching."""
        if not self.active or self._inside or torch.jit.is_tracing():
            return
        if torch._C._functorch.maybe_current_level() is not None:
            return  # inside `torch.func`, tensors stand for many others and have no numbers
        begin = time.thread_time()
        self._inside = True
        try:
            with torch._C.DisableTorchFunction():  # the sensor does not look at what we compute
                work(*args)
        except Exception as error:
            self._fail(error)
        finally:
            self._inside = False
        self.spent += time.thread_time() - begin

    def _fail(self, error: Exception) -> None:
        """Say in one line what went wrong with us, and watch no longer."""
        self.active = self.quiet = False
        self.failed = f"{type(error).__name__}: {error}".splitlines()[0]
        for training in self._all:
            training.disarm()
        for stop in self.listeners:
            stop.__self__.end()  # type: ignore[attr-defined]
        self.recorder.commit()
        with contextlib.suppress(OSError, ValueError, AttributeError):  # it may be closed, or full
            print(
                f"unstuck: watching stopped, the training goes on ({self.failed})", file=sys.stderr
            )
        if os.environ.get("UNSTUCK_DEBUG"):
            raise error

    @contextlib.contextmanager
    def looking_away(self) -> Iterator[None]:
        """See nothing inside the block: another framework's watcher records that training."""
        inside, self._inside = self._inside, True
        self.quiet = False
        try:
            yield
        finally:
            self._inside = inside

    def leave_hand(self) -> None:
        """Look no longer for a training without an optimizer: another watcher knows one."""
        self._hand = None

    def may_sample(self, cost: float) -> bool:
        """Return whether a deep sample of that many seconds is within the budget."""
        return cost <= self._left()

    def _left(self) -> float:
        """Return the seconds that deep samples may still cost by now.

        What every step and the validation passes cost is paid from the budget too, but never
        leaves deep samples less than half of it.
        """
        granted = self._granted()
        return granted - self.spent - min(self.light + self.judged, granted / 2)

    def _granted(self) -> float:
        return pacing.granted(self.budget, time.perf_counter() - self.started)

    def ranks(self) -> Ranks | None:
        """Return the processes that this training is distributed over, None if it is alone."""
        if self._ranks is None:
            self._ranks = Ranks.here()
        return self._ranks

    def patience(self, step: int, cost: float) -> int:
        """Return how many steps from now the budget will have come to `cost`, as steps go."""
        missing = cost - self._left()
        if missing <= 0 or not self.budget:
            return 1
        elapsed = max(time.perf_counter() - self.started, 1e-3)
        return max(1, math.ceil((missing / self.budget) / elapsed * max(step, 1)))

    def keep_up(self, after: float = COMMIT_SECONDS) -> None:
        """Write what has come in, unless that was done less than `after` seconds ago."""
        if self.recorder.is_due(after):
            for training in self._all:
                training.fetch_losses()
            self.recorder.commit()

    def distance(self, step: int, cost: float) -> int:
        """Return how many steps after the one before `step` the next deep sample is due."""
        return pacing.distance(step, cost, self._left())

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
        self._hand = None  # from here on the script has an optimizer
        # The first step is measured in depth, so its hooks have to be there before it begins.
        if all(training.optimizer() is not optimizer for training in self._all):
            self._training(optimizer).arm()
        self.keep_up(PAUSE_SECONDS)

    def made(
        self, optimizer: Optimizer, frame: FrameType | None, location: Location | None
    ) -> dict[str, Any]:
        """Return what an optimizer trains, by the names that the code in `frame` uses."""
        parameters = parameters_of(optimizer)
        models = self.births.models(parameters)
        return {
            "location": location,
            "names": layer_names(models, frame, parameters),
            "model": expression(models[0], frame) if len(models) == 1 else None,
            "roots": roots(self.births, frame),
        }

    def by_hand(self, optimizer: HandWritten) -> Training:
        """Return a training for an update that the script writes out itself."""
        training = self._training(cast(Optimizer, optimizer))
        training.arm()
        training.late = 1
        return training

    def _training(self, optimizer: Optimizer) -> Training:
        training = self._runs.get(optimizer)
        if training is None:
            training = Training(self, optimizer, self.recorder.new_run())
            self._runs[optimizer] = training
            self._all.append(training)
            self.attentive = True
        return training

    def _around_compile(self, original: Callable[..., Any]) -> Callable[..., Any]:
        watcher = self

        def compile_(*args: Any, **kwargs: Any) -> Any:
            # A compiled model would take our hooks for its own and be compiled anew with each.
            watcher.hooking = watcher.quiet = False
            watcher.recorder.fact("compiled", True)
            for training in watcher._all:
                training.unhook()
                if training._lasting is not None:
                    training._lasting.remove()
            return original(*args, **kwargs)

        return compile_

    def _around_backward(self, original: Callable[..., Any]) -> Callable[..., Any]:
        watcher = self
        isfinite = math.isfinite

        def noted(tensors: Any) -> bool:
            """Note the loss where that is all that is to be done; return whether it was."""
            if not (
                watcher.quiet
                and type(tensors) is Tensor
                and tensors.is_cpu  # `measure.at_hand`, without a call
                and tensors.numel() == 1
            ):
                return False
            try:
                value = tensors.item()
            except Exception as error:
                watcher._fail(error)
                return True
            if not isfinite(value):
                return False
            watcher._loss_value, watcher.loss_held = value, None
            watcher._backward_seen += 1
            return True

        def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
            if watcher.active and not watcher._inside and not torch.compiler.is_compiling():
                watcher._backward_begins(tensors)
                if watcher.stop_on_error and not math.isfinite(watcher.loss_value()):
                    raise watcher._stop()
            result = original(tensors, *args, **kwargs)
            if watcher._hand is not None:
                watcher._guard(watcher._hand.ended)
            return result

        return shortcut(original, noted, backward)

    def _around_grad(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Take gradients that a script asks for itself as the backward pass of its own update."""
        watcher = self

        def grad(outputs: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            if watcher._hand is None or not watcher.active or watcher._inside:
                return original(outputs, inputs, *args, **kwargs)
            inputs = inputs if isinstance(inputs, Tensor) else tuple(inputs)
            leaves = (inputs,) if isinstance(inputs, Tensor) else inputs
            differentiated = kwargs.get("create_graph") or args[2:3] == (True,)
            updated = not differentiated and all(
                isinstance(leaf, Tensor) and leaf.is_leaf for leaf in leaves
            )
            if updated:
                watcher._backward_begins(outputs)
            gradients = original(outputs, inputs, *args, **kwargs)
            if updated and watcher._hand is not None:
                watcher._guard(watcher._hand.given, leaves, gradients)
            return gradients

        return grad

    def _backward_begins(self, tensors: Any) -> None:
        """Note the loss; look at the graph where there is a reason to."""
        self.quiet = False
        if self._validation:
            self._guard(self._end_validation)
        elif not self._validating:
            self._validating = self.judged < self._granted() / 2
        if self._hand is not None:
            self._guard(self._hand_begins, tensors)
        begin = time.thread_time() if self._timing else 0.0
        try:
            loss = self._scalar(tensors)
            if loss is None:
                return
            self._backward_seen += 1
            if measure.at_hand(loss):
                self._loss_value = value = loss.item()
                self.loss_held, finite = None, math.isfinite(value)
            else:
                self.loss_held, finite = loss.detach(), not self.broken
        except Exception as error:
            self._fail(error)
            return
        if self._timing:
            self.light += TIMED * (time.thread_time() - begin)
        if self._armed or self.listeners or not finite:
            self._guard(self._look, loss, finite)

    def _scalar(self, tensors: Any) -> Tensor | None:
        """Return the loss that `backward` was given, as it was before a GradScaler."""
        if type(tensors) in (tuple, list) and tensors:
            tensors = tensors[0]
        if not isinstance(tensors, Tensor) or tensors.numel() != 1:
            return None
        held = self._scaled.pop(id(tensors), None) if self._scaled else None
        if held is not None and held[0]() is tensors:
            return held[1]() or tensors
        return tensors

    def _hand_begins(self, tensors: Any) -> None:
        loss = self._scalar(tensors)
        if self._hand is not None and loss is not None:
            self._hand.begins(loss)
            training = self._hand.training
            if training is not None:
                self._end_or_pause(training)

    def _look(self, loss: Tensor, finite: bool) -> None:
        """Look at the graph that `backward` is about to walk."""
        for listener in tuple(self.listeners):
            listener(loss)
        if not finite and not math.isfinite(self.loss_value()):
            self.broken = False
            for training in list(self._runs.values()):
                training.find_nonfinite(loss)
        if self._armed:
            location = locate(calling_frame())
            for training in tuple(self._armed.values()):
                if training.optimizer() is None:  # it is gone, and will never step
                    training.disarm()
                    continue
                training.backward_begins(loss, location, self._loss_calls)
        self._loss_calls = []

    def loss_value(self) -> float:
        """Return the last loss as a number; waits for the device if it lives on one."""
        if self.loss_held is not None:
            self._loss_value, self.loss_held = float(self.loss_held), None
        return self._loss_value

    def _around_scale(self, original: Callable[..., Any]) -> Callable[..., Any]:
        watcher = self

        def scale(scaler: Any, outputs: Any) -> Any:
            result = original(scaler, outputs)
            if isinstance(outputs, Tensor) and isinstance(result, Tensor) and watcher.active:
                watcher._scales += 1
                watcher.quiet = False
                watcher._scaled = {id(result): (weakref.ref(result), weakref.ref(outputs))}
            return result

        return scale

    def _around_loss(self, original: Callable[..., Any]) -> Callable[..., Any]:
        watcher = self
        name = original.__name__
        armed = self._armed
        grad_enabled = torch.is_grad_enabled

        def unwatched(prediction: Any) -> bool:
            """Return whether it is a loss of the training in a step that is not sampled."""
            return (
                watcher.quiet
                and type(prediction) is Tensor
                and prediction.requires_grad
                and grad_enabled()
            )

        def loss_function(*args: Any, **kwargs: Any) -> Any:
            if watcher._inside or not watcher.active or torch.compiler.is_compiling():
                return original(*args, **kwargs)
            watcher._inside = True
            try:
                result = original(*args, **kwargs)
            finally:
                watcher._inside = False
            if isinstance(result, Tensor):
                if not result.requires_grad:
                    watcher._judge(watcher._loss_without_gradients, name, args, kwargs, result)
                elif armed:
                    watcher._guard(watcher._loss_computed, name, args, kwargs, result)
            return result

        return shortcut(original, unwatched, loss_function)

    def _judge(self, work: Callable[..., Any], *args: Any) -> None:
        """Do our own work on what is computed without gradients, within its half of the budget."""
        if self._validating and self._all:
            spent = self.spent
            self._guard(work, *args)
            self.spent, self.judged = spent, self.judged + self.spent - spent

    def _loss_computed(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], result: Tensor
    ) -> None:
        prediction, target = _compared(args, kwargs)
        if prediction is None or target is None:
            return
        self.stretches.loss_called(name, prediction, target)
        reduction = str(kwargs.get("reduction", "mean"))
        call = LossCall(name, prediction, target, result, reduction)
        call.site = site(self.births, name, args, kwargs, prediction)
        self._loss_calls.append(call)
        del self._loss_calls[:-8]

    def _loss_without_gradients(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], result: Tensor
    ) -> None:
        prediction, target = _compared(args, kwargs)
        if prediction is None or target is None:
            return
        self.stretches.loss_called(name, prediction, target)
        if result.numel() == 1:
            found = self._pass(name)
            rows = prediction.shape[0] if prediction.ndim else 1
            found.loss += result.item() * rows
            found.rows += rows
            right, total = measure.right(name, prediction, target)
            found.right += right
            found.judged += total
            found.probable = min(found.probable, measure.probabilities(name, prediction))

    def _around_equal(self, original: Callable[..., Any]) -> Callable[..., Any]:
        watcher = self

        def equal(first: Any, second: Any, *args: Any, **kwargs: Any) -> Any:
            if (
                torch.is_grad_enabled()
                or not watcher._validating
                or watcher._inside
                or not watcher._all
                or type(first) is not Tensor
                or type(second) not in (Tensor, int)
                or torch.compiler.is_compiling()
            ):
                return original(first, second, *args, **kwargs)
            watcher._inside = True
            try:
                result = original(first, second, *args, **kwargs)
            finally:
                watcher._inside = False
            watcher._judge(watcher._equality, first, second, result)
            return result

        return equal

    def _equality(self, first: Tensor, second: Tensor | int, result: Tensor) -> None:
        """Take a gradient-free comparison of predictions with targets as the pass's accuracy.

        A comparison with one number, class by class, says only that a pass is made.
        """
        if isinstance(second, int):
            if first.ndim == 1 and first.numel() >= 2 and not first.is_floating_point():
                self._pass("class")
            return
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
            self.quiet = False
            self.keep_up(PAUSE_SECONDS)
            found = self._validation[key] = _Pass()
            # With gradients on, the predictions were made before: in which mode is not known.
            found.training_mode = not torch.is_grad_enabled() and self._modal_layers_training()
            latest = self._latest()
            if latest is not None:
                found.weights = latest.weights()
                if key not in self._validation_keys:
                    found.calls = call_chain(latest.roots())
            if found.training_mode and latest is not None and self._sites.note(latest.roots()):
                self.recorder.fact("validation_sites", self._sites.facts, latest.index)
        return found

    def _around_load(self, original: Callable[..., Any]) -> Callable[..., Any]:
        watcher = self

        def load_state_dict(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            result = original(module, *args, **kwargs)
            watcher._guard(watcher._loaded)
            return result

        return load_state_dict

    def _loaded(self) -> None:
        """Note which weights a script goes back to, by what its passes noted of them."""
        latest = self._latest()
        if latest is not None:
            found = {"step": latest.step, "weights": latest.weights()}
            self.recorder.fact("loaded", found, latest.index)

    def _modal_layers_training(self) -> bool:
        """Return whether a layer that behaves otherwise in evaluation is in training mode."""
        latest = self._latest()
        return latest is not None and any(
            module.training for module in latest.modules() if modal(module)
        )

    def _latest(self) -> Training | None:
        # Among all of them: after a script's `main()` has returned, its optimizers are gone.
        steps = [training for training in self._all if training.step]
        return max(steps, key=lambda training: training.touched, default=None)

    def _end_validation(self) -> None:
        latest = self._latest()
        for key, found in self._validation.items():
            if latest is None:
                break
            if key not in self._validation_keys:
                self._pass_calls.append(found.calls)
                self.recorder.fact("validation_calls", self._pass_calls, latest.index)
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
                    f"validation_weights:{number}",
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
                    found.weights,
                ),
            )
        self._validation = {}
        self._validating = self.judged < self._granted() / 2

    def _around_loader(self, original: Callable[..., Any]) -> Callable[..., Any]:
        watcher = self

        def __init__(loader: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            original(loader, *args, **kwargs)
            watcher._guard(watcher._loader_made, loader)

        return __init__

    def _around_pass(self, original: Callable[..., Any]) -> Callable[..., Any]:
        watcher = self

        def __iter__(loader: Any) -> Any:  # noqa: N807
            watcher._guard(watcher._pass_begins, loader)
            return original(loader)

        return __iter__

    def _pass_begins(self, loader: Any) -> None:
        for training in self._all:
            training.fed()
        self.loaders.entered(loader)
        self.keep_up(PAUSE_SECONDS)  # the loader may start processes first

    def _loader_made(self, loader: Any) -> None:
        self.loaders.add(loader)
        self.recorder.fact("loaders", self.loaders.made[-KEPT:])

    @staticmethod
    def _stop() -> BaseException:
        from unstuck.runner import StopTraining

        return StopTraining()

    def _step_begins(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        """Measure weights and gradients before a step that is sampled."""
        if self.attentive and self.active and not self._inside:
            training = self._runs.get(optimizer)
            if training is None or training.attentive:
                self._guard(self._before_step, optimizer, _closure(args, kwargs))

    def _before_step(self, optimizer: Optimizer, closure: bool) -> None:
        self._hand = None  # also where the optimizer is older than the watcher
        self._training(optimizer).before_step(closure)

    def _step_ends(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        """Note the loss and the learning rate; in a sampled step, write the sample."""
        training = self._current
        if self.quiet and training is not None:
            try:
                # What is called lies in a variable first: Python looks up methods more slowly.
                of, note, step = training.optimizer, training.note, training.step + 1
                groups = optimizer.param_groups
                if (
                    note is not None
                    and step < training.until
                    and of() is optimizer
                    and self._backward_seen > training.touched
                    and groups[0].get("lr") is training.rate_held
                    and time.monotonic() < self.recorder.due
                ):
                    note(self._loss_value)
                    training.step, training.touched = step, self._backward_seen
                    return
            except Exception as error:
                self._fail(error)
                return
        self._any_step_ends(optimizer, args, kwargs)

    def _any_step_ends(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        """Do all that may be due at a step's end, and see until when nothing will be."""
        if not self.active or self._inside:
            return
        training = self._current
        if training is None or training.optimizer() is not optimizer:
            training = self._stepping(optimizer, args, kwargs)
            if training is None:
                return
        begin = time.thread_time() if self._timing else 0.0
        sampled = training.armed
        if sampled:
            self._guard(training.sample_ends, _closure(args, kwargs))
        try:
            training.step_ends()
            if self._timing:
                self.light += TIMED * (time.thread_time() - begin)
            if sampled or time.monotonic() >= self.recorder.due:
                begin = time.thread_time()
                self.keep_up(PAUSE_SECONDS if sampled else COMMIT_SECONDS)
                self.light += time.thread_time() - begin
            due = training.step >= training.next_deep and training.due()
        except Exception as error:
            self._fail(error)
            return
        if due:
            self._guard(training.arm)
        if self.attentive:
            self.attentive = any(each.attentive for each in self._runs.values())
        self._timing = training.step % TIMED == 0 and not self._armed
        self._see_ahead(training)
        if self.stop_at is not None or self.pauses:
            self._end_or_pause(training)

    def _see_ahead(self, training: Training) -> None:
        """Find out whether, and for this training until which step, nothing else is to be done."""
        self.quiet = (
            (self.active and self.hooking and self._validating and self._hand is None)
            and not (self._timing or self._armed or self._scaled or self._validation)
            and not (self.listeners or self.stop_on_error)
        )
        timed = training.step - training.step % TIMED + TIMED
        stop = [self.stop_at] if self.stop_at is not None else []
        training.until = min(training.next_deep, timed, *stop, *self.pauses[:1])

    def _stepping(self, optimizer: Optimizer, args: Any, kwargs: Any) -> Training | None:
        """Return the training of an optimizer that is not the one that stepped last."""
        if optimizer not in self._runs:  # a copy, or older than the watcher
            self._guard(self._before_step, optimizer, _closure(args, kwargs))
        self._current = self._runs.get(optimizer)
        return self._current

    def _end_or_pause(self, training: Training) -> None:
        """End a trial, or stop its process until it is continued, if it has come that far."""
        if self.counted is not None and training.index != self.counted:
            return
        steps = training.step
        if self.stop_at is not None and steps >= self.stop_at:
            raise self._stop()
        if self.pauses and steps >= self.pauses[0]:
            self.pauses = [pause for pause in self.pauses if pause > steps]
            for training in self._all:
                training.write_facts()
            self.recorder.commit()
            os.kill(os.getpid(), signal.SIGSTOP)


def _closure(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Return whether an optimizer's step was given a closure."""
    return len(args) > 1 or bool(kwargs.get("closure"))


def _call_sites() -> tuple[Any, ...]:
    """Return the calls of the user's frames above: which of several evaluations this is."""
    sites: list[tuple[str, int]] = []
    frame = calling_frame()
    while frame is not None and len(sites) < 4:
        name = frame.f_code.co_filename
        if not name.startswith(("<frozen", _TORCH_DIRECTORY)):
            sites.append((name, frame.f_lasti))  # two calls may share a line
        if frame.f_code.co_name == "<module>":
            break
        frame = frame.f_back
    return tuple(sites)


def _compared(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Tensor | None, ...]:
    """Return what a loss function was given: prediction and target, None for what is no tensor."""
    prediction = args[0] if args else kwargs.get("input")
    target = args[1] if len(args) > 1 else kwargs.get("target")
    return tuple(given if isinstance(given, Tensor) else None for given in (prediction, target))


class _Pass:
    """One gradient-free pass over some data, between two training steps."""

    def __init__(self) -> None:
        self.loss = 0.0
        self.rows = 0
        self.right = 0
        self.judged = 0
        self.probable = 1.0
        self.weights = math.nan
        self.calls: list[dict[str, Any]] = []
        self.training_mode = False
