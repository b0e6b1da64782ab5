"""How often each class occurred in the training batches, and how often it was recognized."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

__all__ = ["note"]

FADES = 0.8
"""What a batch leaves of the counts before it, where the recent ones count most."""


def note(facts: dict[str, Any], counts: Sequence[int], hits: Sequence[int]) -> float:
    """Add a batch to a training's facts; nothing if it has other classes than those before.

    Args:
        facts: `class_counts`, `recent_counts` and `recent_hits` are set.
        counts: How often each class occurs in the batch.
        hits: How often it was predicted there.

    Returns:
        The mean share of each class that was recognized in the recent batches; NaN if there is
        nothing to add.
    """
    seen = facts.setdefault("class_counts", [0] * len(counts))
    if len(seen) != len(counts):
        return math.nan
    facts["class_counts"] = [a + b for a, b in zip(seen, counts, strict=True)]
    for key, new in (("recent_counts", counts), ("recent_hits", hits)):
        old = facts.get(key) or [0.0] * len(counts)
        facts[key] = [FADES * a + b for a, b in zip(old, new, strict=True)]
    pairs = zip(facts["recent_hits"], facts["recent_counts"], strict=True)
    shares = [hit / count for hit, count in pairs if count > 0]
    return sum(shares) / len(shares) if shares else math.nan
