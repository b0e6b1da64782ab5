"""The lecture's claims, each with its criterion and its check."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from bench import (
    Bench,
    Claim,
    Outcome,
    Verdict,
    across,
    best,
    cosines,
    layer_scales,
    less,
    rises,
    show,
    weight_scale,
)

from unstuck.side_by_side import Arm

CLAIMS: list[Claim] = []
LOSS = r"loss over all rows: ([0-9.e+-]+|nan|inf)"
ACCURACY = r"accuracy ([0-9.]+)"
DENSE = (
    "https://github.com/keras-team/keras/blob/01b803622c6313e1e9ad76a1496a7fdd868faa12/"
    "keras/src/layers/core/dense.py"
)


def claim(
    statement: str, criterion: str, *scripts: str
) -> Callable[[Callable[[Bench], Outcome]], Callable[[Bench], Outcome]]:
    """Add a check to the claims, under its function's name."""

    def add(check: Callable[[Bench], Outcome]) -> Callable[[Bench], Outcome]:
        name = check.__name__.replace("_", "-")
        CLAIMS.append(Claim(name, statement, criterion, scripts, check))
        return check

    return add


def _verdict(confirmed: bool, sometimes: bool) -> Verdict:
    return "confirmed" if confirmed else "only under conditions" if sometimes else "false"


def _accuracy(arm: Arm) -> tuple[float, ...]:
    return arm.printed(ACCURACY)


@claim(
    "Full-batch descent is slower than mini-batches per pass.",
    "After 20 passes, each at its best of three learning rates, the mini-batches' loss is lower, "
    "proven.",
    "batches",
)
def full_batch_is_slower(bench: Bench) -> Outcome:
    full = {f"rate {r}": bench.arm(f"batches 0 {r}") for r in (0.3, 0.5, 1)}
    mini = {f"rate {r}": bench.arm(f"batches 32 {r}") for r in (0.1, 0.3, 1)}
    one = full[best({name: arm.printed(LOSS) for name, arm in full.items()})]
    other = mini[best({name: arm.printed(LOSS) for name, arm in mini.items()})]
    slow, fast = one.printed(LOSS), other.printed(LOSS)
    passes = [arm.printed(r"0\.5: (\d+|inf)") for arm in (one, other)]
    seconds = [arm.printed(r"seconds: ([0-9.]+)") for arm in (one, other)]
    return Outcome(
        "digits: all 1797 rows a step against 32, SGD, 20 passes, each at its best rate",
        f"loss {show(slow)} against {show(fast)}; passes to 0.5: {show(passes[0])} against "
        f"{show(passes[1])}",
        _verdict(less(fast, slow), False),
        f"A pass is one step in one case and 57 in the other. In seconds the difference is "
        f"smaller, since a pass of one large step is cheap: 20 passes took {show(seconds[0])} s "
        f"against {show(seconds[1])} s.",
    )


@claim(
    "SGD's steps are noisier.",
    "At the same weights, the gradient's noise over its size is larger with 256 rows than with "
    "all and larger again with 32, proven both times.",
    "batches",
)
def small_batches_are_noisier(bench: Bench) -> Outcome:
    noise = r"noise of a step: ([0-9.]+)"
    found = [bench.arm(f"batches {rows} 0.3").printed(noise) for rows in (0, 256, 32)]
    steps = less(found[0], found[1]), less(found[1], found[2])
    return Outcome(
        "digits, SGD: all rows, 256 and 32 a step, after 20 passes",
        "distance of a step's gradient from that over all rows, in units of the latter: "
        + ", ".join(show(values) for values in found),
        _verdict(all(steps), any(steps)),
        "The noise is larger the fewer the rows, and it outgrows the gradient itself as training "
        "goes on and that becomes small.",
    )


@claim(
    "Momentum removes zig-zag.",
    "In a narrow valley the median cosine of consecutive gradients is below -0.5 without momentum "
    "and above 0 with it, on every seed; under conditions if it only comes nearer to 0.",
    "valley",
)
def momentum_removes_zigzag(bench: Bench) -> Outcome:
    plain, treated = bench.arms("valley", "use-momentum=0.9,0.248")
    before, after = cosines(plain), cosines(treated)
    return Outcome(
        "diabetes, linear regression at the edge of stability: momentum 0.9 at the same rate",
        f"cosine of consecutive gradients {show(before)} becomes {show(after)}",
        _verdict(max(before) < -0.5 and min(after) > 0, less(before, after)),
        "It lessens it: steps across the valley partly cancel in the average, and the swing dies "
        "out soon. Until then gradients still turn more often than not; at this rate plain descent "
        "does nothing else.",
    )


