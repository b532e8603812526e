"""What a column holds: decided over all files, whoever counts which of them."""

from __future__ import annotations

from dataclasses import astuple
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipline.components.beam.beam_options import BeamSettings
from slipline.components.errors import BadData
from slipline.components.examples.example_records import ValueKind
from slipline.components.sources.column_kinds import ColumnTally, column_kinds, merged_kinds, tally_columns

TALLIES = st.builds(ColumnTally, *[st.integers(0, 9)] * 3)


def test_the_cells_of_each_column_are_counted(tmp_path):
    (tmp_path / "a.csv").write_text("n,text,none\n1,x,\n2.5,7,\n,y,\n")
    tallies = tally_columns(str(tmp_path / "a.csv"), BeamSettings())
    assert {name: astuple(tally) for name, tally in tallies.items()} == {
        "n": (2, 1, 2),
        "text": (3, 1, 1),
        "none": (0, 0, 0),
    }


def test_the_kind_of_a_column_is_decided_over_all_files():
    assert merged_kinds([{"a": ColumnTally(3, 3, 3)}, {"a": ColumnTally(1, 0, 1), "b": ColumnTally()}]) == (
        ("a", ValueKind.FLOAT),
        ("b", ValueKind.BYTES),
    )


@given(st.lists(TALLIES), st.randoms(use_true_random=False))
def test_the_kind_of_a_column_depends_neither_on_the_order_nor_on_the_grouping_of_files(tallies, rng):
    shuffled = rng.sample(tallies, len(tallies))
    merged = reduce(ColumnTally.merge, shuffled, ColumnTally())
    assert merged_kinds([{"a": tally} for tally in [ColumnTally(), *tallies]]) == merged_kinds([{"a": merged}])


def test_files_with_different_columns_are_told_by_all_of_them(tmp_path):
    (tmp_path / "a.csv").write_text("n,only_a\n1,2\n")
    (tmp_path / "b.csv").write_text("only_b,n\nx,0.5\n")
    paths = [str(tmp_path / name) for name in ("a.csv", "b.csv")]
    assert column_kinds(paths, BeamSettings(), tmp_path, 100) == (
        ("n", ValueKind.FLOAT),
        ("only_a", ValueKind.INT),
        ("only_b", ValueKind.BYTES),
    )


def test_a_broken_file_is_bad_data(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1\n")
    with pytest.raises(BadData, match=r"a\.csv: line 2"):
        column_kinds([str(tmp_path / "a.csv")], BeamSettings(), tmp_path, 100)
