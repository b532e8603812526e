"""What is kept of byte strings that may be text."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from slipline.components.statistics.sketches import TopValues
from slipline.components.statistics.value_counts import ValueCounts, ranked

LONGEST_KEPT_BYTES = 200
"""Of a longer value only its beginning and a digest are kept: a thousand of them have to fit in memory."""

BEGINNING_BYTES = 40


@dataclass(frozen=True, kw_only=True)
class TextSummary(ValueCounts[bytes, TopValues]):
    """All that is kept of a series of byte strings; whether they are text is known once all are seen.

    In place of a long value, its beginning with its size and digest is counted.

    Attributes:
      values: How many there are.
      not_text: Those that are not UTF-8.
      characters: Of all that are.
    """

    values: int = 0
    not_text: int = 0
    characters: int = 0

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
        return replace(cls.of_counts(kept), values=len(values), not_text=not_text, characters=characters)

    def merge(self, other: TextSummary) -> TextSummary:
        """The summary of both together."""
        return replace(
            super().merge(other),
            values=self.values + other.values,
            not_text=self.not_text + other.not_text,
            characters=self.characters + other.characters,
        )

    @property
    def is_text(self) -> bool:
        """Whether there are values and all are UTF-8."""
        return self.values > 0 and self.not_text == 0

    def ranked(self) -> list[tuple[str, int]]:
        """Values and their occurrences, the most frequent first; all, or those certain to be frequent."""
        return ranked((self.sketch.frequent if self.sketch else _as_text(self.counts or {})).items())

    @property
    def ranked_error(self) -> int:
        """By how many occurrences a count of `ranked` may be too high; 0 if they are exact."""
        return self.sketch.error if self.sketch else 0

    def _more(self, counts: Mapping[bytes, int]) -> TopValues:
        return TopValues.of(_as_text(counts))


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
