"""The settings of the trial by a real server, and how answers are judged; a trial is in test_release_steps.py."""

from __future__ import annotations

import numpy as np
import pytest

from slipline.components.steps.infra_validate import LARGEST_DIFFERENCE, InfraParams, _difference


@pytest.mark.parametrize("name", ["requests", "start_timeout_s"])
def test_a_model_is_tried_with_some_requests_in_some_time(name: str) -> None:
    InfraParams(**{name: 1})
    with pytest.raises(ValueError, match=f"{name} must be greater than 0, got 0"):
        InfraParams(**{name: 0})


def difference(*answers: list[float]) -> str:
    return _difference([{"probabilities": np.array([answer])} for answer in answers])


def test_signatures_that_answer_alike_with_probabilities_are_right() -> None:
    near = LARGEST_DIFFERENCE / 2
    assert difference([0.25, 0.75], [0.25, 0.75], [0.25 + near, 0.75 - near]) == ""


@pytest.mark.parametrize("wrong", [[0.25, 0.5], [0.5, 0.75], [np.nan, 1.0], [np.inf, 0.0]])
def test_what_adds_up_to_something_else_is_no_probabilities(wrong: list[float]) -> None:
    assert difference(wrong, wrong, wrong) == f"the probabilities of an image add up to {sum(wrong)}, wanted 1"


def test_signatures_that_disagree_are_wrong_whichever_it_is() -> None:
    right, other = [0.25, 0.75], [0.5, 0.5]
    for answers in ([right, other, right], [right, right, other], [other, right, right]):
        assert difference(*answers) == "the signatures disagree on one image by 0.25, more than 1e-05"
