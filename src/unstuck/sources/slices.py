"""Mini-batches that a script cuts by hand: which expressions take the rows of one batch.

A loop such as ``for i in range(0, len(x), size): step(x[i:i + size])`` is understood when its
slices follow each other without gap from row 0, and its position is used for nothing else that
concerns rows.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unstuck.edits import Rewrite
from unstuck.sources.batches import Script, assigned, called, dotted, loaded

__all__ = ["Batches", "batches", "ordered", "training_loop"]

HARMLESS = frozenset(
    {"print", "len", "min", "max", "int", "float", "str", "round", "range", "slice", "arange"}
    | {"set_description", "set_postfix", "set_postfix_str", "add_scalar", "log", "info", "debug"}
    | {"write", "update", "format", "enumerate", "append", "trange", "tqdm"}
)
"""What may be called with a position, since it tells or counts."""
WRAPPERS = frozenset({"enumerate", "tqdm", "list", "tuple", "track", "iter"})
SPLITS = frozenset({"split", "chunk", "array_split", "tensor_split"})
CONVERSIONS = frozenset(
    {"tensor", "as_tensor", "from_numpy", "Tensor", "FloatTensor", "LongTensor"}
)
COUNTED = frozenset({"arange", "range"})
_LARGE = 10**4

Loop = ast.For | ast.While | ast.comprehension


@dataclass(frozen=True, eq=False)
class Batches:
    """The rows that the batches of one loop are cut from.

    Attributes:
        before: The statement before which an order of the rows can be drawn.
        slices: ``x[i:i + size]``, each with the part that chooses the rows.
        whole: Expressions that are split as wholes: ``x`` in ``x.split(size)``.
        counted: ``torch.arange(n)`` and the like, split or sliced as the order of the rows.
        sizes: Numbers and names that say how many rows a batch has.
        others: Whether something else is split as well, such as a permutation.
    """

    before: ast.stmt
    slices: tuple[tuple[ast.Subscript, ast.expr], ...] = ()
    whole: tuple[ast.expr, ...] = ()
    counted: tuple[ast.Call, ...] = ()
    sizes: tuple[ast.expr, ...] = ()
    others: bool = False

    @property
    def bases(self) -> list[ast.expr]:
        """The expressions that hold all rows."""
        return [*(subscript.value for subscript, _ in self.slices), *self.whole]


def training_loop(script: Script, step: ast.Call | None) -> ast.For | ast.While | None:
    """Return the innermost loop around the optimizer's step.

    Where its function has none, it is the loop around the only call of that function.
    """
    node: ast.AST | None = step
    for _ in range(3):
        if node is None:
            return None
        for parent in script.around(node):
            if isinstance(parent, (ast.For, ast.While)):
                return parent
            if isinstance(parent, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
                node = only_call(script, parent)
                break
        else:
            return None
    return None


def only_call(script: Script, function: ast.AST) -> ast.Call | None:
    """Return the only call of a function or method of the script, None if there are more."""
    name = getattr(function, "name", "")
    kind = ast.Attribute if isinstance(script.parents.get(function), ast.ClassDef) else ast.Name
    calls = [
        node
        for node in ast.walk(script.tree)
        if isinstance(node, ast.Call) and called(node) == name and isinstance(node.func, kind)
    ]
    return calls[0] if len(calls) == 1 and name else None


def batches(script: Script, loop: ast.For | ast.While) -> Batches | None:
    """Return where a training loop's batches are cut, None where that is not certain."""
    if isinstance(loop, ast.While):
        return _counted_loop(script, loop, loop)
    source = unwrapped(loop.iter)
    if called(source) in ("range", "trange"):
        return _counted_loop(script, loop, loop)
    if isinstance(source, ast.Call) and isinstance(source.func, (ast.Name, ast.Attribute)):
        function = _generator(script, source)
        if function is not None:
            loops = [n for n in ast.walk(function) if isinstance(n, ast.For)]
            inner = [n for n in loops if any(isinstance(m, ast.Yield) for m in ast.walk(n))]
            return batches(script, inner[0]) if len(inner) == 1 else None
    return _split(script, loop, source)


