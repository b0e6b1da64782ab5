"""The processes of one distributed training: they sample the same steps, and one writes for all.

Nothing here is a collective operation: one of ours that met one of the script's, or one rank less,
would hang the training. Ranks leave their numbers in the store by which torch.distributed brought
them together; the first one picks them up. Who does not come within a few seconds is not waited for
again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import torch.distributed as dist

__all__ = ["Ranks", "Row", "combined"]

PATIENCE = 5.0
"""Seconds that one rank waits for another, once in a run; gradients keep them together."""
MOST = frozenset({"gradient_max", "nonfinite", "input_max", "target_max", "prediction_max"})
LEAST = frozenset({"dead_share", "target_min", "prediction_min"})
TOTAL = frozenset({"batch_size"})
"""How signals of several ranks become one; of all others, the mean is taken."""

Row = tuple[str, tuple[str, ...], list[float]]
"""A layer, its signals and their values in one sample."""


class Ranks:
    """What the ranks of a training tell each other.

    Args:
        store: Where they leave it: a store of torch.distributed.
        rank: This process's number.
        size: How many there are.
    """

    def __init__(self, store: Any, rank: int, size: int) -> None:
        self.store = store
        self.rank = rank
        self.size = size
        self.together = True

    @classmethod
    def here(cls) -> Ranks | None:
        """Return the ranks that this process is one of, None if it is alone."""
        if not dist.is_available() or not dist.is_initialized() or dist.get_world_size() < 2:
            return None
        store = dist.PrefixStore("unstuck", dist.distributed_c10d._get_default_store())
        return cls(store, dist.get_rank(), dist.get_world_size())

    def meet(self, key: str, rows: Sequence[Row], distance: int) -> tuple[list[Row], int]:
        """Return what all ranks measured in a sample, and the steps to the next one.

        Args:
            key: The sample; the same on all ranks.
            rows: What this rank measured.
            distance: Steps to the next sample, as far as this rank is concerned.

        Returns:
            On the first rank the rows of all, combined; on the others their own. Where a rank did
            not come, what this one knows.
        """
        if not self.together:
            return list(rows), distance
        try:
            if self.rank:
                self.store.set(f"{key}/{self.rank}", json.dumps(rows))
                return list(rows), int(self._take(f"{key}/next"))
            self.store.set(f"{key}/next", str(distance))
            others = [json.loads(self._take(f"{key}/{r}")) for r in range(1, self.size)]
            for other in range(1, self.size):
                self.store.delete_key(f"{key}/{other}")
        except RuntimeError:  # torch's errors of distribution and of time are all of this kind
            self.together = False
            return list(rows), distance
        return combined([rows, *others]), distance

    def _take(self, key: str) -> bytes:
        self.store.wait([key], timedelta(seconds=PATIENCE))
        return bytes(self.store.get(key))


def combined(ranks: Sequence[Sequence[Any]]) -> list[Row]:
    """Return the rows of the first rank, each value combined with that of the others."""
    held: dict[tuple[str, tuple[str, ...]], list[Sequence[float]]] = {}
    for rows in ranks:
        for name, signals, values in rows:
            held.setdefault((name, tuple(signals)), []).append(values)
    return [
        (
            name,
            tuple(signals),
            [
                _one(signal, column)
                for signal, column in zip(
                    signals, zip(*held[name, tuple(signals)], strict=True), strict=True
                )
            ],
        )
        for name, signals, _ in ranks[0]
    ]


def _one(signal: str, values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    if len(known) < len(values) and signal not in ("batch_accuracy", "target_classes"):
        return math.nan
    if not known:
        return math.nan
    if signal in MOST:
        return max(known)
    if signal in LEAST:
        return min(known)
    if signal in TOTAL:
        return math.fsum(known)
    if all(value == known[0] for value in known):
        return known[0]
    return sum(known) / len(known)