@claim(
    "Momentum gets there sooner.",
    "With momentum the untreated run's last loss is reached in under half of the steps on every "
    "seed, in the narrow valley and in a well-conditioned task at the same effective rate (a tenth "
    "of the learning rate); under conditions if in one of them.",
    "valley",
    "batches",
)
def momentum_is_sooner(bench: Bench) -> Outcome:
    plain, valley = bench.arms("valley", "use-momentum=0.9,0.248")
    other, easy = bench.arms("batches 32 0.1", "use-momentum=0.9,0.01")
    sooner = [
        all(reached < len(losses) / 2 for reached, losses in zip(arm.reached, ends, strict=True))
        for arm, ends in ((valley, plain.losses), (easy, other.losses))
    ]
    above = [arm.printed(r"least: ([0-9.e+-]+)") for arm in (plain, valley)]
    return Outcome(
        "the valley at the same rate; digits in mini-batches of 32 at a tenth of the rate",
        f"valley: there after {show(valley.reached, 3)} of {len(plain.losses[0])} steps, loss "
        f"above the least {show(above[0])} against {show(above[1])}; digits: after "
        f"{show(easy.reached, 4)} of {len(other.losses[0])} steps, loss "
        f"{show(other.printed(LOSS))} against {show(easy.printed(LOSS))}",
        _verdict(all(sooner), any(sooner)),
        "Where the valley is narrow. Elsewhere momentum 0.9 mostly multiplies the learning rate "
        "by ten, and a plain step that is ten times as long does the same.",
    )


@claim(
    "RMSProp gives parameters that changed little larger steps and those that changed much smaller "
    "ones.",
    "Of the layers, the one with the smallest gradient gets at least ten times the step per "
    "gradient of the one with the largest, on every seed; under SGD the same.",
    "steps",
)
def rmsprop_evens_steps(bench: Bench) -> Outcome:
    plain, _, treated, _ = _optimizers(bench)
    rates, sizes = [], []
    for arm in (plain, treated):
        ends = [(min(s), max(s)) for s in (layer_scales(run) for run in arm.runs)]
        rates.append([(low[1] / low[0]) / (high[1] / high[0]) for low, high in ends])
        sizes.append([low[1] / high[1] for low, high in ends])
    return Outcome(
        "wine, four layers behind sigmoids: the layer with the smallest gradient against that "
        "with the largest, SGD and RMSProp",
        f"step per gradient: {show(rates[0])} times under SGD, {show(rates[1])} times under "
        f"RMSProp; step: {show(sizes[0])} times and {show(sizes[1])} times",
        _verdict(min(rates[1]) >= 10 and max(rates[0]) < 2, max(rates[1]) >= 10),
        "Larger and smaller is meant against what SGD would do: the steps themselves become about "
        "equal, those of small gradients do not become the larger ones.",
    )


def _optimizers(bench: Bench) -> list[Arm]:
    return bench.arms("steps", "use-momentum=0.9,0.01", "use-rmsprop=0.001", "use-adam=0.001")


@claim(
    "Adam joins momentum and RMSProp.",
    "Consecutive steps of Adam agree as momentum's do (cosine nearer to momentum's than to "
    "RMSProp's) and are as even over layers as RMSProp's (less than a tenth of SGD's spread), on "
    "every seed.",
    "steps",
)
def adam_joins_both(bench: Bench) -> Outcome:
    arms = _optimizers(bench)
    agree = [arm.printed(r"cosine of consecutive steps: ([0-9.-]+)") for arm in arms]
    spread = [arm.printed(r"over smallest: ([0-9.]+)") for arm in arms]
    joins = [a > (m + r) / 2 for _, m, r, a in zip(*agree, strict=True)]
    evens = [a < s / 10 for s, _, _, a in zip(*spread, strict=True)]
    names = ("SGD", "momentum", "RMSProp", "Adam")

    def each(values: Sequence[Sequence[float]]) -> str:
        return ", ".join(f"{n} {show(v)}" for n, v in zip(names, values, strict=True))

    return Outcome(
        "wine, four layers behind sigmoids, steps of four optimizers",
        f"cosine of consecutive steps: {each(agree)}; largest layer's step over smallest: "
        f"{each(spread)}",
        _verdict(all(joins) and all(evens), all(joins) or all(evens)),
        "It also corrects both averages for their start at zero, which neither of the two does.",
    )


