from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipline.serving.releases.compare.compare_answers import Answer, Tally, differing_rows
from slipline.serving.wire.tensors import Array


def answer(classes: list[int], seconds: float = 0.01) -> Answer:
    return Answer(seconds=seconds, outputs={"class": np.array(classes)}, version=1)


def inputs(*values: float) -> dict[str, Array]:
    return {"x": np.array(values, np.float32)}


FAILED = Answer(seconds=0.01, error="no answer")


def test_a_row_differs_if_any_output_does() -> None:
    first = {"class": np.array([1, 1, 2]), "p": np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8]])}
    second = {"class": np.array([1, 1, 3]), "p": np.array([[0.6, 0.4], [0.1, 0.9], [0.2, 0.8]])}
    assert differing_rows(first, second, 3, 0.05) == (False, True, True)


def test_scores_are_compared_by_the_highest_and_single_numbers_by_size() -> None:
    scores = [{"p": np.array([[0.9, 0.1], [0.4, 0.6]])}, {"p": np.array([[0.6, 0.4], [0.6, 0.4]])}]
    assert differing_rows(*scores, 2, 0.05) == (False, True)
    prices = [{"y": np.array([[100.0], [100.0]])}, {"y": np.array([[104.0], [106.0]])}]
    assert differing_rows(*prices, 2, 0.05) == (False, True)


def test_strings_are_decisions() -> None:
    first, second = ({"name": np.array([b"cat", other], object)} for other in (b"dog", b"cow"))
    assert differing_rows(first, second, 2, 0.05) == (False, True)


def test_an_output_that_is_not_by_row_holds_for_all_rows() -> None:
    assert differing_rows({"n": np.array(3)}, {"n": np.array(4)}, 2, 0.05) == (True, True)
    assert differing_rows({"n": np.array(3)}, {"n": np.array(3)}, 2, 0.05) == (False, False)


@pytest.mark.parametrize("second", [{"other": np.array([1])}, {"class": np.array([1, 2])}, {}])
def test_answers_of_another_form_differ(second: dict[str, Array]) -> None:
    assert differing_rows({"class": np.array([1])}, second, 1, 0.05) == (True,)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=8), st.lists(st.integers(0, 9), min_size=8, max_size=8))
def test_disagreement_does_not_depend_on_which_version_comes_first(first: list[int], others: list[int]) -> None:
    a, b = {"class": np.array(first)}, {"class": np.array(others[: len(first)])}
    assert differing_rows(a, b, len(first), 0.0) == differing_rows(b, a, len(first), 0.0)


def test_an_input_counts_once_however_often_it_is_sent() -> None:
    tally = Tally(0.05)
    for _ in range(3):
        tally.add(inputs(1.0, 2.0, 2.0), answer([1, 2, 2]), answer([1, 3, 3]))
    found = tally.comparison()
    assert (found.requests, found.inputs, found.disagreements) == (3, 2, 1)


def test_what_the_live_version_fails_is_no_fault_of_the_newer_one() -> None:
    tally = Tally(0.05)
    tally.add(inputs(1.0), FAILED, FAILED)
    tally.add(inputs(1.0), answer([1]), FAILED)
    tally.add(inputs(1.0), FAILED, answer([1]))
    found = tally.comparison()
    assert (found.requests, found.stable_errors, found.errors, found.inputs) == (3, 2, 1, 0)
    assert tally.first_error == "no answer"


def test_latencies_are_those_of_requests_that_both_answered() -> None:
    tally = Tally(0.05)
    for milliseconds in (1, 2, 3):
        tally.add(inputs(1.0), answer([1], milliseconds / 1e3), answer([1], 2 * milliseconds / 1e3))
    tally.add(inputs(1.0), answer([1], 9.0), FAILED)
    found = tally.comparison()
    assert (found.stable_p50_ms, found.p50_ms) == (pytest.approx(2.0), pytest.approx(4.0))


@pytest.mark.parametrize(
    ("milliseconds", "p50", "p95"),
    [([7], 7, 7), ([1, 3], 2, 2.9), (range(1, 102), 51, 96), (range(101, 0, -1), 51, 96)],
)
def test_latencies_are_told_in_milliseconds_by_median_and_95th_percentile(
    milliseconds: Sequence[int], p50: float, p95: float
) -> None:
    tally = Tally(0.05)
    for each in milliseconds:
        tally.add(inputs(1.0), answer([1], each / 1e3), answer([1], 2 * each / 1e3))
    found = tally.comparison()
    assert (found.stable_p50_ms, found.stable_p95_ms) == (pytest.approx(p50), pytest.approx(p95))
    assert (found.p50_ms, found.p95_ms) == (pytest.approx(2 * p50), pytest.approx(2 * p95))


def test_nothing_added_is_a_comparison_of_nothing() -> None:
    found = Tally(0.05).comparison()
    assert (found.requests, found.inputs, found.p50_ms) == (0, 0, 0.0)


def test_inputs_without_rows_are_one_input() -> None:
    tally = Tally(0.05)
    tally.add({"steps": np.array(3)}, answer([1]), answer([1]))
    tally.add({"names": np.array([b"a", b"b"], object), "n": np.array([1])}, answer([1]), answer([1]))
    assert tally.comparison().inputs == 2
