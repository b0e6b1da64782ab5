"""Watches Keras trainings on any backend, without changing anything about them.

While `fit` or `train_on_batch` runs, the model's compiled `train_function` is called through us.
Most steps only have their loss taken from the logs. Some, most of them early, are measured in depth
(`keras_steps`). Afterwards the model has its own function back, whatever happened. If anything here
fails, one line says so, the function is given back at once, and the training goes on.
"""

from __future__ import annotations

import contextlib
import inspect
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
from keras.src import backend
from keras.src.callbacks.callback_list import CallbackList
from keras.src.callbacks.early_stopping import EarlyStopping
from keras.src.models.model import Model

from unstuck.frameworks import keras_data
from unstuck.frameworks.frames import calling_frame, locate
from unstuck.frameworks.keras_births import Births
from unstuck.frameworks.keras_by_hand import ByHand
from unstuck.frameworks.keras_compiled import StepFunctions
from unstuck.frameworks.keras_steps import Seen, Steps
from unstuck.frameworks.keras_training import Training
from unstuck.frameworks.pacing import Pacing
from unstuck.frameworks.wrapping import wrap
from unstuck.record import COMMIT_SECONDS, PAUSE_SECONDS, Recorder

__all__ = ["KerasWatcher"]


class KerasWatcher:
    """Watches every Keras model of the process that is fitted, and writes to a record.

    Args:
        recorder: Where to write.
        budget: Share of the run's time that deep samples may cost, at least the allowance. What
            compiling a measured step costs on JAX and TensorFlow is paid once for a shape of batch
            and comes on top, as does the first sample of all, which compiles single operations.
        births: Where layers were constructed; shared with a treatment.
        stop_at: Number of steps after which `StopTraining` is raised (for trials).
        stop_on: ``error`` raises it after a loss that is not finite.
        pauses: Numbers of steps, ascending, after which the process stops itself (for trials).
        counted: Index of the training whose steps these numbers count; None for any.
        others: Watchers of other frameworks, which look away while Keras trains.
    """

    def __init__(
        self,
        recorder: Recorder,
        budget: float = 0.01,
        births: Births | None = None,
        stop_at: int | None = None,
        stop_on: str | None = None,
        pauses: Sequence[int] = (),
        counted: int | None = None,
        others: Sequence[Any] = (),
    ) -> None:
        self.recorder = recorder
        self.births = births or Births()
        self.stop_at = stop_at
        self.stop_on_error = stop_on == "error"
        self.pauses = list(pauses)
        self.counted = counted
        self.others = others
        self.pacing = Pacing(budget)
        self.compiling = 0.0
        self.prepared = False
        self.failed: str | None = None
        self.active = True
        self.pid = os.getpid()
        self._trainings: list[Training] = []
        self._sessions: list[_Session] = []
        self._undo: list[Callable[[], None]] = []
        self._hand = ByHand(self)
        self._compiled = StepFunctions(self._hand)

    # ------------------------------------------------------------------ installing

    def install(self) -> None:
        """Attach to Keras: constructors, `compile`, `fit` and what it calls."""
        self.births.install()
        self._undo.append(self.births.uninstall)
        trainer = next(kind for kind in Model.__mro__ if "fit" in vars(kind))
        for name in ("fit", "train_on_batch"):
            self._wrap(trainer, name, self._around_training)
        for name in ("evaluate", "predict", "test_on_batch", "predict_on_batch"):
            self._wrap(trainer, name, self._around_pass)
        for owner, name, around in (*self._hand.wraps(), *self._compiled.wraps()):
            self._wrap(owner, name, around)
        self._attach()

    def _attach(self) -> None:
        """Attach to what `fit` calls."""
        trainer = next(kind for kind in Model.__mro__ if "fit" in vars(kind))
        self._wrap(trainer, "make_train_function", self._around_make)
        self._wrap(CallbackList, "on_epoch_begin", self._around_epoch_begin)
        self._wrap(CallbackList, "on_epoch_end", self._around_epoch_end)

    def _detach(self) -> None:
        for undo in reversed(self._undo):
            undo()
        self._undo.clear()

    def _wrap(
        self, owner: Any, name: str, around: Callable[[Callable[..., Any]], Callable[..., Any]]
    ) -> None:
        self._undo.append(wrap(owner, name, around))

    def begin(self, model: Any) -> None:
        """Watch one call of `fit` that has begun already: as a callback."""
        if any(session.model is model for session in self._sessions):
            self.end(model)  # a `fit` before this one was left by an error
        session = self.guard(self._begin, model, True)
        if session is not None:
            self._sessions.append(session)
            self._attach()

    def end(self, model: Any) -> None:
        """End what `begin` began."""
        for session in [s for s in self._sessions if s.model is model]:
            self._sessions.remove(session)
            session.restore()
            self.guard(session.ended)
        self._detach()
        self.finish()
        self.recorder.commit()

    def uninstall(self) -> None:
        """Detach from Keras and write what is left."""
        self.finish()
        self._detach()
        self.active = False

    def finish(self) -> None:
        """Write what is still held; the script has ended."""
        if os.getpid() != self.pid:
            return
        self.guard(self._hand.finish)
        if not self._trainings:
            return
        for training in self._trainings:
            self.guard(training.write_facts)
        fact = self.recorder.fact
        fact("seconds", self.pacing.seconds())
        fact("spent", self.pacing.spent)
        fact("compiling", self.compiling)
        fact("deep", sum(training.deep for training in self._trainings))
        if self.failed:
            fact("failed", self.failed)

    def guard(self, work: Callable[..., Any], *args: Any) -> Any:
        """Do our own work; if it fails, say so in one line and stop watching."""
        if not self.active or os.getpid() != self.pid:
            return None
        begin = self.pacing.clock()
        try:
            return work(*args)
        except Exception as error:
            self._fail(error)
        finally:
            self.pacing.spent += self.pacing.clock() - begin
        return None

    def keep_up(self, training: Training, after: float = COMMIT_SECONDS) -> None:
        """Write what has come in, unless that was done less than `after` seconds ago."""
        if self.recorder.is_due(after):
            training.fetch(wait=False)
            self.recorder.commit()

    def _fail(self, error: Exception) -> None:
        self.active = False
        self.failed = (f"{type(error).__name__}: {error}".splitlines() or [""])[0]
        for session in self._sessions:
            session.restore()
        self._hand.close()
        self.recorder.commit()
        with contextlib.suppress(OSError, ValueError, AttributeError):  # it may be closed, or full
            print(
                f"unstuck: watching stopped, the training goes on ({self.failed})", file=sys.stderr
            )
        if os.environ.get("UNSTUCK_DEBUG"):
            raise error

    # ------------------------------------------------------------------ what Keras calls

    def _around_training(self, original: Callable[..., Any]) -> Callable[..., Any]:
        watcher = self
        signature = inspect.signature(original)
        by_epochs = "epochs" in signature.parameters

        def train(model: Any, *args: Any, **kwargs: Any) -> Any:
            if not watcher.active or os.getpid() != watcher.pid:
                return original(model, *args, **kwargs)
            with watcher._others_away():
                session = watcher.guard(watcher._begin, model, by_epochs)
                if session is None:
                    return original(model, *args, **kwargs)
                if by_epochs:
                    watcher.guard(session.fitted, signature, (model, *args), kwargs)
                watcher._sessions.append(session)
                try:
                    return original(model, *args, **kwargs)
                finally:
                    watcher._sessions.remove(session)
                    session.restore()
                    watcher.guard(session.ended)

        return train

    def _begin(self, model: Any, by_epochs: bool) -> _Session | None:
        if getattr(model, "optimizer", None) is None or not getattr(model, "compiled", False):
            return None  # Keras will say what is missing
        training = self.trained(model, model.optimizer)
        if by_epochs or training.fit_location is None:
            training.fit_location = locate(calling_frame(model, ("fit", "train_on_batch")))
        return _Session(self, training, model, by_epochs)

    def trained(self, model: Any, optimizer: Any) -> Training:
        """Return the training of a model by an optimizer, a new run if there was none."""
        for known in self._trainings:
            if known.trains(model, optimizer):
                return known
        for known in self._trainings:
            known.release()
        if _waits():
            self.pacing.clock = time.perf_counter
        training = Training(self, model, optimizer, self.recorder.new_run())
        self._trainings.append(training)
        self.recorder.fact("framework", "keras")
        self.recorder.fact("keras", keras.__version__)
        self.recorder.fact("backend", backend.backend())
        return training

    def training_now(self) -> bool:
        """Return whether Keras itself takes steps at this moment."""
        return bool(self._sessions)

    def trains_any(self) -> bool:
        """Return whether any training was seen."""
        return bool(self._trainings)

    @contextlib.contextmanager
    def _others_away(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for other in self.others:
                if other is not self:
                    stack.enter_context(other.looking_away())
            yield

    def _around_pass(self, original: Callable[..., Any]) -> Callable[..., Any]:
        watcher = self
        evaluates = original.__name__ == "evaluate"

        def pass_(model: Any, *args: Any, **kwargs: Any) -> Any:
            if not watcher.active or os.getpid() != watcher.pid:
                return original(model, *args, **kwargs)
            watcher.guard(watcher._pass_begins, model)
            with watcher._others_away():
                result = original(model, *args, **kwargs)
            if evaluates and not kwargs.get("_use_cached_eval_dataset"):
                watcher.guard(watcher._evaluated, model)
            return result

        return pass_

    def _pass_begins(self, model: Any) -> None:
        for training in self._trainings:
            if training.model() is model:
                self.keep_up(training, PAUSE_SECONDS)

    def _evaluated(self, model: Any) -> None:
        """Take an evaluation that the script makes itself as a validation pass."""
        training = next((t for t in reversed(self._trainings) if t.model() is model), None)
        place = locate(calling_frame(model, ("evaluate",)))
        if training is None or place is None or not training.step:
            return
        logs = {k: float(v) for k, v in model.get_metrics_result().items() if _number(v)}
        training.fetch()
        training.validated((place.file, place.line), logs, math.nan)

    def _around_make(self, original: Callable[..., Any]) -> Callable[..., Any]:
        watcher = self

        def make_train_function(model: Any, *args: Any, **kwargs: Any) -> Any:
            session = next((s for s in watcher._sessions if s.model is model), None)
            if session is not None:
                session.restore()
            result = original(model, *args, **kwargs)
            if session is not None:
                watcher.guard(session.attach)
            return result

        return make_train_function

    def _around_epoch_begin(self, original: Callable[..., Any]) -> Callable[..., Any]:
        watcher = self

        def on_epoch_begin(callbacks: Any, epoch: int, logs: Any = None) -> Any:
            session = watcher._session(callbacks)
            if session is not None:
                watcher.guard(session.training.epoch_begins)
            return original(callbacks, epoch, logs)

        return on_epoch_begin

    def _around_epoch_end(self, original: Callable[..., Any]) -> Callable[..., Any]:
        watcher = self

        def on_epoch_end(callbacks: Any, epoch: int, logs: Any = None) -> Any:
            session = watcher._session(callbacks)
            if session is not None:
                watcher.guard(session.epoch_ended, epoch, callbacks, logs or {})
            return original(callbacks, epoch, logs)

        return on_epoch_end

    def _session(self, callbacks: Any) -> _Session | None:
        model = callbacks.model
        return next((s for s in self._sessions if s.model is model), None)

    # ------------------------------------------------------------------ trials

    def end_or_pause(self, training: Training) -> None:
        """End a trial, or stop its process until it is continued, if it has come that far."""
        steps = training.step
        if self.stop_on_error:
            self.guard(training.fetch)
            if not math.isfinite(training.loss):
                raise _stop()
        if self.counted is not None and training.index != self.counted:
            return
        if self.stop_at is not None and steps >= self.stop_at:
            raise _stop()
        if self.pauses and steps >= self.pauses[0]:
            self.pauses = [pause for pause in self.pauses if pause > steps]
            for each in self._trainings:
                self.guard(each.write_facts)
            self.recorder.commit()
            os.kill(os.getpid(), signal.SIGSTOP)


class _Session:
    """One call of `fit` or `train_on_batch`."""

    def __init__(
        self, watcher: KerasWatcher, training: Training, model: Any, by_epochs: bool
    ) -> None:
        self.watcher = watcher
        self.training = training
        self.model = model
        self.by_epochs = by_epochs
        self._original: Callable[..., Any] | None = None
        self._function: Callable[..., Any] | None = None
        self._steps: Steps | None = None
        self._callbacks: Any = None
        self._passes: dict[int, int] = {}

    def fitted(
        self, signature: inspect.Signature, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> None:
        """Note with what `fit` was called."""
        with contextlib.suppress(TypeError):  # Keras will say what is wrong with it
            given = dict(signature.bind(*args, **kwargs).arguments)
            facts = keras_data.fit_facts(given, self.training.fit_location)
            for key, value in facts.items():
                self.training.fact(key, value)
            self.training.validation_rows = facts["fit"].get("validation_rows") or math.nan

    def attach(self) -> None:
        """Have the steps of the model go through us."""
        original = self.model.train_function
        self._steps = self.training.steps(self.model, original)
        self._original = original
        self._function = lambda *args: self._step(*args)
        self.model.train_function = self._function
        if not self.by_epochs:
            self.training.epoch_begins()

    def restore(self) -> None:
        """Give the model its own function back, unless it has got another one since."""
        if self._original is not None and self.model.train_function is self._function:
            self.model.train_function = self._original

    def ended(self) -> None:
        """Write what `fit` left; a loop of single steps is written when the script ends."""
        if self.by_epochs:
            self._went_back()
            self.training.write_facts()
            self.watcher.keep_up(self.training, PAUSE_SECONDS)

    def _went_back(self) -> None:
        """Note to the weights of which pass `EarlyStopping` has gone back."""
        for callback in getattr(self._callbacks, "callbacks", ()):
            if not isinstance(callback, EarlyStopping) or not callback.restore_best_weights:
                continue
            best = self._passes.get(callback.best_epoch)
            if callback.best_weights is not None and best is not None:
                self.training.fact("loaded", {"step": self.training.step, "pass": best})

    def epoch_ended(self, epoch: int, callbacks: Any, logs: Mapping[str, Any]) -> None:
        """Note the metrics of an epoch."""
        self._callbacks = callbacks
        self._passes[epoch] = max(self.training.step - 1, 0)
        self.training.epoch_ended({k: float(v) for k, v in logs.items() if _number(v)})
        self.watcher.keep_up(self.training, PAUSE_SECONDS)

    # -------------------------------------------------------------- a step

    def _step(self, *args: Any) -> Any:
        watcher, training = self.watcher, self.training
        original, steps = self._original, self._steps
        assert original is not None
        if not watcher.active or steps is None:
            return original(*args)
        due = steps.unseen is None and training.step >= training.next_deep
        due = due and (not training.deep or watcher.pacing.may_sample(training.cost))
        batch, args = steps.pull(args, due)
        if due and watcher.guard(steps.worth, batch, watcher.pacing):
            return self._deep(steps, original, args, batch)
        result = original(*args)
        watcher.guard(self._light, steps, batch, result)
        watcher.end_or_pause(training)
        return result

    def _light(self, steps: Steps, batch: Any, result: Any) -> None:
        at_once = int(self.model.steps_per_execution)
        self.training.stepped(steps.logs(result), steps.rows(batch), at_once)
        self.watcher.keep_up(self.training)

    def _deep(
        self, steps: Steps, original: Callable[..., Any], args: tuple[Any, ...], batch: Any
    ) -> Any:
        """Take a step that is measured in depth."""
        watcher, training, pacing = self.watcher, self.training, self.watcher.pacing
        if not training.deep:
            begin = pacing.clock()
            watcher.guard(steps.build, batch)
            watcher.guard(training.look_over, self.model)
            built = pacing.clock() - begin
            pacing.spent -= built
            watcher.compiling += built
        _settle(steps, args)
        before, compiled, steps.extra = pacing.spent, steps.compiling, 0.0
        watcher.guard(lambda: training.measure_before(steps.reader(args)))
        seen = watcher.guard(steps.look, args, batch)
        result, heard = steps.take(original, args, batch)
        _settle(steps, result)
        watcher.guard(self._light, steps, batch, result)
        if (seen := seen or heard) is not None:
            watcher.guard(self._measured, seen, batch, steps, args, result)
        pacing.spent += steps.extra - (steps.compiling - compiled)
        watcher.compiling += steps.compiling - compiled
        training.sampled(pacing.spent - before, pacing)
        watcher.end_or_pause(training)
        return result

    def _measured(
        self, seen: Seen, batch: Any, steps: Steps, args: tuple[Any, ...], result: Any
    ) -> None:
        if seen.failed is not None:
            raise seen.failed
        self.training.measure(seen, batch, steps.reader(args, result))
        self.watcher.keep_up(self.training, PAUSE_SECONDS)


def _settle(steps: Steps, values: Any) -> None:
    """Wait for a step, so that its time is not taken for ours; it is the script's if it fails."""
    with contextlib.suppress(Exception):
        steps.settle(values)


def _waits() -> bool:
    """Return whether steps are computed on a device that is waited for, now that there is one."""
    with contextlib.suppress(Exception):
        return any(not name.startswith("cpu") for name in keras.distribution.list_devices())
    return False


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) or tuple(getattr(value, "shape", (0,))) == ()


def _stop() -> BaseException:
    from unstuck.runner import StopTraining

    return StopTraining()
