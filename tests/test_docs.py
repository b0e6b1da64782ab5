"""Every command that README.md and the pages show works, and the site says all that is public.

Commands in blocks, tables and running text are run, and those of the pages of the remedies. Those
on the same script that differ only in options are run as one with all of them; a fix of an example
is run once; what is no more than `run examples/NAME.py` is what test_examples.py runs. Of what
cannot be typed as it is (`unstuck explain NAME`), and of what takes hours (`make zoo`), the names
and options are looked up.
"""

from __future__ import annotations

import inspect
import math
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from torch.utils.tensorboard import SummaryWriter

import unstuck as public
from scripts import DOUBLE_SOFTMAX, begin, environment, interrupt, python, write
from unstuck import registry
from unstuck.cli import main

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "examples" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PLACEHOLDER = re.compile(r"\b[A-Z]{3,}\b|…|\.\.\.")
SCRIPT = re.compile(r"\S+\.(py|db|log|csv)|runs")


def fenced(page: Path) -> list[tuple[str, str]]:
    """Return the language and content of each fenced block."""
    return re.findall(r"^```(\w*)[^\n]*\n(.*?)^```", page.read_text(), re.M | re.S)


def shown() -> dict[str, str]:
    """Return each command in a block, with what is shown below it."""
    found: dict[str, str] = {}
    for page in PAGES:
        for language, text in fenced(page):
            if language == "yaml":  # a workflow
                text = re.sub(r"^[ -]*run: ", "", text, flags=re.M)
            commands = re.split(r"^(?:\$ )?(?=unstuck )", text, flags=re.M)[1:]
            assert not commands or language in ("sh", "console", "yaml"), (page.name, text)
            for command in commands:
                line, _, output = command.partition("\n")
                line = re.sub(r"\s+# .*", "", line)
                found[line] = max(found.get(line, ""), output, key=len)
    return found


def spans(begin: str) -> list[str]:
    """Return what running text and tables show as code that begins with a word."""
    found = []
    for page in [*PAGES, ROOT / "CONTRIBUTING.md"]:
        text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
        found += re.findall(rf"`({begin} [^`]*)`", text)
    return list(dict.fromkeys(found))


def inline() -> list[str]:
    """Return the commands in running text and tables that can be typed as they are."""
    found = [line for line in spans("unstuck") if not PLACEHOLDER.search(line)]
    return [line for line in found if " -m " in line or SCRIPT.search(line)]


def all_shown() -> list[str]:
    """Return every command that can be typed, those of the remedies' pages among them."""
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        from pages import remedy_page
    finally:
        sys.path.remove(str(ROOT / "docs"))
    made = "".join(remedy_page(kind) for kind in registry.remedies().values())
    own = re.findall(r"^```sh\n(unstuck .*)\n```", made, re.M)
    assert len(own) == len(registry.remedies())
    return list(dict.fromkeys([*shown(), *inline(), *own]))


def parsed(line: str) -> dict[str, object]:
    """Parse a command as `unstuck` does; what it does not understand raises."""
    _, verb, *arguments = shlex.split(line)
    command = main.commands[verb]
    with command.make_context(verb, arguments) as context:
        return context.params


@pytest.mark.parametrize("line", all_shown())
def test_options_and_names_exist(line: str) -> None:
    try:
        params = parsed(line)
    except click.exceptions.Exit:  # --help
        return
    for remedy in params.get("remedies") or ():  # type: ignore[union-attr]
        for name in str(remedy).split("+"):
            registry.remedy(name.partition("=")[0])
    if "name" in params:
        registry.named(str(params["name"]))


@pytest.mark.parametrize("line", [x for x in spans("unstuck") if x not in inline()])
def test_verbs_and_options_that_are_named_exist(line: str) -> None:
    """Of what cannot be typed as it is, such as `unstuck fix --workers 1`."""
    verb, *rest = shlex.split(line)[1:]
    command = main if verb.startswith("-") else main.commands[verb]
    known = {name for param in command.params for name in param.opts} | {"--help"}
    assert {token for token in (verb, *rest) if token.startswith("-")} <= known


@pytest.mark.parametrize("line", spans("make"))
def test_make_has_such_a_target(line: str) -> None:
    make = shutil.which("make")
    assert make is not None
    asked = [make, "--dry-run", *shlex.split(line)[1:]]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("line", spans("python zoo/\\w+.py"))
