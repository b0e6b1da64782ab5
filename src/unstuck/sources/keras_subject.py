"""A Keras training as its script writes it: what remedies change there, as edits of the source.

Keras scripts are never treated live. The record says which call constructed each layer, compiled
the model and fitted it; remedies edit these calls, and trials execute the edited script.
"""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from unstuck.edits import DropCall, Edit, Insert, ReplaceCall, SetArguments, Surround
from unstuck.findings import Location
from unstuck.remedies import Change
from unstuck.signals import Activation, Layer, Run
from unstuck.sources.batches import argument
from unstuck.sources.keras_calls import POSITIONS, KerasCall, assigned, keras_call
from unstuck.sources.numbers import literal
from unstuck.sources.own_layers import applied, own_layer, square
from unstuck.sources.script import Script, callee

__all__ = ["KerasSubject", "merged", "number"]

CARRIED = ("weight_decay", "clipnorm", "clipvalue", "global_clipnorm")
"""Settings that an optimizer takes over from the one in whose place it comes."""
NORM_MOMENTUM = 0.9
"""Of an added normalization, as PyTorch has it. Keras' 0.99 needs hundreds of steps until its
running statistics are those of the data, and evaluations before that are wrong."""
_OWNING = frozenset(name for name, places in POSITIONS.items() if "activation" in places)
_LAYERS = frozenset(_OWNING - {"Activation"})
_ACTIVATION_LAYERS = frozenset({"ReLU", "LeakyReLU", "ELU", "PReLU", "Softmax"})
GLOROT = "glorot_uniform"
"""Keras' own initializer."""
_RECURRENT = frozenset({"SimpleRNN", "LSTM", "GRU"})
_SCHEDULES = ("ExponentialDecay", "CosineDecay", "PolynomialDecay", "InverseTimeDecay")


def number(value: float) -> str:
    """Return a number as source, four significant digits."""
    return repr(float(f"{value:.4g}"))


