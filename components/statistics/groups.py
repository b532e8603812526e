"""Which slice each record belongs to, by the value of one feature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slipline.components.statistics.columns import BYTES, INTEGERS, Array, Columns

MISSING = "(missing)"
OTHER = "(other)"
"""Of records with several values, or with one that is neither an integer nor a short text."""

LONGEST_NAME_BYTES = 200


@dataclass(frozen=True)
class Groups:
    """A division of records: each is in one group.

    Attributes:
      codes: int64 of shape [records]: the number of each record's group.
      names: Of the groups, by number; some may be empty.
    """

    codes: NDArray[np.int64]
    names: tuple[str, ...]

    @classmethod
    def undivided(cls, records: int) -> Groups:
        """One group, without a name, that holds all records."""
        return cls(np.zeros(records, np.int64), ("",))

    @classmethod
    def by_value(cls, columns: Columns, feature: str) -> Groups:
        """A group for each value of `feature`, and those called `MISSING` and `OTHER`."""
        codes = np.zeros(columns.records, np.int64)
        names = {MISSING: 0, OTHER: 1}
        for (name, kind), column in columns.columns.items():
            if name == feature:
                codes[column.rows[column.lengths > 0]] = names[OTHER]
                single = column.lengths == 1
                values = column.values[np.repeat(single, column.lengths)]
                codes[column.rows[single]] = _numbered(kind, values, names)
        return cls(codes, tuple(names))

    @property
    def of_records(self) -> list[str]:
        """The name of each record's group."""
        return [self.names[code] for code in self.codes.tolist()]

    def count(self, rows: NDArray[np.int64]) -> list[int]:
        """How many of the records `rows` are in each group."""
        return list(np.bincount(self.codes[rows], minlength=len(self.names)).tolist())

    def places(self, rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """For each group, where in `rows` its records stand, in order."""
        if len(self.names) == 1:
            return [np.arange(rows.size)]
        codes = self.codes[rows]
        order = np.argsort(codes, kind="stable")
        return np.split(order, np.searchsorted(codes[order], np.arange(1, len(self.names))))


def _numbered(kind: str, values: Array, names: dict[str, int]) -> NDArray[np.int64]:
    """The group of each value; names that are new are added."""
    if kind not in (INTEGERS, BYTES) or values.size == 0:
        return np.full(values.size, names[OTHER])
    if kind == INTEGERS:
        found, inverse = np.unique(values, return_inverse=True)
        numbers = [names.setdefault(str(value), len(names)) for value in found.tolist()]
        return np.array(numbers, np.int64)[inverse]
    return np.array([names.setdefault(_name(value), len(names)) for value in values.tolist()], np.int64)


def _name(value: bytes) -> str:
    if len(value) > LONGEST_NAME_BYTES:
        return OTHER
    try:
        return value.decode()
    except UnicodeDecodeError:
        return OTHER
