"""The remedy fix-schedule."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from unstuck.edits import Rewrite
from unstuck.findings import Finding, Location
from unstuck.remedies import Change, Remedy, Settings
from unstuck.schedules import Scheduler, active, decays, near_one, reached_at, rounded
from unstuck.signals import Run
from unstuck.sources.keras_subject import KerasSubject
from unstuck.sources.script import Script

__all__ = ["FixSchedule"]

LEFT = (0.1, 0.01)
"""What is to be left of the highest learning rate at the end of the run."""
RAISED = 2.0
"""A rate that ends at so many times its start, and highest, is raised by its schedule."""
GENTLE = (0.25, 0.1)
"""The same where it then falls in small steps: a rate that falls evenly to a quarter
is half of the highest on average ((1 - 0.25) / ln 4), as in the schedules of He and of Loshchilov;
to a tenth, four tenths."""
GONE = 0.01
"""With less than this share of the highest rate left, the rate is gone."""
POSITIONS: Mapping[str, tuple[str, ...]] = {
    "StepLR": ("optimizer", "step_size", "gamma"),
    "MultiStepLR": ("optimizer", "milestones", "gamma"),
    "ExponentialLR": ("optimizer", "gamma"),
    "CosineAnnealingLR": ("optimizer", "T_max"),
    "LinearLR": ("optimizer", "start_factor", "end_factor", "total_iters"),
    "PolynomialLR": ("optimizer", "total_iters"),
    "ConstantLR": ("optimizer", "factor", "total_iters"),
    "SequentialLR": ("optimizer", "schedulers", "milestones"),
    "ChainedScheduler": ("schedulers", "optimizer"),
    "ReduceLROnPlateau": ("optimizer", "mode", "factor", "patience"),
    "LambdaLR": ("optimizer", "lr_lambda"),
    "MultiplicativeLR": ("optimizer", "lr_lambda"),
}
"""torch's schedulers that can be stretched, with their positional parameters."""
ENDING = frozenset({"CosineAnnealingLR", "LinearLR", "PolynomialLR"})
WEAKER = frozenset({"ExponentialLR", "MultiplicativeLR"})
"""Schedulers that are stretched by factors closer to one, as the script's own lines are."""
PERIODS = ("T_max", "total_iters", "step_size")
"""Arguments that count calls of ``step``."""


class FixSchedule(Remedy):
    """Make the learning-rate schedule as long as the run, and let it fall.

    What it does:
        The schedule keeps its shape and is stretched until a share of the highest rate is left at
        the end. Periods and milestones become longer, decay factors come closer to one;
        ``T_max`` and ``total_iters`` become the number of times that ``step`` is really called.
        Of ``ReduceLROnPlateau`` the patience grows, and a mode that does not fit what it is given
        is changed. A scheduler made for epochs but stepped after each batch is stretched alike,
        which is the same as stepping it less often. Factors in the script's own lines
        (``group["lr"] *= 0.5``, ``lr = base * 0.1 ** epoch``) are brought closer to one. The
        function of a ``LearningRateScheduler`` of Keras is given epochs that pass more slowly. A
        factor ``gamma`` above one becomes one below, so that the rate falls instead of rising.

    When it helps:
        The learning rate is gone long before the run is over, or grows until the loss diverges.

    Settings:
        ``left``: the share of the highest rate that is left at the end, a tenth, then a hundredth;
        where it falls in small steps, a quarter, then a tenth (schedules that end at nothing by
        themselves, such as the cosine, are only made longer).

    Limits:
        The numbers hold for a run of this length. Not touched are schedules of the script's own
        classes, one-cycle and cyclic ones and those with restarts, arguments that are passed with
        ``*`` or ``**``, and lines that lower the rate in more than one place.

    References:
        He, Zhang, Ren, Sun, CVPR 2016, section 4.2 (two divisions by 10 in a run); Loshchilov and
        Hutter, ICLR 2017 (a period as long as the run); Defazio et al., 2023, arXiv:2310.07831
        (over many tasks, what falls evenly over the whole run ends best).
    """

    stage = "source"

    def settings(self, run: Run, finding: Finding) -> Sequence[Settings]:
        """Return what is to be left at the end, where the rate was gone before, or rose."""
        if _raised(run):
            return tuple({"left": left} for left in LEFT)
        if finding.obstacle == "diverging-loss" or not _stretch(run, GONE) > 1.5:
            return ()
        ends = any(scheduler.name in ENDING for scheduler in active(run))
        lefts = GENTLE if _is_gentle(run) else LEFT
        return tuple({"left": left} for left in (LEFT[:1] if ends else lefts))

    def rewrite(self, run: Run, settings: Settings) -> Sequence[Change]:
        """Stretch the schedulers, or else the script's own factor; see `Remedy.rewrite`."""
        left = settings.get("left", LEFT[0])
        if _raised(run):
            return _falling(active(run), left)
        stretch = _stretch(run, left)
        if not stretch > 1:
            return []
        if run.framework == "keras":
            return KerasSubject(run).stretch_schedule(stretch, left)
        stepped = active(run)
        changes: list[Change] = []
        if not stepped:
            return _slower_by_hand(run, stretch)
        own = Script.read(run.optimizer.step_location)
        if own is not None and decays(own):
            return []  # which of the two lowers the rate is not known
        for scheduler in stepped:
            found = _stretched(scheduler, stretch, left if len(stepped) == 1 else None)
            if found is None:
                return []
            changes += [change for change in found if change not in changes]
        places = {change.edit.location for change in changes if change.edit is not None}
        return changes if len(places) == len(changes) else []

    def place(self, run: Run) -> Location | None:
        """Return where the schedule is made."""
        made = [scheduler.location for scheduler in active(run) if scheduler.location]
        return made[0] if made else run.optimizer.location

    def display(self, run: Run, settings: Settings) -> str:
        """Say how often the schedule is stepped and how long it should be."""
        made = active(run)
        if not made:
            return "let the rate fall so slowly that a hundredth of it is left at the end"
        first = made[0]
        every = "batch" if first.calls > 0.9 * run.steps else "epoch"
        where = f", at line {first.step_location.line}" if first.step_location else ""
        return (
            f"{first.name} is stepped {first.calls} times, once per {every}{where}: give it a "
            f"period of {first.calls}, so that it ends when the run does"
        )


