"""Limits for drift and skew: chance alone stays below, and what was seen between splits passes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_metadata.proto.v0 import schema_pb2

from slipline.components.features.schema_io import read_schema
from slipline.components.schemas.schema_limits import (
    GREATEST_LIMIT,
    LEAST_LIMIT,
    Sample,
    compare_buckets,
    compare_counts,
    compare_numbers,
    propose_limits,
)
from slipline.components.statistics.distributions import Buckets, number_shares
from tests.components.made_statistics import feature
from tests.small_mnist import MNIST, MNIST_SCHEMA

TRIALS = 400


def counted(split, numbers):
    return Sample(split=split, records=len(numbers), values={str(k): float(n) for k, n in Counter(numbers).items()})


def in_buckets(split, numbers, bins=16):
    counts, edges = np.histogram(numbers, bins, (0, 1))
    return Sample(split=split, records=len(numbers), values=Buckets(edges=edges, counts=counts.astype(float)))


def known(split, numbers):
    shares = number_shares(feature("x", numbers.tolist()))
    assert shares is not None
    return Sample(split=split, records=len(numbers), values=shares)


@pytest.mark.parametrize(("first", "second"), [(1_000, 1_000), (5_000, 500)])
def test_two_samples_of_one_distribution_hardly_ever_differ_by_more_than_chance(first, second):
    draw = np.random.default_rng(1)
    beyond = Counter()
    for _ in range(TRIALS):
        classes = [draw.choice(5, size, p=[0.5, 0.2, 0.15, 0.1, 0.05]).tolist() for size in (first, second)]
        norm = compare_counts(counted("a", classes[0]), counted("b", classes[1]))
        divergence = compare_buckets(in_buckets("a", draw.beta(2, 5, first)), in_buckets("b", draw.beta(2, 5, second)))
        numbers = compare_numbers(*(known(name, draw.pareto(2, size)) for name, size in (("a", first), ("b", second))))
        beyond["numbers"] += numbers.observed > numbers.chance
        beyond["norm"] += norm.observed > norm.chance
        beyond["divergence"] += divergence.observed > divergence.chance
    assert max(beyond.values()) <= 4  # 0.4 are expected; more than 4 come once in 10,000 times


def test_chance_is_no_more_than_a_few_times_what_it_usually_brings():
    draw = np.random.default_rng(1)
    found = [
        compare_buckets(in_buckets("a", draw.random(1_000)), in_buckets("b", draw.random(1_000))) for _ in range(TRIALS)
    ]
    assert found[0].chance < 4 * np.median([difference.observed for difference in found])


@given(st.lists(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 10_000), min_size=1), min_size=1, max_size=3))
def test_no_limit_stops_what_was_seen_between_splits(splits):
    samples = [
        Sample(split=str(n), records=sum(counts.values()), values={k: float(v) for k, v in counts.items()})
        for n, counts in enumerate(splits)
    ]
    feature = schema_pb2.Feature()
    comments = list(propose_limits(feature, samples, compare_counts))
    for name in ("drift", "skew"):
        comparator = getattr(feature, f"{name}_comparator")
        proposed = comparator.HasField("infinity_norm")
        assert proposed is not any(comment.startswith(f"no {name} limit is proposed") for comment in comments)
        assert not proposed or LEAST_LIMIT <= comparator.infinity_norm.threshold <= 1.1 * GREATEST_LIMIT
    if feature.skew_comparator.HasField("infinity_norm"):
        limit = feature.skew_comparator.infinity_norm.threshold
        assert all(compare_counts(a, b).observed <= limit for a in samples for b in samples)


def test_a_difference_beyond_chance_is_pointed_out_and_passes():
    feature = schema_pb2.Feature()
    samples = [counted("train", [0] * 5_000 + [1] * 5_000), counted("test", [0] * 700 + [1] * 300)]
    (comment,) = propose_limits(feature, samples, compare_counts)
    assert comment.startswith("train and test differ by 0.2 (infinity_norm), beyond chance (0.06)")
    assert feature.skew_comparator.infinity_norm.threshold == 0.26
    assert feature.drift_comparator.infinity_norm.threshold == 0.072


def test_of_few_records_no_limit_is_proposed_and_why_is_said():
    feature = schema_pb2.Feature()
    comments = list(propose_limits(feature, [in_buckets("train", np.arange(10) / 10)], compare_buckets))
    assert not feature.drift_comparator.ListFields()
    assert [comment.partition(":")[0] for comment in comments] == [
        "no drift limit is proposed",
        "no skew limit is proposed",
    ]


def test_values_that_never_vary_get_the_least_limit():
    feature = schema_pb2.Feature()
    assert list(propose_limits(feature, [counted("train", [3] * 50)], compare_counts)) == []
    assert feature.drift_comparator.infinity_norm.threshold == LEAST_LIMIT


@pytest.mark.slow
def test_the_committed_limits_are_well_above_what_differs_between_the_splits_of_mnist():
    image, label = read_schema(MNIST_SCHEMA).feature
    labels, pixels = zip(*(read_mnist(split) for split in ("train", "test")), strict=True)
    norm = compare_counts(labels[0], labels[1])
    divergence = compare_buckets(pixels[0], pixels[1])
    assert norm.observed == pytest.approx(0.0039, abs=1e-4)
    assert divergence.observed == pytest.approx(0.00014, abs=1e-5)
    for comparator in (label.skew_comparator, label.drift_comparator):
        assert comparator.infinity_norm.threshold > norm.observed + norm.chance
    for comparator in (image.skew_comparator, image.drift_comparator):
        assert comparator.jensen_shannon_divergence.threshold > divergence.observed + divergence.chance


def read_mnist(split):
    from slipline.components.examples.example_records import parse_example
    from slipline.components.features.decode_images import decode_image
    from slipline.components.files.tfrecord_files import read_records

    labels, pixels = [], np.zeros(256)
    for record in read_records(MNIST / f"mnist-{split}.tfrecord-00000-of-00001"):
        features = parse_example(record).features.feature
        labels.append(features["label"].int64_list.value[0])
        pixels += np.bincount(decode_image(features["image"].bytes_list.value[0]).ravel(), minlength=256)
    buckets = Buckets(edges=np.arange(257.0), counts=pixels)
    return counted(split, labels), Sample(split=split, records=len(labels), values=buckets)