TASKS = ("wine", "breast_cancer", "diabetes", "digits", "deep")
RIVALS = {
    "SGD": ("as it is", "raise-learning-rate=10", "raise-learning-rate=100"),
    "momentum": ("use-momentum=0.9,0.01", "use-momentum=0.9,0.1"),
    "RMSProp": ("use-rmsprop=0.001", "use-rmsprop=0.01"),
    "Adam": ("use-adam=0.001", "use-adam=0.01"),
}


@claim(
    "Adam is the best first choice.",
    "Among SGD and momentum (rate 0.01), RMSProp and Adam (0.001) as they come, and among the same "
    "at their best rate, Adam has the lowest final loss on at least four of five tasks; under "
    "conditions if on at least three in one of the two ways.",
    "task",
)
def adam_is_first_choice(bench: Bench) -> Outcome:
    wins: dict[str, list[str]] = {"as it comes": [], "tuned": []}
    behind = []
    remedies = [name for names in RIVALS.values() for name in names if name != "as it is"]
    for task in TASKS:
        arms = dict(
            zip(("as it is", *remedies), bench.arms(f"task {task}", *remedies), strict=True)
        )
        losses = {name: arm.printed(LOSS) for name, arm in arms.items()}
        first = {kind: losses[names[0]] for kind, names in RIVALS.items()}
        tuned = {
            kind: losses[best({n: losses[n] for n in names})] for kind, names in RIVALS.items()
        }
        wins["as it comes"].append(best(first))
        wins["tuned"].append(best(tuned))
        behind.append(f"{task} {median(first['Adam']):.2g} → {median(tuned['Adam']):.2g}, best ")
        behind[-1] += f"{wins['tuned'][-1]} {median(tuned[wins['tuned'][-1]]):.2g}"
    counts = {way: names.count("Adam") for way, names in wins.items()}
    listed = "; ".join(f"{way}: {', '.join(names)}" for way, names in wins.items())
    return Outcome(
        "wine, breast cancer, diabetes, digits, digits with four tanh layers; 300 or so steps of "
        "32 rows; the lower worst seed counts",
        f"lowest loss over all rows ({', '.join(TASKS)}), {listed}. Adam as it comes → tuned: "
        + "; ".join(behind),
        _verdict(min(counts.values()) >= 4, max(counts.values()) >= 3),
        f"Adam was first on {counts['as it comes']} of 5 as it comes and on {counts['tuned']} of 5 "
        "at its best rate. It is a good first choice, as RMSProp is; which of the two is ahead "
        "depends on the task, and the rate that they come with was too small for runs this short.",
    )


@claim(
    "A sigmoid's gradient dies with depth.",
    "At 8 layers the first hidden layer's gradient is below a thousandth of the last one's on "
    "every seed, with PyTorch's and with Xavier's weights, and falls with each depth.",
    "deep",
)
def sigmoid_gradient_dies(bench: Bench) -> Outcome:
    falls, xavier = [], []
    for depth in (2, 4, 8):
        arms = _depth(bench, depth)
        falls.append(across(arms[0], "gradient_rms"))
        xavier.append(across(arms[3], "gradient_rms"))
    dies = [max(values[2]) < 1e-3 for values in (falls, xavier)]
    steady = median(falls[0]) > median(falls[1]) > median(falls[2])
    return Outcome(
        "digits, 2, 4 and 8 hidden layers of sigmoids: gradient of the first over the last",
        f"{', '.join(show(v) for v in falls)}; with Xavier's weights "
        f"{', '.join(show(v) for v in xavier)}",
        _verdict(all(dies) and steady, any(dies)),
        "A sigmoid passes at most a quarter of a gradient; no initialization that keeps it in its "
        "middle changes that.",
    )


def _depth(bench: Bench, depth: int) -> list[Arm]:
    command = f"deep --activation sigmoid --depth {depth} --passes 3"
    he = "use-relu+use-he-initialization"
    return bench.arms(command, "use-relu", he, "use-xavier-initialization")


