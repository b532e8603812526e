"""A shard is read whole or not at all, whatever happened to its file since it was written."""

from __future__ import annotations

import pytest

from slipline.components.artifacts import Shard
from slipline.components.errors import BadData
from slipline.components.files.tfrecord_files import read_shard, write_records

SHARD = Shard(file="train-0", records=3, source="digits.tfrecord")


def test_all_records_come_in_order(tmp_path):
    write_records(tmp_path / "train-0", [b"a", b"b", b"c"])
    assert list(read_shard(tmp_path / "train-0", SHARD)) == [b"a", b"b", b"c"]


@pytest.mark.parametrize(("records", "got"), [([b"a", b"b"], "2"), ([], "0"), ([b"a"] * 4, "more")])
def test_a_whole_file_of_other_records_than_were_written_is_refused(tmp_path, records, got):
    write_records(tmp_path / "train-0", records)
    with pytest.raises(BadData, match=rf"train-0: wanted the 3 records that were written to it, got {got}; "):
        list(read_shard(tmp_path / "train-0", SHARD))