def _stretch(run: Run, left: float) -> float:
    """Return how many times longer the schedule has to be, 0 if the rate was never gone."""
    gone = reached_at(run, left) or reached_at(run, 2 * left)
    return run.steps / gone if gone else 0.0


def _raised(run: Run) -> bool:
    """Return whether the rate of a run of torch's rises until it ends: no warm-up."""
    rates = run.of("learning_rate").finite().values
    return (
        run.complete
        and run.framework != "keras"
        and len(rates) > 1
        and 0 < RAISED * rates[0] <= rates[-1]
        and rates[-1] == max(rates)
    )


def _falling(stepped: Sequence[Scheduler], left: float) -> list[Change]:
    """Return the change of the factor of the only scheduler that leaves a share at the end."""
    if len(stepped) != 1 or not stepped[0].number("gamma") > 1:
        return []
    scheduler, drops = stepped[0], 0
    if scheduler.name == "ExponentialLR":
        drops = scheduler.calls
    elif scheduler.name == "StepLR" and scheduler.number("step_size") >= 1:
        drops = scheduler.calls // int(scheduler.number("step_size"))
    elif scheduler.name == "MultiStepLR":
        marks = scheduler.arguments.get("milestones")
        drops = sum(mark < scheduler.calls for mark in marks) if isinstance(marks, list) else 0
    if not drops:
        return []
    return _edited(scheduler, {"gamma": near_one(left ** (1 / drops))}) or []


def _is_gentle(run: Run) -> bool:
    """Return whether the rate falls in small steps, or will when it falls by weaker factors."""
    rates = run.of("learning_rate").finite().values
    steepest = min((b / a for a, b in pairwise(rates) if 0 < b < a), default=1.0)
    return steepest >= GENTLE[0] or all(scheduler.name in WEAKER for scheduler in active(run))


def _stretched(scheduler: Scheduler, stretch: float, left: float | None) -> list[Change] | None:
    """Return the changes that stretch one scheduler, None if it is not understood.

    Args:
        scheduler: The scheduler.
        stretch: How many times longer it has to be.
        left: The share of the rate that it is to leave, None where others have a part in that.
    """
    script = Script.read(scheduler.location)
    call = script.at(scheduler.location) if script is not None else None
    if script is None or call is None or scheduler.own or scheduler.name not in POSITIONS:
        return None
    if script.full_name(call.func).rpartition(".")[2] != scheduler.name:
        return None
    if "lr_lambda" in POSITIONS[scheduler.name]:
        values = _functions(scheduler, script, call, stretch)
    else:
        values = _numbers(scheduler, stretch, left)
    return _edited(scheduler, values) if values is not None else None