@claim(
    "ReLU's gradient does not die with depth.",
    "At 8 layers the first hidden layer's gradient is above a tenth of the last one's on every "
    "seed, with PyTorch's weights; under conditions if with He's only.",
    "deep",
)
def relu_gradient_lives(bench: Bench) -> Outcome:
    plain, he = ([across(_depth(bench, d)[n], "gradient_rms") for d in (2, 4, 8)] for n in (1, 2))
    return Outcome(
        "the same networks with ReLU",
        f"{', '.join(show(v) for v in plain)}; with He's weights {', '.join(show(v) for v in he)}",
        _verdict(min(plain[2]) > 0.1, min(he[2]) > 0.1),
        "With He's weights, or others of the right scale. PyTorch's own have a sixth of He's "
        "variance, and signals and gradients shrink with each layer.",
    )


@claim(
    "ReLU is cheaper.",
    "Forward and backward of a ReLU take less than 90 % of a sigmoid's time on every seed, and a "
    "whole training step less than 95 %; under conditions if only the first.",
    "cost",
)
def relu_is_cheaper(bench: Bench) -> Outcome:
    plain, treated = bench.arms("cost sigmoid", "use-relu")
    alone = [
        relu / sigmoid
        for relu, sigmoid in zip(
            plain.printed(r"relu: ([0-9.]+)"), plain.printed(r"sigmoid: ([0-9.]+)"), strict=True
        )
    ]
    steps = [arm.printed(r"step: ([0-9.]+)") for arm in (treated, plain)]
    whole = [relu / sigmoid for relu, sigmoid in zip(*steps, strict=True)]
    return Outcome(
        "forward and backward over 256 × 256 values; a training step on digits, 256 hidden units",
        f"ReLU over sigmoid: alone {show(alone)}, training step {show(whole)}",
        _verdict(max(alone) < 0.9 and max(whole) < 0.95, max(alone) < 0.9),
        "By itself, yes. In a training step of this size all else costs far more: the "
        "difference is below what a step's duration varies by.",
    )


@claim(
    "Weights that start too small or too large lose the signal.",
    "Six layers, weights of 0.01 and of 1: from the first hidden layer to the last the signal "
    "shrinks or grows more than 100-fold (ReLU) or saturates in more than half (tanh), and the "
    "accuracy stays 5 points below that with He's (ReLU) or Xavier's (tanh) weights; all four "
    "cases, every seed.",
    "deep",
)
def wrong_scale_loses_signal(bench: Bench) -> Outcome:
    lost, worse, figures = [], [], []
    for activation, remedy in (
        ("relu", "use-he-initialization"),
        ("tanh", "use-xavier-initialization"),
    ):
        for std in (0.01, 1):
            command = f"deep --activation {activation} --std {std} --passes 6"
            plain, treated = bench.arms(command, remedy)
            ends = [1 / v for v in across(plain, "sample_std", 1)]
            flat = _saturated(plain)
            lost.append(all(not 0.01 < v < 100 for v in ends) or min(flat) > 0.5)
            scores = _accuracy(plain), _accuracy(treated)
            worse.append(all(a < b - 0.05 for a, b in zip(*scores, strict=True)))
            pinned = f", saturated {show(flat)}" if activation == "tanh" else ""
            figures.append(
                f"{activation} at {std}: last over first {show(ends)}{pinned}, accuracy "
                f"{show(scores[0])} against {show(scores[1])}"
            )
    both = [one and other for one, other in zip(lost, worse, strict=True)]
    return Outcome(
        "digits, 6 hidden layers, standard deviation 0.01 and 1 against the initialization that "
        "fits",
        "; ".join(figures),
        _verdict(all(both), any(both)),
        "Too small a signal is lost in the biases, too large a one in saturation (tanh) or in "
        "steps that destroy the weights (ReLU). The deeper, the narrower the range that works.",
    )


def _saturated(arm: Arm) -> list[float]:
    return [
        max((run.of("saturated_share", act.name) or (0.0,))[0] for act in run.activations)
        for run in arm.runs
    ]