def test_scripts_of_the_zoo_have_such_options(line: str) -> None:
    _, script, *rest = shlex.split(line)
    done = python(script, "--help", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert {token for token in rest if token.startswith("--")} <= set(
        re.findall(r"--[\w-]+", done.stdout)
    )


def test_extras_that_are_named_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [
        name
        for page in [*PAGES, ROOT / "CONTRIBUTING.md"]
        for names in re.findall(r"(?:unstuck|\.)\[([\w,]+)\]", page.read_text())
        for name in names.split(",")
    ]
    assert named
    assert set(named) <= set(project["optional-dependencies"])


def test_what_a_notebook_is_shown_to_do(tmp_path: Path) -> None:
    (cell,) = [text for language, text in fenced(ROOT / "README.md") if language == "python"]
    body = "".join(f"    {line}\n" for line in DOUBLE_SOFTMAX.splitlines())
    cell = cell.replace("repair.verdict.status ", "print(repair.verdict.status) ")
    done = python(write(tmp_path, f"def train():\n{body}\n{cell}"), cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "\nfixed\n" in done.stdout
    assert re.search(r"^-.*Softmax", done.stdout, re.M)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples, a script of sixty steps called train.py, and logs of others."""
    path = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "examples", path / "examples")
    write(path, DOUBLE_SOFTMAX)
    write(path, "", "empty.py")
    write(path, "import torch\n", "torch_only.py")
    (path / "package").mkdir()
    takes = 'import sys\nassert sys.argv[1:] == ["--epochs", "3"]\n'
    write(path / "package", takes + DOUBLE_SOFTMAX)
    rows = [
        f"{e},{1.3 * math.exp(-e / 14):.4g},{1.05 + 0.3 * (e / 40 - 0.05) ** 2 * 2:.4g}"
        for e in range(40)
    ]
    for name in ("training.log", "metrics.csv"):
        write(path, "\n".join(["epoch,loss,val_loss", *rows]) + "\n", name)
    with SummaryWriter(path / "runs" / "exp1") as writer:
        for step in range(50):
            writer.add_scalar("loss", 1 / (1 + step), step)
    return path


def merged() -> dict[str, list[str]]:
    """Return the commands to run, each with those that it stands for."""
    groups: dict[tuple[str, ...], dict[str, None]] = {}
    for line in all_shown():
        _, verb, *arguments = shlex.split(line)
        if verb == "explain":
            groups.setdefault((verb, *arguments), {})[line] = None
            continue
        script = next((a for a in arguments if SCRIPT.fullmatch(a)), "")
        alone = re.search(r"--format \w+|--live|-m \S+", line)
        groups.setdefault((verb, script, alone[0] if alone else ""), {})[line] = None
    found: dict[str, list[str]] = {}
    for (verb, script, *_), lines in groups.items():
        options: list[tuple[str, ...]] = []
        for line in lines:
            tokens = [t for t in shlex.split(line)[2:] if t != script]
            while tokens:
                size = 2 if tokens[1:] and not tokens[1].startswith("-") else 1
                options.append(tuple(tokens[:size]))
                del tokens[:size]
        flat = [token for option in dict.fromkeys(options) for token in option]
        found[shlex.join(["unstuck", verb, *flat, *([script] if script else [])])] = list(lines)
    return found


def blurred(text: str) -> list[str]:
    """Return the lines that say what was found, with every number as #."""
    kept = [x for x in text.splitlines() if re.match(r"error\[|warning\[|  -->|fixed:|[-+] ", x)]
    return [re.sub(r"[\d.]+(e[-+]\d+)?", "#", line).rstrip() for line in kept]


def elsewhere(line: str) -> bool:
    """Return whether test_examples.py runs the command, and nothing is shown of what it says."""
    only = re.fullmatch(r"unstuck run examples/\w+\.py", line)
    return only is not None and not shown().get(line, "").strip()


@pytest.mark.parametrize(
    "line", [line for line in merged() if "examples/" in line and not elsewhere(line)]
)
def test_commands_on_examples(line: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    works_as_shown(line)


def test_commands_one_after_another(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `run train.py` records, `check .unstuck/train.db` reads; it stands for other records."""
    monkeypatch.chdir(folder)
    for line in merged():
        if "examples/" not in line:
            write(folder, DOUBLE_SOFTMAX)
            record = Path(shlex.split(line)[-1])
            if record.suffix == ".db" and not record.exists():
                shutil.copy(Path(".unstuck", "train.db"), record)
            works_as_shown(line)


def works_as_shown(line: str) -> None:
    """Assert that a command ends well, and says what the pages show of it."""
    verb, *arguments = shlex.split(line)[1:]
    if "--live" in arguments:  # serves until it is interrupted
        process = begin("-m", "unstuck", verb, *arguments, cwd=Path.cwd())
        assert process.stderr is not None
        said = process.stderr.readline()
        interrupt(process)
        assert "http://127.0.0.1" in said
        return
    if verb in ("run", "fix", "compare"):
        seeds = ["--seeds", "1"] if verb == "compare" else []
        done = python("-m", "unstuck", verb, *seeds, *arguments, cwd=Path.cwd(), timeout=300)
        status, said = done.returncode, done.stdout + done.stderr
    else:
        called = CliRunner().invoke(main, [verb, *arguments])
        status, said = called.exit_code, called.output
    found = verb == "check" or "--fail-on" in line
    assert status in ((0, 1) if found else (0,)), said
    for command in merged()[line]:
        assert set(blurred(shown().get(command, ""))) <= set(blurred(said)), (command, said)


# ------------------------------------------------------------------------- the site


def test_site_builds_without_a_warning_and_says_all(tmp_path: Path) -> None:
    site = tmp_path / "site"
    done = python(
        *("-m", "mkdocs", "build", "--strict", "--site-dir", site),
        cwd=ROOT,
        env=environment(NO_MKDOCS_2_WARNING="1"),
    )
    assert done.returncode == 0, done.stderr
    assert not re.search(r"WARNING|ERROR", done.stderr), done.stderr
    api = (site / "api.html").read_text()
    for name in set(public.__all__) - {"__version__"}:
        assert f'id="{getattr(public, name).__module__}.{name}"' in api
    for name, kind in [*registry.obstacles().items(), *registry.remedies().items()]:
        group = "obstacles" if hasattr(kind, "code") else "remedies"
        assert (site / group / f"{name}.html").is_file()
    dead = (site / "obstacles" / "dead-relu.html").read_text()
    assert dead.count('class="chart"') == 4
    assert "report" in dead
    for page in site.rglob("*.html"):
        outside = re.findall(r'(?:src|rel="stylesheet" href)="(https?:[^"]+)"', page.read_text())
        assert not outside, page


def test_no_public_name_is_undocumented() -> None:
    """What `unstuck` gives, and what its classes have, says what it is."""
    for name in set(public.__all__) - {"__version__"}:
        thing = getattr(public, name)
        assert inspect.getdoc(thing), name
        for key, member in vars(thing).items() if inspect.isclass(thing) else ():
            if not key.startswith("_") and callable(getattr(thing, key)):
                assert inspect.getdoc(member), f"{name}.{key}"