class KerasSubject:
    """What a remedy changes in a Keras script: its layers, what compiles it, what fits it.

    Remedies of one treatment get the same subject one after the other, so that each sees what those
    before it have changed.

    Args:
        run: The untreated run.

    Attributes:
        run: The untreated run.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self._calls: dict[Location, KerasCall | None] = {}
        self._kinds: dict[str, str] = {}
        self._written: dict[Location, str] = {}
        self._optimizer: tuple[str, dict[str, str]] | None = None

    # ------------------------------------------------------------------ calls

    def call(self, location: Location | None) -> KerasCall | None:
        """Return the call at a location, None where it is not surely one of Keras."""
        if location is None or location.column is None:
            return None
        if location not in self._calls:
            self._calls[location] = keras_call(location)
        return self._calls[location]

    @property
    def compile(self) -> KerasCall | None:
        """The call of ``compile``."""
        fact = (self.run.facts.get("compile") or {}).get("location")
        found = self.call(Location.from_json(fact))
        return found if found is not None and found.name == "compile" else None

    @property
    def fit(self) -> KerasCall | None:
        """The call of ``fit``, None where the script takes steps in another way."""
        found = self.call(self.run.optimizer.step_location)
        return found if found is not None and found.name == "fit" else None

    @property
    def root(self) -> str:
        """What the script calls Keras: ``keras``, or ``tensorflow.keras``."""
        places = [self.run.optimizer.location, *(layer.location for layer in self.run.layers)]
        scripts = [call.script for place in places if (call := self.call(place)) is not None]
        scripts += [call.script for call in (self.compile, self.fit) if call is not None]
        for script in scripts:
            said = {full.partition(".")[0] for full in script.imported()}
            if "keras" in said:
                return "keras"
            if "tensorflow" in said:
                return "tensorflow.keras"
        return "keras"

    def quoted(self, text: str, script: Script) -> str:
        """Return a text as the script writes texts."""
        source = script.source
        return f"'{text}'" if source.count("'") > source.count('"') else f'"{text}"'

    def _at(self, location: Location | None) -> list[Layer]:
        return [layer for layer in self.run.layers if layer.location == location]

    def sites(
        self, chosen: Callable[[Layer], bool], *, every: bool = True
    ) -> list[tuple[KerasCall, list[Layer]]]:
        """Return the calls that construct some layers, with these.

        Args:
            chosen: Which layers.
            every: Whether calls that construct others as well are left out.
        """
        places = dict.fromkeys(layer.location for layer in self.run.layers if chosen(layer))
        found = []
        for place in places:
            call, here = self.call(place), self._at(place)
            if call is None or call.name not in _LAYERS:
                continue
            if any(layer.kind != call.name for layer in here):
                continue
            if every and not all(chosen(layer) for layer in here):
                continue
            found.append((call, [layer for layer in here if chosen(layer)]))
        return found

    def set_arguments(
        self, call: KerasCall, values: Mapping[str, str], drop: Iterable[str] = ()
    ) -> SetArguments:
        """Return the edit that sets arguments of a call, and drops others.

        What is dropped and comes from a ``partial`` becomes None.
        """
        gone = [name for name in drop if name in call.given]
        unset = [n for n in drop if n not in call.given and call.argument(n) is not None]
        return SetArguments(
            call.location,
            call.expects,
            {**values, **dict.fromkeys(unset, "None")},
            tuple(gone),
            call.positions,
        )

    def set_fit(self, what: str, **values: str) -> list[Change]:
        """Set arguments of ``fit``; nothing where the script calls none."""
        call = self.fit
        return [] if call is None else [Change(what, self.set_arguments(call, values))]

    def add_callback(self, text: str) -> list[Change]:
        """Give ``fit`` one more callback; nothing where there is one of its class already.

        Args:
            text: Source that makes it.
        """
        call = self.fit
        name = text.partition("(")[0].rpartition(".")[2]
        if call is None or f"{name}(" in call.script.source:
            return []
        held = self._listed(call, call.argument("callbacks"))
        return self.set_fit(name, callbacks=f"[{', '.join([*held, text])}]")

    def _listed(self, call: KerasCall, given: ast.expr | None) -> list[str]:
        """Return the items of a list that ``fit`` is given; of a single thing, it alone."""
        script = call.script
        if given is None or (isinstance(given, ast.Constant) and given.value is None):
            return []
        if isinstance(given, (ast.List, ast.Tuple)):
            return [script.text(item) for item in given.elts]
        stored = list(assigned(script, given.id)) if isinstance(given, ast.Name) else [given]
        made = stored[0] if len(stored) == 1 else None
        if isinstance(made, ast.Call) and callee(made)[:1].isupper():  # of a class
            return [script.text(given)]
        sure = isinstance(made, (ast.List, ast.Tuple, ast.Call))
        return [f"*{script.text(given)}" if sure else f"*({script.text(given)} or [])"]

    def shuffle_rows(self) -> list[Change]:
        """Shuffle inputs and targets together in lines before ``fit``, if both have names."""
        call = self.fit
        given = [call.given.get(name) for name in ("x", "y")] if call is not None else []
        names = [node.id for node in given if isinstance(node, ast.Name)]
        if call is None or len(names) != 2 or len(set(names)) != 2:
            return []
        order = "order"
        while re.search(rf"\b{order}\b", call.script.source):
            order += "_"
        x, y = names
        lines = (
            f"{order} = numpy.random.permutation(len({x}))  # rows in no order\n"
            f"{x}, {y} = {x}[{order}], {y}[{order}]"
        )
        return [Change("rows shuffled before fit cuts off the last", Insert(call.location, lines))]

    # ------------------------------------------------------------------ activations

    def kind(self, activation: Activation) -> str:
        """Return the kind of an activation, as remedies before have left it."""
        return self._kinds.get(activation.name, activation.kind)

    def hidden(self, kinds: Collection[str]) -> list[Activation]:
        """Return the activations of some kinds that are not the output's."""
        return [a for a in self.run.activations if not a.output and self.kind(a) in kinds]

    def fed(self) -> Counter[str]:
        """Return how many hidden layers feed each kind of activation."""
        by_name = {a.name: self.kind(a) for a in self.run.activations}
        hidden = [layer for layer in self.run.weights if not layer.output and layer.activation]
        return Counter(
            by_name.get(layer.activation_name or "", layer.activation or "") for layer in hidden
        )

    def replace_activations(
        self, activations: Sequence[Activation], kind: str, layer: str, **arguments: float
    ) -> list[Change]:
        """Put another activation in the place of some; those that share a call with others stay.

        Args:
            activations: Which.
            kind: The new one's kind, and the name of its function: ``relu``.
            layer: The class of the layer that computes it: ``ReLU``.
            arguments: Of that class; with none, the function's name says it all.
        """
        names = {activation.name for activation in activations}
        values = {name: number(value) for name, value in arguments.items()}
        kind_class = f"{self.root}.layers.{layer}"
        given = ", ".join(f"{name}={value}" for name, value in values.items())
        made = f"{kind_class}({given})" if values else ""
        changes: list[Change] = []
        for place in dict.fromkeys(activation.location for activation in activations):
            here = [a for a in self.run.activations if a.location == place]
            call = self.call(place)
            if call is None:
                changes += self._replaced_in_own([a for a in here if a.name in names], kind, made)
                continue
            if not all(a.name in names for a in here):
                continue
            edit = self._replaced(call, here[0], kind, kind_class, values, made)
            if edit is None:
                continue
            old = sorted({self.kind(a) for a in here})
            self._kinds.update({a.name: kind for a in here})
            owners = [la.name for la in self._at(place)] or [a.name for a in here]
            what = f"{', '.join(owners)}: {' and '.join(old)} -> {kind}"
            changes.append(Change(what, edit, tuple(owners)))
        return changes

    def _replaced_in_own(
        self, activations: Sequence[Activation], kind: str, made: str
    ) -> list[Change]:
        """Put another activation into the calls that construct layers of the script's own classes.

        Args:
            activations: Those that these layers apply.
            kind: The new one's kind.
            made: Source that makes it where its name does not say it all, else "".
        """
        changes = []
        for activation in activations:
            fed = [la for la in self.run.layers if la.activation_name == activation.name]
            for place in dict.fromkeys(layer.location for layer in fed):
                here, own = self._at(place), own_layer(place)
                named = own.given(activation.kind) if own is not None else None
                if own is None or named is None or applied(activation.location) != own.kind.name:
                    continue
                if any(la not in fed or la.kind != own.kind.name for la in here):
                    continue
                function = f"{self.root}.activations.{kind}"
                if isinstance(named[1], ast.Constant):
                    function = self.quoted(kind, own.script)
                values = {named[0]: made or function}
                edit = SetArguments(own.location, callee(own.call), values, (), own.positions)
                layers = tuple(la.name for la in here)
                what = f"{', '.join(layers)}: {activation.kind} -> {kind}"
                changes.append(Change(what, edit, layers))
                self._kinds[activation.name] = kind
        return changes

    def _replaced(
        self,
        call: KerasCall,
        activation: Activation,
        kind: str,
        kind_class: str,
        values: Mapping[str, str],
        made: str,
    ) -> Edit | None:
        if activation.functional:
            named_alike = call.package.rpartition(".")[2] in ("activations", "ops", "nn")
            alike = named_alike and not values
            package = call.package if alike else f"{self.root}.activations"
            return ReplaceCall(call.location, call.expects, f"{package}.{kind}", 1, values)
        if call.name in _OWNING:
            text = made or self.quoted(kind, call.script)
            if call.name == "Activation" and values:
                return ReplaceCall(call.location, call.expects, kind_class, 0, values)
            self._written[call.location] = text
            return self.set_arguments(call, {"activation": text})
        if call.name in _ACTIVATION_LAYERS:
            return ReplaceCall(call.location, call.expects, kind_class, 0, values)
        return None

    def add_activation(self, kind: str) -> list[Change]:
        """Give the hidden layers without an activation one."""
        changes = []
        for call, layers in self.sites(lambda la: la.matrix and not (la.output or la.activation)):
            text = self.quoted(kind, call.script)
            self._written[call.location] = text
            names = tuple(layer.name for layer in layers)
            edit = self.set_arguments(call, {"activation": text})
            changes.append(Change(f"{', '.join(names)}: activation {kind}", edit, names))
        return changes

    def set_output_activation(self, kind: str) -> list[Change]:
        """Let the last layer compute an activation, "linear" for none."""
        old = [a for a in self.run.activations if a.output and self.call(a.location) is None]
        changes = self._replaced_in_own(old, kind, "")
        for call, layers in self.sites(lambda layer: layer.output and layer.matrix):
            if kind == "linear":
                if call.argument("activation") is None:
                    continue
                edit = self.set_arguments(call, {}, ["activation"])
            else:
                edit = self.set_arguments(call, {"activation": self.quoted(kind, call.script)})
            names = tuple(layer.name for layer in layers)
            changes.append(Change(f"{', '.join(names)}: activation {kind}", edit, names))
        return changes

    def drop_activation(self, activation: Activation) -> list[Change]:
        """Take an activation away; nothing where its call also makes hidden ones."""
        call = self.call(activation.location)
        here = [a for a in self.run.activations if a.location == activation.location]
        if call is None and activation.output:
            return self._replaced_in_own([activation], "linear", "")
        if call is None or not all(a.output for a in here):
            return []
        owners = tuple(la.name for la in self._at(call.location)) or (activation.name,)
        what = f"{', '.join(owners)}: {activation.kind} taken away"
        if activation.functional:
            return [Change(what, DropCall(call.location, call.expects), owners)]
        if call.name in _LAYERS:
            return [Change(what, self.set_arguments(call, {}, ["activation"]), owners)]
        if call.name in _ACTIVATION_LAYERS | {"Activation"}:
            identity = f"{self.root}.layers.Identity"
            edit = DropCall(call.location, call.expects, module=True, identity=identity)
            return [Change(what, edit, owners)]
        return []

    def loss(self) -> KerasCall | None:
        """Return the call that constructs the loss, None if ``compile`` is given a name."""
        compile_ = self.compile
        given = compile_.argument("loss") if compile_ is not None else None
        return self._constructed(compile_, given) if compile_ is not None else None

    def expect_logits(self, logits: bool) -> list[Change]:
        """Let the loss take logits, or probabilities; nothing where that is not certain."""
        loss, compile_ = self.loss(), self.compile
        if loss is not None and loss.name.endswith("Crossentropy"):
            if logits:
                edit = self.set_arguments(loss, {"from_logits": "True"})
            elif loss.argument("from_logits") is not None:
                edit = self.set_arguments(loss, {}, ["from_logits"])
            else:
                return []
            return [Change(f"{loss.name}: from_logits={logits}", edit)]
        given = compile_.argument("loss") if compile_ is not None else None
        if compile_ is None or not logits or not isinstance(given, ast.Constant):
            return []
        words = str(given.value).split("_")
        if words[-1] != "crossentropy":
            return []
        name = "".join(word.capitalize() for word in words)
        text = f"{self.root}.losses.{name}(from_logits=True)"
        edit = self.set_arguments(compile_, {"loss": text})
        return [Change(f"{name}: from_logits=True", edit)]

    # ------------------------------------------------------------------ layers

    def initialize(self, initializer: str, *, default: bool) -> list[Change]:
        """Let hidden layers draw their weights by an initializer, and the output by Keras' own.

        Args:
            initializer: Its name.
            default: Whether layers that name none, and so have Glorot's, are to get it too.
        """
        changes = []
        for call, layers in self.sites(lambda layer: layer.affine and layer.trainable):
            names = tuple(layer.name for layer in layers)
            words = _prefixed(call.name, "initializer")
            given = [word for word in words if call.argument(word) is not None]
            last = all(layer.output for layer in layers)
            if (last or not default) and not given:
                continue
            if any(initializer.partition("_")[0] in _plain(call, word) for word in given):
                continue
            if last:
                edit = self.set_arguments(call, {}, given)
                what = f"{', '.join(names)}: Keras' own initializer"
            else:
                text = self.quoted(initializer, call.script)
                drop = ["bias_initializer"]
                edit = self.set_arguments(call, dict.fromkeys(words, text), drop)
                what = f"{', '.join(names)}: {initializer}"
            changes.append(Change(what, edit, names))
        return [*changes, *self._initialize_own(initializer, default=default)]

    def _initialize_own(self, initializer: str, *, default: bool) -> list[Change]:
        """Do what `initialize` does with layers whose classes the script writes."""
        chosen = (la for la in self.run.layers if la.matrix and la.trainable)
        made = [(la, own) for la in chosen if (own := own_layer(la.location)) is not None]
        changes = []
        for kind in dict.fromkeys(own.kind for la, own in made if own.kind.name == la.kind):
            layers = [la for la, own in made if own.kind is kind]
            own = next(own for _, own in made if own.kind is kind)
            last = all(la.output for la in layers)
            names = tuple(la.name for la in layers)
            for weight in own.matrices():
                if weight.argument("initializer") is None and (last or not default):
                    continue
                name = GLOROT if last else initializer
                if name.partition("_")[0] in _plain(weight, "initializer"):
                    continue
                changes.append(self._drawn(weight, name, names))
        return changes

    def initialize_recurrent(self) -> list[Change]:
        """Let recurrent layers draw their matrices by Keras' own initializers.

        Glorot's for what they are given, orthogonal for what they pass on to themselves.
        """
        changes = []
        places = [layer.location for layer in self.run.layers if layer.kind in _RECURRENT]
        for place in dict.fromkeys(places):
            call, here = self.call(place), self._at(place)
            words = [f"{which}_initializer" for which in ("kernel", "recurrent")]
            given = [word for word in words if call is not None and call.argument(word)]
            if call is None or call.name not in _RECURRENT or not given:
                continue
            names = tuple(layer.name for layer in here)
            what = f"{', '.join(names)}: Keras' own initializers"
            changes.append(Change(what, self.set_arguments(call, {}, given), names))
        return [*changes, *self._initialize_cells()]

    def _initialize_cells(self) -> list[Change]:
        """Do what `initialize_recurrent` does with cells whose classes the script writes."""
        changes = []
        layers = [layer for layer in self.run.layers if layer.kind == "RNN"]
        for place in dict.fromkeys(layer.location for layer in layers):
            call = self.call(place)
            made = call.argument("cell") if call is not None else None
            cell = own_layer(call.script.location(made)) if call and made is not None else None
            names = tuple(layer.name for layer in self._at(place))
            for weight in cell.matrices() if cell is not None else ():
                given = _plain(weight, "initializer")
                name = "orthogonal" if square(weight) else GLOROT
                if not given or name in given:
                    continue
                changes.append(self._drawn(weight, name, names))
        return changes

    def _drawn(self, weight: KerasCall, initializer: str, names: tuple[str, ...]) -> Change:
        """Let a weight that a layer of the script's own adds be drawn by an initializer."""
        values = {"initializer": self.quoted(initializer, weight.script)}
        what = f"{', '.join(names)}: {initializer}"
        return Change(what, self.set_arguments(weight, values), names)

    def add_batch_norm(self) -> list[Change]:
        """Put batch normalization between hidden layers and their activations."""

        def chosen(layer: Layer) -> bool:
            flat = layer.kind == "Dense" and layer.dimensions == 2
            fits = flat or (layer.affine and layer.kind != "Dense" and layer.dimensions > 2)
            return fits and bool(layer.activation) and not (layer.output or layer.normalized)

        norm = f"{self.root}.layers.BatchNormalization(momentum={NORM_MOMENTUM})"
        changes = []
        for call, layers in self.sites(chosen):
            names = tuple(layer.name for layer in layers)
            what = f"BatchNormalization after {', '.join(names)}"
            after = [norm]
            if self._owns(layers[0]):
                text = self._activation_text(call, layers[0])
                after.append(f"{self.root}.layers.Activation({text})")
                edit = self.set_arguments(call, {}, ["activation"])
                changes.append(Change(what, edit, names))
            changes.append(Change(what, self.surround(call, after=after), names))
        return changes

    def add_dropout(self, rate: float) -> list[Change]:
        """Put dropout behind hidden dense layers, or in front of the last if there are none."""
        if any(p >= rate for p in self.run.facts.get("dropout") or []):
            return []
        drop = f"{self.root}.layers.Dropout({number(rate)})"
        dense = [layer for layer in self.run.weights if layer.kind == "Dense"]
        hidden = [layer for layer in dense if not layer.output and layer.activation]
        changes = []
        for place in dict.fromkeys(map(self._activated_at, hidden)):
            here = [layer for layer in hidden if self._activated_at(layer) == place]
            call = self.call(place)
            known = _LAYERS | _ACTIVATION_LAYERS | {"Activation"}
            if call is None or call.name not in known or self._makes_output(place):
                continue
            names = tuple(layer.name for layer in here)
            edit = self.surround(call, after=[drop])
            changes.append(Change(f"Dropout after {', '.join(names)}", edit, names))
        if changes or hidden:
            return changes
        first = min((layer.depth for layer in self.run.weights), default=0)
        for call, layers in self.sites(lambda la: la in dense and la.output and la.depth > first):
            names = tuple(layer.name for layer in layers)
            edit = self.surround(call, before=[drop])
            changes.append(Change(f"Dropout before {', '.join(names)}", edit, names))
        return changes

    def scale_inputs(self, means: Sequence[float], deviations: Sequence[float]) -> list[Change]:
        """Standardize what the first layer is given, by written-out numbers.

        Args:
            means: Of each feature, or one for all.
            deviations: The same.
        """
        depth = min((layer.depth for layer in self.run.layers), default=0)
        first = [layer for layer in self.run.layers if layer.depth == depth]
        if len(first) != 1 or not first[0].affine:
            return []
        shape = self.run.facts.get("input_shape") or []
        if self.run.facts.get("inputs", 1) > 1 and len(shape) != first[0].dimensions:
            return []  # another layer takes the input that was measured
        # Not `Normalization`: built within a traced call, as models without an input shape are, it
        # leaks an array of JAX.
        scales = [repr(float(f"{1 / d:.6g}")) for d in deviations]
        offsets = [repr(float(f"{-m / d:.6g}")) for m, d in zip(means, deviations, strict=True)]
        single = len(means) == 1
        scale = scales[0] if single else f"[{', '.join(scales)}]"
        offset = offsets[0] if single else f"[{', '.join(offsets)}]"
        layer = f"{self.root}.layers.Rescaling({scale}, offset={offset}"
        what = "inputs standardized"
        if single or first[0].fan_in == len(means) or first[0].kind.startswith("Conv"):
            for call, layers in self.sites(lambda layer: layer in first):
                shape = next((n for n in ("input_shape", "input_dim") if n in call.given), None)
                names = tuple(layer.name for layer in layers)
                if shape is None:
                    edit = self.surround(call, before=[f"{layer})"])
                    return [Change(what, edit, names)]
                held = "{input_shape}" if shape == "input_shape" else "({input_dim},)"
                edit = self.surround(call, before=[f"{layer}, input_shape={held})"])
                drop = self.set_arguments(call, {}, [shape])
                return [Change(what, edit, names), Change(what, drop, names)]
        return []

    def scale_outputs(self, pairs: Sequence[tuple[float, float]]) -> list[Change]:
        """Multiply what the last layer puts out, and add to it.

        Args:
            pairs: Offset and factor of each output, or one pair for all.
        """
        offsets, factors = (list(numbers) for numbers in zip(*pairs, strict=True))
        scale = factors if len(pairs) > 1 else factors[0]
        offset = offsets if len(pairs) > 1 else offsets[0]
        layer = f"{self.root}.layers.Rescaling({scale!r}, offset={offset!r})"
        changes = []
        for call, layers in self.sites(lambda layer: layer.output and layer.matrix):
            names = tuple(each.name for each in layers)
            edit = self.surround(call, after=[layer])
            changes.append(Change("outputs scaled to the targets", edit, names))
        return changes if len(changes) == 1 else []

    def set_norm_momentum(self, momentum: float) -> list[Change]:
        """Set the momentum of the batch normalizations that name one."""
        norms = [layer for layer in self.run.layers if layer.kind == "BatchNormalization"]
        changes = []
        for place in dict.fromkeys(layer.location for layer in norms):
            call = self.call(place)
            if call is None or call.name != "BatchNormalization":
                continue
            names = tuple(layer.name for layer in norms if layer.location == place)
            edit = self.set_arguments(call, {"momentum": number(momentum)})
            changes.append(Change(f"{', '.join(names)}: momentum {momentum:g}", edit, names))
        return changes

    def regularize(self, regularizer: str) -> list[Change]:
        """Give every dense layer and convolution without one a regularizer.

        Args:
            regularizer: Its class with arguments: ``L2(0.001)``.
        """
        changes = []
        for call, layers in self.sites(lambda layer: layer.affine and layer.trainable):
            words = _prefixed(call.name, "regularizer")
            if any(call.argument(word) is not None for word in words):
                continue
            names = tuple(layer.name for layer in layers)
            text = f"{self.root}.regularizers.{regularizer}"
            edit = self.set_arguments(call, dict.fromkeys(words, text))
            changes.append(Change(f"{', '.join(names)}: {regularizer}", edit, names))
        return changes

    def constrain(self, what: str, name: str, lines: str) -> list[Change]:
        """Give every dense layer and convolution without one a constraint of its weights.

        Args:
            what: For the report.
            name: The constraint's, which no other thing of the script may have.
            lines: Source that defines it, for the top of the script.
        """
        changes: list[Change] = []
        for call, layers in self.sites(lambda layer: layer.affine and layer.trainable):
            words = _prefixed(call.name, "constraint")
            if any(call.argument(word) is not None for word in words):
                continue
            names = tuple(layer.name for layer in layers)
            top = next((n for n in call.script.tree.body if not _leads(n)), None)
            if top is None or name in call.script.source:
                return []
            place = Location(call.location.file, top.lineno)
            if isinstance(top, (ast.FunctionDef, ast.ClassDef)) and top.decorator_list:
                place = Location(call.location.file, top.decorator_list[0].lineno)
            text = lines.replace("keras.", f"{self.root}.")
            changes.append(Change(what, Insert(place, text), names))
            edit = self.set_arguments(call, dict.fromkeys(words, name))
            changes.append(Change(what, edit, names))
        return changes

    def surround(
        self, call: KerasCall, before: Sequence[str] = (), after: Sequence[str] = ()
    ) -> Surround:
        """Return the edit that puts layers before or after one."""
        return Surround(
            call.location,
            call.expects,
            tuple(before),
            tuple(after),
            call.positions,
            f"{self.root}.Sequential",
        )

    def _owns(self, layer: Layer) -> bool:
        """Return whether a layer computes its activation itself."""
        return layer.activation_name == f"{layer.name}.activation"

    def _activated_at(self, layer: Layer) -> Location | None:
        """Return the call that makes the activation of a layer."""
        act = next((a for a in self.run.activations if a.name == layer.activation_name), None)
        return None if act is None or act.functional else act.location

    def _makes_output(self, place: Location | None) -> bool:
        return any(layer.output for layer in self._at(place)) or any(
            a.output for a in self.run.activations if a.location == place
        )

    def _activation_text(self, call: KerasCall, layer: Layer) -> str:
        """Return the source of a layer's activation."""
        if call.location in self._written:
            return self._written[call.location]
        given = call.argument("activation")
        if given is not None:
            return call.script.text(given)
        return self.quoted(layer.activation or "linear", call.script)

    # ------------------------------------------------------------------ the optimizer

    @property
    def rate(self) -> float | None:
        """The learning rate that the run began with."""
        first = self.run.of("learning_rate").finite()
        return first[0] if first else self.run.optimizer.settings.get("lr")

    def use_optimizer(self, name: str | None = None, **settings: float) -> list[Change]:
        """Train with another optimizer, or other settings of the same.

        Args:
            name: Its class; None keeps the script's.
            settings: Its arguments.
        """
        values = {key: number(value) for key, value in settings.items()}
        old = self.run.optimizer
        known = {key: number(value) for key, value in old.settings.items()}
        if self.rate is not None:
            known["learning_rate"] = number(self.rate)
        if self._optimizer is None and name in (None, old.name) and values.items() <= known.items():
            return []
        return self.write_optimizer(name, values)

    def write_optimizer(self, name: str | None, values: Mapping[str, str]) -> list[Change]:
        """Do what `use_optimizer` does, with arguments that are source already."""
        old = self.run.optimizer
        before = self._optimizer[0] if self._optimizer else old.name
        name = name or before
        made, compile_ = self.call(old.location), self.compile
        shown = ", ".join(f"{key}={value}" for key, value in values.items())
        what = f"{old.name} -> {name}({shown})" if name != before else f"{name}: {shown}"
        written = {**(self._optimizer[1] if self._optimizer else {}), **values}
        constructed = made is not None and made.name == old.name and made.name in POSITIONS
        fresh = self._optimizer is None
        self._optimizer = name, written
        if constructed and made is not None:
            if name != old.name:
                if not fresh and name == before:
                    edit = SetArguments(made.location, name, dict(values), _excluded(values))
                    return [Change(what, edit)]
                to = f"{self.root}.optimizers.{name}"
                known = {**self._carried(written), **written}
                return [Change(what, ReplaceCall(made.location, made.expects, to, 0, known))]
            return self._set_in_place(made, what, values)
        if compile_ is None:
            self._optimizer = None
            return []
        known = {**self._carried(written), **written}
        if "learning_rate" not in known and self.rate is not None:
            known = {"learning_rate": number(self.rate), **known}
        if name == old.name == "SGD" and old.settings.get("momentum"):
            known.setdefault("momentum", number(old.settings["momentum"]))
        given = ", ".join(f"{key}={value}" for key, value in known.items())
        text = f"{self.root}.optimizers.{name}({given})"
        return [Change(what, self.set_arguments(compile_, {"optimizer": text}))]

    def _set_in_place(self, made: KerasCall, what: str, values: Mapping[str, str]) -> list[Change]:
        """Set arguments of the constructor; of a schedule, the rate that it begins with."""
        changes = []
        rest = dict(values)
        schedule = self._schedule(made) if "learning_rate" in values else None
        if schedule is not None:
            first = {"initial_learning_rate": rest.pop("learning_rate")}
            changes.append(Change(what, self.set_arguments(schedule, first)))
        if rest:
            changes.append(Change(what, self.set_arguments(made, rest, _excluded(rest))))
        return changes

    def stretch_schedule(self, stretch: float, left: float) -> list[Change]:
        """Let the schedule of the learning rate take longer.

        Args:
            stretch: So many times.
            left: The share of the highest rate that is to be left at the end.
        """
        made = self.call(self.run.optimizer.location)
        schedule = self._schedule(made) if made is not None else None
        given = schedule.argument("decay_steps") if schedule is not None else None
        if schedule is None:
            return self._stretch_callback(stretch, left)
        if given is None:
            return []
        steps = str(self.run.steps)
        if schedule.name in ("ExponentialDecay", "InverseTimeDecay"):
            old = literal(given)
            text = schedule.script.text(given)
            steps = f"round(({text}) * {number(stretch)})"
            if old is not None:
                steps = str(round(old * stretch))
        edit = self.set_arguments(schedule, {"decay_steps": steps})
        return [Change(f"{schedule.name}: decay_steps {steps}", edit)]

    def _stretch_callback(self, stretch: float, left: float) -> list[Change]:
        """Let the function of a ``LearningRateScheduler`` see epochs that pass more slowly.

        What it makes of the rate of the epoch before is raised to a power instead.
        """
        if self.fit is None:
            return []
        script = self.fit.script
        calls = [
            node
            for node in ast.walk(script.tree)
            if isinstance(node, ast.Call) and callee(node) == "LearningRateScheduler"
        ]
        given = argument(calls[0], "schedule", ("schedule",)) if len(calls) == 1 else None
        if given is None or not script.editable(given):
            return []
        function: ast.AST | None = given
        if isinstance(given, ast.Name):
            found = script.functions(given.id)
            function = found[0] if len(found) == 1 else None
        if not isinstance(function, (ast.Lambda, ast.FunctionDef)):
            return []
        names = [each.arg for each in function.args.args]
        text = script.text(given) if isinstance(given, ast.Name) else f"({script.text(given)})"
        if len(names) > 1 and script.loads(names[1], function):
            rates = [rate for rate in self.run.of("learning_rate").finite() if rate > 0]
            fallen = math.log(rates[-1] / max(rates)) if rates else 0.0
            if not fallen < math.log(left):
                return []
            power = number(math.log(left) / fallen)
            new = f"lambda epoch, lr: lr * ({text}(epoch, lr) / lr) ** {power}"
        elif len(names) in (1, 2):
            more = ", lr" * (len(names) - 1)
            new = f"lambda epoch{more}: {text}(int(epoch / {number(stretch)}){more})"
        else:
            return []
        return [Change(f"LearningRateScheduler: {new}", script.replace(given, new))]

    def _schedule(self, made: KerasCall) -> KerasCall | None:
        """Return the call that makes the schedule of an optimizer, if one in the script does."""
        found = self._constructed(made, made.argument("learning_rate"))
        return found if found is not None and found.name in _SCHEDULES else None

    def _constructed(self, near: KerasCall, given: ast.expr | None) -> KerasCall | None:
        """Return the call that makes an argument: in place, or in the one assignment to a name."""
        if isinstance(given, ast.Name):
            stored = list(assigned(near.script, given.id))
            given = stored[0] if len(stored) == 1 else None
        return self.call(near.script.location(given)) if isinstance(given, ast.Call) else None

    def _carried(self, values: Mapping[str, str]) -> dict[str, str]:
        """Return the settings that another optimizer takes over, beside its own."""
        settings: Mapping[str, Any] = self.run.optimizer.settings
        kept = [key for key in CARRIED if key not in _excluded(values)]
        return {key: number(settings[key]) for key in kept if settings.get(key)}


