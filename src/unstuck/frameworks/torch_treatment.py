"""Treats a live PyTorch training: applies remedies where the script constructs its optimizer.

Before that moment there is a model but no optimizer state, so surgery is safe; after it, only the
steps are touched. Whatever the user's source will say in inserted lines is executed here from the
same text, so what a trial measures is what the patch contains.
"""

from __future__ import annotations

import ast
import functools
import inspect
import os
import re
import textwrap
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from types import FrameType
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from unstuck.edits import DropCall, Edit, Insert, ReplaceCall, Rewrite, SetArguments, Surround
from unstuck.findings import Location
from unstuck.frameworks.call_sites import (
    Call,
    attributes,
    call_at,
    layer_loop,
    resolve,
    unused,
)
from unstuck.frameworks.frames import called_directly, calling_frame, expression, locate
from unstuck.frameworks.torch_births import Births, layer_names
from unstuck.remedies import Change
from unstuck.runner import StopTraining
from unstuck.signals import Activation, Layer, Run
from unstuck.sources.evaluated import only_evaluated

if TYPE_CHECKING:
    from unstuck.remedies import Remedy, Settings

__all__ = ["Site", "Subject", "Treatment", "TreatmentError"]

STAGES = ("model", "optimizer", "training")
CARRIED = ("weight_decay", "maximize", "foreach", "differentiable")
"""Arguments that mean the same to every optimizer and stay when its class changes."""
_POSITIONS: Mapping[str, tuple[str, ...]] = {
    "Linear": ("in_features", "out_features", "bias"),
    **{
        f"Conv{n}d": ("in_channels", "out_channels", "kernel_size", "stride", "padding")
        for n in (1, 2, 3)
    },
}
_LOOKED_AT = frozenset(
    {"weight", "bias", "in_features", "out_features", "in_channels", "out_channels"}
    | {"reset_parameters"}
)
"""A script that uses these names may reach into layers, which a wrapped call would break."""
_OURS = os.path.join(os.path.dirname(__file__), "inserted lines")


class TreatmentError(RuntimeError):
    """A remedy failed; the trial says nothing about it."""


@dataclass(frozen=True)
class Site:
    """A constructor call of the user's source and the living modules that it constructed."""

    location: Location
    call: Call
    modules: tuple[nn.Module, ...]


def number(value: float | bool) -> str:
    """Return a number as source, four significant digits."""
    return repr(value) if isinstance(value, (bool, int)) else repr(float(f"{value:.4g}"))


def _place(location: Location | None) -> tuple[Any, ...] | None:
    """Return what two locations of one call have in common, however the file was named."""
    if location is None:
        return None
    return (os.path.abspath(location.file), location.line, location.column, location.end_column)


