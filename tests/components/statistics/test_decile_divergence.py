"""The divergence of numbers: chance stays small and a real shift shows, whatever the greatest values do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tensorflow_metadata.proto.v0 import statistics_pb2

from slipline.components.statistics.distributions import NumberShares, decile_divergence, number_shares
from tests.components.made_statistics import feature

VALUES = st.lists(
    st.floats(-1e6, 1e6).map(lambda value: round(value, 6)) | st.sampled_from([0.0, 1.0]), min_size=1, max_size=60
)
Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]

HEAVY_TAILED: dict[str, Draw] = {
    "pareto": lambda draw, size: draw.pareto(2, size),
    "lognormal": lambda draw, size: draw.lognormal(0, 2, size),
    "mostly zero": lambda draw, size: (draw.random(size) < 0.1) * draw.lognormal(3, 2, size),
    "half zero": lambda draw, size: (draw.random(size) < 0.5) * draw.lognormal(3, 2, size),
}


def known(values: list[float]) -> NumberShares:
    shares = number_shares(feature("x", values))
    assert shares is not None
    return shares


@given(VALUES)
def test_numbers_are_nowhere_from_themselves(values: list[float]) -> None:
    assert decile_divergence(known(values), known(values)) == 0


@given(VALUES, VALUES)
def test_the_divergence_is_the_same_both_ways_and_between_0_and_1_bit(one: list[float], other: list[float]) -> None:
    there, back = decile_divergence(known(one), known(other)), decile_divergence(known(other), known(one))
    assert there == pytest.approx(back, abs=1e-12)
    assert 0 <= there <= 1 + 1e-12


@given(VALUES, st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5).map(sorted))
def test_shares_between_cuts_are_those_of_all_values(values: list[float], cuts: list[float]) -> None:
    shares = known(values).between(np.unique(cuts))
    assert shares.min() >= -1e-12
    assert shares.sum() == pytest.approx(1)


def test_values_that_share_nothing_are_one_bit_apart() -> None:
    assert decile_divergence(known([5.0] * 20), known([7.0] * 20)) == pytest.approx(1)
    assert decile_divergence(known([1.0, 2.0, 3.0] * 9), known([7.0, 9.0] * 9)) == pytest.approx(1)


@pytest.mark.parametrize("name", HEAVY_TAILED)
def test_a_few_huge_values_do_not_set_two_samples_of_one_distribution_apart(name: str) -> None:
    draw = np.random.default_rng(1)
    samples = [known(HEAVY_TAILED[name](draw, 20_000).tolist()) for _ in range(10)]
    assert max(decile_divergence(samples[0], other) for other in samples[1:]) < 0.01


def test_a_shift_is_measured_as_about_what_it_is_though_a_few_values_are_huge() -> None:
    draw = np.random.default_rng(1)
    one, other = draw.normal(0, 1, 20_000), draw.normal(0.5, 1, 20_000)
    one[:3], other[:3] = 1e9, 3e9
    # Half a standard deviation: 0.5**2 / (8 ln 2) bits.
    assert decile_divergence(known(one.tolist()), known(other.tolist())) == pytest.approx(0.045, abs=0.015)


def test_what_is_not_numeric_has_no_shares() -> None:
    assert number_shares(feature("x", ["a"])) is None
    assert number_shares(statistics_pb2.FeatureNameStatistics()) is None
