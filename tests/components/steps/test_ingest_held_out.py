"""The validation split: records held out by content, none lost, each still known by where it came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipline.components.beam.beam_options import BeamSettings
from slipline.components.errors import BadData
from slipline.components.examples.example_records import parse_example
from slipline.components.examples.record_places import RecordPlaces
from slipline.components.files.tfrecord_files import read_records
from slipline.components.steps.ingest import IngestParams, ingest
from tests.small_wine import wines, write_csv

pytestmark = pytest.mark.slow  # each runs Beam several times


def records_of(examples, split):
    return [record for file in examples.files(split) for record in read_records(file)]


def ingest_into(out, params):
    out.mkdir()
    return ingest(params, BeamSettings(), out, lambda line: None)


def held_out_of(folder, out):
    """The records of `train` and of `validation`."""
    params = IngestParams(folder=folder, splits=("train",), validation_share=0.3)
    examples = ingest_into(out, params)
    assert [split.name for split in examples.splits] == list(params.split_names) == ["train", "validation"]
    return examples, *(records_of(examples, split) for split in params.split_names)


def test_a_validation_split_takes_records_out_of_train_and_none_is_lost(tmp_path):
    rows = wines(200)
    write_csv(tmp_path / "wine/train/wine.csv", rows)
    whole = ingest_into(tmp_path / "whole", IngestParams(folder=tmp_path / "wine", splits=("train",)))
    examples, train, validation = held_out_of(tmp_path / "wine", tmp_path / "parted")
    assert sorted(train + validation) == sorted(records_of(whole, "train"))
    assert 30 < len(validation) < 90
    in_source = records_of(whole, "train")
    for split, records in (("train", train), ("validation", validation)):
        (shard,) = examples.split(split).shards
        places = RecordPlaces(examples.path / shard.file, shard)
        assert [in_source[places.source(number)[1]] for number in range(len(records))] == records


def test_no_record_changes_split_when_data_is_added(tmp_path):
    write_csv(tmp_path / "wine/train/wine.csv", wines(60))
    _, train, validation = held_out_of(tmp_path / "wine", tmp_path / "before")
    write_csv(tmp_path / "wine/train/more.csv", wines(60, seed=2))
    write_csv(tmp_path / "wine/train/again.csv", wines(60))
    _, more_train, more_validation = held_out_of(tmp_path / "wine", tmp_path / "after")
    assert set(train) < set(more_train)
    assert set(validation) < set(more_validation)
    assert not set(more_train) & set(more_validation)


def test_images_held_out_keep_their_names(plane, png):
    for number in range(40):
        file = plane.source / "train" / str(number % 2) / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png(4, 4, value=number))
    examples, *_ = held_out_of(plane.source, plane.home / "parted")
    for split in examples.splits:
        for shard in split.shards:
            places = RecordPlaces(examples.path / shard.file, shard)
            for number, record in enumerate(read_records(examples.path / shard.file)):
                image = parse_example(record).features.feature["image"].bytes_list.value[0]
                assert Path(places.place(number)).read_bytes() == image


def test_a_validation_split_that_took_nothing_is_bad_data(plane, digits):
    plane.write("train", digits[:1])
    params = IngestParams(folder=plane.source, splits=("train",), validation_share=1e-9)
    with pytest.raises(BadData, match=r"split 'validation' is empty: no record in .*; change validation_share"):
        ingest_into(plane.home / "out", params)


def test_a_split_of_ones_own_may_be_called_validation(tmp_path):
    splits = ("train", "validation", "test")
    for number, split in enumerate(splits):
        write_csv(tmp_path / "wine" / split / "wine.csv", wines(10 + number, seed=number))
    examples = ingest_into(tmp_path / "out", IngestParams(folder=tmp_path / "wine", splits=splits))
    assert {split.name: split.records for split in examples.splits} == {"train": 10, "validation": 11, "test": 12}


@pytest.mark.parametrize("name", ["", "a/b", ".hidden", "two\nlines", "\udcff"])
def test_a_split_that_no_file_can_be_named_after_is_refused(name):
    with pytest.raises(ValueError, match="splits must be names that files can begin with, got"):
        IngestParams(splits=("train", name))
