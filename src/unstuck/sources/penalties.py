"""What a script regularizes with: weight decay, penalties on the weights, dropout."""

from __future__ import annotations

import ast
import math
from collections.abc import Collection, Iterable, Iterator, Sequence

from unstuck.edits import Rewrite
from unstuck.findings import Location
from unstuck.remedies import Change
from unstuck.signals import Run
from unstuck.sources.flow import Flow, bound, definitions
from unstuck.sources.numbers import literal, value, written
from unstuck.sources.script import ATOMS, FUNCTIONS, Script, callee, changes, dotted

__all__ = [
    "lower_decay",
    "lower_divergence",
    "lower_dropout",
    "lower_penalty",
    "lower_regularizers",
]

_DECAY_AT = {
    **dict.fromkeys(("SGD", "Adam", "AdamW", "RMSprop", "NAdam", "Adamax", "RAdam"), 4),
    "Adagrad": 3,
}
"""Position of the weight decay among an optimizer's arguments, the parameters being 0."""
_MODULES = (
    *("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout"),
    *("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianDropout"),
)
_REGULARIZERS = ("L1", "L2", "L1L2", "l1", "l2", "l1_l2")
_FUNCTIONS = ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout")
_RECURRENT = ("LSTM", "GRU", "RNN", "MultiheadAttention", "TransformerEncoderLayer")
_NORMS = ("abs", "norm", "square", "pow", "l1_loss", "mse_loss", "vector_norm", "dot")


def shown(number: float) -> str:
    """Return a number as source, four significant digits."""
    return repr(float(f"{number:.4g}"))


# ---------------------------------------------------------------------- weight decay


def lower_decay(run: Run, factor: float) -> list[Change]:
    """Return the changes that multiply the optimizer's weight decay."""
    script = Script.read(run.optimizer.location)
    call = script.at(run.optimizer.location) if script else None
    decay = run.optimizer.settings.get("weight_decay", 0.0)
    if script is None or call is None or not decay:
        return []
    edits: list[Rewrite] = []
    nodes = list(_decays(call))
    for node in nodes:
        places = written(script, node, nodes)
        number = value(script, node)
        if number is not None and places:
            edits += [script.replace(each, shown(number * factor)) for each in places]
        elif script.editable(node):  # as the run saw it
            edits.append(script.replace(node, shown(decay * factor)))
    what = f"weight decay {decay:g} -> {decay * factor:g}"
    return changes(what, dict.fromkeys(edits))


def _decays(call: ast.Call) -> Iterator[ast.expr]:
    for node in ast.walk(call):
        if isinstance(node, ast.Call):
            yield from (word.value for word in node.keywords if word.arg == "weight_decay")
        elif isinstance(node, ast.Dict):
            for key, each in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "weight_decay":
                    yield each
    at = _DECAY_AT.get(callee(call))
    if at is not None and len(call.args) > at:
        yield call.args[at]


# ---------------------------------------------------------------------- dropout


def lower_dropout(run: Run, rate: float) -> list[Change]:
    """Return the changes that lower every dropout rate above `rate` to it."""
    files = [place.file for la in run.layers if (place := la.location)]
    for place in (run.optimizer.location, run.loss_function.location):
        files += [place.file] if place else []
    rates = [float(each) for each in run.facts.get("dropout") or [] if each > rate]
    found: list[Change] = []
    for file in dict.fromkeys(files):
        script = Script.read(Location(file, 1))
        if script is None:
            continue
        edits = list(_capped(script, list(_rates(script)), rates, rate))
        found += changes(f"dropout of at most {rate:g}", dict.fromkeys(edits))
    return found


def _rates(script: Script) -> Iterator[ast.expr]:
    for node in ast.walk(script.tree):
        if not isinstance(node, ast.Call):
            continue
        name = callee(node)
        words = {word.arg: word.value for word in node.keywords}
        if name in (*_MODULES, *_FUNCTIONS):
            at = int(name in _FUNCTIONS)
            if "p" in words or "rate" in words:
                yield words.get("p", words.get("rate", node))
            elif len(node.args) > at:
                yield node.args[at]
        elif name in _RECURRENT and "dropout" in words:
            yield words["dropout"]


def _capped(
    script: Script, nodes: Sequence[ast.expr], rates: Collection[float], rate: float
) -> Iterator[Rewrite]:
    """Yield the edits of the rates that are among those that the run saw.

    A rate whose number cannot be found is capped in place.
    """
    for node in nodes:
        places = written(script, node, nodes)
        numbers = [number for each in places if (number := literal(each)) is not None]
        if not places:
            number = value(script, node)
            places, numbers = ([node], [number]) if number is not None else ([], [])
        for each, number in zip(places, numbers, strict=True):
            if any(abs(number - seen) < 1e-9 for seen in rates) and script.editable(each):
                yield script.replace(each, shown(rate))
        if not places and rates and not isinstance(node, ast.Call) and script.editable(node):
            yield script.replace(node, f"min({script.text(node)}, {shown(rate)})")


