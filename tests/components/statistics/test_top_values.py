"""Top values: of more different strings than can be kept, those certain to be frequent."""

from __future__ import annotations

import pickle

import numpy as np

from slipline.components.statistics.sketches import TopValues
from slipline.components.statistics.value_counts import MAX_DISTINCT, ranked


def test_as_many_as_are_counted_exactly_enter_without_loss():
    counts = {f"word {number}": number + 1 for number in range(MAX_DISTINCT)}
    found = TopValues.of(counts)
    assert (found.frequent, found.error) == (counts, 0)


def test_frequent_strings_are_found_among_many_within_the_stated_error():
    """Twenty frequent words in 100,000 rare ones, whatever part each was in."""
    rare = {f"rare {number}": 1 for number in range(100_000)}
    frequent = {f"frequent {number}": 3_000 + number for number in range(20)}
    names = np.random.default_rng(3).permutation([*rare, *frequent]).tolist()
    all_counts = rare | frequent
    parts = [TopValues.of({name: all_counts[name] for name in names[start::7]}) for start in range(7)]
    for order in (parts, parts[::-1]):
        found = order[0]
        for part in order[1:]:
            found = found.merge(part)
        top = ranked(found.frequent.items())[:20]
        assert 0 < found.error < 1_000
        assert {name for name, _ in top} == set(frequent)
        assert all(frequent[name] <= count <= frequent[name] + found.error for name, count in top)


def test_among_strings_that_all_differ_none_is_called_frequent():
    assert TopValues.of({str(number): 1 for number in range(50_000)}).frequent == {}


def test_sketches_pickle_and_are_not_changed_by_merging():
    one, other = TopValues.of({"a": 3, "b": 1}), TopValues.of({"a": 2})
    assert one.merge(other).frequent == {"a": 5, "b": 1}
    assert one.frequent == {"a": 3, "b": 1}
    assert pickle.loads(pickle.dumps(one)) == one
