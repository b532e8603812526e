"""Slices: whatever the grouping, they and the rest add up to the split."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from slipline.components.statistics.feature_statistics import SplitSummary
from slipline.components.statistics.groups import MISSING, OTHER
from slipline.components.statistics.shard_statistics import Slices
from tests.components.merging import merged

parts_ = st.lists(
    st.dictionaries(st.sampled_from([MISSING, OTHER, *"abcdef"]), st.integers(1, 9), max_size=4), min_size=1, max_size=5
)


def slices_of(records_by_value, most=3):
    by_value = {value: SplitSummary(records=records) for value, records in records_by_value.items()}
    empty = Slices(feature="x", most=most)
    return empty.merge(Slices(feature="x", most=most, by_value=by_value))


@given(parts_, st.data())
def test_slices_add_up_to_the_split_in_any_grouping(parts, data):
    slices = merged(map(slices_of, parts), data)
    records = sum(sum(part.values()) for part in parts)
    values = {value for part in parts for value in part} - {MISSING, OTHER}
    assert slices.total.records == records
    assert slices.too_many == (len(values) > 3)
    assert sum(part.records for part in slices.by_value.values()) == (0 if slices.too_many else records)


def test_a_feature_that_no_record_has_does_not_occur():
    assert not slices_of({MISSING: 5}).occurs
    assert not slices_of({MISSING: 5, OTHER: 1}).occurs
    assert slices_of({MISSING: 5, "7": 1}).occurs