class Treatment:
    """Applies remedies to the trainings whose optimizer the script constructs at one place.

    Args:
        births: Where modules were constructed; already installed.
        remedies: Remedies with their settings; they are applied by stage, then in this order.
        run: The untreated run of the same script, which says what feeds what.

    Attributes:
        changes: What was changed so far, without repetitions (a loop over folds treats every fold).
    """

    def __init__(
        self, births: Births, remedies: Sequence[tuple[Remedy, Settings]], run: Run
    ) -> None:
        self.births = births
        self.remedies = sorted(remedies, key=lambda pair: STAGES.index(pair[0].stage))
        self.run = run
        self.changes: list[Change] = []
        self.replaced_calls: dict[Any, Callable[..., Any]] = {}
        self.kept_calls: dict[Any, Callable[[FrameType | None], bool]] = {}
        self.neighbours: weakref.WeakKeyDictionary[nn.Module, set[str]] = (
            weakref.WeakKeyDictionary()
        )
        self.named: weakref.WeakKeyDictionary[nn.Module, dict[str, weakref.ref[nn.Module]]] = (
            weakref.WeakKeyDictionary()
        )
        self._constructed = 0
        self.stop_without_effect = False
        self.report: Callable[[Sequence[Change]], None] | None = None
        self._replacing = False
        self._under_construction: set[int] = set()
        self._undo: list[Callable[[], None]] = []
        self._minded: set[tuple[Any, str]] = set()

    @property
    def edits(self) -> list[Edit]:
        """The edits of the source that do the same as `changes`, without repetitions."""
        edits: list[Edit] = []
        for change in self.changes:
            if change.edit is not None and change.edit not in edits:
                edits.append(change.edit)
        return edits

    def install(self) -> None:
        """Wait for the optimizer: wrap the constructors, and the functions that may be replaced."""
        optimizers = {kind for kind in vars(torch.optim).values() if isinstance(kind, type)}
        for kind in optimizers | {torch.optim.Optimizer}:
            if issubclass(kind, torch.optim.Optimizer) and "__init__" in vars(kind):
                self._replace(kind, "__init__", self._around_constructor(kind))
        functional = [act for act in self.run.activations if act.functional]
        for name in {act.name.partition("@")[0] for act in functional}:
            self.mind(name)

    def mind(self, name: str) -> None:
        """Wrap torch's functions of a name, so that calls of them can be replaced."""
        for owner in (torch, torch.nn.functional, torch.special, torch.Tensor):
            if name.isidentifier() and hasattr(owner, name) and (owner, name) not in self._minded:
                self._minded.add((owner, name))
                self._replace(owner, name, self._around_function(getattr(owner, name)))

    def uninstall(self) -> None:
        """Undo `install`; what was treated stays treated."""
        while self._undo:
            self._undo.pop()()

    def _replace(self, owner: Any, name: str, new: Callable[..., Any]) -> None:
        if name in vars(owner):
            original = vars(owner)[name]
            self._undo.append(lambda: setattr(owner, name, original))
        else:
            self._undo.append(lambda: delattr(owner, name))
        setattr(owner, name, new)

    def _around_function(self, original: Callable[..., Any]) -> Callable[..., Any]:
        replaced = self.replaced_calls

        @functools.wraps(original)
        def function(*args: Any, **kwargs: Any) -> Any:
            if not replaced or self._replacing or torch.compiler.is_compiling():
                return original(*args, **kwargs)
            frame = calling_frame()
            place = _place(locate(frame))
            instead = replaced.get(place, original)
            if place in self.kept_calls and self.kept_calls[place](frame):
                instead = original
            self._replacing = True  # what the new function calls in turn is its own affair
            try:
                return instead(*args, **kwargs)
            finally:
                self._replacing = False

        return function

    def _around_constructor(self, kind: type) -> Callable[..., None]:
        original = kind.__init__  # type: ignore[misc]
        treatment = self

        @functools.wraps(original)
        def __init__(optimizer: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            if id(optimizer) in treatment._under_construction:
                original(optimizer, *args, **kwargs)
                return
            treatment._under_construction.add(id(optimizer))
            try:
                treatment._construct(optimizer, kind, original, args, kwargs)
            finally:
                treatment._under_construction.discard(id(optimizer))

        return __init__

    def _construct(
        self, optimizer: Any, kind: type, original: Callable[..., None], args: Any, kwargs: Any
    ) -> None:
        frame = calling_frame(optimizer)
        location = locate(frame)
        index, self._constructed = self._constructed, self._constructed + 1
        wanted = self.run.optimizer.location
        if index != self.run.index if wanted is None else _place(location) != _place(wanted):
            original(optimizer, *args, **kwargs)
            return
        try:
            arguments = inspect.signature(original).bind(optimizer, *args, **kwargs).arguments
        except TypeError:
            original(optimizer, *args, **kwargs)  # which raises the script's own error
            return
        given = dict(arguments)
        given.pop("self", None)
        parameters = given.pop("params")
        if isinstance(parameters, torch.Tensor):
            original(optimizer, *args, **kwargs)
            return
        subject = Subject(self, optimizer, kind, parameters, given, frame, location)
        for remedy, settings in self.remedies:
            if remedy.stage != "training":
                self._apply(remedy, settings, subject)
        subject.construct(original)
        for remedy, settings in self.remedies:
            if remedy.stage == "training":
                self._apply(remedy, settings, subject)
        for change in subject.changes:
            if change not in self.changes:
                self.changes.append(change)
        if self.report is not None:
            self.report(self.changes)
        if not self.changes and self.stop_without_effect:
            raise StopTraining

    def _apply(self, remedy: Remedy, settings: Settings, subject: Subject) -> None:
        try:
            subject.changes += remedy.apply_torch(subject, settings)
        except TreatmentError:
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            raise TreatmentError(f"{remedy.name()} could not be applied ({reason})") from error


class Subject:
    """One training at the moment its optimizer is constructed: what remedies may change.

    Attributes:
        run: The untreated run.
        models: The models that the optimizer will train.
        names: Dotted name -> module, as in the untreated run.
        optimizer: The optimizer, not yet initialized before the training stage.
        kind: The torch class that is going to initialize it.
        arguments: The arguments of that class besides the parameters.
        location: The optimizer's constructor call.
        changes: What the remedies have changed.
    """

    def __init__(
        self,
        treatment: Treatment,
        optimizer: Any,
        kind: type,
        parameters: Iterable[Any],
        arguments: dict[str, Any],
        frame: FrameType | None,
        location: Location | None,
    ) -> None:
        self.treatment = treatment
        self.births = treatment.births
        self.run = treatment.run
        self.optimizer = optimizer
        self.kind = kind
        self.arguments = arguments
        self.location = location
        self.changes: list[Change] = []
        self._frame = frame
        self._original_kind = kind
        self._original_arguments = dict(arguments)
        self._called = type(optimizer).__name__
        self._custom = type(optimizer) is not kind
        self._call = call_at(location)
        self._own_call = called_directly(optimizer)
        self._scale = 1.0
        self._switched = False
        self._indexed = False
        self._pending: list[Change] = []
        self._items, self._grouped = _groups(parameters)
        held = [_tensor(item) for group in self._items for item in group["params"]]
        self.models: list[nn.Module] = self.births.models(held)
        self.names = self._names()
        self._order = self._parameters()
        self._kinds: dict[str | None, str] = {}

    # ------------------------------------------------------------------ what there is

    def _names(self) -> dict[str, nn.Module]:
        """Return the names from before any surgery, also when a model is trained once more."""
        known = self.treatment.named
        if self.models and self.models[0] in known:
            held = {name: reference() for name, reference in known[self.models[0]].items()}
            return {name: module for name, module in held.items() if module is not None}
        found = layer_names(self.models, self._frame)
        names = {name: held for name, held in found.items() if isinstance(held, nn.Module)}
        if self.models:
            known[self.models[0]] = {name: weakref.ref(held) for name, held in names.items()}
        return names

    def _parameters(self) -> list[torch.Tensor]:
        return [parameter for model in self.models for parameter in model.parameters()]

    def name(self, module: nn.Module) -> str:
        """Return the module's name, or "" if it was not there in the untreated run."""
        return next((name for name, held in self.names.items() if held is module), "")

    def hidden(self, kinds: Iterable[str]) -> list[Activation]:
        """Return the hidden activations of some kinds, as the remedies so far have left them."""
        wanted = set(kinds)
        return [
            act
            for act in self.run.activations
            if not act.output and self._kinds.get(act.name, act.kind) in wanted
        ]

    def fed(self) -> Counter[str]:
        """Count the kinds of activation that hidden layers feed, as remedies have left them."""
        return Counter(
            self._kinds.get(layer.activation_name, layer.activation)
            for layer in self.run.weights
            if layer.activation and not layer.output
        )

    def layers(self) -> list[tuple[Layer, nn.Module]]:
        """Return the trained layers of the untreated run with their modules, in running order."""
        pairs = ((layer, self.names.get(layer.name)) for layer in self.run.weights)
        return [(layer, module) for layer, module in pairs if module is not None]

    def site(self, module: nn.Module) -> Site | None:
        """Return the call that constructed `module`, or None if the script has no such call.

        There is none for copies, and for modules that a library's own code constructs.
        """
        location = self.births.location(module)
        call = call_at(location)
        if location is None or call is None:
            return None
        born = [other for other in self.births.modules() if self.births.location(other) == location]
        if any(other is not module and module in other.modules() for other in born):
            return None
        return Site(location, call, tuple(born))

    def sites(
        self,
        modules: Iterable[nn.Module],
        done: Callable[[nn.Module], bool],
        *,
        elsewhere: bool = True,
    ) -> list[Site]:
        """Return the sites at which `modules`, and no other modules of the models, were made.

        A site that also constructs modules which are not to be treated is left out: its call
        cannot be edited for some of them only.

        Args:
            modules: What is to be treated.
            done: Says of a module that it was treated before, under an earlier optimizer.
            elsewhere: Whether the site's modules in other models may be treated along with them,
                as the edited call will; if not, there must be none.
        """
        wanted = [module for module in modules if not done(module)]
        sites: dict[Location, Site] = {}
        for module in wanted:
            site = self.site(module)
            if site is None or site.location in sites:
                continue
            own = [m for m in site.modules if any(m is other for other in wanted)]
            rest = [
                m
                for m in site.modules
                if not any(m is o for o in own) and not done(m) and _slots(self.births, m)
            ]
            if not any(self.name(m) for m in rest) and (elsewhere or not rest):
                sites[site.location] = replace(site, modules=(*own, *rest))
        return list(sites.values())

    # ------------------------------------------------------------------ modules and functions

    def replace_activations(
        self, activations: Iterable[Activation], name: str, kind: str, **settings: float
    ) -> list[Change]:
        """Make some activations another one.

        Args:
            activations: Which; modules and functional calls.
            name: Class in `torch.nn`, such as ``LeakyReLU``.
            kind: The kind that this is, such as ``leaky_relu``, also its function's name.
            settings: Arguments of that class and function.
        """
        arguments = {key: number(value) for key, value in settings.items()}
        values = {key: float(text) for key, text in arguments.items()}
        chosen = list(activations)
        changes = []
        modules = [m for a in chosen if (m := self.names.get(a.name)) is not None]
        new = getattr(nn, name)
        self._kinds.update((self.name(m), kind) for m in modules if type(m) is new)
        replaceable = [module for module in modules if _stateless(module)]
        for site in self.sites(replaceable, lambda m: type(m) is new):
            old = type(site.modules[0]).__name__
            layers = self._become(site, lambda: new(**values), kind)
            edit = ReplaceCall(site.location, old, f"torch.nn.{name}", arguments=arguments)
            changes.append(Change(f"{', '.join(layers)}: {old} -> {name}", edit, layers))
        namespace = "torch" if hasattr(torch, kind) else "torch.nn.functional"
        function = getattr(torch.nn.functional, kind)
        for act in (a for a in chosen if a.functional):
            old = act.name.partition("@")[0]
            call = call_at(act.location)
            if act.location is None or call is None or old.endswith("_"):
                continue  # in place: the call's value is not what the script goes on with
            self.treatment.replaced_calls[_place(act.location)] = lambda x, *_, **__: function(
                x, **values
            )
            expects = old if call.callee == old else ""
            edit = ReplaceCall(act.location, expects, f"{namespace}.{kind}", 1, arguments)
            self._kinds[act.name] = kind
            changes.append(Change(f"{act.name}: {old} -> {kind}", edit, (act.name,)))
        return changes

    def drop_activation(self, activation: Activation) -> list[Change]:
        """Take an activation away."""
        module = self.names.get(activation.name)
        if module is not None:
            changes = []
            dropped = [module] if _stateless(module) else []
            for site in self.sites(dropped, lambda m: type(m) is nn.Identity):
                old = type(module).__name__
                layers = self._become(site, nn.Identity, "identity")
                edit: Edit = DropCall(site.location, old, module=True)
                changes.append(Change(f"{', '.join(layers)}: {old} taken away", edit, layers))
            return changes
        old = activation.name.partition("@")[0]
        call = call_at(activation.location)
        if not activation.functional or activation.location is None or call is None:
            return []
        self.treatment.replaced_calls[_place(activation.location)] = _first
        edit = DropCall(activation.location, old if call.callee == old else "")
        return [Change(f"{activation.name} taken away", edit, (activation.name,))]

    def drop_evaluated(self, name: str) -> list[Change]:
        """Take the calls of a function away that only an evaluation makes."""
        changes = []
        for place in only_evaluated(self.run, name):
            self.treatment.mind(name)
            self.treatment.replaced_calls[_place(place)] = _first
            what = f"{name} in line {place.line} taken away"
            changes.append(Change(what, DropCall(place, name)))
        return changes

    def drop_later(self, activation: Activation) -> list[Change]:
        """Take a module away in a line before the optimizer: its call makes others as well."""
        module = self.names.get(activation.name)
        if module is None or not _stateless(module) or type(module) is nn.Identity:
            return []
        slots = [c for parent in _slots(self.births, module) for c in parent._modules.values()]
        if sum(child is module for child in slots) != 1:
            return []
        what = f"{activation.name}: {type(module).__name__} taken away"
        lines = f"${{{activation.name}}} = torch.nn.Identity()\n"
        changes = self.before_optimizer(what, lines)
        return [replace(change, layers=(activation.name,)) for change in changes]

    def drop_last_use(self, activation: Activation) -> list[Change]:
        """Take an activation that hidden layers share away behind the last layer only.

        That is the last call of a module, or a call in a loop over the layers, which becomes
        ``layer(x) if layer is self.layers[-1] else torch.relu(layer(x))``.
        """
        module = self.names.get(activation.name)
        places = [Location.from_json(at) for at in self._calls_of(activation)]
        location = places[-1] if places else activation.location
        call = call_at(location)
        if call is None or location is None or (module is None and not activation.functional):
            return []
        place = _place(location)
        loop = layer_loop(call)
        if loop is not None and self._ends_with_output(loop[1]):
            variable, rows = loop
            kept = _unless_last(variable, rows)
            edit: Edit = Rewrite(location, call.text(call.node), call.unless(variable, rows))
        elif module is not None and places.count(location) == 1:
            kept, edit = _never, DropCall(location, "")
        else:
            return []
        if module is None:
            self.treatment.replaced_calls[place] = _first
            self.treatment.kept_calls[place] = kept
        else:
            module.register_forward_hook(_skipping(place, kept))
        return [Change(f"{activation.name} taken away behind the last layer", edit)]

    def _calls_of(self, activation: Activation) -> list[dict[str, Any]]:
        known: dict[str, list[dict[str, Any]]] = self.run.facts.get("module_calls") or {}
        return known.get(activation.name, []) if not activation.functional else []

    def _ends_with_output(self, rows: str) -> bool:
        """Return whether the last layer is the last element of what the script calls `rows`."""
        last = next((la.name for la in self.run.weights if la.output), "")
        output, attribute = self.names.get(last), rows.rpartition(".")[2]
        held = [m._modules.get(attribute) for m in self.births.modules()]
        return any(
            isinstance(row, (nn.ModuleList, nn.Sequential))
            and list(row._modules.values())[-1:] == [output]
            for row in held
        )

    def use_log_softmax(self, activation: Activation) -> list[Change]:
        """Make a softmax a log-softmax over the same dimension."""
        module = self.names.get(activation.name)
        if isinstance(module, nn.Softmax):
            changes = []
            for site in self.sites([module], lambda m: type(m) is nn.LogSoftmax):
                layers = self._become(site, lambda: nn.LogSoftmax(module.dim), "log_softmax")
                kept = len(site.call.positional)
                edit = ReplaceCall(
                    site.location, "Softmax", "torch.nn.LogSoftmax", kept, site.call.keywords
                )
                changes.append(Change(f"{layers[0]}: Softmax -> LogSoftmax", edit, layers))
            return changes
        call = call_at(activation.location)
        if activation.location is None or call is None or not call.plain:
            return []
        function = torch.nn.functional.log_softmax
        self.treatment.replaced_calls[_place(activation.location)] = function
        method = call.receiver is not None and resolve(call.receiver, self._frame) not in (
            torch,
            torch.nn.functional,
        )
        kept = len(call.positional) + method
        name = "torch.nn.functional.log_softmax"
        edit = ReplaceCall(activation.location, "softmax", name, kept, call.keywords)
        return [Change(f"{activation.name}: softmax -> log_softmax", edit, (activation.name,))]

    def _become(self, site: Site, make: Callable[[], nn.Module], kind: str) -> tuple[str, ...]:
        """Turn the site's modules into others in place, so that every reference to them holds."""
        bare = vars(nn.Module()).keys()
        for module in site.modules:
            new = make()
            module.__class__ = type(new)
            for key, value in vars(new).items():
                if key not in bare:
                    vars(module)[key] = value
            self._kinds[self.name(module)] = kind
        return tuple(name for m in site.modules if (name := self.name(m)))

    def surround(
        self,
        modules: Iterable[nn.Module],
        make: Callable[[nn.Module], nn.Module],
        source: Callable[[nn.Module], str],
        *,
        after: bool,
        elsewhere: bool = True,
    ) -> list[Change]:
        """Put a new module before or after some modules, in all places where they are used.

        Args:
            modules: Where.
            make: Makes the new module for one of them.
            source: The new module's source; ``{name}`` is the call's own argument of that name.
            after: After them, not before.
            elsewhere: Whether modules that the same call constructs in other models may be treated
                too; not if the new module has parameters, since another optimizer lacks them.
        """
        changes = []
        known = self.treatment.neighbours
        modules = [m for m in modules if _slots(self.births, m)]  # a root cannot be replaced

        def done(module: nn.Module) -> bool:
            return source(module) in known.get(module, ())

        file = self.location.file if self.location else ""
        # Calls stay as they are where the script itself looks into its layers, and where lines
        # inserted before count on the places of layers, which new elements would shift.
        if self._indexed or attributes(file).intersection(_LOOKED_AT):
            sites = []
        else:
            sites = self.sites(modules, done, elsewhere=elsewhere)
        for site in sites:
            first = site.modules[0]
            kind = type(first).__name__
            for module in site.modules:
                new = make(module).train(module.training)
                _put(self.births, module, new, after=after, insert=site.call.element)
                known.setdefault(module, set()).add(source(module))
            text = source(first)
            expects = kind if site.call.callee == kind else ""
            before, behind = ((), (text,)) if after else ((text,), ())
            positions = _POSITIONS.get(kind, ())
            edit = Surround(site.location, expects, before, behind, positions)
            layers = tuple(name for m in site.modules if (name := self.name(m)))
            where = "after" if after else "before"
            what = f"{type(new).__name__} {where} {', '.join(layers)}"
            changes.append(Change(what, edit, layers))
        rest = [module for module in modules if not done(module)]
        if len(rest) > _MANY or not (elsewhere or self._parameters_inline()):
            return changes
        for module in rest:
            text = _with_attributes(source(module), module)
            changes += self._surround_later(module, text, after=after)
            known.setdefault(module, set()).add(source(module))
        return changes

    def _parameters_inline(self) -> bool:
        """Return whether the constructor call itself asks all models for their parameters.

        If the script collected them before, it misses what lines before the call add.
        """
        owners = self._call.owners("parameters") if self._call else []
        found = [resolve(text, self._frame) for text in owners]
        return all(any(model is owner for owner in found) for model in self.models)

    def _surround_later(self, module: nn.Module, text: str, *, after: bool) -> list[Change]:
        """Put a new module next to `module` in lines before the optimizer."""
        parents = _slots(self.births, module)
        slots = [child for parent in parents for child in parent._modules.values()]
        name = self.name(module)
        if not module.training or sum(child is module for child in slots) != 1:
            return []
        containers = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
        if any(
            type(p).__module__.startswith("torch.") and type(p) not in containers for p in parents
        ):
            return []  # torch's own modules look into their parts
        device = next((p.device for p in module.parameters()), torch.device("cpu"))
        if device.type != "cpu" and "Norm" in text:
            text = f'{text[:-1]}, device="{device}")'
        pair = ", ".join((f"${{{name}}}", text) if after else (text, f"${{{name}}}"))
        what = (
            f"{text.partition('(')[0].rpartition('.')[2]} {'after' if after else 'before'} {name}"
        )
        changes = self.before_optimizer(what, f"${{{name}}} = torch.nn.Sequential({pair})\n")
        return [replace(change, layers=(name,)) for change in changes]

    def add_dropout(self, p: float) -> list[Change]:
        """Put dropout in front of the trained linear layers, except those that come first."""
        share = float(number(p))
        for model in self.models:
            if any(isinstance(m, nn.Dropout) and m.p >= share for m in model.modules()):
                return []
        pairs = self.layers()
        depth = min((layer.depth for layer, _ in pairs), default=0)
        first = [m for layer, m in pairs if layer.depth == depth]
        later = [m for _, m in pairs if isinstance(m, nn.Linear) and m not in (*first, pairs[0][1])]

        def make(module: nn.Module) -> nn.Module:
            return nn.Dropout(share)

        def source(module: nn.Module) -> str:
            return f"torch.nn.Dropout({share!r})"

        changes = self.surround(later, make, source, after=False)
        if changes:
            return changes
        fed = {
            layer.activation_name
            for layer, m in pairs
            if isinstance(m, nn.Linear) and not layer.output
        }
        hidden = [a for a in self.run.activations if a.name in fed and not a.output]
        modules = [m for a in hidden if (m := self.names.get(a.name)) is not None]
        return self.surround(modules, make, source, after=True)

    def add_batch_norm(self) -> list[Change]:
        """Put batch normalization behind the hidden layers that feed an activation."""
        norms = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}

        def norm(module: nn.Module) -> Any:
            kind = type(module).__name__
            return norms[2 + int(kind[4])] if kind.startswith("Conv") else nn.BatchNorm1d

        def units(module: nn.Module) -> str:
            return "out_features" if isinstance(module, nn.Linear) else "out_channels"

        chosen = [
            module
            for layer, module in self.layers()
            if layer.activation
            and not (layer.output or layer.normalized)
            and (
                (isinstance(module, nn.Linear) and layer.dimensions == 2)
                or isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d))
            )
        ]
        return self.surround(
            chosen,
            lambda m: norm(m)(getattr(m, units(m))).to(m.weight.device, m.weight.dtype),
            lambda m: f"torch.nn.{norm(m).__name__}({{{units(m)}}})",
            after=True,
            elsewhere=False,
        )

    def add_relu(self) -> list[Change]:
        """Put a ReLU behind the hidden layers of a network in which nothing is nonlinear.

        Where an `nn.Sequential` has batch normalization next to a layer, behind that (Ioffe and
        Szegedy, ICML 2015, section 3.2).
        """
        norms = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
        rows = [m for held in self.models for m in held.modules() if isinstance(m, nn.Sequential)]
        behind = {
            layer: norm for row in rows for layer, norm in pairwise(row) if isinstance(norm, norms)
        }
        chosen = [
            behind.get(module, module)
            for layer, module in self.layers()
            if not (layer.output or layer.activation)
            and isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d))
        ]
        return self.surround(chosen, lambda _: nn.ReLU(), lambda _: "torch.nn.ReLU()", after=True)

    # ------------------------------------------------------------------ inserted lines

    def model_expression(self, model: nn.Module) -> str | None:
        """Return how the script calls `model` where it constructs the optimizer, or None."""
        for text in self._call.owners("parameters") if self._call else []:
            if resolve(text, self._frame) is model:
                return text
        return expression(model, self._frame)

    def _path(self, module: nn.Module) -> tuple[nn.Module, str] | None:
        """Return the model that `module` is in and what to write behind it: ``.head[2]``."""
        for model in self.models:
            for name, held in model.named_modules():
                if held is module:
                    text, parent = "", model
                    for part in name.split(".") if name else []:
                        key = part if part.isdigit() else repr(part)
                        listed = isinstance(parent, (nn.Sequential, nn.ModuleList, nn.ModuleDict))
                        text += f".{part}" if part.isidentifier() else f"[{key}]"
                        if not (part.isidentifier() or listed):
                            return None
                        parent = parent._modules[part]
                    return model, text
        return None

    def modules_expression(self) -> str | None:
        """Return an expression for all modules of all models, or None."""
        names = [self.model_expression(model) for model in self.models]
        if not names or None in names:
            return None
        if len(names) == 1:
            return f"{names[0]}.modules()"
        return "[" + ", ".join(f"*{name}.modules()" for name in names) + "]"

    def before_optimizer(
        self, what: str, lines: str, classes: Mapping[str, type] | None = None
    ) -> list[Change]:
        """Execute lines before the statement that constructs the optimizer.

        Args:
            what: For the report.
            lines: Source. ``$model`` stands for the model, ``$modules`` for all modules;
                any other ``$name`` for a variable that the script does not use.
            classes: The script's own classes that the lines name.
        """
        modules = self.modules_expression()
        if modules is None or self.location is None:
            return []
        known = {"modules": modules}
        live = {"modules": "modules"}
        objects: dict[str, Any] = {
            **(classes or {}),
            "modules": [m for held in self.models for m in held.modules()],
        }
        if len(self.models) == 1:
            known["model"], live["model"] = self.model_expression(self.models[0]) or "", "model"
            objects["model"] = self.models[0]
        for name in re.findall(r"\$\{(.*?)\}", lines):
            place = self._path(self.names[name])
            if place is None:
                return []
            model, path = place
            self._indexed = self._indexed or "[" in path
            index = next(i for i, held in enumerate(self.models) if held is model)
            known[f"{{{name}}}"] = (self.model_expression(model) or "") + path
            live[f"{{{name}}}"] = f"model_{index}{path}"
            objects[f"model_{index}"] = model
        _execute(fill(lines, live), objects)
        return [Change(what, Insert(self.location, fill(lines, known, self.location.file)))]

    def after_optimizer(self, what: str, lines: str) -> list[Change]:
        """Execute lines after the statement that constructs the optimizer.

        Args:
            what: For the report.
            lines: Source. ``$optimizer`` stands for the optimizer; any other ``$name`` for a
                variable that the script does not use.
        """
        call = self._call
        if call is None or call.target is None or self.location is None or not self._own_call:
            return []
        if not isinstance(call.parents[0], (ast.Assign, ast.AnnAssign)):
            return []  # more of the statement would be executed before the lines
        _execute(fill(lines, {"optimizer": "optimizer"}), {"optimizer": self.optimizer})
        text = fill(lines, {"optimizer": call.target}, self.location.file)
        return [Change(what, Insert(self.location, text, "after"))]

    def initialize(
        self, draw: str, transposed: str, *, comment: str, what: str, recurrent: str = ""
    ) -> list[Change]:
        """Draw the weights of linear and convolution layers anew, in a loop before the optimizer.

        Args:
            draw: Statement that draws ``$module.weight``.
            transposed: The same for transposed convolutions, whose fans are the other way round.
            comment: For the source.
            what: For the report.
            recurrent: Statement that draws ``$weight``, each matrix that takes the inputs of a
                recurrent layer; those from step to step become orthogonal then.
        """
        if not self.models:
            return self._draw_tensors(draw, transposed, comment, what)
        loops: list[str] = []
        layers: list[str] = []
        classes: dict[str, type] = {}
        looped = self._looped() if recurrent else {}
        for module, weight in looped.items():
            place = f"$module is ${{{self.name(module)}}}"
            if not isinstance(module, _OF_TORCH):
                classes[type(module).__name__] = type(module)
                place = f"isinstance($module, {type(module).__name__})"
            branch = f"if {place}:\n        torch.nn.init.orthogonal_($module.{weight})\n"
            if not any(branch in known for known in loops):  # several cells of one class
                loops.append(f"    {'el' * bool(loops)}{branch}")
            layers.append(self.name(module))
        for kinds, statement in ((_MATRICES, draw), (_TRANSPOSED, transposed)):
            found = self._drawn(kinds)
            if found is None:
                return []
            if found[1]:
                loops.append(f"    {'el' * bool(loops)}if {found[0]}:\n        {statement}\n")
                loops[-1] += _zero_biases(found[1])
                layers += [self.name(module) for module in found[1]]
        for kind in (nn.RNNBase, nn.RNNCellBase) if recurrent else ():
            rnns = [m for model in self.models for m in model.modules() if isinstance(m, kind)]
            if not rnns:
                continue
            loops.append(
                f"    {'el' * bool(loops)}if isinstance($module, torch.nn.{kind.__name__}):\n"
                "        for $name, $weight in $module.named_parameters():\n"
                '            if $name.startswith("weight_hh") and $weight.requires_grad:\n'
                "                torch.nn.init.orthogonal_($weight)\n"
                "            elif $weight.ndim == 2 and $weight.requires_grad:\n"
                f"                {recurrent}\n"
            )
            layers += [self.name(module) for module in rnns]
        written = [module for module in self._written_by_hand() if module not in looped]
        by_hand: dict[str, type] = {}
        for module in written:
            kind = type(module)
            if by_hand.setdefault(kind.__name__, kind) is not kind:
                return []
            layers.append(self.name(module))
        if by_hand:
            shapes = [
                tuple(weight.shape)
                for module in self._written_by_hand()
                for weight in module.parameters(recurse=False)
                if weight.ndim == 2
            ]
            by_rows = draw if _rows_are_units(shapes) else transposed
            statement = by_rows.replace("$module.weight", "$weight")
            names = [
                f"torch.nn.{name}" if kind is nn.ParameterList else name
                for name, kind in by_hand.items()
            ]
            text = names[0] if len(names) == 1 else f"({', '.join(names)})"
            loops.append(
                f"    {'el' * bool(loops)}if isinstance($module, {text}):\n"
                "        for $weight in $module.parameters(recurse=False):\n"
                "            if $weight.ndim == 2 and $weight.requires_grad:\n"
                f"                {statement}\n"
            )
        if not loops:
            return []
        body = textwrap.indent("for $module in $modules:\n" + "".join(loops), "    ")
        lines = f"with torch.random.fork_rng():  # {comment}\n{body}"
        known = {**classes, **by_hand}
        drawn = ", ".join(dict.fromkeys(layers))
        changes = self.before_optimizer(f"{what} of {drawn}", lines, known)
        return [replace(change, layers=tuple(layers)) for change in changes]

    def _draw_tensors(self, draw: str, transposed: str, comment: str, what: str) -> list[Change]:
        """Draw matrices that are in no module, where the optimizer gets a list of them by name."""
        given = self._call.positional[:1] if self._call else []
        held = resolve(given[0], self._frame) if given else None
        if self.location is None or not isinstance(held, (list, tuple)):
            return []
        matrices = [p for p in held if isinstance(p, torch.Tensor) and p.ndim == 2]
        if not all(isinstance(p, torch.Tensor) and p.is_leaf for p in held) or not matrices:
            return []
        by_rows = _rows_are_units([tuple(p.shape) for p in matrices])
        statement = (draw if by_rows else transposed).replace("$module.weight", "$weight")
        lines = (
            f"with torch.random.fork_rng():  # {comment}\n"
            "    for $weight in $tensors:\n"
            "        if $weight.ndim == 2 and $weight.requires_grad:\n"
            f"            {statement}\n"
        )
        _execute(fill(lines, {"tensors": "tensors"}), {"tensors": held})
        text = fill(lines, {"tensors": given[0]}, self.location.file)
        return [Change(f"{what} of {given[0]}", Insert(self.location, text))]

    def _looped(self) -> dict[nn.Module, str]:
        """Return the modules that a loop of the script uses in each time step, and their matrix.

        Those with one square matrix: what it takes in is what it put out the step before.
        """
        found: dict[nn.Module, str] = {}
        known = {**self._frame.f_globals, **self._frame.f_locals} if self._frame else {}
        for layer, module in self.layers():
            if isinstance(module, (nn.RNNBase, nn.RNNCellBase)):
                continue
            square = [
                name
                for name, p in module._parameters.items()
                if p is not None and p.ndim == 2 and p.shape[0] == p.shape[1] and p.requires_grad
            ]
            kind = type(module)
            named = isinstance(module, _OF_TORCH) or known.get(kind.__name__) is kind
            if named and len(square) == 1 and self.run.of("through_time", layer.name):
                found[module] = square[0]
        return found

    def _written_by_hand(self) -> list[nn.Module]:
        """Return the modules of the script's own classes that hold matrices themselves.

        None of them where the optimizer's line does not know their names, or where most of the
        layers are torch's: a matrix may be an embedding then.
        """
        matrices = [(layer, module) for layer, module in self.layers() if layer.matrix]
        own = [
            module
            for _, module in matrices
            if type(module) is nn.ParameterList or not isinstance(module, _OF_TORCH)
        ]
        known = {**self._frame.f_globals, **self._frame.f_locals} if self._frame else {}
        named = all(
            type(m) is nn.ParameterList or known.get(type(m).__name__) is type(m) for m in own
        )
        return own if named and 2 * len(own) > len(matrices) else []

    def _drawn(self, kinds: Sequence[type]) -> tuple[str, list[nn.Module]] | None:
        """Return a condition for the modules of some kinds that may be drawn, and these modules.

        None means that no short condition says it.
        """
        modules: list[Any] = [m for model in self.models for m in model.modules()]
        found: list[Any] = [m for m in modules if isinstance(m, tuple(kinds))]
        held: Counter[int] = Counter()
        for module in modules:
            if not any(module is other for other in found):
                held.update(id(parameter) for parameter in module._parameters.values())
        kept = [
            m
            for m in found
            if "weight" not in m._parameters  # computed from others
            or isinstance(m.weight, nn.parameter.UninitializedParameter)
            or id(m.weight) in held  # tied to an embedding, say
        ]
        drawn = [m for m in found if m not in kept and m.weight.requires_grad]
        names = [f"torch.nn.{k.__name__}" for k in kinds if any(isinstance(m, k) for m in drawn)]
        text = names[0] if len(names) == 1 else f"({', '.join(names)})"
        condition = f"isinstance($module, {text})"
        kept = [m for m in kept if isinstance(m, tuple(kinds))]
        if len(kept) > _EXCEPTIONS or not all(self.name(m) for m in kept):
            return None
        condition += "".join(f" and $module is not ${{{self.name(m)}}}" for m in kept)
        if any(not m.weight.requires_grad for m in found if m not in kept):
            condition += " and $module.weight.requires_grad"
        return condition, drawn

    def at_step(self, what: str, lines: str, *, after: bool) -> list[Change]:
        """Execute lines before or after every ``optimizer.step()`` of the script.

        Args:
            what: For the report.
            lines: Source. ``$optimizer`` stands for the optimizer, ``$parameters`` for what it
                trains; any other ``$name`` for a variable that the script does not use.
            after: After the step, not before it.
        """
        location = self.run.optimizer.step_location
        call = call_at(location)
        if location is None or call is None or call.callee != "step" or call.receiver is None:
            return []
        if call.node.args or call.node.keywords:
            return []  # a closure computes gradients inside the step; a scaler has scaled them
        place = _place(location)
        parameters = '[p for group in $optimizer.param_groups for p in group["params"]]'
        code = _compile(lines.replace("$parameters", parameters))

        def hook(optimizer: Any, *_: Any) -> None:
            if _place(locate(calling_frame())) == place:
                exec(code, {"torch": torch, "optimizer": optimizer})

        register = "register_step_post_hook" if after else "register_step_pre_hook"
        getattr(self.optimizer, register)(hook)
        if self._call is not None and self._call.scope is call.scope and len(self.models) == 1:
            model, held = self.model_expression(self.models[0]), self.optimizer.param_groups
            optimized = [id(p) for group in held for p in group["params"]]
            if model is not None and optimized == [id(p) for p in self._parameters()]:
                parameters = f"{model}.parameters()"
        text = lines.replace("$parameters", parameters)
        text = fill(text, {"optimizer": call.receiver}, location.file)
        return [Change(what, Insert(location, text, "after" if after else "before"))]

    # ------------------------------------------------------------------ the optimizer

    def setting(self, name: str) -> Any:
        """Return an argument of the optimizer, its default if the script does not give it."""
        if name in self.arguments:
            return self.arguments[name]
        if "defaults" in self.arguments:
            return self.arguments["defaults"].get(name)
        parameter = inspect.signature(self.kind).parameters.get(name)
        return None if parameter is None else parameter.default

    def accepts(self, name: str) -> bool:
        """Return whether the optimizer has an argument of that name."""
        return "defaults" not in self.arguments and name in inspect.signature(self.kind).parameters

    def own_settings(self, name: str) -> list[Any]:
        """Return the values that parameter groups set for themselves."""
        return [group[name] for group in self._items if name in group]

    def rate(self) -> float | None:
        """Return the largest learning rate among the parameter groups, or None."""
        rates = self.own_settings("lr")
        if len(rates) < len(self._items):
            rates = [*rates, self.setting("lr")]
        numbers = [float(rate) for rate in rates if rate is not None]
        return max(numbers) * self._scale if numbers else None

    def use_optimizer(self, name: str | None = None, **settings: float) -> list[Change]:
        """Change the optimizer's class, settings, or both.

        Parameter groups with learning rates of their own keep their ratio: the largest becomes
        ``lr``.

        Args:
            name: Class in `torch.optim`; None keeps the class. A subclass of it is kept too.
            settings: Numeric arguments.
        """
        if not self._own_call or self._call is None:
            return []  # a library constructs it: no call in the script to change
        before = self._title()
        target = self.kind if name is None else getattr(torch.optim, name)
        if issubclass(self.kind, target):
            target = self.kind
        if target is torch.optim.Optimizer and set(settings) != {"lr"}:
            return []  # an optimizer of the script's own: only its learning rate is known
        settings = {key: float(number(value)) for key, value in settings.items()}
        rate = self.rate()
        written = self._custom and not self._switched  # its call takes who knows what
        switch = target is not self.kind or (written and set(settings) != {"lr"})
        if switch:
            accepted = inspect.signature(target).parameters
            names = CARRIED if target is not self.kind else tuple(self.arguments)
            kept = {k: v for k, v in self.arguments.items() if k in names and k in accepted}
            if self.own_settings("lr"):
                kept["lr"] = self.setting("lr")
            self.kind, self.arguments, self._switched = target, kept, True
        lr = settings.pop("lr", None)
        if lr is not None and (self.own_settings("lr") or (written and not switch)):
            if self._call.target is None or not rate:
                return []
            if lr != rate:
                self._scale *= float(number(lr / rate))
        elif lr is not None and (switch or lr != self.setting("lr")):
            self.arguments["lr"] = lr
        for key, value in settings.items():
            if value != self.setting(key):
                self.arguments[key] = value
        after = self._title()
        if before == after:
            return []
        change = Change(f"{before} -> {after}")
        self._pending.append(change)  # its edit is known when all remedies have spoken
        return [change]

    def _title(self) -> str:
        shown = {**self.arguments.get("defaults", {}), **self.arguments}
        values = [
            f"{key}={value:g}"
            for key, value in shown.items()
            if isinstance(value, (int, float)) and not isinstance(value, bool)
        ]
        if self._scale != 1.0:
            values.append(f"learning rates of its groups x {self._scale:g}")
        name = (self.kind if self._switched else type(self.optimizer)).__name__
        return f"{name}({', '.join(values)})"

    def construct(self, original: Callable[..., None]) -> None:
        """Initialize the optimizer as the remedies want it, over the parameters there are now."""
        self._follow_parameters()
        groups = self._items if self._grouped else self._items[0]["params"]
        if self._switched:
            self.optimizer.__class__ = self.kind
            original = self.kind.__init__  # type: ignore[misc]
        original(self.optimizer, groups, **self.arguments)
        edits: list[Edit] = []
        if self._switched or self.arguments != self._original_arguments:
            edits.append(self._constructor_edit())
        if self._scale != 1.0 and self.location is not None and self._call is not None:
            lines = _SCALE_RATES.replace("$factor", repr(self._scale))
            _execute(fill(lines, {"optimizer": "optimizer"}), {"optimizer": self.optimizer})
            known = {"optimizer": self._call.target or ""}
            edits.append(Insert(self.location, fill(lines, known, self.location.file), "after"))
        changes: list[Change] = []
        for change in self.changes:
            pending = any(change is own for own in self._pending)
            changes += [replace(change, edit=edit) for edit in edits] if pending else [change]
        self.changes[:] = changes

    def _constructor_edit(self) -> Edit:
        assert self.location is not None
        assert self._call is not None
        positions = tuple(inspect.signature(self._original_kind).parameters)
        written = self._call.arguments(positions) if not self._custom else {}
        changed = {
            key: number(value)
            for key, value in self.arguments.items()
            if key not in self._original_arguments or self._original_arguments[key] is not value
        }
        expects = self._call.callee if self._call.callee == self._called else ""
        if not self._switched and self._call.plain:
            return SetArguments(self.location, expects, changed, positions=positions)
        kept = {
            key: changed.get(key) or written.get(key) or repr(self.arguments[key])
            for key in sorted(self.arguments, key=lambda key: key != "lr")
        }
        return ReplaceCall(self.location, expects, f"torch.optim.{self.kind.__name__}", 1, kept)

    def _follow_parameters(self) -> None:
        """Let the groups follow surgery: a new parameter goes behind the one it follows in a model.

        In the patched script ``model.parameters()`` yields them in that order.
        """
        now = self._parameters()
        old = {id(parameter) for parameter in self._order}
        gone = old - {id(parameter) for parameter in now}
        for group in self._items:
            group["params"] = [i for i in group["params"] if id(_tensor(i)) not in gone]
        for before, new in zip([None, *now], now, strict=False):
            if id(new) in old:
                continue
            group, index = next(
                (
                    (group, index + 1)
                    for group in self._items
                    for index, item in enumerate(group["params"])
                    if _tensor(item) is before
                ),
                (self._items[0], len(self._items[0]["params"])),
            )
            named = bool(group["params"]) and isinstance(group["params"][0], tuple)
            group["params"].insert(index, (f"added.{index}", new) if named else new)
        self._order = now


