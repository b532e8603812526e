"""Columns: every value of every record, and where it came from."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from slipline.components.statistics.columns import BYTES, FLOATS, INTEGERS, NO_VALUES, read_columns
from slipline.serving.wire.example_pb2 import Example
from tests.components.tabular import record_of

cells = st.one_of(
    st.none(),
    st.lists(st.integers(-5, 5), min_size=1, max_size=3),
    st.lists(st.binary(min_size=1, max_size=3), min_size=1, max_size=3),
)


@given(st.lists(st.fixed_dictionaries({"a": cells, "b": cells}), max_size=8))
def test_columns_hold_every_value_of_every_record_in_order(rows):
    columns = read_columns([record_of(row) for row in rows])
    assert columns.records == len(rows)
    found = [
        (row, name, value)
        for (name, _), column in columns.columns.items()
        for row, value in zip(column.value_rows.tolist(), column.values.tolist(), strict=True)
    ]
    wanted = [(row, name, value) for row, cells in enumerate(rows) for name in "ab" for value in cells[name] or ()]
    assert sorted(found, key=lambda cell: cell[:2]) == wanted


def test_a_feature_of_several_types_has_a_column_for_each():
    columns = read_columns([record_of({"x": 1}), record_of({"x": 0.5}), record_of({"x": "one"})])
    assert set(columns.columns) == {("x", INTEGERS), ("x", FLOATS), ("x", BYTES)}
    assert columns.columns["x", FLOATS].rows.tolist() == [1]
    assert columns.columns["x", BYTES].values.tolist() == [b"one"]


def test_features_without_values_and_records_that_are_no_example_are_kept_in_mind():
    empty = Example()
    empty.features.feature["x"].SetInParent()
    columns = read_columns([b"\xff", empty.SerializeToString()])
    assert columns.not_examples.tolist() == [0]
    assert columns.columns["x", NO_VALUES].rows.tolist() == [1]
    assert columns.columns["x", NO_VALUES].lengths.tolist() == [0]