# ---------------------------------------------------------------------- regularizers of layers


def lower_regularizers(run: Run, factor: float) -> list[Change]:
    """Return the changes that multiply what the regularizers of Keras layers are constructed with.

    One that is given by its name alone (``"l2"``, 0.01) is constructed.
    """
    if run.framework != "keras":
        return []
    found: list[Change] = []
    for file in dict.fromkeys(la.location.file for la in run.layers if la.location):
        script = Script.read(Location(file, 1))
        edits = [] if script is None else list(_regularizers(script, factor))
        found += changes(f"regularizers x {factor:g}", dict.fromkeys(edits))
    return found


def _regularizers(script: Script, factor: float) -> Iterator[Rewrite]:
    calls = [
        node
        for node in ast.walk(script.tree)
        if isinstance(node, ast.Call) and callee(node) in _REGULARIZERS
    ]
    strengths = [
        given
        for call in calls
        for given in (*call.args, *(word.value for word in call.keywords))
        if not isinstance(given, ast.Starred)
    ]
    for given in strengths:
        places = written(script, given, strengths)
        for place in places:
            yield script.replace(place, shown((literal(place) or 0.0) * factor))
        if not places and script.editable(given):
            yield script.replace(given, f"{shown(factor)} * ({script.text(given)})")
    for call in calls:
        if not (call.args or call.keywords):
            yield script.replace(call, f"{script.text(call.func)}({shown(0.01 * factor)})")
    for node in ast.walk(script.tree):
        if isinstance(node, ast.keyword) and (node.arg or "").endswith("_regularizer"):
            named = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
            if named:
                yield script.replace(node.value, "None")


# ---------------------------------------------------------------------- penalties in the loss


def lower_penalty(run: Run, factor: float) -> list[Change]:
    """Return the changes that multiply what the loss adds for the weights' size."""
    edits = [
        edit
        for script, term in _added(run)
        if _penalizes(script, term) and not _predicts(script, run, term)
        for edit in _multiplied(script, term, factor)
    ]
    return changes(f"penalty on the weights x {factor:g}", dict.fromkeys(edits))


def lower_divergence(run: Run, factor: float) -> list[Change]:
    """Return the changes that multiply the Kullback-Leibler divergence that the loss adds.

    One whose coefficient is as small already is left alone.
    """
    edits = [
        edit
        for script, term in _added(run)
        if _diverges(script, term) and not _coefficient(script, term) <= factor
        for edit in _multiplied(script, term, factor)
    ]
    return changes(f"divergence x {shown(factor)}", dict.fromkeys(edits))


def _added(run: Run) -> list[tuple[Script, ast.expr]]:
    """Return the terms of the loss, if it is a sum."""
    script = Script.read(run.loss_function.location)
    backward = script.at(run.loss_function.location) if script else None
    if script is None or backward is None or not isinstance(backward.func, ast.Attribute):
        return []
    return [(script, term) for term in dict.fromkeys(_terms(script, backward.func.value))]


def _diverges(script: Script, term: ast.expr) -> bool:
    """Return whether a term is the divergence of a Gaussian code from the normal distribution.

    That is ``torch.distributions.kl_divergence(...)``, or something with an exponential of what is
    also added as it is (``1 + logvar - mu ** 2 - logvar.exp()``).
    """
    parts = list(_behind(script, term))
    calls = [each for each in parts if isinstance(each, ast.Call)]
    if any(callee(call) == "kl_divergence" for call in calls):
        return True
    terms = [
        side
        for each in parts
        if isinstance(each, ast.BinOp) and isinstance(each.op, (ast.Add, ast.Sub))
        for side in (each.left, each.right)
    ]
    added = {dotted(side) for side in terms} - {None}
    raised = {
        dotted(call.args[0] if call.args else call.func.value)
        for call in calls
        if callee(call) == "exp" and isinstance(call.func, ast.Attribute)
    }
    return bool(added & raised)