@claim(
    "Xavier suits sigmoid and tanh.",
    "In 8 hidden layers the signal (its deviation over the batch) of the last is between a tenth "
    "and ten times that of the first on every seed, for tanh and for sigmoid.",
    "deep",
)
def xavier_suits_sigmoid_and_tanh(bench: Bench) -> Outcome:
    arms = {a: _initialized(bench, a, "xavier") for a in ("tanh", "sigmoid")}
    kept = {a: [1 / v for v in across(arm, "sample_std", 1)] for a, arm in arms.items()}
    fits = {a: all(0.1 < v < 10 for v in values) for a, values in kept.items()}
    return Outcome(
        "digits, 8 hidden layers, Xavier's weights: signal of the last layer over the first",
        "; ".join(
            f"{a} {show(kept[a])}, accuracy after 6 passes {show(_accuracy(arms[a]))}" for a in arms
        ),
        _verdict(all(fits.values()), any(fits.values())),
        "For tanh, which is the identity near zero, as Xavier's derivation assumes. A sigmoid's "
        "slope there is a quarter, and its outputs do not average zero: deep stacks of them do "
        "not train with Xavier's weights either; use another activation or normalization.",
    )


def _initialized(bench: Bench, activation: str, name: str) -> Arm:
    """Return 8 hidden layers of 64 units: standard deviation √(1/64) for Xavier, √(2/64) for He."""
    std = {"xavier": 0.125, "he": 0.17678}[name]
    return bench.arm(f"deep --activation {activation} --depth 8 --std {std} --passes 6")


@claim(
    "He suits ReLU.",
    "In 8 hidden layers of ReLU He's weights keep the signal within a factor of ten, keep more of "
    "it than Xavier's, and end with an accuracy no lower, on every seed.",
    "deep",
)
def he_suits_relu(bench: Bench) -> Outcome:
    he, xavier = (_initialized(bench, "relu", name) for name in ("he", "xavier"))
    kept = [[1 / v for v in across(arm, "sample_std", 1)] for arm in (he, xavier)]
    fits = all(0.1 < v < 10 for v in kept[0])
    better = all(a > b for a, b in zip(*kept, strict=True)) and all(
        a >= b for a, b in zip(_accuracy(he), _accuracy(xavier), strict=True)
    )
    return Outcome(
        "the same with ReLU, He's weights against Xavier's",
        f"signal {show(kept[0])} against {show(kept[1])}, accuracy after 6 passes "
        f"{show(_accuracy(he))} against {show(_accuracy(xavier))}",
        _verdict(fits and better, fits),
        "A ReLU passes half of the variance; twice Xavier's makes up for it at every layer.",
    )


@claim(
    "Keras `Dense` starts with He.",
    "The source of `keras.layers.Dense` gives a He initializer as the default of "
    "`kernel_initializer`.",
)
def keras_starts_with_he(bench: Bench) -> Outcome:
    return Outcome(
        "the source of Keras 3 (nothing is run)",
        'default of `kernel_initializer`: "glorot_uniform"',
        "false",
        f"`Dense` starts with Glorot's (Xavier's) uniform weights and zero biases: see its "
        f"constructor in [keras/src/layers/core/dense.py]({DENSE}). For He, say "
        '`kernel_initializer="he_normal"`. PyTorch\'s `Linear` starts with neither: U(±1/√fan-in), '
        "a third of the variance that Xavier gives a square layer and a sixth of He's.",
    )


@claim(
    "L2 keeps weights small.",
    "Weight decay of 0.01 leaves smaller weights, proven, and none exactly zero.",
    "few_rows",
)
def l2_keeps_weights_small(bench: Bench) -> Outcome:
    plain, decayed, *_ = _few_rows(bench)
    scales = weight_scale(plain), weight_scale(decayed)
    zero = decayed.printed(r"exactly zero: ([0-9.]+)")
    return Outcome(
        "diabetes, 150 rows, 128-128 units, Adam: weight decay 0.01",
        f"root mean square of the weights {show(scales[0])} becomes {show(scales[1])}; exactly "
        f"zero: {show(zero)}",
        _verdict(less(scales[1], scales[0]) and max(zero) == 0, less(scales[1], scales[0])),
        "All shrink, none becomes zero: L2 does not select.",
    )


def _few_rows(bench: Bench) -> list[Arm]:
    return bench.arms("few_rows 128", "add-weight-decay=0.01", "add-dropout=0.5", "add-batch-norm")


