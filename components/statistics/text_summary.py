"""What is kept of byte strings that may be text."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from slipline.components.statistics.distinct import DistinctSketch
from slipline.components.statistics.top_values import TopValues
from slipline.components.statistics.value_counts import MAX_DISTINCT, merged_counts, ranked

LONGEST_KEPT_BYTES = 200
"""Of a longer value only its beginning and a digest are kept: a thousand of them have to fit in memory."""

BEGINNING_BYTES = 40


@dataclass(frozen=True)
class TextSketches:
    """What is left of byte strings of which there are too many different ones to count each.

    Attributes:
      top: The most frequent ones.
      distinct: How many different ones there are.
    """

    top: TopValues
    distinct: DistinctSketch

    def merge(self, other: TextSketches) -> TextSketches:
        """The sketches of both together."""
        return TextSketches(self.top.merge(other.top), self.distinct.merge(other.distinct))


@dataclass(frozen=True)
class TextSummary:
    """All that is kept of a series of byte strings; whether they are text is known once all are seen.

    Attributes:
      values: How many there are.
      not_text: Those that are not UTF-8.
      characters: Of all that are.
      counts: Occurrences of each value; None beyond `MAX_DISTINCT` different ones. In place of a long value stands
        its beginning with its size and digest.
      sketches: Given just where `counts` is None.
    """

    values: int = 0
    not_text: int = 0
    characters: int = 0
    counts: Mapping[bytes, int] | None = field(default_factory=dict)
    sketches: TextSketches | None = None

    @classmethod
    def of(cls, values: Sequence[bytes]) -> TextSummary:
        """The summary of `values`."""
        not_text = characters = 0
        kept: dict[bytes, int] = {}
        for value, count in Counter(values).items():
            kept[_kept(value)] = count
            try:
                characters += count * len(value.decode())
            except UnicodeDecodeError:
                not_text += count
        return cls(len(values), not_text, characters, *_counts_or_sketches(kept))

    def merge(self, other: TextSummary) -> TextSummary:
        """The summary of both together."""
        values = self.values + other.values
        not_text, characters = self.not_text + other.not_text, self.characters + other.characters
        if self.counts is not None and other.counts is not None:
            both = merged_counts(self.counts, other.counts)
            return TextSummary(values, not_text, characters, *_counts_or_sketches(both))
        some, *more = (*self._sketched(), *other._sketched())
        return TextSummary(values, not_text, characters, None, some.merge(more[0]) if more else some)

    @property
    def is_text(self) -> bool:
        """Whether there are values and all are UTF-8."""
        return self.values > 0 and self.not_text == 0

    def ranked(self) -> list[tuple[str, int]]:
        """Values and their occurrences, the most frequent first; all, or those certain to be frequent."""
        if self.sketches:
            return self.sketches.top.ranked()
        return ranked(_as_text(self.counts or {}).items())

    @property
    def ranked_error(self) -> int:
        """By how many occurrences a count of `ranked` may be too high; 0 if they are exact."""
        return self.sketches.top.error if self.sketches else 0

    @property
    def distinct(self) -> float:
        """How many different values there are, within `distinct_error`."""
        return self.sketches.distinct.estimate if self.sketches else len(self.counts or ())

    @property
    def distinct_error(self) -> float:
        """The relative standard error of `distinct`; 0 if it is exact."""
        return self.sketches.distinct.error if self.sketches else 0.0

    def _sketched(self) -> Iterator[TextSketches]:
        if self.sketches:
            yield self.sketches
        elif self.counts:
            yield _sketched(self.counts)


def _counts_or_sketches(counts: Mapping[bytes, int]) -> tuple[Mapping[bytes, int] | None, TextSketches | None]:
    return (counts, None) if len(counts) <= MAX_DISTINCT else (None, _sketched(counts))


def _sketched(counts: Mapping[bytes, int]) -> TextSketches:
    return TextSketches(TopValues.of(_as_text(counts)), DistinctSketch.of(_hashable(counts)))


def _hashable(values: Iterable[bytes]) -> Iterator[str]:
    # The sketch takes no bytes; as Latin-1 any bytes are a string, and different ones stay different.
    return (value.decode("latin-1") for value in values)


def _as_text(counts: Mapping[bytes, int]) -> dict[str, int]:
    texts: dict[str, int] = {}
    for value, count in counts.items():
        text = value.decode("utf-8", "replace")
        texts[text] = texts.get(text, 0) + count
    return texts


def _kept(value: bytes) -> bytes:
    if len(value) <= LONGEST_KEPT_BYTES:
        return value
    beginning = value[:BEGINNING_BYTES].decode("utf-8", "ignore")
    digest = hashlib.blake2b(value, digest_size=8).hexdigest()
    return f"{beginning}... ({len(value):,} bytes, blake2b {digest})".encode()
