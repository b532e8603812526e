"""Groups: each record is in the one of its value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipline.components.statistics.columns import read_columns
from slipline.components.statistics.groups import LONGEST_NAME_BYTES, MISSING, OTHER, Groups
from tests.components.tabular import record_of


def names_of(cells):
    """The name of the group of each record."""
    groups = Groups.by_value(read_columns([record_of({"x": cell, "y": 1}) for cell in cells]), "x")
    return groups.of_records


@given(st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.text(max_size=3))))
def test_a_record_is_in_the_group_of_its_integer_or_text(cells):
    assert names_of(cells) == [MISSING if cell is None else str(cell) for cell in cells]


@pytest.mark.parametrize("cell", [(1, 2), 0.5, b"\xff", "x" * (LONGEST_NAME_BYTES + 1), ("a", "b")])
def test_a_record_with_several_values_or_another_kind_of_value_is_in_the_other_group(cell):
    assert names_of([7, cell]) == ["7", OTHER]


def test_records_that_are_no_example_have_no_value():
    groups = Groups.by_value(read_columns([b"\xff", record_of({"x": 3})]), "x")
    assert [groups.names[code] for code in groups.codes] == [MISSING, "3"]


@given(st.lists(st.integers(0, 3), max_size=20), st.data())
def test_places_say_where_the_records_of_each_group_stand(codes, data):
    groups = Groups(np.array(codes, np.int64), ("a", "b", "c", "d"))
    rows = np.array(data.draw(st.lists(st.sampled_from(range(len(codes))), max_size=9) if codes else st.just([])), int)
    places = groups.places(rows)
    assert [place.tolist() for place in places] == [
        [place for place, row in enumerate(rows.tolist()) if codes[row] == code] for code in range(4)
    ]
    assert groups.count(rows) == [len(place) for place in places]