@claim(
    "L1 makes unimportant weights exactly zero.",
    "With L1 of 0.02 some of the weights are exactly zero on every seed, as a penalty in the loss "
    "and as the proximal step of `add-l1`; under conditions if one of them only.",
    "noise_columns",
)
def l1_makes_zeros(bench: Bench) -> Outcome:
    _, proximal, decayed = _noise(bench)
    penalty = bench.arm("noise_columns 0.02")
    shares = [_at_zero(arm) for arm in (proximal, penalty, decayed)]
    zero = [[(one + other) / 2 for one, other in share] for share in shares]
    smallest = penalty.printed(r"smallest weight: ([0-9.e+-]+)")
    return Outcome(
        "breast cancer with 30 columns of noise, logistic regression: L1 as a proximal step, L1 "
        "in the loss, L2",
        f"weights exactly zero: {show(zero[0])}, {show(zero[1])}, {show(zero[2])}; smallest weight "
        f"with L1 in the loss {show(smallest)}",
        _verdict(min(zero[0] + zero[1]) > 0, min(zero[0]) > 0),
        "With a proximal step (soft thresholding). Added to the loss, as is usual in PyTorch and "
        "Keras, L1 has a gradient that jumps from one side of zero to the other: weights get small "
        "and change sign, and none stays at zero.",
    )


def _noise(bench: Bench) -> list[Arm]:
    return bench.arms("noise_columns", "add-l1=0.02", "add-weight-decay=0.02")


def _at_zero(arm: Arm) -> list[tuple[float, float]]:
    real = arm.printed(r"measurements at zero: ([0-9.]+)")
    return list(zip(real, arm.printed(r"noise at zero: ([0-9.]+)"), strict=True))


@claim(
    "L1 selects features.",
    "Of 30 measurements and 30 columns of noise, L1 removes at least 80 % of the noise and a share "
    "of the measurements that is at least 30 points smaller, on every seed, and the validation "
    "loss is no worse.",
    "noise_columns",
)
def l1_selects_features(bench: Bench) -> Outcome:
    plain, proximal, _ = _noise(bench)
    pairs = _at_zero(proximal)
    selects = all(noise >= 0.8 and real <= noise - 0.3 for real, noise in pairs)
    losses = [arm.printed(r"validation loss ([0-9.]+)") for arm in (plain, proximal)]
    harmless = median(losses[1]) <= median(losses[0])
    return Outcome(
        "the same, by columns",
        f"removed of the noise {show([n for _, n in pairs])}, of the measurements "
        f"{show([r for r, _ in pairs])}; validation loss {show(losses[0])} without, "
        f"{show(losses[1])} with L1",
        _verdict(selects and harmless, all(noise > real for real, noise in pairs)),
        "It tells noise from measurements, and keeps a few among measurements that say the same. "
        "What it keeps it shrinks as well, which costs validation loss where nothing was "
        "overfitted: select with L1, then fit again without.",
    )


RESULT = r"training loss ([0-9.]+)", r"validation loss ([0-9.]+)", r"lowest ([0-9.]+)"


def _fit(arm: Arm) -> tuple[tuple[float, ...], ...]:
    """Return training loss, validation loss, and that at its lowest, per seed."""
    return tuple(arm.printed(pattern) for pattern in RESULT)


@claim(
    "Dropout of 0.5 prevents overfitting.",
    "With it the last validation loss is at most 10 % above its lowest on every seed (without, "
    "more), and a narrow network does not get worse; under conditions if it only lowers the last "
    "validation loss, proven.",
    "few_rows",
)
def dropout_prevents_overfitting(bench: Bench) -> Outcome:
    plain, _, dropped, _ = _few_rows(bench)
    narrow, thinned = bench.arms("few_rows 4", "add-dropout=0.5")
    wide = [_fit(arm) for arm in (plain, dropped)]
    small = [_fit(arm) for arm in (narrow, thinned)]
    rise = [[end / low for _, end, low in zip(*fit, strict=True)] for fit in wide]
    prevents = max(rise[1]) <= 1.1 < min(rise[0])
    harmless = not less(small[0][0], small[1][0]) or median(small[1][1]) <= median(small[0][1])
    return Outcome(
        "diabetes, 150 rows, Adam: 128-128 units and 4-4 units, with and without",
        f"128 units: validation loss {show(wide[0][1])} against {show(wide[1][1])}, over its "
        f"lowest {show(rise[0])} times against {show(rise[1])} times; 4 units: "
        f"{show(small[0][1])} against {show(small[1][1])}, training loss {show(small[0][0])} "
        f"against {show(small[1][0])}",
        _verdict(prevents and harmless, less(wide[1][1], wide[0][1])),
        "It lessens overfitting where the network is wide; how far depends on width and length of "
        "the training, and a network that has no units to spare fits worse with it.",
    )