def _generator(script: Script, call: ast.Call) -> ast.FunctionDef | None:
    """Return the generator of the script that a call runs, if it is called nowhere else."""
    found = [
        node
        for node in ast.walk(script.tree)
        if isinstance(node, ast.FunctionDef)
        and node.name == called(call)
        and any(isinstance(n, ast.Yield) for n in ast.walk(node))
    ]
    return found[0] if len(found) == 1 and only_call(script, found[0]) else None


def unwrapped(node: ast.expr) -> ast.expr:
    """Return what ``enumerate(tqdm(x))`` goes over."""
    while isinstance(node, ast.Call) and called(node) in WRAPPERS and node.args:
        node = node.args[0]
    return node


# ------------------------------------------------------------------ positions


def _counted_loop(script: Script, loop: Loop, before: ast.AST) -> Batches | None:
    """Understand a loop over positions: its slices must be the parts of one partition."""
    start, stride, variables = _positions(loop)
    if not variables or start is None or stride is None:
        return None
    body = _body(script, loop)
    known: dict[str, ast.expr] = {}
    places = set(variables)
    for statement in (n for held in body for n in ast.walk(held) if isinstance(n, ast.Assign)):
        target = statement.targets[0]
        pairs = [(target, statement.value)]
        if isinstance(target, ast.Tuple) and isinstance(statement.value, ast.Tuple):
            pairs = list(zip(target.elts, statement.value.elts, strict=False))
        for one, value in pairs:
            if isinstance(one, ast.Name) and _is_position(value, places):
                known[one.id] = value
                places.add(one.id)
    slices: list[tuple[ast.Subscript, ast.expr]] = []
    own = set().union(*(assigned(held) for held in body)) if body else set()
    for node in (n for held in body for n in ast.walk(held)):
        if not isinstance(node, ast.Subscript) or not loaded(node.slice) & places:
            continue
        index = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
        rest = node.slice.elts[1:] if isinstance(node.slice, ast.Tuple) else []
        plain = dotted(node.value) or isinstance(node.value, ast.Subscript)
        if not plain or loaded(node.value) & (own | places) or loaded(*rest) & places:
            return None
        if not _partition(index, known, variables[0], start, stride):
            return None
        slices.append((node, index))
    if not slices or not _only_counts(script, body, places, variables, known, slices):
        return None
    return Batches(script.statement(before), tuple(slices), sizes=_sizes(stride, slices, known))


def _positions(loop: Loop) -> tuple[ast.expr | None, ast.expr | None, list[str]]:
    """Return where a loop's position starts, what it goes on by, and its names, it first."""
    one: ast.expr = ast.Constant(1)
    if isinstance(loop, ast.While):
        steps = [
            node
            for node in loop.body
            if isinstance(node, ast.AugAssign)
            and isinstance(node.op, ast.Add)
            and isinstance(node.target, ast.Name)
            and node.target.id in loaded(loop.test)
        ]
        if len(steps) != 1 or not isinstance(steps[0].target, ast.Name):
            return None, None, []
        return ast.Constant(0), steps[0].value, [steps[0].target.id]
    source = unwrapped(loop.iter)
    if not isinstance(source, ast.Call) or called(source) not in ("range", "trange"):
        return None, None, []
    arguments = source.args
    names = [n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)]
    last = loop.target.elts[-1] if isinstance(loop.target, ast.Tuple) else loop.target
    if not isinstance(last, ast.Name):
        return None, None, []
    names = [last.id, *(name for name in names if name != last.id)]
    start = arguments[0] if len(arguments) > 1 else ast.Constant(0)
    return start, arguments[2] if len(arguments) > 2 else one, names


