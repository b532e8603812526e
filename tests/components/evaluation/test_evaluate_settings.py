"""What settings of the evaluation may be, and what is refused with its name."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest

from slipline.components.evaluation.evaluate_settings import EvaluateParams, RobustnessParams

SHARE = "must be from 0 to 1"
LOSS = "must be at least 0"
RANGES = [
    *(("min_accuracy", SHARE, good, bad) for good, bad in ((0, -0.01), (1, 1.01), (0.5, nan))),
    *(("max_accuracy_drop", SHARE, good, bad) for good, bad in ((0, -0.01), (1, 1.01), (0.5, nan))),
    *(("max_log_loss", LOSS, good, bad) for good, bad in ((0, -0.01), (inf, nan))),
    *(("max_log_loss_rise", LOSS, good, bad) for good, bad in ((0, -0.01), (inf, nan))),
    *(("confidence", "must lie between 0 and 1", good, bad) for good, bad in ((0.01, 0.0), (0.99, 1.0))),
    *(("significance", "must be greater than 0 and at most 1", good, bad) for good, bad in ((1e-9, 0), (1, 1.01))),
    ("resamples", "must be at least 100", 100, 99),
    ("max_slices", "must be at least 1", 1, 0),
]


@pytest.mark.parametrize(("name", "words", "good", "bad"), RANGES)
def test_a_setting_is_taken_up_to_the_end_of_its_range_and_refused_beyond(
    name: str, words: str, good: float, bad: float
) -> None:
    EvaluateParams(**{name: good})
    with pytest.raises(ValueError, match=f"^{name} {words}, got {bad}$"):
        EvaluateParams(**{name: bad})


@pytest.mark.parametrize("name", ["records", "shift", "rotation_degrees", "noise", "blur"])
def test_a_change_of_images_has_a_size(name: str) -> None:
    RobustnessParams(**{name: 0.5})
    for wrong in (0, -1, inf, nan):
        with pytest.raises(ValueError, match=rf"^robustness\.{name} must be greater than 0, got {wrong}$"):
            RobustnessParams(**{name: wrong})


def test_a_change_of_images_that_is_not_known_is_named_with_those_that_are() -> None:
    wrong: dict[str, Any] = {"kinds": ("noisy", "upside_down")}
    with pytest.raises(ValueError, match=r"kinds must be of shifted, .*, inverted, got 'upside_down'$"):
        RobustnessParams(**wrong)
    RobustnessParams(kinds=())