@claim(
    "Dropout acts like an ensemble.",
    "The mean over 50 sampled masks is more accurate than one mask, and the network without "
    "dropout is within one point of that mean, on every seed.",
    "masks",
)
def dropout_is_an_ensemble(bench: Bench) -> Outcome:
    arm = bench.arm("masks")
    one, many, scaled, agree = (
        arm.printed(pattern + r": ([0-9.]+)")
        for pattern in ("one mask", "50 masks", "eval mode", "agree on")
    )
    gains = all(m > o for o, m in zip(one, many, strict=True))
    alike = all(abs(m - s) <= 0.01 for m, s in zip(many, scaled, strict=True))
    return Outcome(
        "digits, 300 rows, dropout 0.5: one mask, the mean of 50, the network in evaluation",
        f"accuracy {show(one, 3)}, {show(many, 3)}, {show(scaled, 3)}; the last two agree on "
        f"{show(agree, 3)} of the rows",
        _verdict(gains and alike, gains),
        "One pass without dropout stands for the mean of the masks. Their weights are shared, so "
        "it is less than an ensemble of networks that were trained apart.",
    )


@claim(
    "Batch Normalization gives each mini-batch mean 0 and variance 1.",
    "What it puts out has, unit by unit over a mini-batch, a mean within 0.01 of 0 and a variance "
    "within 0.05 of 1: before and after training, and in evaluation; under conditions if some.",
    "normalized",
)
def batch_norm_normalizes(bench: Bench) -> Outcome:
    arm = bench.arm("normalized")
    found = {}
    for what in ("first put out", "trained normalized", "trained put out", "evaluated put out"):
        means = arm.printed(what + r": mean ([0-9.]+)")
        found[what] = means, arm.printed(what + r": mean [0-9.]+, variance ([0-9.]+)")
    fits = [max(mean) < 0.01 and max(variance) < 0.05 for mean, variance in found.values()]
    return Outcome(
        "digits, 64 units, mini-batches of 64: the unit farthest from mean 0 and variance 1",
        "; ".join(f"{what}: off by {show(m)} and {show(v)}" for what, (m, v) in found.items()),
        _verdict(all(fits), any(fits)),
        "In training, before its own scale and shift. These are learned and move both; in "
        "evaluation the running averages over training take the mini-batch's place.",
    )


FASTER = (
    "deep --activation sigmoid --depth 4",
    "deep --activation relu --depth 6",
    "batches 32 0.1",
)


@claim(
    "Batch Normalization trains faster.",
    "The untreated run's last loss is reached in under half of the steps, and in less time, on "
    "every seed, in a deep sigmoid network, a deep ReLU network and a shallow one; under "
    "conditions if in some.",
    "deep",
    "batches",
)
def batch_norm_is_faster(bench: Bench) -> Outcome:
    sooner, figures = [], []
    for command in FASTER:
        plain, treated = bench.arms(command, "add-batch-norm")
        steps = [r / len(losses) for r, losses in zip(treated.reached, plain.losses, strict=True)]
        pace = [b / a for a, b in zip(plain.seconds, treated.seconds, strict=True)]
        sooner.append(all(s < 0.5 and s * p < 1 for s, p in zip(steps, pace, strict=True)))
        figures.append(f"{command.split(' --depth')[0]}: {show(steps)}, a step {show(pace)} times")
    return Outcome(
        "digits: 4 sigmoid layers, 6 ReLU layers, one ReLU layer; steps to the untreated loss as a "
        "share of all, and what a step costs",
        "; ".join(figures),
        _verdict(all(sooner), any(sooner)),
        "Most of all where the network is deep and its start does not suit it, and in a shallow "
        "one too. A step costs more (how much varies from run to run), far less than is gained.",
    )


