"""From counts to results with intervals."""

import numpy as np
import pytest

from slipline.components.evaluation.describe import describe
from slipline.components.evaluation.estimates import share_estimate
from slipline.components.evaluation.evaluate_settings import EvaluateParams
from slipline.components.evaluation.pairing import Pairing
from slipline.components.evaluation.results import Results, read_results, write_results
from slipline.components.evaluation.tally import Tally
from tests.components.evaluation.predictions import CLASSES, some_predictions

PARAMS = EvaluateParams()


def described(records=300, seed=1, **settings):
    probabilities, labels = some_predictions(records, seed)
    live, _ = some_predictions(records, seed + 1)
    pairing = Pairing.of(probabilities, live, labels)
    return describe("all", Tally.of(probabilities, labels), pairing, EvaluateParams(**settings))


def test_the_same_counts_and_seed_give_the_same_results_and_another_seed_other_intervals():
    assert described() == described()
    assert described().accuracy.value == described(seed=1, confidence=0.9).accuracy.value
    assert EvaluateParams().seed == 1
    probabilities, labels = some_predictions(300, 1)
    tally = Tally.of(probabilities, labels)
    one, other = (describe("all", tally, None, EvaluateParams(seed=seed)) for seed in (1, 2))
    assert one.accuracy.value == other.accuracy.value
    for drawn, again in ((one.log_loss, other.log_loss), (one.calibration_error, other.calibration_error)):
        assert drawn.value == again.value
        assert (drawn.low, drawn.high) != (again.low, again.high)


def test_the_interval_of_the_loss_is_that_of_resampled_records_and_that_of_the_accuracy_is_exact():
    probabilities, labels = some_predictions(300, 1)
    found = describe("all", Tally.of(probabilities, labels), None, EvaluateParams(resamples=2_000))
    assert found.accuracy == share_estimate(int((probabilities.argmax(axis=1) == labels).sum()), 300, 0.95)
    drawn = np.random.default_rng(7).integers(0, 300, (2_000, 300))
    losses = -np.log(probabilities[np.arange(300), labels])[drawn].mean(axis=1)
    low, high = np.quantile(losses, [0.025, 0.975])
    assert found.log_loss.low == pytest.approx(low, abs=0.1 * (high - low))
    assert found.log_loss.high == pytest.approx(high, abs=0.1 * (high - low))


def test_every_metric_of_every_class_and_bin_is_there():
    found = described()
    assert [each.number for each in found.classes] == list(range(CLASSES))
    assert sum(each.records for each in found.classes) == found.records == 300
    assert sum(each.records for each in found.reliability) == 300
    assert sum(records for _, _, records in found.confusion) == 300
    for estimate in (found.accuracy, found.log_loss, found.precision, found.recall, found.f1):
        assert estimate.low < estimate.value < estimate.high
    assert found.calibration_error.low <= found.calibration_error.value <= found.calibration_error.high
    assert found.against_live is not None
    change = found.against_live.accuracy_change
    assert found.accuracy.value - found.against_live.accuracy == pytest.approx(change.value)


def test_a_mean_over_classes_counts_a_class_never_named_as_nothing_and_one_without_records_not_at_all():
    answers = np.array([[0.8, 0.1, 0.1], [0.8, 0.1, 0.1]], np.float32)
    found = describe("all", Tally.of(answers, np.array([0, 1])), None, PARAMS)
    assert found.precision.value == pytest.approx(0.25)
    assert found.recall.value == pytest.approx(0.5)


def test_no_share_of_three_right_answers_has_an_interval_of_no_width():
    probabilities, labels = np.eye(3, dtype=np.float32)[[0, 1, 2]] * 0.9 + 0.03, np.array([0, 1, 2])
    found = describe("all", Tally.of(probabilities, labels), Pairing.of(probabilities, probabilities, labels), PARAMS)
    assert (found.accuracy.low, found.accuracy.high) == (pytest.approx(0.2924, abs=1e-4), 1.0)
    classes = [estimate for each in found.classes for estimate in (each.precision, each.recall, each.f1)]
    bins = [each.accuracy for each in found.reliability]
    means = [found.precision, found.recall, found.f1, found.calibration_error]
    for estimate in (*classes, *bins, *means, found.accuracy, found.against_live.accuracy_change):
        assert estimate.low < estimate.high
        assert estimate.low <= estimate.value <= estimate.high
    assert found.calibration_error.low >= 0
    assert found.f1.low < found.recall.low
    assert found.log_loss.low is None
    assert found.against_live.log_loss_change.high is None


def test_the_f1_of_a_class_has_the_exact_interval_of_the_share_it_grows_with():
    answers = np.eye(2, dtype=np.float32)[[1, 1, 0, 1, 0]] * 0.8 + 0.1
    one = describe("all", Tally.of(answers, np.array([1, 1, 1, 0, 0])), None, PARAMS).classes[1]
    assert (one.precision.value, one.recall.value, one.f1.value) == (2 / 3, 2 / 3, pytest.approx(2 / 3))
    share = share_estimate(2, 4, 0.95)
    assert one.f1.low == pytest.approx(2 * share.low / (1 + share.low))
    assert one.f1.high == pytest.approx(2 * share.high / (1 + share.high))


def test_a_change_that_gains_as_much_as_it_loses_still_may_be_one():
    probabilities, labels = some_predictions(300, 1)
    changed = np.roll(probabilities, 1, axis=1)
    drawn = describe("all", Tally.of(probabilities, labels), Pairing.of(probabilities, changed, labels), PARAMS)
    assert drawn.against_live.accuracy_change.low > 0.3
    same = Pairing.of(probabilities, probabilities, labels)
    change = describe("all", Tally.of(probabilities, labels), same, PARAMS).against_live.accuracy_change
    assert (change.value, change.low) == (0.0, pytest.approx(-change.high))
    assert 0.005 < change.high < 0.03


def test_results_are_read_as_they_were_written_and_older_evaluations_have_none(tmp_path):
    assert read_results(tmp_path) is None
    nothing = describe("all", Tally.of(np.full((1, 2), np.nan, np.float32), np.array([1])), None, PARAMS)
    results = Results(
        confidence=0.95,
        overall=described(),
        by_label=(nothing,),
        by_feature=(),
        untouched=None,
        robustness=(),
        not_sliced_by=("camera",),
    )
    write_results(results, tmp_path)
    assert read_results(tmp_path) == results
    assert nothing.log_loss.value is None
    assert nothing.calibration_error.value is None
