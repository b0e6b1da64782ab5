"""The frame of a page: one HTML file that opens without a network, and the parts it is made of.

Whatever comes from a run is data here: `words` escapes it for HTML, `label` for Plotly, which reads
a little HTML of its own, and `_inside_script` keeps figures from ending the script they are in. A
content security policy forbids the page to ask for anything.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING
from zlib import crc32

from unstuck.report import digits

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = [
    "Cell",
    "content",
    "document",
    "frame",
    "label",
    "picture",
    "prose",
    "sections",
    "table",
    "words",
]

Cell = str | float | None
"""What a table holds: text or a number; None where nothing was measured."""
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
PLOTLY = "plotly-cartesian.min.js.gz"
_CONTROLS = dict.fromkeys([*range(9), 11, 12, *range(14, 32), *range(127, 160)], "\ufffd")


def _clean(text: object) -> str:
    """Return text without what no page may hold: lone surrogates, control characters."""
    return str(text).encode(errors="replace").decode().translate(_CONTROLS)


def words(text: object) -> str:
    """Return text as HTML: nothing in it is markup; what is endless is cut."""
    return html.escape(_cut(_clean(text), 4000))


def prose(text: object) -> str:
    """Return text as HTML in which what stands between backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", words(text))


def _cut(text: str, most: int) -> str:
    """Return text with something of its middle left out if it is too long."""
    return text if len(text) <= most else f"{text[: most // 2 - 1]}…{text[-(most - most // 2) :]}"


def whole(text: str) -> str:
    """Return a text as a sentence: with a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:]}."


def label(text: object, most: int = 200) -> str:
    """Return text for a picture, shortened in its middle, without markup that Plotly would read."""
    cleaned = _cut(" ".join(_clean(text).split()), most)
    return html.escape(cleaned, quote=False).replace("$", "＄").replace("%{", "% {")


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    caption: str = "",
    marked: Sequence[bool] = (),
) -> str:
    """Return a table whose first column names the rows.

    Args:
        heads: Column heads.
        rows: Their cells; numbers are written with three digits.
        caption: What the table holds.
        marked: Which rows stand out.
    """
    lines = []
    number = ' class="number"'
    numeric = [False] * len(heads)
    for place, row in enumerate(rows):
        chosen = ' class="marked"' if place < len(marked) and marked[place] else ""
        cells = []
        for column, cell in enumerate(row):
            figure = isinstance(cell, (int, float))
            numeric[column] |= figure
            shown = digits(cell) if figure or cell is None else prose(_cut(str(cell), 300))
            kind = number if figure or (cell is None and column) else ""
            cells.append(f"<td{kind}>{shown}</td>" if column else f'<th scope="row">{shown}</th>')
        lines.append(f"<tr{chosen}>{''.join(cells)}</tr>")
    head = "".join(
        f'<th scope="col"{number if wide else ""}>{words(name)}</th>'
        for name, wide in zip(heads, numeric, strict=True)
    )
    title = f"<caption>{prose(caption)}</caption>" if caption else ""
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{words(caption or heads[0])}">'
        f"<table>{title}"
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def sections(parts: Mapping[str, str]) -> tuple[str, str]:
    """Return links to the parts of a page, and the parts with their headings.

    Args:
        parts: Title -> HTML.
    """
    links, bodies = [], []
    for number, (title, body) in enumerate(parts.items()):
        name = f'id="part-{number}" aria-label="{words(title)}"'
        links.append(f'<li><a href="#part-{number}">{words(title)}</a></li>')
        bodies.append(f"<section {name}><h2>{words(title)}</h2>{body}</section>")
    return f'<nav aria-label="Contents"><ul>{"".join(links)}</ul></nav>', "".join(bodies)


def picture(title: str, figure: Figure, sentence: str, numbers: str = "") -> str:
    """Return a picture with the sentence that says the same, and its numbers as a table.

    Args:
        title: What it shows.
        figure: The picture; its height is in its layout.
        sentence: The fact that it shows, for those who do not see it.
        numbers: A table.
    """
    name = f"said-{crc32(f'{title} {sentence}'.encode(errors='replace')):08x}"
    data = _inside_script(str(figure.to_json()))
    more = f"<details><summary>The numbers as a table</summary>{numbers}</details>"
    return (
        f"<figure><h3>{prose(title)}</h3>"
        f'<div class="plot" role="img" aria-labelledby="{name}" '
        f'style="height:{figure.layout.height}px"></div>'
        f'<script type="application/json">{data}</script>'
        f'<figcaption id="{name}">{prose(sentence)}</figcaption>{more if numbers else ""}</figure>'
    )


def _inside_script(text: str) -> str:
    """Return JSON that a script element can hold: no tag, no comment begins in it."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def _plotly() -> str:
    """Return Plotly's script, packed: its bundle for plane axes, which is all that is drawn here.

    It is npm's plotly.js-cartesian-dist-min: a third of what Plotly's Python package ships, and
    a browser that has not seen it reads it in half the time.
    """
    return base64.b64encode(files("unstuck.report").joinpath(PLOTLY).read_bytes()).decode()


def _file(name: str) -> str:
    return files("unstuck.report").joinpath(name).read_text(encoding="utf-8")


def document(title: str, header: str, main: str, live: str | None = None) -> str:
    """Return a page.

    Args:
        title: Of the window, plain text.
        header: HTML of its top.
        main: HTML of the rest.
        live: Tells this content from a later one, which the page asks its server for; None for a
            page that asks for nothing.
    """
    policy = POLICY if live is None else f"{POLICY}; connect-src 'self'"
    script = f"<script>{_file('page.js')}</script>"
    if 'class="plot"' in main or live is not None:
        script = f'<script type="application/gzip" id="plotly">{_plotly()}</script>\n{script}'
    return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{words(title)}</title>
<style>
{_file("page.css")}</style>
</head>
<body{"" if live is None else ' data-live="on"'}>
{content(header, main, live)}
<noscript><p>Pictures need scripts; the tables hold the same numbers.</p></noscript>
{script}
</body>
</html>
"""


def content(header: str, main: str, state: str | None = None) -> str:
    """Return what changes of a live page.

    Args:
        header: HTML of its top.
        main: HTML of the rest.
        state: Tells it from a later one.
    """
    return f'<header>{header}</header>\n<main data-state="{words(state or "")}">\n{main}\n</main>'


def frame(page: str, height: int = 640) -> str:
    """Return a page as a notebook shows it: a frame of its own, whose styles stay inside."""
    return (
        f'<iframe srcdoc="{html.escape(page)}" title="unstuck" '
        f'style="width:100%;height:{height}px;border:0"></iframe>'
    )