_MATRICES = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_OF_TORCH = tuple({kind for kind in vars(nn).values() if isinstance(kind, type)} - {nn.Module})
_EXCEPTIONS = 3
"""More layers than these cannot be left out of a loop in readable lines."""


_MANY = 8
"""Lines that one remedy may insert, one for a layer."""


def _with_attributes(text: str, module: nn.Module) -> str:
    """Write a module's attributes for the ``{name}`` in `text`."""
    return re.sub(r"\{(\w+)\}", lambda found: repr(getattr(module, found[1])), text)


def _zero_biases(modules: Sequence[nn.Module]) -> str:
    """Return the lines that set the biases of `modules` to zero, as short as these allow."""
    biases = [module.bias for module in modules]
    if all(bias is None for bias in biases):
        return ""
    indent, condition = " " * 8, ""
    if any(bias is None for bias in biases):
        indent, condition = " " * 12, "        if $module.bias is not None:\n"
    return f"{condition}{indent}torch.nn.init.zeros_($module.bias)\n"


_SCALE_RATES = """\
for $group in $optimizer.param_groups:
    $group["lr"] *= $factor
"""


def fill(lines: str, known: Mapping[str, str], file: str | None = None) -> str:
    """Write names for the ``$names`` in `lines`: known ones, or else such that `file` lacks."""

    def name(found: re.Match[str]) -> str:
        key = found[1]
        if key in known:
            return known[key]
        return unused(key, file) if file else key

    return re.sub(r"\$(\w+|\{.*?\})", name, lines)