def _edited(scheduler: Scheduler, values: Mapping[str, str]) -> list[Change] | None:
    """Return the changes that give a scheduler other arguments, None if they cannot be edited."""
    script = Script.read(scheduler.location)
    call = script.at(scheduler.location) if script is not None else None
    if script is None or call is None or scheduler.own or scheduler.name not in POSITIONS:
        return None
    changes = []
    for name, value in values.items():
        position = POSITIONS[scheduler.name].index(name)
        edit = script.set_argument(call, name, value, position)
        if edit is None:
            return None
        old = edit.expects or f"{scheduler.arguments.get(name)}"
        changes.append(Change(f"{scheduler.name}: {name} {old} -> {value}", edit))
    return changes


def _numbers(scheduler: Scheduler, stretch: float, left: float | None) -> dict[str, str] | None:
    """Return the new numeric arguments of a scheduler, None if they cannot be said."""
    if scheduler.name == "ChainedScheduler":
        return {}
    if scheduler.name == "ReduceLROnPlateau":
        return _plateau(scheduler, left or GONE)
    gamma = scheduler.number("gamma")
    if scheduler.name == "ExponentialLR":
        if not 0 < gamma < 1:
            return None
        return {
            "gamma": near_one(left ** (1 / scheduler.calls) if left else gamma ** (1 / stretch))
        }
    if scheduler.name in ("MultiStepLR", "SequentialLR"):
        return _milestones(scheduler, stretch, left)
    name = next((key for key in PERIODS if key in scheduler.arguments), "")
    period = scheduler.number(name)
    values: dict[str, str] = {}
    goal = math.ceil(period * stretch) if period > 0 else 0
    if left and name == "step_size":
        drops = _drops(gamma, left)
        if not drops:
            drops = 2
            values["gamma"] = near_one(left ** (1 / drops))
        goal = math.ceil(scheduler.calls / (drops + 1))
    elif left:
        goal = scheduler.calls
        if scheduler.number("end_factor") >= scheduler.number("start_factor"):
            return None  # a warm-up
    return {**values, name: str(goal)} if goal > period else None


def _milestones(scheduler: Scheduler, stretch: float, left: float | None) -> dict[str, str] | None:
    """Return later milestones, spread over the run where the scheduler is the only one."""
    marks = scheduler.arguments.get("milestones")
    if not isinstance(marks, list) or not marks or max(marks) <= 0:
        return None
    values: dict[str, str] = {}
    if left:
        stretch = scheduler.calls * len(marks) / (len(marks) + 1) / max(marks)
        if len(marks) > _drops(scheduler.number("gamma"), GONE):
            values["gamma"] = near_one(GONE ** (1 / len(marks)))
    if stretch > 1:
        values["milestones"] = str([max(1, round(mark * stretch)) for mark in marks])
    return values or None


def _drops(gamma: float, left: float) -> int:
    """Return how often a rate may be multiplied by `gamma` before less than `left` is left."""
    return math.floor(math.log(left) / math.log(gamma) + 1e-9) if 0 < gamma < 1 else 0


def _plateau(scheduler: Scheduler, left: float) -> dict[str, str] | None:
    """Return a patience that cannot take the rate below `left`, and the mode that fits."""
    values: dict[str, str] = {}
    patience = math.ceil(scheduler.calls / (_drops(scheduler.number("factor"), left) + 1))
    if patience > scheduler.number("patience"):
        values["patience"] = str(patience)
    if len(scheduler.metric) == 4:
        first, lowest, highest, last = scheduler.metric
        mode = scheduler.arguments.get("mode")
        if mode == "max" and first == highest and last < first:
            values["mode"] = '"min"'
        elif mode == "min" and first == lowest and last > first and 0 <= lowest < highest <= 100:
            values["mode"] = '"max"'
    return values or None


# -------------------------------------------------------------------------------- functions


def _functions(
    scheduler: Scheduler, script: Script, call: ast.Call, stretch: float
) -> dict[str, str] | None:
    """Return the new function of ``LambdaLR`` or ``MultiplicativeLR``, None if it is not clear."""
    kinds: Mapping[str, Callable[[Script, ast.expr, float], str | None]] = {
        "LambdaLR": _later,
        "MultiplicativeLR": _weaker,
    }
    given = {word.arg: word.value for word in call.keywords}
    function = given.get("lr_lambda", call.args[1] if len(call.args) > 1 else None)
    if scheduler.name not in kinds or function is None:
        return None
    text = kinds[scheduler.name](script, function, stretch)
    return None if text is None else {"lr_lambda": text}


