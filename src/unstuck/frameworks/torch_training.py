"""One optimizer and the layers it trains: what is measured in a step, and what is written of it."""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.optim import Optimizer

from unstuck.findings import Location
from unstuck.frameworks import class_counts
from unstuck.frameworks import torch_measure as measure
from unstuck.frameworks.frames import calling_frame, expression, locate
from unstuck.frameworks.torch_callers import called, root_of
from unstuck.frameworks.torch_data import row_data
from unstuck.frameworks.torch_ranks import Row
from unstuck.frameworks.torch_second_look import LOSSES, LastActivation, module_caller
from unstuck.frameworks.torch_sensor import KINDS, FreeCalls, Sensor
from unstuck.frameworks.torch_through_time import listen, repeated, through_time
from unstuck.frameworks.torch_wiring import ACTIVATIONS, Graph, handwritten, operation
from unstuck.sources.operations import only_place

if TYPE_CHECKING:
    from unstuck.frameworks.torch import TorchWatcher

__all__ = ["LossCall", "Training", "parameters_of"]

SHORTEST = 0.1
"""Seconds that a sample may always take."""
BESIDES = 1.3
"""What a sample costs over the time spent on measuring: torch calls our hooks, caches are cold.
The largest ratio seen on the three trainings of benchmarks/."""
RETRY = 64
"""After so many steps at the latest, a deep sample that the budget did not pay is asked for again:
asking every step would cost more than all that is done in a step."""
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
    "target_spread",
    "target_classes",
    "prediction_mean",
    "prediction_std",
    "prediction_spread",
    "probabilities",
    "target_min",
    "target_max",
    "prediction_min",
    "prediction_max",
    "target_ratio",
    "output_error",
    "silent_outputs",
    "balanced_accuracy",
)
INPUT_SIGNALS = ("input_max", "input_mean", "input_std")

_RECURRENT = (nn.RNNBase, nn.RNNCellBase)
_MODAL = (nn.modules.batchnorm._NormBase, nn.modules.dropout._DropoutNd)


def modal(module: nn.Module) -> bool:
    """Return whether a layer does something else in evaluation; dropout of 0 does not."""
    return isinstance(module, _MODAL) and getattr(module, "p", 1.0) != 0


class LossCall:
    """One call of a loss function in training; dropped when its step ends."""

    def __init__(
        self, name: str, prediction: Tensor, target: Tensor, result: Tensor, reduction: str
    ) -> None:
        self.name = name
        self.prediction = prediction
        self.target = target
        self.result = result
        self.reduction = reduction
        self.site: dict[str, Any] | None = None


