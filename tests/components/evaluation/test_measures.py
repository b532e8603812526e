"""Metrics, by hand and against other implementations."""

import numpy as np
import pytest
from hypothesis import given, settings

from slipline.components.evaluation.describe import describe
from slipline.components.evaluation.evaluate_settings import EvaluateParams
from slipline.components.evaluation.measures import area_under_curve, of_class
from slipline.components.evaluation.tally import Tally, score_bins
from tests.components.evaluation.predictions import CLASSES, predictions, some_predictions


def sure(predicted, classes=2):
    return np.eye(classes, dtype=np.float32)[predicted] * 0.8 + 0.1


def test_a_class_that_does_not_occur_and_is_never_named_has_no_measures():
    found = describe("all", Tally.of(sure([0], 3), np.array([0])), None, EvaluateParams()).classes[2]
    assert [found.precision.value, found.recall.value, found.f1.value] == [None, None, None]


def test_the_area_under_the_curve_of_a_small_case_counts_ties_half():
    scores = np.array([0.9, 0.4, 0.4, 0.1], np.float32)
    tally = Tally.of(np.stack([1 - scores, scores], axis=1), np.array([1, 1, 0, 0]))
    found = area_under_curve(of_class(tally.scores, 1), 0.95)
    assert found.value == pytest.approx((1 + 1 + 0.5 + 1) / 4)
    assert found.low is not None
    assert found.high is not None
    assert 0 < found.low < 0.875 < found.high < 1


def test_a_curve_without_one_of_the_sides_is_not_defined():
    tally = Tally.of(sure([0, 1]), np.array([0, 0]))
    assert area_under_curve(of_class(tally.scores, 0), 0.95).value is None


@given(predictions)
@settings(deadline=None)
def test_the_area_is_the_share_of_pairs_in_the_right_order(found):
    probabilities, labels = found
    tally = Tally.of(probabilities, labels)
    for number in range(CLASSES):
        bins = score_bins(probabilities[:, number].astype(float))
        of, other = bins[labels == number][:, np.newaxis], bins[labels != number]
        area = area_under_curve(of_class(tally.scores, number), 0.95).value
        if of.size and other.size:
            assert area == pytest.approx(np.mean((of > other) + (of == other) / 2))
        else:
            assert area is None


def test_the_interval_of_the_area_is_about_that_of_resampled_records():
    probabilities, labels = some_predictions(400, 3)
    found = area_under_curve(of_class(Tally.of(probabilities, labels).scores, 0), 0.95)
    rng = np.random.default_rng(1)
    areas = []
    for _ in range(300):
        drawn = rng.integers(0, 400, 400)
        tally = Tally.of(probabilities[drawn], labels[drawn])
        areas.append(area_under_curve(of_class(tally.scores, 0), 0.95).value)
    low, high = np.quantile(areas, [0.025, 0.975])
    assert found.low == pytest.approx(low, abs=0.015)
    assert found.high == pytest.approx(high, abs=0.015)


@pytest.mark.slow
def test_keras_finds_the_same():
    import keras

    probabilities, labels = some_predictions(2_000, 5)
    tally = Tally.of(probabilities, labels)
    one_hot = np.eye(CLASSES, dtype=np.float32)[labels]
    found = describe("all", tally, None, EvaluateParams()).classes
    f1 = keras.metrics.F1Score(average=None)
    f1.update_state(one_hot, np.eye(CLASSES, dtype=np.float32)[probabilities.argmax(axis=1)])
    np.testing.assert_allclose([each.f1.value for each in found], np.array(f1.result()), rtol=1e-5)
    answers = np.eye(CLASSES, dtype=np.float32)[probabilities.argmax(axis=1)]
    for number in range(CLASSES):
        precision, recall = keras.metrics.Precision(class_id=number), keras.metrics.Recall(class_id=number)
        area = keras.metrics.AUC(num_thresholds=5_000)
        precision.update_state(one_hot, answers)
        recall.update_state(one_hot, answers)
        area.update_state(one_hot[:, number], probabilities[:, number])
        assert found[number].precision.value == pytest.approx(float(precision.result()))
        assert found[number].recall.value == pytest.approx(float(recall.result()))
        curve = area_under_curve(of_class(tally.scores, number), 0.95)
        assert curve.value == pytest.approx(float(area.result()), abs=2e-3)
