"""What every summary that merges is tried with: a whole cut anywhere, its parts merged in any order and grouping."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

finite_floats = st.floats(allow_nan=False, allow_infinity=False, width=64)
moderate_floats = st.floats(-1e6, 1e6)
integers = st.integers(-(2**62), 2**62)


def parts_of(elements, dtype):
    """Some arrays: the parts that a whole was cut into, in any order, empty ones among them."""
    return st.lists(st.lists(elements, max_size=20).map(lambda part: np.array(part, dtype)), max_size=6)


def merged(found, grouping):
    """The summaries `found`, of which there is at least one, merged two by two where `grouping` says."""
    found = list(found)
    while len(found) > 1:
        one, other = (grouping.draw(st.integers(0, len(found) - count)) for count in (1, 2))
        found.append(found.pop(one).merge(found.pop(other)))
    return found[0]


def merged_parts(kind, parts, grouping):
    """The summaries of `parts`, merged as `grouping` says; of no parts, the default."""
    return merged([kind.of(part) for part in parts] or [kind()], grouping)


def whole_of(parts, dtype):
    """The parts together."""
    return np.concatenate([*parts, np.array([], dtype)])


def cut(values, grouping, most=5):
    """`values` cut into up to `most` + 1 parts where `grouping` says."""
    edges = grouping.draw(st.lists(st.integers(0, len(values)), max_size=most).map(sorted))
    return [values[start:end] for start, end in zip([0, *edges], [*edges, len(values)], strict=True)]