def _body(script: Script, loop: Loop) -> Sequence[ast.AST]:
    if not isinstance(loop, ast.comprehension):
        return loop.body
    around = script.parents[loop]
    return [around.elt] if isinstance(around, (ast.ListComp, ast.GeneratorExp)) else []


def _is_position(value: ast.expr, places: set[str]) -> bool:
    """Return whether an expression is a position, or a row of them: ``slice(i, i + size)``."""
    if not loaded(value) & places:
        return False
    kinds = (ast.BinOp, ast.Name, ast.Load, ast.operator, ast.Constant, ast.Attribute)
    for node in ast.walk(value):
        if isinstance(node, ast.Call):
            if called(node) not in {"min", "slice", "arange", "len"}:
                return False
        elif not isinstance(node, (*kinds, ast.Subscript, ast.keyword)):
            return False
    return not any(
        isinstance(node, ast.Subscript) and loaded(node.slice) & places for node in ast.walk(value)
    )


def _bounds(
    index: ast.expr, known: Mapping[str, ast.expr]
) -> tuple[ast.expr | None, ast.expr | None]:
    if isinstance(index, ast.Name) and index.id in known:
        index = known[index.id]
    if isinstance(index, ast.Slice):
        return (index.lower, index.upper) if index.step is None else (None, None)
    cut = called(index) in ("slice", "arange")
    if cut and isinstance(index, ast.Call) and len(index.args) == 2:
        return index.args[0], index.args[1]
    return None, None


def _partition(
    index: ast.expr,
    known: Mapping[str, ast.expr],
    variable: str,
    start: ast.expr,
    stride: ast.expr,
) -> bool:
    """Return whether an index takes batches that follow each other without gap from row 0."""
    lower, upper = _bounds(index, known)
    if lower is None or upper is None:
        return False
    step = _value(stride, {}, variable, 0.0)
    first = _value(start, {}, variable, 0.0)
    if first != 0.0 or not step:
        return False
    ends = []
    for number in range(3):
        at = step * number
        ends.append((_value(lower, known, variable, at), _value(upper, known, variable, at)))
    if any(value is None for pair in ends for value in pair):
        return False
    follow = all(ends[i][1] == ends[i + 1][0] for i in range(2))
    return ends[0][0] == 0.0 and follow and ends[0][1] != 0.0


def _value(
    node: ast.expr, known: Mapping[str, ast.expr], variable: str, at: float, depth: int = 6
) -> float | None:
    """Return what an expression of a loop's position comes to, other names standing for numbers."""
    if not depth:
        return None
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return float(node.value)
    if isinstance(node, ast.Name):
        if node.id == variable:
            return at
        if node.id in known:
            return _value(known[node.id], known, variable, at, depth - 1)
        return _symbol(node)
    if isinstance(node, ast.Call) and called(node) == "min":
        moving = [a for a in node.args if {variable, *known} & loaded(a)]
        return _value(moving[0], known, variable, at, depth - 1) if len(moving) == 1 else None
    if isinstance(node, ast.BinOp):
        left = _value(node.left, known, variable, at, depth)
        right = _value(node.right, known, variable, at, depth)
        if left is None or right is None:
            return None
        if isinstance(node.op, ast.Add):
            return left + right
        if isinstance(node.op, ast.Sub):
            return left - right
        return left * right if isinstance(node.op, ast.Mult) else None
    if {variable, *known} & loaded(node):
        return None
    return _symbol(node)


def _symbol(node: ast.expr) -> float:
    """Return a number that stands for an expression, the same for the same text."""
    return float(_LARGE + sum(ord(c) * (i + 1) for i, c in enumerate(ast.unparse(node))))