@claim(
    "Batch Normalization trains steadier.",
    "The validation loss rises in fewer passes, on median, in a well-started network of 4 ReLU "
    "layers at rates of 0.1 and 1, and in no seed's run more often; under conditions if at one.",
    "deep",
)
def batch_norm_is_steadier(bench: Bench) -> Outcome:
    steadier, figures = [], []
    for rate in (0.1, 1):
        found = [rises(arm) for arm in _rate(bench, rate)]
        pairs = zip(*found, strict=True)
        steadier.append(
            median(found[1]) < median(found[0]) and all(after <= before for before, after in pairs)
        )
        figures.append(f"rate {rate}: {show(found[0])} against {show(found[1])}")
    return Outcome(
        "digits, 4 ReLU layers, He's weights: share of passes in which the validation loss rises",
        "; ".join(figures),
        _verdict(all(steadier), any(steadier)),
        "At 0.1, where both train. At 1 the plain network's loss stops being a number, which "
        "counts as a rise; the normalized one trains, but its loss swings too.",
    )


def _rate(bench: Bench, rate: float) -> list[Arm]:
    return bench.arms(f"deep --depth 4 --std 0.17678 --rate {rate}", "add-batch-norm")


@claim(
    "Batch Normalization allows larger learning rates.",
    "The largest of the rates 0.1, 1, 3, 10 that ends above 90 % accuracy on every seed is larger "
    "with it.",
    "deep",
)
def batch_norm_allows_larger_rates(bench: Bench) -> Outcome:
    largest, figures = [0.0, 0.0], []
    for rate in (0.1, 1, 3, 10):
        scores = [_accuracy(arm) for arm in _rate(bench, rate)]
        for number, values in enumerate(scores):
            if min(values) > 0.9:
                largest[number] = rate
        figures.append(f"rate {rate}: {show(scores[0])} against {show(scores[1])}")
    return Outcome(
        "digits, 4 ReLU layers, He's weights, SGD: accuracy after 12 passes",
        "; ".join(figures),
        _verdict(largest[1] > largest[0], False),
        f"The largest rate that trains is {largest[0]:g} without and {largest[1]:g} with it: the "
        "scale of a layer's weights no longer matters, so that a step that is too long only makes "
        "later ones shorter.",
    )


@claim(
    "Batch Normalization is less sensitive to initialization.",
    "Over weights of 0.01, 0.18 (He's) and 1 the accuracy's range is less than half of that "
    "without, and all runs with it end above 90 %; under conditions if only the former.",
    "deep",
)
def batch_norm_forgives_initialization(bench: Bench) -> Outcome:
    found: list[dict[str, tuple[float, ...]]] = [{}, {}]
    for std in ("0.01", "0.17678", "1"):
        command = f"deep --depth 4 --std {std} --rate 0.1"
        for number, arm in enumerate(bench.arms(command, "add-batch-norm")):
            found[number][f"{float(std):.2g}"] = _accuracy(arm)
    spans = []
    for scores in found:
        middles = [median(values) for values in scores.values()]
        spans.append(max(middles) - min(middles))
    above = all(min(values) > 0.9 for values in found[1].values())
    return Outcome(
        "digits, 4 ReLU layers, SGD at 0.1: accuracy after 12 passes by standard deviation",
        "; ".join(f"{s}: {show(found[0][s])} against {show(found[1][s])}" for s in found[0]),
        _verdict(spans[1] < spans[0] / 2 and above, spans[1] < spans[0] / 2),
        "It sets each layer's scale anew, whatever the weights' scale; large weights still move "
        "little for their size.",
    )


@claim(
    "Batch Normalization regularizes a little.",
    "Where a network overfits, it ends with a lower validation loss, proven, in a wide network "
    "and in a narrow one; under conditions if in one.",
    "few_rows",
)
def batch_norm_regularizes(bench: Bench) -> Outcome:
    plain, *_, treated = _few_rows(bench)
    pairs = [(plain, treated), tuple(bench.arms("few_rows 16", "add-batch-norm"))]
    lower, figures = [], []
    for (one, other), width in zip(pairs, (128, 16), strict=True):
        fits = _fit(one), _fit(other)
        lower.append(less(fits[1][1], fits[0][1]))
        figures.append(
            f"{width} units: validation loss {show(fits[0][1])} against {show(fits[1][1])}, "
            f"training loss {show(fits[0][0])} against {show(fits[1][0])}"
        )
    return Outcome(
        "diabetes, 150 rows, Adam, mini-batches of 30",
        "; ".join(figures),
        _verdict(all(lower), any(lower)),
        "The noise of a mini-batch's mean and variance is a mild regularizer; a faster training "
        "fits the noise of few rows faster, which works against it.",
    )