class Training:
    """One optimizer and the layers it trains: a run of the record."""

    # As in the watcher: what every step touches lies together.
    __slots__ = (
        *("__dict__", "__weakref__", "watcher", "recorder", "index", "optimizer", "step"),
        *("touched", "armed", "next_deep", "clean", "_begun", "_loss_source", "rate_held"),
        *("until", "note"),
    )

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
        self.optimized = {id(p) for p in parameters_of(optimizer)}
        self.step = 0
        self.touched = 0
        self.deep = 0
        self.armed = False
        self._free_calls: FreeCalls | None = None
        self.late = 0  # 1 where hooks are attached only after a step's forward pass
        self._ready = 0
        self.next_deep = 0
        self.until = 0  # steps before this one may do no more than note their loss
        self.note: Callable[[float], None] | None = None  # takes the coming step's loss
        self._fed = 0
        self.cost = 0.0
        self._spent = 0.0
        self.stage = 0  # 0: wiring not yet read, 1: read
        self.rate: float | None = None
        self.rate_held: float | None = None  # the very number, as it lies in the optimizer
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
        self._nodes: dict[str, list[Any]] = {}
        self._recurrent = False
        self._passing: dict[str, list[Tensor]] = {}
        self._batch: list[float] | None = None
        self._input: list[float] | None = None
        self._moments: measure.Moments | None = None
        self._targets: measure.Moments | None = None
        self._mode: Sensor | None = None
        self._mode_owner: nn.Module | None = None
        self._before: dict[str, tuple[Tensor, Tensor | None]] = {}
        self._gradients: dict[str, Tensor] = {}
        self._by_columns: set[str] = set()
        self._last_gradient: tuple[int, list[Tensor]] | None = None
        self._scalars: list[tuple[str, tuple[str, ...], list[Tensor]]] = []
        self._facts: dict[str, Any] = {}
        self._layers: list[dict[str, Any]] = []
        self._loss_fact: dict[str, Any] = {}
        self._backwards = 0
        self._dropped: list[float] = []
        self._begun = False
        self._loss_source = -1
        self._waiting: list[tuple[int, Tensor]] = []

    # -------------------------------------------------------------- layers

    def modules(self) -> list[nn.Module]:
        """Return the living modules of the trained models."""
        return [m for reference in self._names.values() if (m := reference()) is not None]

    def roots(self) -> list[nn.Module]:
        """Return the living models: the modules that are in no other."""
        living = self.modules()
        children = {id(child) for module in living for child in module._modules.values()}
        return [module for module in living if id(module) not in children]

    def weights(self) -> float:
        """Return the norm of the last trained weight, by which a state is told from others."""
        own = [p for model in self.roots() for p in model.parameters() if p.requires_grad]
        own = [p for p in own if p.ndim > 1] or own
        return float(own[-1].detach().norm()) if own else math.nan

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
        for name, own in self._owners().items():
            weight = own[0]
            reference = self._names.get(name)
            module = reference() if reference is not None else None
            place = self.watcher.births.location(module) if module is not None else None
            if place is None and module is not None:
                place = self._parent_location(name)
            fan_in, fan_out = _fans(weight, module)
            if name in self._by_columns:
                weight = weight.detach().t()
                fan_out, fan_in = weight.shape
            self._layers.append(
                {
                    "name": name,
                    "kind": type(module).__name__ if module is not None else "Parameter",
                    "shape": list(weight.shape),
                    "fan_in": fan_in,
                    "fan_out": fan_out,
                    "location": place.to_json() if place else None,
                    "trainable": bool(own[0].requires_grad),
                    "optimized": id(own[0]) in self.optimized,
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
        self.armed = self.watcher.attentive = True
        self.watcher.quiet = False
        self.watcher._armed[self.index] = self
        self._spent = self.watcher.spent
        self._ready = self.step + self.late
        living = {name: m for name, ref in self._names.items() if (m := ref()) is not None}
        children = {id(child) for m in living.values() for child in m._modules.values()}
        self._places = {id(m): name for name, m in living.items()}
        self._roots = {id(m) for m in living.values() if id(m) not in children}
        if not self.watcher.hooking:
            return
        if not self._roots:
            self._free_calls = FreeCalls(self)
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
            if self.stage == 0 and torch.is_grad_enabled():
                self.watcher._guard(self._note_call, name, module)
        elif any(parameter is not None for parameter in module._parameters.values()):
            self.watcher._guard(self._layer_ran, name, args, rest[-1])
        if id(module) in self._roots:
            if len(rest) == 2 and torch.is_grad_enabled():
                self.watcher._guard(self._see_inputs, args, rest[0])
            if self._mode is not None and self._mode_owner is module:
                self._leave_mode()

    def _note_call(self, name: str, module: nn.Module) -> None:
        """Note where the script calls an activation that is a module, in order."""
        place = module_caller(module)
        calls = self._facts.setdefault("module_calls", {}).setdefault(name, [])
        if place is not None and len(calls) < 64:
            calls.append(place.to_json())

    def unhook(self) -> None:
        """Take the hooks off."""
        if self._free_calls is not None:
            self._free_calls.end()
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
        self._passing.clear()
        self._last = None
        self._scalars.clear()
        self.armed = False
        self.watcher._armed.pop(self.index, None)

    def _root_begins(self, module: nn.Module) -> None:
        if not torch.is_grad_enabled() or not self.armed:
            return
        if self._mode is None and self._takes_too_long():
            return
        if self.stage == 0:
            self._facts.pop("module_calls", None)
        found = [m for m in self.modules() if modal(m)]
        if found:
            share = sum(not m.training for m in found) / len(found)
            source = self.recorder.source(self.index, "", ("eval_share",))
            self.recorder.sample(source, self.step, (share,))
        if self._mode is None and not torch.compiler.is_compiling():
            self._mode = Sensor(self)
            self._mode.__enter__()
            self._mode_owner = module

    def _takes_too_long(self) -> bool:
        """Let a sample go whose step does not end: it would cost more than any did before.

        So it is with an optimizer that is never stepped, or once in very many passes.
        """
        cost = self.watcher.spent - self._spent
        if self.watcher.ranks() is not None or cost < max(SHORTEST, 3 * self.cost):
            return False
        self.disarm()
        self.cost = cost
        self.next_deep = self.step + 1
        return True

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
            self._moments = measure.Moments(values)
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
        self._nodes.setdefault(name, []).append(output.grad_fn)
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
        self, loss: Tensor, location: Location | None, calls: Sequence[LossCall]
    ) -> None:
        """Look at the gradients that are still there, and in deep samples at the graph."""
        if self.watcher._backward_seen and self.loss_location is None:
            self.loss_location = location
            if location is not None:
                self._facts["trained_as"] = called(self.roots(), calling_frame())
        if not self.clean:
            self.clean = not self._gradients_left()
        if self.stage == 0:
            self._backwards += 1
        if loss.grad_fn is None:
            return
        if self.stage == 0:
            self._read_wiring(loss)
            self._recurrent = bool(repeated(loss.grad_fn, self._owners()))
        # Reading the graph costs more than the rest of a sample: ever more seldom.
        if self._recurrent and self.step >= self._ready and self.deep & (self.deep - 1) == 0:
            for name, nodes in repeated(loss.grad_fn, self._owners()).items():
                self._passing[name] = listen(nodes)
        if not calls:
            written = handwritten(loss, self._last)
            calls = [LossCall(*written, loss, "mean")] if written is not None else []
        if calls:
            self._see_batch(calls)

    def find_nonfinite(self, loss: Tensor) -> None:
        """Note once where a loss that is not finite came from, unless it is another model's."""
        if "nonfinite" in self._facts or loss.grad_fn is None:
            return
        from unstuck.frameworks.torch_nonfinite import holders, origin

        found = {**origin(loss, self._owners()), "step": self.step}
        frame = calling_frame()
        if found["cause"] == "input":
            found["names"] = holders(frame)
        if found.get("operation"):
            place = only_place(found["operation"], locate(frame))
            found["location"] = place.to_json() if place else None
        self._facts["nonfinite"] = found
        if self.watcher.stop_on_error and self._begun:  # the step that would note it never comes
            self.recorder.append(self._loss_source, self.step, self.watcher.loss_value())
        self.recorder.fact("nonfinite", self._facts["nonfinite"], self.index)

    def _gradients_left(self) -> bool:
        """Return whether gradients of an earlier step are still in place and not zero."""
        optimizer = self.optimizer()
        if optimizer is None or self.step == 0:
            return False
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                left = parameter.grad
                if left is not None and bool(measure.thin(left, 1024).any()):
                    return True
        return False

    def _read_wiring(self, loss: Tensor) -> None:
        owners = self._owners()
        by_parameter = {id(p): name for name, own in owners.items() for p in own}
        graph = Graph.read(loss.grad_fn, by_parameter)
        if not graph.owners:
            # Another model's loss, or this one's is not connected.
            self._facts["loss_parameters"] = self._unheld(graph, owners)
            return
        self._by_columns = {
            name
            for name, own in owners.items()
            if own[0].ndim == 2 and graph.from_the_right(own[0])
        }
        self._facts["by_columns"] = bool(self._by_columns)
        self._describe()
        matrices = frozenset(name for name, own in owners.items() if own[0].ndim >= 2)
        modules = {name for name, own in owners.items() if name in self._names}
        norms = frozenset(modules) - matrices  # other vectors are biases
        inner = graph.before_weights(matrices)
        names = {node: name for name, nodes in self._nodes.items() for node in nodes}
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
            nodes = self._nodes.get(name) or [None]
            facts["output"] = nodes[-1] is not None and nodes[-1] not in inner
        self._facts["unheld"] = self._unheld(graph, owners)
        self._facts["broadcast"] = self._broadcast(graph, inner)
        self._facts["nonlinear"] = self._nonlinear(graph, inner)
        pairs = []
        for node in graph.nodes:
            if operation(node) in LOSSES:
                made_by, source = graph.feeds(node)
                if operation(node) == "nll_loss" and made_by == "log_softmax":
                    continue
                pairs.append([operation(node), made_by, names.get(source)])
            elif operation(node) in ("pow", "abs") and node not in inner:
                made_by, difference = graph.feeds(node)
                if made_by in ("sub", "rsub"):
                    made_by, source = graph.feeds(difference)
                    name = "l1_loss" if operation(node) == "abs" else "mse_loss"
                    pairs.append([name, made_by, names.get(source)])
        self._loss_fact["chain"] = graph.chain(matrices)
        self._facts["loss_inputs"] = pairs[:8]
        self._layers.sort(key=lambda layer: layer["depth"])
        self.stage = 1
        self._look_again(pairs)

    def _look_again(self, pairs: Sequence[Sequence[Any]]) -> None:
        """Look in the next steps for the lines of what the graph shows to be wrong."""
        if self._facts["broadcast"]:
            self.watcher.stretches.look()
        unknown = [made_by for _, made_by, name in pairs if name is None]
        kind = next((made_by for made_by in unknown if made_by in OUTPUTS), None)
        if kind is not None and self.watcher.hooking:
            LastActivation(self, kind)

    def activation_found(self, name: str, kind: str, output: Tensor, location: Location) -> None:
        """Take in the activation in front of the loss, which no model's forward calls."""
        self._activations[name] = {
            "name": name,
            "kind": kind,
            "location": location.to_json(),
            "functional": True,
            "output": True,
            "units": output.shape[measure.unit_axis(output)] if output.ndim else 1,
        }
        for pair in self._facts["loss_inputs"]:
            if pair[1] == kind and pair[2] is None:
                pair[2] = name

    def _unheld(self, graph: Graph, owners: Mapping[str, list[Tensor]]) -> list[dict[str, Any]]:
        """Return the parameters that the loss depends on but no optimizer holds.

        ``attributes`` names those that are plain tensors, which a module does not count as its own.
        """
        held = {id(p) for optimizer in self.watcher._made for p in parameters_of(optimizer)}
        held |= self.optimized
        names = {id(p): name for name, own in owners.items() for p in own}
        unheld: dict[str, dict[str, Any]] = {}
        for node in graph.nodes:
            parameter = getattr(node, "variable", None)
            if parameter is None or id(parameter) in held:
                continue
            name = names.get(id(parameter))
            owner, attribute = self.watcher.births.holder(parameter)
            by_hand = not isinstance(self.optimizer(), Optimizer)
            if not isinstance(parameter, nn.Parameter) and (owner is None or by_hand):
                continue  # an input, or the script itself moves it
            place = self.watcher.births.location(owner) if owner is not None else None
            label = name or (type(owner).__name__ if owner is not None else "Parameter")
            known = unheld.get(f"{label}{id(owner)}", {})
            unheld[f"{label}{id(owner)}"] = {
                "layer": label,
                "location": place.to_json() if place else None,
                "attributes": [*known.get("attributes", []), *([attribute] if attribute else [])],
                "matrix": parameter.ndim >= 2 or known.get("matrix"),
                **root_of(parameter, self.made["roots"], held),
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
            kept = getattr(node, "_saved_self", None)
            made_by = ""
            if operation(node) in ("pow", "abs", "mul", "mse_loss", "l1_loss"):
                made_by, _ = graph.feeds(node)
            if node in inner:
                continue
            if made_by in ("sub", "rsub") and isinstance(kept, Tensor):
                shape = kept.shape
            else:  # a column of outputs against a row of targets, which have no graph
                children = [child for child, _ in node.next_functions if child is not None]
                if len(children) != 1 or operation(node) not in ("mul", "sub", "rsub", "div"):
                    continue
                shape = _shape(node)
                if _shape(children[0]) != (*shape[:1], 1):
                    continue
            if len(shape) == 2 and shape[0] == shape[1] and shape[0] in columns:
                return list(shape)
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

    def _see_batch(self, calls: Sequence[LossCall]) -> None:
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
        if call.site is not None:
            self._facts["loss_call"] = call.site
        right, judged = measure.right(call.name, prediction, target)
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
            measure.target_spread(target),
            classes,
            float(values.mean()),
            float(values.std(correction=0)),
            float(rows[2]),
            float(measure.probabilities(call.name, prediction)),
            *measure.value_range(goals),
            *measure.value_range(values),
            *measure.apart(prediction, target),
            measure.silent(prediction, target),
            self._count_classes(call.name, prediction, target),
        ]
        if measure.in_columns(prediction, target):
            self._targets = self._targets or measure.Moments(target)
            self._targets.add(target)
            self._facts.update(self._targets.facts("target"))

    def _count_classes(self, name: str, prediction: Tensor, target: Tensor) -> float:
        """Count how often each class occurs and is recognized, the recent batches most.

        Returns:
            The balanced accuracy, NaN where there are no classes.
        """
        if name in ("cross_entropy", "nll_loss"):
            if prediction.ndim != 2 or target.ndim != 1 or prediction.shape[1] > 64:
                return math.nan
            guess, goal, classes = prediction.argmax(1), target, prediction.shape[1]
        elif name.startswith("binary_cross_entropy") and prediction.shape == target.shape:
            if prediction.numel() != prediction.shape[0]:
                return math.nan
            border = 0.0 if name.endswith("logits") else 0.5
            guess = (prediction.reshape(-1) > border).long()
            goal, classes = (target.reshape(-1) > 0.5).long(), 2
        else:
            return math.nan
        goal = goal.clamp(0, classes - 1)
        counts = torch.bincount(goal, minlength=classes).tolist()
        hits = torch.bincount(goal[guess == goal], minlength=classes).tolist()
        return class_counts.note(self._facts, counts, hits)

    def before_step(self, closure: bool) -> None:
        """Measure weights and gradients before the optimizer changes them."""
        optimizer = self.optimizer()
        if optimizer is None:
            return
        if not self._begun:
            self._begin(optimizer)
        if closure:
            self.clean = True
        if self.armed and self.step >= self._ready:
            if self._batch is not None and self.deep < 3:
                self._facts["row_data"] = row_data(calling_frame(), int(self._batch[2]))
            self._measure_before(closure)
        elif self._last_gradient is not None:
            self._compare_gradients()

    @property
    def attentive(self) -> bool:
        """Whether something is to be measured before the coming step."""
        return self.armed or self._last_gradient is not None or not self._begun

    def _note_rate(self, rate: Any) -> None:
        """Note the learning rate where it is another one than in the step before."""
        if type(rate) is float:
            self.rate_held = rate
        else:
            known = not isinstance(rate, Tensor) or measure.at_hand(rate)
            rate = float(rate) if known else math.nan
        before = self.rate
        if rate != before and not (rate != rate and before is not None and before != before):
            self.rate = rate
            source = self.recorder.source(self.index, "", ("learning_rate",))
            self.recorder.sample(source, self.step, (rate,))

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
        self.fed()
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
        self.recorder.fact("loader", self.watcher.loaders.of(run), run)
        for key, value in self._modal().items():
            self.recorder.fact(key, value, run)
        if self.stage == 0 and self._backwards:
            self.recorder.fact("disconnected", True, run)
        for key, value in self._facts.items():
            self.recorder.fact(key, value, run)
        if self.watcher.stretches.found:
            self.recorder.fact("stretched", self.watcher.stretches.found, run)
        if self._moments is not None:
            for key, value in self._moments.facts("input").items():
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
                        measure.spread(self._units_first(name, weight)),
                        measure.spread(self._units_first(name, weight.grad)),
                        measure.column_range(self._units_first(name, weight.grad)),
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
            self._norm = measure.together(squares, torch.linalg.vector_norm)
        else:
            self._norm = torch.tensor(math.nan)

    def _units_first(self, name: str, weight: Tensor) -> Tensor:
        """Return a layer's weight or gradient with a row for each unit."""
        return weight.detach().t() if name in self._by_columns else weight

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

    def sample_ends(self, closure: bool) -> None:
        """Measure the update of a sampled step and write its rows."""
        if not self._begun or self.step < self._ready:
            return
        begin = time.thread_time()
        rows = self._sample(closure)
        self.deep += 1
        cost = self.watcher.spent - self._spent + time.thread_time() - begin
        self.watcher.spent += (BESIDES - 1) * cost
        cost *= BESIDES
        self.cost = 0.5 * (self.cost + cost) if self.cost else cost
        self.disarm()
        distance = self.watcher.distance(self.step + 1, self.cost)
        ranks = self.watcher.ranks()
        if ranks is not None:
            distance = max(distance, self.watcher.patience(self.step + 1, self.cost))
            rows, distance = ranks.meet(f"{self.index}/{self.step}", rows, distance)
        for name, signals, values in rows:
            source = self.recorder.source(self.index, name, signals)
            self.recorder.sample(source, self.step, values)
        self.next_deep = self.step + distance
        if self.deep == 1 or self.deep % 16 == 0:
            self.write_facts()

    def fed(self) -> None:
        """Credit the steps since the last call to the loader that is being iterated."""
        if not self.late:
            self.watcher.loaders.stepped(self.index, self.step - self._fed)
            self._fed = self.step

    def step_ends(self) -> None:
        """Note the loss and the learning rate; the next step begins."""
        self.note = None
        optimizer = self.optimizer()
        if optimizer is None or not self._begun:
            return
        watcher = self.watcher
        seen = watcher._backward_seen
        if seen > self.touched:  # else there is no loss, or no new one
            self.touched = seen
            if watcher.loss_held is None:
                value = watcher._loss_value
                self.note = self.recorder.append(self._loss_source, self.step, value)
            else:  # its memory may be written to anew in the next step
                self._waiting.append((self.step, watcher.loss_held.clone()))
        else:  # the losses do not tell how many steps there were
            self.recorder.fact("steps", self.step + 1, self.index)
        rate = optimizer.param_groups[0].get("lr", math.nan)
        if rate is not self.rate_held:
            self._note_rate(rate)
        self.clean = False
        self.step += 1

    def due(self) -> bool:
        """Return whether the coming step is to be sampled."""
        if self.step < self.next_deep or self.armed:
            return False
        watcher = self.watcher
        # Several ranks have agreed on the step; each by itself would find another.
        if watcher.may_sample(self.cost) or watcher.ranks() is not None:
            return True
        paid = watcher.patience(self.step, self.cost) if watcher.budget else RETRY
        self.next_deep = self.step + min(paid, RETRY)
        return False

    def fetch_losses(self) -> None:
        """Write the losses that wait on an accelerator, if there are any."""
        if self._waiting:
            self.fetch()

    def fetch(self, scalars: Sequence[Tensor] = ()) -> list[float]:
        """Return scalars as numbers; losses that wait on the same device come with them."""
        waiting, self._waiting = self._waiting, []
        if waiting:  # they come before what `note` would take
            self.note = None
        numbers = measure.fetch([*(loss for _, loss in waiting), *scalars])
        for (step, _), value in zip(waiting, numbers, strict=False):
            self.recorder.append(self._loss_source, step, value)
        self.watcher.broken |= not all(map(math.isfinite, numbers[: len(waiting)]))
        return numbers[len(waiting) :]

    def _sample(self, closure: bool) -> list[Row]:
        """Return what was measured in the step that ends."""
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
                promised.append(-(gradient * change).sum() * whole)
        step = self.step
        rows: list[tuple[str, tuple[str, ...], list[Tensor]]] = []
        for name, signals, scalars in self._scalars:
            more = updates.get(name)
            rows.append(
                (name, LAYER_SIGNALS, [*scalars, *more]) if more else (name, signals, scalars)
            )
        for name, sizes in self._passing.items():
            share = through_time(sizes)
            if share is not None:
                rows.append((name, ("through_time",), [share]))
        rows += [(name, OUTPUT_SIGNALS, scalars) for name, scalars in self._outputs.items()]
        rows += [(name, ACTIVATION_SIGNALS, scalars) for name, scalars in self._active.items()]
        total = measure.together(promised, torch.sum) if promised else torch.tensor(math.nan)
        norm = getattr(self, "_norm", torch.tensor(math.nan))
        count = torch.tensor(float(len(self._gradients)))
        stale = torch.tensor(float(not self.clean))
        rows.append(("", STEP_SIGNALS, [norm, total, stale, count]))
        flat = self.fetch([scalar for _, _, scalars in rows for scalar in scalars])
        position = 0
        sample: list[Row] = []
        for name, signals, scalars in rows:
            sample.append((name, signals, flat[position : position + len(scalars)]))
            position += len(scalars)
        if self._batch is not None:
            sample.append(("", BATCH_SIGNALS, self._batch))
        if self._input is not None:
            sample.append(("", INPUT_SIGNALS, self._input))
        self._batch = self._input = None
        thin = [
            measure.thin(own[0].grad, 4096).clone()
            for own in owners.values()
            if own[0].requires_grad and own[0].grad is not None
        ]
        self._last_gradient = (step, thin) if thin else None
        return sample


OUTPUTS = ("softmax", "sigmoid", "relu", "tanh")
"""Activations that change what a loss can reach, by their operations in autograd."""
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


def _shape(node: Any) -> tuple[int, ...]:
    """Return the shape of what an autograd node's operation put out, () if it does not say."""
    held: Sequence[Any] = getattr(node, "_input_metadata", ())
    return tuple(held[0].shape) if len(held) == 1 else ()


def _known(data: Mapping[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    return {key: data[key] for key in fields if key in data}


def parameters_of(optimizer: Optimizer) -> list[Tensor]:
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
