from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipline.serving.releases.compare.comparison import Comparison, Limits, breaches, least_rate

EQUAL = Comparison(
    requests=100,
    stable_errors=0,
    errors=0,
    inputs=100,
    disagreements=0,
    stable_p50_ms=10.0,
    stable_p95_ms=20.0,
    p50_ms=10.0,
    p95_ms=20.0,
)


def test_versions_that_answer_alike_are_within_all_limits() -> None:
    assert breaches(EQUAL, Limits()) == ()


def test_one_request_that_only_the_newer_version_fails_is_too_many() -> None:
    assert breaches(replace(EQUAL, errors=1), Limits()) == (
        "it failed 1 of 100 requests that the live version answered, the limit is 0.0%",
    )
    assert breaches(replace(EQUAL, errors=1), Limits(max_error_rate=0.01)) == ()


def test_disagreement_counts_once_chance_does_not_explain_it() -> None:
    assert breaches(replace(EQUAL, disagreements=30), Limits()) == ()
    (words,) = breaches(replace(EQUAL, disagreements=40), Limits())
    assert words == "it answered 40 of 100 inputs (40.0%) otherwise than the live version, the limit is 25.0%"


def test_a_handful_of_inputs_says_nothing_of_disagreement() -> None:
    assert breaches(replace(EQUAL, inputs=19, disagreements=19), Limits()) == ()
    assert breaches(replace(EQUAL, inputs=20, disagreements=20), Limits()) != ()


def test_latency_is_held_against_the_live_versions() -> None:
    assert breaches(replace(EQUAL, p50_ms=34.9), Limits()) == ()
    (words,) = breaches(replace(EQUAL, p50_ms=35.1), Limits())
    assert words == "its median latency is 35.1 ms, the live version's 10.0 ms, the limit is 3 times that"


@given(st.integers(0, 500), st.integers(0, 500))
def test_the_least_rate_is_below_the_measured_one_and_0_only_for_none(count: int, more: int) -> None:
    rate = least_rate(count, count + more)
    assert 0.0 <= rate <= count / max(1, count + more)
    assert (rate > 0.0) == (count > 0)


def test_figures_come_back_from_json_as_they_were() -> None:
    assert Comparison.from_json(EQUAL.to_json()) == EQUAL


@pytest.mark.parametrize("name", ["max_error_rate", "max_disagreement"])
def test_limits_of_rates_are_shares(name: str) -> None:
    for good in (0.0, 1.0):
        Limits(**{name: good})
    for bad in (-0.1, 1.5):
        with pytest.raises(ValueError, match=f"{name} must be from 0 to 1, got {bad}"):
            Limits(**{name: bad})


@pytest.mark.parametrize(("ratio", "tolerance"), [(0.0, 0.1), (-1.0, 0.1), (1.0, -0.1)])
def test_limits_that_nothing_could_keep_are_refused(ratio: float, tolerance: float) -> None:
    Limits(max_latency_ratio=0.1, tolerance=0.0)
    words = f"max_latency_ratio must be above 0 and tolerance not below, got {ratio} and {tolerance}"
    with pytest.raises(ValueError, match=words):
        Limits(max_latency_ratio=ratio, tolerance=tolerance)