def _compile(lines: str) -> Any:
    return compile(fill(lines, {}), _OURS, "exec")


def _rows_are_units(shapes: Sequence[tuple[int, ...]]) -> bool:
    """Return whether matrices written by hand have a row for each unit, as torch's have.

    Their shapes say it where one follows upon another: what one puts out the next one takes in.
    """
    pairs = list(pairwise(shapes))
    rows = sum(before[0] == after[1] for before, after in pairs)
    return rows > sum(before[1] == after[0] for before, after in pairs)


def _execute(lines: str, objects: Mapping[str, Any]) -> None:
    """Execute the lines that the source gets, with the objects themselves for the names."""
    exec(_compile(lines), {"torch": torch, **objects})


def _first(*args: Any, **kwargs: Any) -> Any:
    return args[0] if args else kwargs["input"]


def _never(frame: FrameType | None) -> bool:
    return False


def _unless_last(variable: str, rows: str) -> Callable[[FrameType | None], bool]:
    """Return what says, in a loop over layers, that this is not the last of them."""

    def kept(frame: FrameType | None) -> bool:
        held: Any = resolve(rows, frame)
        return resolve(variable, frame) is not held[-1]

    return kept


def _skipping(place: Any, kept: Callable[[FrameType | None], bool]) -> Callable[..., Any]:
    """Return a forward hook by which a module does nothing where it is called at `place`."""

    def hook(module: nn.Module, inputs: Any, output: Any) -> Any:
        frame = calling_frame()
        return output if _place(locate(frame)) != place or kept(frame) else inputs[0]

    return hook


