"""Shards: of limited size, with every record once and its place in its source known."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipline.components.artifacts import Shard
from slipline.components.errors import BeamFailed
from slipline.components.examples.record_places import RecordPlaces
from slipline.components.files.tfrecord_files import read_records
from slipline.components.sources.shard_writer import RECORDS_IN_SHARD, ShardWriter, move_shard


def places(file, shard: Shard) -> list[tuple[str, int | None]]:
    found = RecordPlaces(file, shard)
    return [found.source(number) for number in range(shard.records)]


def test_a_shard_holds_so_many_records_and_the_next_goes_on(tmp_path):
    with closing(ShardWriter(tmp_path, "train", "wine.csv")) as writer:
        for number in range(RECORDS_IN_SHARD + 2):
            writer.write(number, b"%d" % number)
        shards = writer.complete()
    assert [(shard.first, shard.records) for shard in shards] == [(0, RECORDS_IN_SHARD), (RECORDS_IN_SHARD, 2)]
    assert list(read_records(shards[1].file)) == [b"10000", b"10001"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["train-0", "train-1"]


def test_a_last_shard_just_full_is_not_followed_by_an_empty_one(tmp_path):
    with closing(ShardWriter(tmp_path, "train", "wine.csv")) as writer:
        for number in range(RECORDS_IN_SHARD):
            writer.write(number, b"")
        assert len(writer.complete()) == 1


def test_no_record_makes_no_shard(tmp_path):
    with closing(ShardWriter(tmp_path, "train", "wine.csv")) as writer:
        assert writer.complete() == ()
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=30)
@given(st.sets(st.integers(0, 50), min_size=1), st.booleans())
def test_every_record_of_a_shard_is_known_by_its_place_in_the_source_even_once_moved(
    tmp_path_factory, numbers, from_files
):
    folder = tmp_path_factory.mktemp("shards")
    sources = [f"{number}.png" for number in range(51)] if from_files else None
    with closing(ShardWriter(folder, "train", "wine.csv", sources)) as writer:
        for number in sorted(numbers):
            writer.write(number, b"x")
        (shard,) = writer.complete()
    moved = move_shard(shard, folder / "moved.tfrecord")
    assert moved == replace(shard, file="moved.tfrecord")
    wanted = [(f"{number}.png", None) if from_files else ("wine.csv", number) for number in sorted(numbers)]
    assert places(folder / "moved.tfrecord", moved) == wanted


def test_what_is_not_completed_is_no_shard(tmp_path):
    with closing(ShardWriter(tmp_path, "train", "wine.csv")) as writer:
        writer.write(0, b"x")
    assert not (tmp_path / "train-0").exists()


def test_a_shard_that_a_worker_elsewhere_wrote_is_missed(tmp_path):
    shard = Shard(file=str(tmp_path / "elsewhere"), records=1, source="wine.csv")
    with pytest.raises(
        BeamFailed, match="wrote this shard, but it is not here; let SLIPLINE_HOME lie where all workers"
    ):
        move_shard(shard, tmp_path / "train.tfrecord")