def _terms(script: Script, node: ast.expr, depth: int = 0) -> Iterator[ast.expr]:
    """Yield the terms of a sum, through names and functions of the script."""
    if depth > 8:
        return
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        yield from _terms(script, node.left, depth + 1)
        yield from _terms(script, node.right, depth + 1)
        return
    if isinstance(node, ast.Name):
        found = definitions(script, node)
        summed = len(found) == 1 or any(isinstance(s, ast.AugAssign) for _, s in found)
        if summed and not _summed_in_loop(script, node, [s for _, s in found]):
            for each, _ in found:
                yield from _terms(script, each, depth + 1)
            return
    if isinstance(node, ast.Call):
        function = script.called(node)
        if isinstance(function, FUNCTIONS):
            sums = [
                n.value
                for n in ast.walk(function)
                if isinstance(n, ast.Return) and n.value is not None and _is_sum(script, n.value)
            ]
            for each in sums:
                yield from _terms(script, each, depth + 1)
            if sums:
                return
        if callee(node) == "scale" and len(node.args) == 1:
            yield from _terms(script, node.args[0], depth + 1)
            return
    yield node


def _is_sum(script: Script, node: ast.expr) -> bool:
    if isinstance(node, ast.Name):
        found = definitions(script, node)
        return not _summed_in_loop(script, node, [s for _, s in found]) and any(
            isinstance(s, ast.AugAssign) or _is_sum(script, e) for e, s in found
        )
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add)


def _summed_in_loop(script: Script, use: ast.expr, statements: Iterable[ast.stmt]) -> bool:
    """Return whether a loop that ends before the use adds the name up: ``reg += p.norm()``."""
    own = set(script.loops(use))
    return any(set(script.loops(each)) - own for each in statements)


def _penalizes(script: Script, node: ast.expr) -> bool:
    """Return whether a term is made of the size of parameters."""
    parts = list(_behind(script, node))
    weights = any(
        isinstance(each, ast.Attribute)
        and each.attr in ("parameters", "named_parameters", "weight")
        for each in parts
    )
    sizes = any(
        (isinstance(each, ast.Call) and callee(each) in _NORMS)
        or (isinstance(each, ast.BinOp) and isinstance(each.op, ast.Pow))
        for each in parts
    )
    return weights and sizes


def _behind(script: Script, node: ast.AST, depth: int = 0) -> Iterator[ast.AST]:
    """Yield the nodes of an expression and of what its names and functions stand for."""
    for each in ast.walk(node):
        yield each
        if depth > 5:
            continue
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load):
            values = [value for value, _ in definitions(script, each)] + _comprehended(script, each)
            for other in values:
                yield from _behind(script, other, depth + 1)
        elif isinstance(each, ast.Call):
            function = script.called(each)
            if isinstance(function, FUNCTIONS):
                yield from _behind(script, function, depth + 1)


def _comprehended(script: Script, name: ast.Name) -> list[ast.expr]:
    return [
        found
        for around in script.around(name)
        if isinstance(around, (ast.GeneratorExp, ast.ListComp))
        for each in around.generators
        if name not in set(ast.walk(each.iter))
        for found in bound(each.target, each.iter, name.id)
    ]


def _predicts(script: Script, run: Run, term: ast.expr) -> bool:
    """Return whether a term also depends on what the model says."""
    names = {*(run.facts.get("trained_as") or []), run.optimizer.model}
    losses = (run.loss_function.function or "", "criterion", "loss_fn")

    def model(call: ast.Call) -> bool:
        return dotted(call.func) in names or callee(call) in losses

    return Flow(script, model).follow(term)


def _coefficient(script: Script, term: ast.expr) -> float:
    """Return the size of the known factors of a term."""
    numbers = [value(script, each) for each in _factors(term)]
    return math.prod(abs(number) for number in numbers if number is not None)


def _multiplied(script: Script, term: ast.expr, factor: float) -> list[Rewrite]:
    """Return the edits that multiply a term, at its coefficient where that is a known number."""
    for each in _factors(term):
        places = written(script, each)
        if places:
            return [
                script.replace(place, shown(number * factor))
                for place in places
                if (number := literal(place)) is not None
            ]
    if not script.editable(term):
        return []
    text = script.text(term)
    product = isinstance(term, ast.BinOp) and isinstance(term.op, (ast.Mult, ast.Div))
    if product or isinstance(term, ATOMS):
        return [script.insert(script.span(term)[0], f"{shown(factor)} * ")]
    return [script.replace(term, f"{shown(factor)} * ({text})")]


def _factors(term: ast.expr) -> Iterator[ast.expr]:
    """Yield the factors of a product."""
    if isinstance(term, ast.BinOp) and isinstance(term.op, ast.Mult):
        yield from _factors(term.left)
        yield from _factors(term.right)
    elif isinstance(term, ast.BinOp) and isinstance(term.op, ast.Div):
        yield from _factors(term.left)
    else:
        yield term