def _tensor(item: Any) -> Any:
    """Return the parameter of an optimizer's item, which may be a pair of name and parameter."""
    return item[1] if isinstance(item, tuple) else item


def _groups(parameters: Iterable[Any]) -> tuple[list[dict[str, Any]], bool]:
    """Return parameter groups with lists of parameters, and whether the script gave groups."""
    items = list(parameters)
    if not items or not isinstance(items[0], dict):
        return [{"params": items}], False
    return [
        {
            **group,
            "params": [group["params"]]
            if isinstance(group["params"], torch.Tensor)
            else list(group["params"]),
        }
        for group in items
    ], True


def _stateless(module: nn.Module) -> bool:
    """Return whether a module can become another in place: torch's own, nothing inside."""
    own = type(module).__module__.startswith("torch.nn.")
    return own and not (module._parameters or module._buffers or module._modules)


def _slots(births: Births, module: nn.Module) -> list[nn.Module]:
    """Return the living modules that hold `module` directly."""
    return [
        parent
        for parent in births.modules()
        if any(child is module for child in parent._modules.values())
    ]


def _put(births: Births, module: nn.Module, new: nn.Module, *, after: bool, insert: bool) -> None:
    """Put `new` next to `module`: as an element of its `Sequential`, else both into a new one."""
    pair = (module, new) if after else (new, module)
    parents = _slots(births, module)
    whole: nn.Module | None = None
    for parent in parents:
        children = list(parent._modules.items())
        numbered = [name for name, _ in children] == [str(i) for i in range(len(children))]
        if insert and type(parent) is nn.Sequential and numbered:
            flat = [m for _, c in children for m in (pair if c is module else (c,))]
            parent._modules.clear()
            parent._modules.update((str(index), child) for index, child in enumerate(flat))
            continue
        whole = whole or nn.Sequential(*pair).train(module.training)
        for name, child in children:
            if child is module:
                parent._modules[name] = whole
