"""Predictions, counted: equal to the computation on whole arrays, however they were cut."""

from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipline.components.evaluation.measures import calibration_error, class_counts, mean_of
from slipline.components.evaluation.tally import CONFIDENCE_BINS, SMALLEST_PROBABILITY, Tally
from tests.components.evaluation.predictions import CLASSES, predictions
from tests.components.merging import cut, merged


def as_drawn(cells):
    return cells.counts[np.newaxis]


@given(predictions, st.data())
@settings(deadline=None)
def test_tallies_merged_in_any_order_are_that_of_the_whole(found, grouping):
    probabilities, labels = found
    places = cut(np.arange(len(labels)), grouping)
    both = merged([Tally.of(probabilities[part], labels[part]) for part in places], grouping)
    whole = Tally.of(probabilities, labels)
    for name in ("confusion", "losses", "scores", "confidence"):
        one, other = getattr(both, name), getattr(whole, name)
        np.testing.assert_array_equal(one.ids, other.ids)
        np.testing.assert_array_equal(one.counts, other.counts)
        np.testing.assert_allclose(one.sums, other.sums)


@given(predictions)
@settings(deadline=None)
def test_metrics_from_counts_equal_those_from_the_arrays(found):
    probabilities, labels = found
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1).astype(float)
    tally = Tally.of(probabilities, labels)
    losses = -np.log(np.clip(probabilities[np.arange(len(labels)), labels], SMALLEST_PROBABILITY, 1))
    assert mean_of(tally.losses, as_drawn(tally.losses))[0] == pytest.approx(losses.mean(), rel=1e-5)
    bins = np.minimum((confidence * CONFIDENCE_BINS).astype(int), CONFIDENCE_BINS - 1)
    gaps = [abs(np.sum((predicted == labels)[bins == one] - confidence[bins == one])) for one in range(CONFIDENCE_BINS)]
    assert calibration_error(tally.confidence, as_drawn(tally.confidence))[0] == pytest.approx(sum(gaps) / len(labels))
    counts = class_counts(tally.confusion, CLASSES)
    for number in range(CLASSES):
        assert counts.hits[number] == np.sum((predicted == number) & (labels == number))
        assert counts.records[number] == np.sum(labels == number)
        assert counts.answers[number] == np.sum(predicted == number)


def test_a_probability_of_zero_for_the_truth_does_not_make_the_loss_infinite():
    tally = Tally.of(np.array([[1.0, 0.0]], np.float32), np.array([1]))
    assert mean_of(tally.losses, as_drawn(tally.losses))[0] == pytest.approx(-np.log(SMALLEST_PROBABILITY))


def test_probabilities_that_are_no_numbers_give_a_loss_that_is_none():
    tally = reduce(Tally.merge, [Tally.of(np.array([[np.nan, np.nan]], np.float32), np.array([1]))] * 2)
    assert np.isnan(mean_of(tally.losses, as_drawn(tally.losses))[0])
