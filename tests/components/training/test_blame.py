"""What is said of a step that was not taken, with a network that is a rule."""

from types import SimpleNamespace

import numpy as np
import pytest

from slipline.components.artifacts import Examples, Shard, Split
from slipline.components.examples.record_places import write_sources
from slipline.components.training.blame import places_of, why_not_finite

PARAMS = SimpleNamespace(split="train", network="mine:net", learning_rate=0.5)


@pytest.fixture
def examples(tmp_path):
    """Three shards: records 10 to 12 of a file, two files of their own, and records 0 to 1 of another file."""
    write_sources(tmp_path / "b", ["x.png", "y.png"])
    shards = (
        Shard(file="a", records=3, source="a.tfrecord", first=10),
        Shard(file="b", records=2, source=""),
        Shard(file="c", records=2, source="c.tfrecord"),
    )
    return Examples(path=tmp_path, splits=(Split(name="train", shards=shards),))


@pytest.mark.parametrize(
    ("numbers", "places"),
    [
        ([0], "a.tfrecord record 10 (counted from 0)"),
        ([0, 2], "a.tfrecord records 10, 12 (counted from 0)"),
        ([3, 4], "x.png; y.png"),
        ([2, 3, 5, 6], "a.tfrecord record 12 (counted from 0); x.png; c.tfrecord records 0, 1 (counted from 0)"),
    ],
)
def test_examples_are_named_by_the_files_they_came_from(examples, numbers, places):
    assert places_of(examples, "train", numbers) == places


def told(examples, guilty, *, loss=np.nan, numbers=(5, 0, 3)):
    """What is said where these examples alone bring the loss beyond the finite numbers."""

    def finite(images, labels):
        assert len(images) == len(labels)
        return loss, not set(images.tolist()) & set(guilty)

    batches = SimpleNamespace(
        steps=9,
        whole=lambda epoch, step: (np.array(numbers), np.array(numbers)),
        examples=lambda epoch, step: np.array(numbers),
    )
    return why_not_finite(SimpleNamespace(finite=finite), batches, examples, PARAMS, 1, 4)


BATCH = "The batch: a.tfrecord record 10 (counted from 0); x.png; c.tfrecord record 0 (counted from 0)"


def test_records_that_are_at_fault_alone_are_named(examples):
    words = told(examples, [0])
    assert words.startswith("epoch 2, step 5 of 9: the loss is nan, no longer a number, and so it is for a.tfrecord")
    assert "record 10 (counted from 0) alone; look at what is there, and at what mine:net makes of it" in words
    assert words.endswith(BATCH)


@pytest.mark.parametrize(("guilty", "who"), [([], "but for no record alone"), ([5, 0, 3], "for each record alone")])
def test_where_no_record_or_each_is_it_is_the_training(examples, guilty, who):
    words = told(examples, guilty, loss=1.25)
    assert f"the gradients of loss 1.25 are no longer a number, {who}; lower train.learning_rate, now 0.5" in words
    assert words.endswith(BATCH)
