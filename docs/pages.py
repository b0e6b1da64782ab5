"""Pages that are made from the classes when the site is built; a hook of mkdocs (mkdocs.yml).

One page for each obstacle and remedy, the command line, the configuration, the catalogue of
signals, the public names, and from CONTRIBUTING.md how to add to them. Nothing is written into
docs/.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pictures import pair
from tables import summary

import unstuck
from unstuck import registry
from unstuck.cli import main
from unstuck.config import Configuration
from unstuck.obstacles import Obstacle
from unstuck.remedies import Remedy
from unstuck.signals import SIGNALS

ROOT = Path(__file__).parent.parent
APPLICABILITY = {
    "safe": "safe: it cannot change a healthy run",
    "unsafe": "unsafe: it changes training, so a proof decides",
    "display": "display: it can be said, not done",
}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the parts of the navigation that list all obstacles and remedies."""
    for part in config.nav or []:
        for folder, known in (
            ("obstacles", registry.obstacles()),
            ("remedies", registry.remedies()),
        ):
            if part.get(folder.capitalize()) == f"{folder}/":
                part[folder.capitalize()] = [
                    f"{folder}/index.md",
                    *({name: f"{folder}/{name}.md"} for name in known),
                ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    for path, text in pages():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Put drawn pictures in; a link to what is in the repository, not on the site, is its name."""
    if "/" in page.file.src_uri:
        return markdown  # made here
    markdown = re.sub(
        r"<!-- picture (\S+) -->",
        lambda found: (ROOT / "docs" / "pictures" / found[1]).read_text(),
        markdown,
    )
    return re.sub(r"\[[^\]]*\]\(\.\./([^)]+)\)", r"`\1`", markdown)


def pages() -> Iterator[tuple[str, str]]:
    """Yield path and Markdown of each page."""
    obstacles, remedies = registry.obstacles(), registry.remedies()
    yield "obstacles/index.md", obstacle_index()
    yield "remedies/index.md", remedy_index()
    yield from ((f"obstacles/{name}.md", obstacle_page(kind)) for name, kind in obstacles.items())
    yield from ((f"remedies/{name}.md", remedy_page(kind)) for name, kind in remedies.items())
    yield "command-line.md", command_page()
    yield "configuration.md", configuration_page()
    yield "signals.md", signals_page()
    yield "api.md", api_page()
    yield "extending.md", extending_page()


# ------------------------------------------------------------------------------- docstrings


def sections(kind: type) -> dict[str, str]:
    """Return the sections of a docstring as Markdown, by title; "" holds what comes before."""
    parts = re.split(r"^(\w[^\n:]*\??):?\n(?=    )", inspect.getdoc(kind) or "", flags=re.M)
    titles, texts = ["", *parts[1::2]], parts[::2]
    return {
        title: re.sub(r"``([^`]+)``", r"`\1`", textwrap.dedent(text).strip())
        for title, text in zip(titles, texts, strict=True)
    }


def obstacle_page(kind: type[Obstacle]) -> str:
    """Return the page of an obstacle."""
    said = sections(kind)
    lines = [f"# {kind.name()}", f"`{kind.code}` {summary(kind)}", pair(kind)]
    for title in ("What it does", "Why is this bad?", "Evidence"):
        lines += [f"## {title}", named(said.get(title, ""), kind)]
    if values := kind.thresholds():
        lines += ["## Thresholds", "Where each comes from is said under *Evidence*."]
        rows = [f"| `{key}` | {value:g} |" for key, value in values.items()]
        lines.append("\n".join(["| threshold | default |", "|---|---|", *rows]))
        key, value = next(iter(values.items()))
        lines.append(
            "To change one, write into `pyproject.toml`:\n\n```toml\n"
            f"[tool.unstuck.thresholds.{kind.name()}]\n{key} = {value!r}\n```"
        )
    lines += ["## Remedies", said.get("Remedies", ""), listed(kind.remedies, "../remedies")]
    if kind.explains:
        names = ", ".join(f"[{name}]({name}.md)" for name in kind.explains)
        lines += [
            "## What follows from it",
            f"Where they are found too, they hang below it: {names}.",
        ]
    lines += ["## In the zoo", zoo(kind.name())]
    lines += ["## Known problems", named(said.get("Known problems", ""), kind)]
    lines += ["## References", said.get("References", "")]
    return "\n\n".join(lines) + "\n"


def remedy_page(kind: type[Remedy]) -> str:
    """Return the page of a remedy."""
    said = sections(kind)
    cures = [o.name() for o in registry.obstacles().values() if kind.name() in o.remedies]
    lines = [f"# {kind.name()}", summary(kind), f"*{APPLICABILITY[kind.applicability.value]}.*"]
    for title in ("What it does", "When it helps", "Settings", "Limits"):
        if said.get(title):
            lines += [f"## {title}", said[title]]
    lines += [
        "## Try it",
        "On your own script, side by side with the script as it is:",
        f"```sh\nunstuck compare train.py --remedy {kind.name()}\n```",
        "## Obstacles that it may cure",
        listed(cures, "../obstacles") if cures else "None by itself.",
        "## References",
        said.get("References", ""),
    ]
    return "\n\n".join(lines) + "\n"


def named(text: str, kind: type[Obstacle]) -> str:
    """Return text with the names of thresholds as code."""
    for name in kind.thresholds():
        text = re.sub(rf"(?<![\w`]){name}(?![\w`])", f"`{name}`", text)
    return text


def listed(names: Any, folder: str) -> str:
    """Return a list of links with what each page says first."""
    known = {**registry.obstacles(), **registry.remedies()}
    return "\n".join(
        f"- [{name}]({folder}/{name}.md): {summary(known[name])}" if name in known else f"- {name}"
        for name in names
    )


def zoo(name: str) -> str:
    """Return what docs/zoo.md and docs/repairs.md measured of an obstacle."""
    lines = []
    for page, head in (("zoo", "Diagnosis"), ("repairs", "Repair")):
        text = (ROOT / "docs" / f"{page}.md").read_text()
        for split in re.split(r"^## Split: ", text, flags=re.M)[1:]:
            heads = re.search(r"^\| obstacle \|.*$", split, re.M)
            row = re.search(rf"^\| {name} \|.*$", split, re.M)
            if heads and row:
                pairs = zip(cells(heads[0])[1:], cells(row[0])[1:], strict=True)
                figures = ", ".join(f"{key} {value}" for key, value in pairs)
                lines.append(f"- {head}, split *{split.split()[0]}*: {figures}.")
    if not lines:
        return "No case of the [zoo](../zoo.md) has it yet."
    return "\n".join(
        ["Sick trainings with this obstacle, as the [zoo](../zoo.md) has them:", "", *lines]
    )


def cells(row: str) -> list[str]:
    """Return the cells of a row of a table."""
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


# ------------------------------------------------------------------------------- tables


def obstacle_index() -> str:
    """Return the list of all obstacles."""
    rows = [
        f"| {kind.code} | [{name}]({name}.md) | {summary(kind)} |"
        for name, kind in registry.obstacles().items()
    ]
    return "\n".join(
        [
            "# Obstacles",
            "",
            "What stops a training. A code never changes its meaning. Each page shows a sick and a "
            "healthy run, the evidence with its thresholds, and what the zoo measured.",
            "",
            "| code | obstacle | says |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def remedy_index() -> str:
    """Return the list of all remedies."""
    rows = [f"| [{name}]({name}.md) | {summary(k)} |" for name, k in registry.remedies().items()]
    return "\n".join(
        [
            "# Remedies",
            "",
            "What cures an obstacle. `unstuck fix` tries those that fit the diagnosis and proves "
            "the best; `unstuck compare` tries the ones that you name.",
            "",
            "| remedy | does |",
            "|---|---|",
            *rows,
            "",
        ]
    )


def configuration_page() -> str:
    """Return the keys of ``[tool.unstuck]``, as the class that holds them says."""
    said = sections(Configuration)["Attributes"]
    entries = dict(re.findall(r"^(\w+): (.*(?:\n    .*)*)", said, re.M))
    defaults = Configuration()
    rows = []
    for field in fields(Configuration):
        value = getattr(defaults, field.name)
        shown = f"`{value}`" if value else "nothing"
        meaning = " ".join(entries[field.name].split())
        rows.append(f"| `{field.name.replace('_', '-')}` | {meaning} | {shown} |")
    readme = (ROOT / "README.md").read_text()
    example = re.search(r"```toml\n\[tool\.unstuck\].*?```", readme, re.S)
    return "\n".join(
        [
            "# Configuration",
            "",
            "What a project always wants goes into its `pyproject.toml`. The nearest one that has "
            "a `[tool.unstuck]` table counts. `--select` replaces `select`; `--ignore` adds to "
            "`ignore`.",
            "",
            "| key | meaning | default |",
            "|---|---|---|",
            *rows,
            "",
            example[0] if example else "",
            "",
            "Names are those of the [obstacles](obstacles/index.md); a prefix of codes such as "
            "`U4` stands for a group. The thresholds of an obstacle are on its page. An unknown "
            "key or name is an error that says what there is.",
            "",
        ]
    )


def signals_page() -> str:
    """Return the catalogue of signals."""
    rows = [f"| `{name}` | {meaning} |" for name, meaning in SIGNALS.items()]
    return "\n".join(
        [
            "# Signals",
            "",
            "What is measured, by the names that the record and the JSON report use.",
            "",
            "| signal | meaning |",
            "|---|---|",
            *rows,
            "",
        ]
    )


def command_page() -> str:
    """Return what `--help` says of every verb."""
    lines = [
        "# Command line",
        "`run` passes the script's output and exit status through; findings go to standard error, "
        "or to `--output`. `check` exits with 0 if nothing was found, with 1 if something was. "
        "`fix` exits with 0 if there was a fix or nothing to fix, with 1 if none was found. 2 is "
        "unstuck's own failure, with one line that says what is wrong.",
    ]
    whole = click.Context(main, info_name="unstuck", max_content_width=76, terminal_width=76)
    for verb, command in main.commands.items():
        context = click.Context(command, whole, verb, max_content_width=76, terminal_width=76)
        lines += [f"## unstuck {verb}", f"```text\n{command.get_help(context)}\n```"]
    return "\n\n".join([*lines, ""])


def api_page() -> str:
    """Return the public names, each with its docstring."""
    lines = [
        "# From Python",
        "",
        "Everything that `import unstuck` gives. The first use of a name imports what it needs; "
        "`import unstuck` by itself costs nothing.",
    ]
    for name in sorted(unstuck.__all__, key=str.lower):
        if name == "__version__":
            lines += ["", "## `__version__`", "", f"The version, here `{unstuck.__version__}`."]
            continue
        home = inspect.getmodule(getattr(unstuck, name))
        lines += ["", f"::: {home.__name__}.{name}"]  # type: ignore[union-attr]
    return "\n".join([*lines, ""])


def extending_page() -> str:
    """Return from CONTRIBUTING.md how to add an obstacle, a remedy and a case."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    wanted = ("An obstacle", "A remedy", "Zoo cases", "Rules")
    parts = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", text, re.M | re.S))
    lines = ["# Add an obstacle or a remedy", "From CONTRIBUTING.md, which has the set-up as well."]
    for title in wanted:
        lines += [f"## {title}", parts[title].strip()]
    return "\n\n".join(lines) + "\n"