def _only_counts(
    script: Script,
    body: Sequence[ast.AST],
    places: set[str],
    variables: Sequence[str],
    known: Mapping[str, ast.expr],
    slices: Sequence[tuple[ast.Subscript, ast.expr]],
) -> bool:
    """Return whether positions are used for slices, and else only to count, compare or tell."""
    inside = {id(n) for _, index in slices for n in ast.walk(index)}
    inside |= {id(n) for value in known.values() for n in ast.walk(value)}
    for node in (n for held in body for n in ast.walk(held)):
        if not isinstance(node, ast.Name) or node.id not in places or id(node) in inside:
            continue
        if isinstance(node.ctx, ast.Store):
            continue
        for parent in script.around(node):
            if isinstance(parent, ast.Call) and called(parent) not in HARMLESS:
                return False
            if isinstance(parent, (ast.Subscript, ast.Yield, ast.Return)):
                return False
            if isinstance(parent, ast.stmt):
                break
    return True


def _sizes(
    stride: ast.expr,
    slices: Sequence[tuple[ast.Subscript, ast.expr]],
    known: Mapping[str, ast.expr],
) -> tuple[ast.expr, ...]:
    """Return every place where the number of rows of a batch may be written."""
    found: list[ast.expr] = [stride]
    for _, index in slices:
        found += [node for node in ast.walk(index) if isinstance(node, ast.Constant)]
        found += [node for node in ast.walk(index) if isinstance(node, (ast.Name, ast.Attribute))]
    for value in known.values():
        found += [n for n in ast.walk(value) if isinstance(n, (ast.Constant, ast.Name))]
    return tuple(found)


# ------------------------------------------------------------------ splits


def _split(script: Script, loop: ast.For, source: ast.expr) -> Batches | None:
    """Understand a loop over ``x.split(size)``, over a `zip` of such, or over a list of slices."""
    sources = source.args if called(source) == "zip" and isinstance(source, ast.Call) else [source]
    found = [_resolved(script, loop, part) for part in sources]
    if any(part is None for part in found):
        return None
    places = {id(part[1]): part[1] for part in found if part is not None}
    before = next(iter(places.values()))
    if len(places) > 1:
        blocks = [script.block(place) for place in places.values()]
        if any(block is not blocks[0] for block in blocks):
            return None
        before = min(places.values(), key=lambda place: place.lineno)
    first = found[0]
    assert first is not None
    if isinstance(first[0], (ast.ListComp, ast.GeneratorExp)):
        generators = first[0].generators
        if len(found) != 1 or len(generators) != 1 or generators[0].ifs:
            return None
        return _counted_loop(script, generators[0], before)
    whole: list[ast.expr] = []
    counted: list[ast.Call] = []
    sizes: list[ast.expr] = []
    others = False
    for part in found:
        assert part is not None
        node = part[0]
        if not isinstance(node, ast.Call) or called(node) not in SPLITS:
            return None
        receiver, size = _receiver(script, node)
        if receiver is None:
            return None
        counting = _counting(script, loop, receiver)
        if counting is not None:
            counted.append(counting)
        elif dotted(receiver) or isinstance(receiver, ast.Subscript):
            whole.append(receiver)
        else:
            others = True
        if size is not None and called(node) == "split":
            sizes.append(size)
    if whole and counted:
        return None
    return Batches(before, (), tuple(whole), tuple(counted), tuple(sizes), others)


def _resolved(script: Script, loop: ast.For, node: ast.expr) -> tuple[ast.expr, ast.stmt] | None:
    """Return what a name was assigned, and the statement; other expressions as they are."""
    if not isinstance(node, ast.Name):
        return node, loop
    found = _assignment(script, loop, node.id)
    return (unwrapped(found.value), found) if found is not None else None


def _assignment(script: Script, place: ast.AST, name: str) -> ast.Assign | None:
    """Return the only assignment of a name in the function around `place`, or in the module."""
    scope = script.scope(place)
    for where in dict.fromkeys((scope, script.tree)):
        found = [n for n in ast.walk(where) if isinstance(n, ast.stmt) and name in _binds(n)]
        if found:
            only = found[0]
            single = len(found) == 1 and isinstance(only, ast.Assign)
            named = isinstance(only, ast.Assign) and dotted(only.targets[0]) == name
            return only if single and named and isinstance(only, ast.Assign) else None
    return None


