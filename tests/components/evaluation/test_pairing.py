"""Two models on the same records."""

import math
from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipline.components.evaluation.pairing import Pairing, no_rise_p, upper_tail_of_fair_coin
from tests.components.evaluation.predictions import some_predictions
from tests.components.merging import cut, merged


def pair_of(records, seed):
    candidate, labels = some_predictions(records, seed)
    live, _ = some_predictions(records, seed + 1)
    return candidate, live, labels


@given(st.integers(1, 60), st.integers(0, 2**31), st.data())
@settings(deadline=None)
def test_pairings_merged_in_any_order_are_that_of_the_whole(records, seed, grouping):
    candidate, live, labels = pair_of(records, seed)
    parts = cut(np.arange(records), grouping)
    found = merged([Pairing.of(candidate[part], live[part], labels[part]) for part in parts], grouping)
    whole = Pairing.of(candidate, live, labels)
    for name in ("answers", "rises"):
        np.testing.assert_array_equal(getattr(found, name).ids, getattr(whole, name).ids)
        np.testing.assert_array_equal(getattr(found, name).counts, getattr(whole, name).counts)
        np.testing.assert_allclose(getattr(found, name).sums, getattr(whole, name).sums)
    assert found.accuracy_p == whole.accuracy_p


@given(st.integers(1, 60), st.integers(0, 2**31))
@settings(deadline=None)
def test_the_changes_are_the_differences_of_the_two_models_metrics(records, seed):
    candidate, live, labels = pair_of(records, seed)
    found = Pairing.of(candidate, live, labels)
    right = [(answers.argmax(axis=1) == labels).mean() for answers in (candidate, live)]
    losses = [-np.log(answers[np.arange(records), labels].astype(float)).mean() for answers in (candidate, live)]
    assert found.accuracy_changes(found.answers.counts[np.newaxis])[0] == pytest.approx(right[0] - right[1])
    assert found.loss_rises(found.rises.counts[np.newaxis])[0] == pytest.approx(losses[0] - losses[1], abs=1e-9)


@given(st.integers(0, 200), st.data())
def test_the_tail_is_the_sum_of_binomial_coefficients(tosses, data):
    heads = data.draw(st.integers(0, tosses))
    exact = sum(math.comb(tosses, number) for number in range(heads, tosses + 1)) / 2**tosses
    assert upper_tail_of_fair_coin(heads, tosses) == pytest.approx(exact, rel=1e-9)


def test_one_record_more_or_less_is_chance_and_twenty_to_none_is_not():
    assert upper_tail_of_fair_coin(1, 1) == pytest.approx(0.5)
    assert upper_tail_of_fair_coin(20, 20) == pytest.approx(2**-20)


def test_a_model_beside_itself_is_not_worse():
    candidate, _, labels = pair_of(50, 3)
    found = reduce(Pairing.merge, [Pairing.of(candidate, candidate, labels)] * 3)
    assert found.accuracy_p == 1.0
    assert no_rise_p(found.loss_rises(found.rises.draws(200, np.random.default_rng(1)))) == 1.0


def test_a_rise_in_every_sample_is_as_improbable_as_so_many_samples_can_tell():
    assert no_rise_p(np.array([0.1, *[0.05] * 99])) == pytest.approx(1 / 100)
