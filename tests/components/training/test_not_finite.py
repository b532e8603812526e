from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from slipline.components.artifacts import Examples, Shard, Split, TrainedModel
from slipline.components.errors import TrainingFailed
from slipline.components.files.tfrecord_files import write_records
from slipline.components.steps.train import TrainParams
from tests.small_mnist import first_records

BLANK = (5, 130)


def with_blank_images(folder: Path) -> Examples:
    """200 digits in two shards, of which two are black all over."""
    import tensorflow as tf

    encoded = io.BytesIO()
    Image.fromarray(np.zeros((28, 28), np.uint8)).save(encoded, "PNG")
    records = first_records("train", 200)
    for number in BLANK:
        example = tf.train.Example.FromString(records[number])
        example.features.feature["image"].bytes_list.value[0] = encoded.getvalue()
        records[number] = example.SerializeToString()
    shards = [Shard(file=f"{name}.tfrecord", records=100, source=f"my-{name}.tfrecord", first=10) for name in "ab"]
    for shard, first in zip(shards, (0, 100), strict=True):
        write_records(folder / shard.file, records[first : first + 100])
    return Examples(path=folder, splits=(Split(name="train", shards=tuple(shards)),))


@pytest.mark.slow
def test_records_that_bring_the_loss_beyond_numbers_by_themselves_are_named_apart_from_their_batch(
    fit: Callable[..., TrainedModel], tmp_path: Path
) -> None:
    examples = with_blank_images(tmp_path)
    params = TrainParams(network="tests.components.training_parts:standardizing", batch_size=200)
    with pytest.raises(TrainingFailed) as failed:
        fit(examples, params)
    assert str(failed.value).startswith(
        "epoch 1, step 1 of 1: the loss is nan, no longer a number, and so it is for my-a.tfrecord record 15 (counted "
        "from 0); my-b.tfrecord record 40 (counted from 0) alone; look at what is there, and at what "
        "tests.components.training_parts:standardizing makes of it. The batch: my-a.tfrecord records 10, 11, "
    )
    assert list((tmp_path / "one" / "out").iterdir()) == []
    assert not list((tmp_path / "one" / "scratch").rglob("kept-*"))


@pytest.mark.slow
def test_two_workers_name_them_too(fit: Callable[..., TrainedModel], tmp_path: Path) -> None:
    params = TrainParams(network="tests.components.training_parts:standardizing", batch_size=200, workers=2)
    with pytest.raises(TrainingFailed, match=r"my-a\.tfrecord record 15 .*my-b\.tfrecord record 40 .* alone; look"):
        fit(with_blank_images(tmp_path), params)
