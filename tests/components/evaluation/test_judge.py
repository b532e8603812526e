"""Limits of the gate."""

import re

import numpy as np
import pytest

from slipline.components.evaluation.describe import describe
from slipline.components.evaluation.evaluate_settings import EvaluateParams, Limit
from slipline.components.evaluation.judge import judge
from slipline.components.evaluation.pairing import Pairing
from slipline.components.evaluation.results import Results
from slipline.components.evaluation.tally import Tally


def answers(wrong, records=1_000):
    """Two classes; the first `wrong` records are taken for the other."""
    labels = np.arange(records) % 2
    predicted = np.where(np.arange(records) < wrong, 1 - labels, labels)
    return np.eye(2, dtype=np.float32)[predicted] * 0.8 + 0.1, labels


def judged(*args, **kwargs):
    """A sentence for each limit that is not kept."""
    return tuple(check.sentence for check in checked(*args, **kwargs) if not check.passed)


def checked(params, wrong=50, live_wrong=None, **slices):
    probabilities, labels = answers(wrong)
    live = None if live_wrong is None else answers(live_wrong)[0]
    pairing = None if live is None else Pairing.of(probabilities, live, labels)
    overall = describe("all", Tally.of(probabilities, labels), pairing, params)
    robustness = [describe(name, Tally.of(*answers(wrong)), None, params) for name, wrong in slices.items()]
    results = Results(
        confidence=0.95,
        overall=overall,
        by_label=(),
        by_feature=(),
        untouched=None,
        robustness=tuple(robustness),
        not_sliced_by=(),
    )
    return judge(results, params, None if live is None else 3)


def loose(**settings):
    return EvaluateParams(**{"min_accuracy": 0.0, "max_log_loss": 9.0, **settings})


def test_a_model_within_its_limits_passes():
    assert judged(EvaluateParams(min_accuracy=0.95, max_log_loss=0.5)) == ()


def test_a_reason_gives_the_value_the_limit_and_the_interval():
    (reason,) = judged(loose(min_accuracy=0.96))
    assert re.fullmatch(
        r"accuracy 0\.9500 is below evaluate\.min_accuracy 0\.96 \(95 % interval 0\.93\d\d to 0\.96\d\d\)", reason
    )


def test_numbers_that_are_none_do_not_open_the_gate():
    nothing = describe("all", Tally.of(np.full((1, 2), np.nan, np.float32), np.array([1])), None, EvaluateParams())
    results = Results(
        confidence=0.95, overall=nothing, by_label=(), by_feature=(), untouched=None, robustness=(), not_sliced_by=()
    )
    checks = judge(results, EvaluateParams(), None)
    assert [check.passed for check in checks] == [False, False]
    assert checks[1].sentence == "log loss is not defined, where evaluate.max_log_loss wants at most 0.1"


def test_every_limit_is_on_record_with_what_was_measured_whether_it_is_kept_or_not():
    limits = (Limit(metric="recall", of_class=1, at_least=0.99), Limit(slice="rotated", metric="accuracy", at_most=0.8))
    checks = checked(loose(limits=limits), live_wrong=50, rotated=300)
    assert [(each.setting, each.slice, each.metric, each.wanted) for each in checks] == [
        ("evaluate.min_accuracy", "all", "accuracy", "at least 0.0"),
        ("evaluate.max_log_loss", "all", "log loss", "at most 9.0"),
        ("evaluate.max_accuracy_drop", "all", "accuracy", "worse by at most 0.005"),
        ("evaluate.limits[0]", "all", "recall of class 1", "at least 0.99"),
        ("evaluate.limits[1]", "rotated", "accuracy", "at most 0.8"),
    ]
    assert [each.passed for each in checks] == [True, True, True, False, True]
    assert [each.measured for each in checks] == [0.95, pytest.approx(0.2152, abs=1e-3), 0.0, 0.95, 0.7]


def test_a_limit_about_the_live_model_is_no_check_where_nothing_was_live():
    assert [each.setting for each in checked(loose())] == ["evaluate.min_accuracy", "evaluate.max_log_loss"]


def test_a_difference_from_the_live_model_that_chance_explains_does_not_close_the_gate():
    # One record of a thousand more is wrong: by chance every second time.
    assert judged(loose(max_accuracy_drop=0.0), wrong=51, live_wrong=50) == ()


def test_a_difference_beyond_margin_and_chance_closes_it_and_one_within_the_margin_does_not():
    (reason,) = judged(loose(max_accuracy_drop=0.005), wrong=70, live_wrong=50)
    assert reason == (
        "accuracy is 0.0200 worse than the live model's, more than evaluate.max_accuracy_drop 0.005 and than chance "
        "explains (0.9300 against 0.9500 of version 3; p = 9.5e-07, exact McNemar test, 20 against 0 records)"
    )
    assert judged(loose(max_accuracy_drop=0.03), wrong=70, live_wrong=50) == ()


def test_any_difference_counts_where_no_significance_is_asked_for():
    assert len(judged(loose(max_accuracy_drop=0.0, significance=1.0), wrong=51, live_wrong=50)) == 1


def test_a_rise_of_the_log_loss_is_held_to_its_limit_where_there_is_one():
    assert judged(loose(max_accuracy_drop=1.0), wrong=90, live_wrong=50) == ()
    (reason,) = judged(loose(max_accuracy_drop=1.0, max_log_loss_rise=0.01), wrong=90, live_wrong=50)
    assert "worse than the live model's, more than evaluate.max_log_loss_rise 0.01 and than chance explains" in reason
    assert "p = 0.002, paired bootstrap" in reason


def test_limits_of_slices_and_classes_name_them():
    limits = (
        Limit(slice="rotated", metric="accuracy", at_least=0.8),
        Limit(metric="recall", of_class=1, at_least=0.99),
        Limit(metric="calibration_error", at_most=0.01),
    )
    rotated, recall, calibration = judged(loose(limits=limits), rotated=300)
    assert rotated.startswith("rotated: accuracy 0.7000 is below evaluate.limits[0] 0.8")
    assert recall.startswith("recall of class 1 0.9500 is below evaluate.limits[1] 0.99")
    assert calibration.startswith("calibration error 0.0500 is above evaluate.limits[2] 0.01")


def test_a_limit_that_takes_certainty_is_kept_while_the_interval_reaches_it():
    barely, far = (Limit(metric="accuracy", at_least=least, surely=True) for least in (0.955, 0.99))
    (reason,) = judged(loose(limits=(barely, far)))
    assert "evaluate.limits[1]" in reason


def test_a_limit_of_a_slice_that_is_not_there_closes_the_gate_and_names_those_that_are():
    limit = Limit(slice="rotten", metric="accuracy", at_least=0.5, max_worsening=0.1)
    reason, beside_live = judged(loose(limits=(limit,)), noisy=1)
    assert reason == (
        "rotten: accuracy is not defined, where evaluate.limits[0] wants at least 0.5 "
        "(no record is in that slice; there are all, noisy)"
    )
    assert "wants worse by at most 0.1" in beside_live


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"metric": "acuracy", "at_least": 1}, "metric must be one of"),
        ({"metric": "accuracy"}, "needs at_least, at_most or max_worsening"),
        ({"metric": "accuracy", "of_class": 1, "at_least": 1}, "of_class goes with precision"),
        ({"metric": "f1", "max_worsening": 0.1}, "max_worsening goes with accuracy and log_loss"),
    ],
)
def test_limits_that_mean_nothing_are_refused(wrong, told):
    with pytest.raises(ValueError, match=told):
        Limit(**wrong)
