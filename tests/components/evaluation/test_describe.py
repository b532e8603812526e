"""From counts to results with intervals."""

import numpy as np
import pytest

from slipline.components.evaluation.describe import describe
from slipline.components.evaluation.estimates import mirrored_estimate, percentile_estimate
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
    assert (one.log_loss.low, one.log_loss.high) != (other.log_loss.low, other.log_loss.high)


def test_intervals_are_those_of_resampled_records():
    probabilities, labels = some_predictions(300, 1)
    found = describe("all", Tally.of(probabilities, labels), None, EvaluateParams(resamples=2_000))
    rng = np.random.default_rng(7)
    drawn = rng.integers(0, 300, (2_000, 300))
    right = (probabilities.argmax(axis=1) == labels)[drawn].mean(axis=1)
    losses = -np.log(probabilities[np.arange(300), labels])[drawn].mean(axis=1)
    for estimate, samples in ((found.accuracy, right), (found.log_loss, losses)):
        low, high = np.quantile(samples, [0.025, 0.975])
        assert estimate.low == pytest.approx(low, abs=0.1 * (high - low))
        assert estimate.high == pytest.approx(high, abs=0.1 * (high - low))


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


def test_an_interval_of_a_measure_that_samples_overstate_is_mirrored_and_holds_the_value():
    samples = np.array([0.10, *np.linspace(0.10, 0.20, 101)])
    found = mirrored_estimate(samples, 0.9)
    assert (found.low, found.value, found.high) == (pytest.approx(0.005), 0.10, 0.10)
    assert percentile_estimate(samples, 0.9).high == pytest.approx(0.195)


def test_what_is_not_defined_is_none():
    assert percentile_estimate(np.array([np.nan, 1.0]), 0.95).value is None


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
