"""Passages of a script are rewritten byte for byte, or not at all."""

from __future__ import annotations

from unstuck.edits import Rewrite, from_json, to_json
from unstuck.findings import Location
from unstuck.patch import apply_edits

SOURCE = "é = loss(a, b)\nfor x in é:\n    step(x)\n"


def _edit(line: int, column: int, end: int, expects: str, to: str) -> Rewrite:
    return Rewrite(Location("s.py", line, column, line, end), expects, to)


def test_passages_are_rewritten_by_their_span_in_bytes() -> None:
    call = _edit(1, 5, 15, "loss(a, b)", "loss(a, b.view_as(a))")
    line = _edit(3, 4, 4, "", "train(x)\n    ")
    assert from_json(to_json(call)) == call
    patched = apply_edits(SOURCE, [line, call, call], "s.py")
    assert patched.skipped == ()
    assert patched.source == ("é = loss(a, b.view_as(a))\nfor x in é:\n    train(x)\n    step(x)\n")


def test_other_text_overlaps_and_other_files_are_skipped() -> None:
    good = _edit(1, 5, 15, "loss(a, b)", "0")
    wrong = [
        _edit(1, 5, 14, "loss(a, c)", "1"),
        _edit(1, 10, 11, "a", "c"),
        Rewrite(Location("t.py", 1, 0, 1, 2), "é", "e"),
        Rewrite(Location("s.py", 9, 0, 9, 2), "é", "e"),
    ]
    patched = apply_edits(SOURCE, [good, *wrong], "s.py")
    assert patched.done == (good,)
    assert len(patched.skipped) == 4
