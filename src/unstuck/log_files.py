"""Files in which others log trainings, as rows of numbers: event files, CSV, JSON, JSON lines."""

from __future__ import annotations

import csv
import json
import logging
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["HELD_OUT", "TRAINING", "LogError", "Rows", "rows", "words"]

Rows = Sequence[Mapping[str, float]]
"""One mapping from column to number for each time that something was logged, in that order."""

TRAINING = frozenset({"train", "training", "tr"})
HELD_OUT = frozenset(
    {"val", "valid", "validation", "eval", "evaluation", "dev", "holdout", "test", "testing"}
)
"""Words by which a column or a folder says that its data was held out."""


class LogError(Exception):
    """A log cannot be read; the message is one line for the user."""


def words(name: str) -> list[str]:
    """Return the words of a column's or folder's name: ``trainLoss`` and ``train/loss`` alike."""
    return re.findall(r"[a-z]+|\d+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())


def rows(path: Path) -> dict[str, Rows]:
    """Return the rows of each training in a log, by the name of the training.

    Args:
        path: A TensorBoard event file, or a folder with such; Keras' ``CSVLogger`` file;
            Lightning's ``metrics.csv``; the Transformers trainer's ``trainer_state.json``; or any
            CSV file, JSON lines, JSON list of objects or JSON object of lists. A file that was cut
            off is read as far as it goes.

    Raises:
        LogError: When there is no such file, or it is none of these.
    """
    if path.is_dir():
        return _event_folder(path)
    if "tfevents" in path.name:
        return {path.name: _event_rows([(path, "")])}
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise LogError(f"{path} is neither a record nor text") from None
    except OSError as error:
        raise LogError(f"{path} cannot be read: {error.strerror}") from None
    start = text.lstrip()[:1]
    if not start:
        raise LogError(f"{path} is empty")
    found = list(_json(path, text) if start in "{[" else _csv(path, text))
    return {path.name: [row for row in found if row]}


# ------------------------------------------------------------------------------- text


def _json(path: Path, text: str) -> Iterator[dict[str, float]]:
    try:
        data = json.loads(text)
    except RecursionError:
        raise LogError(f"{path} is nested too deeply") from None
    except ValueError as error:
        yield from _json_lines(path, text.splitlines(), error)
        return
    if isinstance(data, dict):
        history = data.get("log_history")
        data = _from_zero(history) if isinstance(history, list) else _transposed(data)
    yield from (_numbers(row) for row in data if isinstance(row, dict))


def _from_zero(history: list[Any]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a Transformers trainer, which counts the steps that were taken."""
    for row in history:
        if isinstance(row, dict):
            step = row.get("step")
            yield {**row, "step": max(step - 1, 0)} if isinstance(step, int) else row


def _json_lines(path: Path, lines: list[str], whole: ValueError) -> Iterator[dict[str, float]]:
    filled = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    for number, line in filled:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            if number == filled[0][0]:
                raise LogError(f"{path} is no JSON that can be read: {whole}") from None
            if number == filled[-1][0]:
                return  # cut off
            raise LogError(f"{path}, line {number} is no JSON") from None
        if isinstance(row, dict):
            yield _numbers(row)


def _transposed(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return an object of lists as rows; an object of anything else is one row."""
    lists = {name: values for name, values in columns.items() if isinstance(values, list)}
    if not lists:
        return [dict(columns)]
    longest = max(map(len, lists.values()))
    return [{k: v[i] for k, v in lists.items() if i < len(v)} for i in range(longest)]


def _csv(path: Path, text: str) -> Iterator[dict[str, float]]:
    lines = text.splitlines()
    delimiter = max(",;\t", key=lines[0].count)
    try:
        table = list(csv.reader(lines, delimiter=delimiter))
    except csv.Error as error:
        raise LogError(f"{path} is no CSV that can be read: {error}") from None
    header = [name.strip() for name in table[0]]
    if len(table) > 1 and len(table[-1]) < len(header):
        del table[-1]  # cut off
    for cells in table[1:]:
        yield _numbers(dict(zip(header, cells, strict=False)))


def _numbers(row: Mapping[str, Any], before: str = "") -> dict[str, float]:
    """Return what is a number in a row; the keys of objects in it are joined by a slash."""
    found: dict[str, float] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            found |= _numbers(value, f"{before}{name}/")
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            continue
        try:
            found[before + name] = float(value)
        except (ValueError, OverflowError):
            continue
    return found


# ------------------------------------------------------------------------------- event files


def _event_folder(folder: Path) -> dict[str, Rows]:
    """Return the trainings below a folder; Keras gives each split a folder of its own."""
    files: dict[Path, list[tuple[Path, str]]] = {}
    for file in sorted(folder.rglob("*tfevents*")):
        home, before = file.parent, ""
        last = (words(home.name) or [""])[-1]
        if last in TRAINING | HELD_OUT and home != folder:
            home, before = home.parent, f"{last}/"
        files.setdefault(home, []).append((file, before))
    if not files:
        raise LogError(f"{folder} holds no event files; name the log itself")
    return {
        folder.name if home == folder else str(home.relative_to(folder)): _event_rows(found)
        for home, found in files.items()
    }


def _event_rows(files: Iterable[tuple[Path, str]]) -> Rows:
    """Return the scalars of event files in the order of their making.

    Args:
        files: Each with what is put before its tags.
    """
    try:
        from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
        from tensorboard.util.tensor_util import make_ndarray
    except ImportError:
        raise LogError(
            "event files are read with tensorboard: pip install 'unstuck[tensorboard]'"
        ) from None
    logging.getLogger("tensorboard").setLevel(logging.CRITICAL)  # what is cut off is cut off
    found: list[tuple[float, dict[str, float]]] = []
    for file, before in files:
        scalars: set[str] = set()
        try:
            for event in EventFileLoader(str(file)).Load():
                for value in event.summary.value:
                    if value.metadata.plugin_data.plugin_name == "scalars":
                        scalars.add(value.tag)
                    if value.tag in scalars and value.HasField("tensor"):
                        number = float(make_ndarray(value.tensor))
                        row = {"step": float(event.step), before + value.tag: number}
                        found.append((event.wall_time, row))
        except Exception as error:  # damaged files fail in as many ways as there are bytes
            said = str(error).partition("\n")[0] or type(error).__name__
            raise LogError(f"{file} is no event file that can be read: {said}") from None
    found.sort(key=lambda pair: pair[0] if math.isfinite(pair[0]) else 0.0)
    return [row for _, row in found]
