"""Examples: read back as they were encoded, in record order, or refused with the record's name."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from slipline.components.artifacts import Schema
from slipline.components.errors import BadData
from slipline.components.examples.example_records import encode_example, parse_example
from slipline.components.examples.examples_io import read_batches, read_split
from slipline.components.features.schema_io import example_spec

SPEC = example_spec(Schema(path=Path(__file__).parents[3] / "data/schema/mnist.pbtxt"))


def encoded(pixels, kind="PNG", mode=None):
    file = io.BytesIO()
    Image.fromarray(pixels, mode).save(file, kind)
    return file.getvalue()


@given(st.binary(max_size=50), st.integers(-(2**63), 2**63 - 1))
def test_an_example_comes_back_as_encoded(image, label):
    features = parse_example(encode_example(image, label)).features.feature
    assert list(features["image"].bytes_list.value) == [image]
    assert list(features["label"].int64_list.value) == [label]


def test_batches_hold_the_split_in_record_order(plane, digits):
    plane.write("train", digits)
    examples = plane.ingest()
    batches = list(read_batches(examples, "train", SPEC, size=4))
    assert [len(batch.labels) for batch in batches] == [4, 4, 2]
    whole = read_split(examples, "train", SPEC)
    assert whole.images.shape == (10, 28, 28, 1)
    assert whole.labels.tolist() == list(range(10))
    assert whole.images[:, 0, 0, 0].tolist() == list(range(10))


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_batches_run_on_from_one_shard_to_the_next(plane, digits, size):
    for name, records in (("a", digits[:4]), ("b", []), ("c", digits[4:5]), ("d", digits[5:])):
        plane.write("train", records, f"{name}.tfrecord")
    batches = list(read_batches(plane.ingest(), "train", SPEC, size=size))
    assert all(len(batch.images) == len(batch.labels) == size for batch in batches[:-1])
    assert [label for batch in batches for label in batch.labels.tolist()] == list(range(10))


@pytest.mark.slow
def test_records_beyond_those_decoded_at_a_time_are_read_on(plane, png):
    """In order, and with their own numbers where one is wrong."""
    records = [encode_example(png(value=number % 251), number % 10) for number in range(11_000)]
    plane.write("train", records)
    batches = list(read_batches(plane.ingest(), "train", SPEC, size=4_000))
    assert [len(batch.labels) for batch in batches] == [4_000, 4_000, 3_000]
    values = np.concatenate([batch.images[:, 5, 5, 0] for batch in batches])
    assert values.tolist() == [number % 251 for number in range(11_000)]


def test_of_several_bad_records_the_first_is_named(plane, digits, png):
    bad = [encode_example(png()[:-20], 1), encode_example(png(), 10), b"\xff"]
    for number, order in enumerate((bad, bad[::-1])):
        one = type(plane)(plane.out(f"plane{number}"))
        one.write("train", [*digits * 6, *order])
        with pytest.raises(BadData, match=r"digits.tfrecord record 60 \(counted from 0\)"):
            read_split(one.ingest(), "train", SPEC)


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        (b"\xff", "wanted a tf.Example"),
        (b"", "wanted one image 'image' and one label 'label', got 0 and 0"),
        (encode_example(encoded(np.zeros((27, 28), np.uint8)), 1), "wanted 28 x 28 x 1 pixels, got 27 x 28 x 1"),
        (encode_example(encoded(np.zeros((28, 28), np.uint8)), 10), "label: wanted 0 to 9, got 10"),
        (encode_example(b"no image", 1), "neither a PNG nor a JPEG"),
    ],
)
def test_a_record_that_training_cannot_read_is_named(plane, digits, record, problem):
    plane.write("train", [*digits, record])
    with pytest.raises(BadData, match=f"digits.tfrecord record 10 \\(counted from 0\\): .*{problem}"):
        read_split(plane.ingest(), "train", SPEC)
