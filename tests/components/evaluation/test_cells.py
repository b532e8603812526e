"""Counts in cells."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipline.components.evaluation.cells import Cells
from tests.components.merging import merged, parts_of, whole_of


@given(parts_of(st.integers(0, 9), np.int64), st.data())
def test_cells_merged_in_any_order_are_those_of_the_whole(parts, grouping):
    whole = whole_of(parts, np.int64)
    found = merged([Cells.of(part, part / 3) for part in parts] or [Cells()], grouping)
    expected = Cells.of(whole, whole / 3)
    np.testing.assert_array_equal(found.ids, expected.ids)
    np.testing.assert_array_equal(found.counts, expected.counts)
    np.testing.assert_allclose(found.sums, expected.sums)
    assert found.records == len(whole)


def test_a_cell_keeps_how_many_records_it_has_and_the_sum_of_their_values():
    cells = Cells.of(np.array([5, 2, 5]), np.array([1.0, 10.0, 2.0]))
    assert (cells.ids.tolist(), cells.counts.tolist(), cells.sums.tolist()) == ([2, 5], [1, 2], [10.0, 3.0])
    assert cells.means.tolist() == [10.0, 1.5]


def test_draws_are_samples_of_as_many_records_and_the_same_for_the_same_seed():
    cells = Cells.of(np.array([0] * 30 + [1] * 70))
    draws = cells.draws(2_000, np.random.default_rng(1))
    assert draws[0].tolist() == [30, 70]
    assert (draws.sum(axis=1) == 100).all()
    assert draws[1:, 0].std() == pytest.approx(np.sqrt(100 * 0.3 * 0.7), rel=0.1)
    np.testing.assert_array_equal(draws, cells.draws(2_000, np.random.default_rng(1)))


def test_no_records_give_draws_of_nothing():
    assert Cells().draws(5, np.random.default_rng(1)).shape == (6, 0)