def _later(script: Script, function: ast.expr, stretch: float) -> str | None:
    """Return a function of the epoch that runs through the same values more slowly."""
    by = rounded(stretch)
    if isinstance(function, ast.Lambda):
        name = _only_argument(function)
        if name is None:
            return None
        if all(isinstance(node, _ARITHMETIC) for node in ast.walk(function.body)) and all(
            not isinstance(node, ast.Call) or script.full_name(node.func) in _CALLS
            for node in ast.walk(function.body)
        ):
            return _with_slower(script, function, name, f"({name} / {by})")
        return f"lambda {name}: ({script.text(function)})(int({name} / {by}))"
    if _is_function(script, function):
        return f"lambda epoch: {script.text(function)}(int(epoch / {by}))"
    return None


def _weaker(script: Script, function: ast.expr, stretch: float) -> str | None:
    """Return a function whose factor, applied `stretch` times, is the old one."""
    if isinstance(function, ast.Lambda):
        name = _only_argument(function)
        if name is None or isinstance(function.body, (ast.Yield, ast.YieldFrom, ast.NamedExpr)):
            return None
        body = function.body
        if isinstance(body, ast.Constant) and isinstance(body.value, float) and 0 < body.value < 1:
            return f"lambda {name}: {near_one(body.value ** (1 / stretch))}"
        return f"lambda {name}: ({script.text(body)}) ** (1 / {rounded(stretch)})"
    if _is_function(script, function):
        return f"lambda epoch: {script.text(function)}(epoch) ** (1 / {rounded(stretch)})"
    return None


_ARITHMETIC = (
    *(ast.BinOp, ast.UnaryOp, ast.Constant, ast.Name, ast.Load, ast.Attribute, ast.IfExp),
    *(ast.Compare, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.operator, ast.USub, ast.UAdd, ast.Call),
)
"""What may stand in a function that takes a fraction as well as a whole number."""
_CALLS = frozenset(
    {"min", "max", "float", "abs", "int", "math.exp", "math.cos", "math.sqrt", "math.pow"}
    | {"math.floor", "math.log", "numpy.exp", "numpy.cos", "numpy.sqrt", "pow", "math.sin"}
)


def _only_argument(function: ast.Lambda) -> str | None:
    given = function.args
    others = (*given.posonlyargs, *given.kwonlyargs, *given.defaults, given.vararg, given.kwarg)
    return given.args[0].arg if len(given.args) == 1 and not any(others) else None


def _with_slower(script: Script, function: ast.Lambda, name: str, slower: str) -> str:
    """Return the source of a lambda with its argument divided wherever it is used."""
    uses = [n for n in ast.walk(function.body) if isinstance(n, ast.Name) and n.id == name]
    data = script.text(function)
    start = script.span(function)[0]
    pieces = sorted((script.span(node)[0] - start for node in uses), reverse=True)
    raw = data.encode()
    for offset in pieces:
        raw = raw[:offset] + slower.encode() + raw[offset + len(name.encode()) :]
    return raw.decode()


def _is_function(script: Script, node: ast.expr) -> bool:
    """Return whether a name stands for a function that the file defines."""
    if not isinstance(node, (ast.Name, ast.Attribute)):
        return False
    last = node.id if isinstance(node, ast.Name) else node.attr
    for other in ast.walk(script.tree):
        if isinstance(other, ast.FunctionDef) and other.name == last:
            return True
        if isinstance(other, ast.Assign) and isinstance(other.value, ast.Lambda):
            names = [getattr(target, "id", "") for target in other.targets]
            if last in names and isinstance(node, ast.Name):
                return True
    return False


# -------------------------------------------------------------------------------- own lines


def _slower_by_hand(run: Run, stretch: float) -> list[Change]:
    """Return the change of the one factor by which the script's own lines lower the rate."""
    script = Script.read(run.optimizer.step_location or run.optimizer.location)
    found = decays(script) if script is not None else []
    if script is None or len(found) != 1:
        return []
    decay = found[0]
    new = decay.slower(script, stretch)
    edit: Rewrite = script.replace(decay.node, new)
    line = script.text(decay.line).splitlines()[0]
    return [Change(f"{line}: {edit.expects} -> {new}", edit)]
