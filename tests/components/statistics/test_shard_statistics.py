"""Shards: summarised batch by batch, sliced as long as there are few enough values, with a digest of each record."""

from __future__ import annotations

from functools import reduce

import numpy as np

from slipline.components.examples.example_records import encode_example
from slipline.components.statistics.shard_statistics import BATCH_RECORDS, Slices, summarise_records
from tests.components.tabular import record_of


def test_records_are_sliced_by_several_features_each_for_itself():
    records = [record_of({"a": number % 2, "b": "xyz"[number % 3]}) for number in range(60)]
    a, b = summarise_records(records, ("a", "b"), 10).divisions
    assert {value: part.records for value, part in a.by_value.items()} == {"0": 30, "1": 30}
    assert {value: part.records for value, part in b.by_value.items()} == {"x": 20, "y": 20, "z": 20}
    assert b.by_value["y"].features["a"].integers.counts == {0: 10, 1: 10}


def test_a_feature_with_too_many_values_is_given_up_within_a_batch_or_after_some():
    for values in (range(20), [0] * BATCH_RECORDS + list(range(20))):
        (slices,) = summarise_records([record_of({"a": value}) for value in values], ("a",), 10).divisions
        assert (slices.too_many, slices.by_value) == (True, {})
        assert slices.total.records == len(values)
        assert slices.total.features["a"].integers.moments.count == len(values)


def test_shards_merge_division_by_division():
    shards = [summarise_records([record_of({"a": number})], ("a", "b"), 10).divisions for number in range(3)]
    a, b = (reduce(Slices.merge, slices) for slices in zip(*shards, strict=True))
    assert sorted(a.by_value) == ["0", "1", "2"]
    assert (a.total.records, b.total.records) == (3, 3)
    assert not b.occurs


def test_without_features_to_slice_by_the_shard_is_described_as_a_whole():
    (whole,) = summarise_records([record_of({"a": 1})], (), 10).divisions
    assert (whole.by_value, whole.total.records, whole.too_many) == ({}, 1, False)


def test_records_with_an_image_have_the_same_content_if_it_has_the_same_pixels(png):
    records = [
        encode_example(png(value=1), 0),
        encode_example(png(value=1), 9),
        encode_example(png(value=2), 0),
        encode_example(b"no image", 0),
        encode_example(b"no image", 1),
        record_of({"left": png(value=1), "right": png(value=1)}),
        b"\xff",
    ]
    digests = summarise_records(records, ("label",), 10).digests
    assert digests.shape == (7, 2)
    assert np.array_equal(digests[0], digests[1])
    assert len({tuple(digest) for digest in digests.tolist()}) == 6


def test_no_records_have_no_digests():
    assert summarise_records([], ("label",), 10).digests.shape == (0, 2)
