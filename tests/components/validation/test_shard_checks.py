"""One shard, checked as every worker checks its own."""

import csv
import re

import numpy as np
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from slipline.components.artifacts import Shard
from slipline.components.errors import BadData
from slipline.components.files.tfrecord_files import read_records, write_records
from slipline.components.schemas.schema_rules import rules_of
from slipline.components.validation.findings import Kind
from slipline.components.validation.shard_checks import Checked, CheckJob, ViolationTally, check, gather_offenders
from slipline.serving.wire.example_pb2 import Example

SCHEMA = """
feature { name: "x" type: INT presence { min_fraction: 1 } shape { dim { size: 2 } } int_domain { min: 0 max: 9 } }
feature { name: "y" type: INT presence { min_fraction: 1 } }
"""


def record(*x, y=1):
    example = Example()
    example.features.feature["x"].int64_list.value.extend(x)
    if y is not None:
        example.features.feature["y"].int64_list.value.append(y)
    return example.SerializeToString()


def job(folder, records, number=0, claimed=None):
    file = folder / f"{number}.shard"
    write_records(file, records)
    return CheckJob(
        split="train",
        shard=Shard(
            file=file.name, records=len(records) if claimed is None else claimed, source="mine.tfrecord", first=100
        ),
        file=file,
        rules=rules_of(text_format.Parse(SCHEMA, schema_pb2.Schema())).features,
        decode=frozenset(),
        offenders=folder / f"{number}.offenders",
        numbers=folder / f"{number}.npy",
        listing=folder / f"{number}.csv",
    )


def test_a_good_shard_has_no_offenders(tmp_path):
    good = job(tmp_path, [record(1, 2)] * 3)
    assert check(good) == Checked(job=good, offending=0, tallies={})
    assert list(read_records(good.offenders)) == []
    assert not good.numbers.exists()


def test_offenders_are_told_apart_by_what_is_wrong_with_them(tmp_path):
    records = [record(1, 2), record(10, 11), record(1, 2, y=None), record(12, 13, y=None), record(1, 2), record(-1, 0)]
    checked = check(job(tmp_path, records))
    assert checked.offending == 4
    places = [f"mine.tfrecord record {number} (counted from 0)" for number in range(100, 106)]
    assert checked.tallies == {
        ("x", Kind.OUT_OF_DOMAIN): ViolationTally(
            wanted="0 to 9", got=["10", "12", "-1"], records=3, first=[places[1], places[3], places[5]]
        ),
        ("y", Kind.MISSING): ViolationTally(
            wanted="a value in every record", got=["none"], records=2, first=[places[2], places[3]]
        ),
    }
    assert list(read_records(checked.job.offenders)) == [records[number] for number in (1, 2, 3, 5)]
    assert np.load(checked.job.numbers).tolist() == [1, 2, 3, 5]
    with checked.job.listing.open(newline="") as listing:
        assert list(csv.reader(listing)) == [
            ["train", places[1], "x", "out of domain", "0 to 9", "10"],
            ["train", places[2], "y", "missing", "a value in every record", "none"],
            ["train", places[3], "x", "out of domain", "0 to 9", "12"],
            ["train", places[3], "y", "missing", "a value in every record", "none"],
            ["train", places[5], "x", "out of domain", "0 to 9", "-1"],
        ]


def test_a_tally_shows_the_first_few_and_that_there_are_more():
    tally = ViolationTally(wanted="0 to 9")
    for value in (10, 10, 11, 12, 13, 14):
        tally.add([str(value)], 1, [f"record {value}"])
    assert tally == ViolationTally(
        wanted="0 to 9", got=["10", "11", "12", "13"], records=6, first=["record 10", "record 10", "record 11"]
    )


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[:-3], "record 2 (counted from 0) at byte"),
        (lambda content: content[:20] + b"\x00" + content[21:], "record 0 (counted from 0)"),
        (lambda content: b"", "wanted the 3 records that were written to it, got 0"),
    ],
)
def test_a_shard_that_cannot_be_read_is_bad_data_and_named(tmp_path, damage, message):
    damaged = job(tmp_path, [record(1, 2)] * 3)
    damaged.file.write_bytes(damage(damaged.file.read_bytes()))
    with pytest.raises(BadData, match=re.escape(message)) as raised:
        check(damaged)
    assert str(damaged.file) in str(raised.value)


@pytest.mark.parametrize(("claimed", "got"), [(2, "more"), (4, "3")])
def test_a_shard_of_another_length_than_was_written_is_bad_data(tmp_path, claimed, got):
    told = f"wanted the {claimed} records that were written to it, got {got}; it was altered since"
    with pytest.raises(BadData, match=told):
        check(job(tmp_path, [record(1, 2)] * 3, claimed=claimed))


def test_offenders_of_all_shards_come_together_in_order(tmp_path):
    (tmp_path / "out").mkdir()
    shards = [[record(10, 11)], [record(1, 2)], [record(12, 13), record(14, 15)]]
    gather_offenders([check(job(tmp_path, records, number)) for number, records in enumerate(shards)], tmp_path / "out")
    assert list(read_records(tmp_path / "out" / "offenders.tfrecord")) == [*shards[0], *shards[2]]
    with (tmp_path / "out" / "offenders.csv").open(newline="") as listing:
        assert [row["got"] for row in csv.DictReader(listing)] == ["10", "12", "14"]
    assert not list(tmp_path.glob("*.offenders")) + list(tmp_path.glob("*.csv"))
