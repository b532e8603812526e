"""How often each value occurs, counted exactly while there are few different ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

K = TypeVar("K", int, float, str, bytes)

MAX_DISTINCT = 1_000
"""Different values that are counted one by one; beyond, sketches are kept instead."""


def merged_counts(some: Mapping[K, int], others: Mapping[K, int]) -> dict[K, int]:
    """The occurrences of both together, by value."""
    merged = dict(some)
    for value, count in others.items():
        merged[value] = merged.get(value, 0) + count
    return merged


def ranked(counts: Iterable[tuple[K, int]]) -> list[tuple[K, int]]:
    """Values and their occurrences, the most frequent first; of equally frequent ones the least first."""
    return sorted(counts, key=lambda item: (-item[1], item[0]))
