"""A Beam runner that loses or doubles work is noticed, and the work named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipline.components.beam.job_results import each_once
from slipline.components.errors import BeamFailed


@given(st.integers(0, 9).flatmap(lambda count: st.permutations(range(count))))
def test_results_in_any_order_come_back_in_the_order_of_the_jobs(order):
    names = [f"file {number}" for number in order]
    assert each_once(names, [(number, f"of {number}") for number in order]) == [f"of {n}" for n in sorted(order)]


def test_a_lost_job_is_named():
    with pytest.raises(
        BeamFailed, match=r"^b, d: Beam returned no result for this; its runner lost work, choose another"
    ):
        each_once(["a", "b", "c", "d"], [(0, 1), (2, 1)])


def test_a_job_done_twice_is_named():
    with pytest.raises(BeamFailed, match=r"^b: Beam returned two results for this; its runner doubles work"):
        each_once(["a", "b"], [(0, 1), (1, 1), (1, 1)])