def merged(changes: Iterable[Change]) -> list[Change]:
    """Return changes with those that set arguments of the same call put into one, in order."""
    found: list[Change] = []
    for change in changes:
        edit = change.edit
        index = next(
            (
                i
                for i, other in enumerate(found)
                if isinstance(edit, SetArguments)
                and isinstance(other.edit, SetArguments)
                and other.edit.location == edit.location
            ),
            None,
        )
        if index is None or not isinstance(edit, SetArguments):
            found.append(change)
            continue
        before = found[index]
        assert isinstance(before.edit, SetArguments)
        values = {k: v for k, v in before.edit.set.items() if k not in edit.drop}
        both = replace(
            edit,
            expects=before.edit.expects,
            set={**values, **edit.set},
            drop=tuple(dict.fromkeys((*before.edit.drop, *edit.drop))),
        )
        what = before.what if change.what == before.what else f"{before.what}; {change.what}"
        layers = tuple(dict.fromkeys((*before.layers, *change.layers)))
        found[index] = Change(what, both, layers)
    return found


def _excluded(values: Mapping[str, str]) -> tuple[str, ...]:
    """Return the ways to clip that an optimizer cannot have together with one that is set."""
    clips = CARRIED[1:]
    return tuple(key for key in clips if key not in values and set(clips) & set(values))


def _leads(statement: ast.stmt) -> bool:
    """Return whether a statement belongs to the beginning of a script: docstring and imports."""
    text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return text or isinstance(statement, (ast.Import, ast.ImportFrom))


def _prefixed(name: str, what: str) -> list[str]:
    """Return the arguments of a layer's class that set something of its weights."""
    if name.startswith("Depthwise"):
        return [f"depthwise_{what}"]
    if name.startswith("Separable"):
        return [f"depthwise_{what}", f"pointwise_{what}"]
    return [f"kernel_{what}"]


def _plain(call: KerasCall, word: str) -> str:
    """Return the source of an argument as letters to look in."""
    given = call.argument(word)
    return "" if given is None else call.script.text(given).lower()
