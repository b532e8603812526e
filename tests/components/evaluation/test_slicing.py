"""What is counted by slice."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from slipline.components.evaluation.slicing import Answers, ByValue, by_value
from tests.components.evaluation.predictions import some_predictions
from tests.components.merging import cut, merged


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=40), st.integers(0, 2**31), st.data())
@settings(deadline=None)
def test_slices_merged_in_any_order_hold_the_records_of_the_whole(names, seed, grouping):
    probabilities, labels = some_predictions(len(names), seed)
    names = np.array(names)

    def of(part):
        return by_value(names[part].tolist(), 3, Answers(candidate=probabilities[part], live=None), labels[part])

    found = merged([of(part) for part in cut(np.arange(len(names)), grouping)], grouping)
    whole = of(np.arange(len(names)))
    assert found.too_many == whole.too_many == (len(set(names.tolist())) > 3)
    assert {name: each.tally.records for name, each in found.counted.items()} == {
        name: each.tally.records for name, each in whole.counted.items()
    }


def test_both_models_are_paired_as_what_they_are_in_a_slice_and_where_parts_of_it_meet():
    answers, labels = np.eye(2, dtype=np.float32), np.array([0, 1])
    better = Answers(candidate=answers, live=answers[[0, 0]])  # the live model is wrong about the second record
    joined = Answers.joined([better, better.of(np.array([1]))])
    pairing = joined.counted(np.append(labels, 1)).pairing
    merged_pairing = better.counted(labels).merge(better.of(np.array([1])).counted(labels[1:])).pairing
    for found in (pairing, merged_pairing):
        assert (found.only_candidate_right, found.only_live_right) == (2, 0)
    alone = Answers(candidate=answers, live=None).counted(labels)
    assert alone.pairing is None
    assert better.counted(labels).merge(alone).pairing is None


def test_nothing_at_all_is_no_slice():
    assert ByValue(most=3).merge(ByValue(most=3)).counted == {}