def _binds(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.Assign):
        return assigned(*node.targets)
    if isinstance(node, (ast.AugAssign, ast.AnnAssign, ast.For)):
        return assigned(node.target)
    return set()


def _receiver(script: Script, call: ast.Call) -> tuple[ast.expr | None, ast.expr | None]:
    """Return what a split splits and the size or number it is given."""
    function = call.func
    rest = list(call.args)
    if len(call.keywords) > 1 or any(word.arg in ("dim", "axis") for word in call.keywords):
        return None, None
    named = [word.value for word in call.keywords]
    if not isinstance(function, ast.Attribute):
        return None, None
    if script.full_name(function.value).partition(".")[0] in ("torch", "numpy"):
        receiver: ast.expr = rest.pop(0) if rest else function.value
    else:
        receiver = function.value
    sizes = [*rest, *named]
    return (receiver, sizes[0]) if len(sizes) == 1 else (None, None)


def _counting(script: Script, place: ast.AST, node: ast.expr) -> ast.Call | None:
    """Return the ``arange(n)`` that an expression is, or was assigned."""
    if isinstance(node, ast.Name):
        found = _assignment(script, place, node.id)
        node = found.value if found is not None else node
    if isinstance(node, ast.Call) and called(node) == "arange" and len(node.args) == 1:
        return node if not node.keywords else None
    return None


# ------------------------------------------------------------------ a random order


def ordered(script: Script, found: Batches) -> list[Rewrite | None]:
    """Return the edits after which every batch takes its rows in a random order."""
    if found.others:
        return []
    torch, edits = script.torch()
    held: list[Rewrite | None] = [*edits]
    for call in found.counted:
        numpy = script.full_name(call.func).startswith("numpy.")
        function = f"{torch}.randperm" if not numpy else f"{dotted(call.func)[:-7]}.random"
        function = function if not numpy else f"{function}.permutation"
        held.append(script.replace(call.func, function))
    if found.counted:
        return held
    order = script.unused("order", "shuffled", "row_order")
    first = found.bases[0]
    rows = script.text(first.value if _is_iloc(first) else first)  # type: ignore[attr-defined]
    draw = f"{order} = {torch}.randperm(len({rows}))"
    if _arrays(script, found):
        draw += ".numpy()"
    held.append(script.insert(found.before, [draw]))
    for _, index in found.slices:
        held.append(script.replace(index, f"{order}[{script.text(index)}]"))
    held += [script.replace(node, f"{script.text(node)}[{order}]") for node in found.whole]
    return held


def _is_iloc(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in ("iloc", "values")


def _arrays(script: Script, found: Batches) -> bool:
    """Return whether rows may be those of arrays, which want an order that is an array."""
    for subscript, _ in found.slices:
        for parent in script.around(subscript):
            if isinstance(parent, ast.Call) and called(parent) in CONVERSIONS:
                return True
            if isinstance(parent, ast.stmt):
                break
    if any(_is_iloc(base) for base in found.bases):
        return True
    return not all(tensor(script, script.text(base)) for base in found.bases)


def tensor(script: Script, name: str) -> bool:
    """Return whether the script assigns what torch returns wherever it assigns a name."""
    last = name.rpartition(".")[2]
    values = []
    for node in ast.walk(script.tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                flat = target.elts if isinstance(target, ast.Tuple) else [target]
                if any(dotted(one).rpartition(".")[2] == last for one in flat):
                    values.append(node.value)
    made = [value for value in values if not loaded(value) <= {last}]
    return bool(made) and all(_of_torch(script, value) for value in made)


def _of_torch(script: Script, value: ast.expr) -> bool:
    for node in ast.walk(value):
        if isinstance(node, (ast.Name, ast.Attribute)):
            if script.full_name(node).partition(".")[0] == "torch":
                return True
            if isinstance(node, ast.Attribute) and node.attr in ("float", "long", "to"):
                return True
    return False
