"""TFRecord files: what was written is read back, and nothing damaged passes for a record."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipline.components.errors import BadData
from slipline.components.files.tfrecord_files import batched, read_records, write_records


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_records_come_back_as_written(tmp_path_factory, records):
    file = tmp_path_factory.mktemp("records") / "some.tfrecord"
    assert write_records(file, records) == len(records)
    assert list(read_records(file)) == records


def test_a_missing_file_is_bad_data(tmp_path):
    with pytest.raises(BadData, match=r"some.tfrecord: cannot be opened \(No such file"):
        list(read_records(tmp_path / "some.tfrecord"))


def test_the_committed_mnist_file_has_the_frames_that_we_write(tmp_path):
    """The framing is TensorFlow's: a file that TFDS wrote is written again to the byte."""
    original = Path(__file__).parents[3] / "data/mnist/3.0.1/mnist-test.tfrecord-00000-of-00001"
    file = tmp_path / "again.tfrecord"
    write_records(file, read_records(original))
    assert file.read_bytes() == original.read_bytes()


@given(st.data())
def test_any_flipped_bit_is_noticed_and_named(tmp_path_factory, data):
    """Not one bit of a file can change without the reader naming the record it lies in."""
    records = [b"first", b"second", b"third"]
    file = tmp_path_factory.mktemp("records") / "some.tfrecord"
    write_records(file, records)
    content = bytearray(file.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    file.write_bytes(content)
    ends = [sum(len(record) + 16 for record in records[: number + 1]) for number in range(3)]
    damaged = next(number for number, end in enumerate(ends) if place < end)
    with pytest.raises(BadData, match=rf"some\.tfrecord: record {damaged} \(counted from 0\) at byte"):
        list(read_records(file))


@given(st.integers(1, 20))
def test_a_file_cut_off_within_a_record_is_bad_data(tmp_path_factory, cut):
    file = tmp_path_factory.mktemp("records") / "some.tfrecord"
    write_records(file, [b"first", b"second"])
    file.write_bytes(file.read_bytes()[:-cut])
    with pytest.raises(BadData, match=r"record 1 \(counted from 0\) at byte 21: the file ends .*; restore the file"):
        list(read_records(file))


def test_a_gz_file_is_read_unpacked(tmp_path):
    plain, packed = tmp_path / "some.tfrecord", tmp_path / "some.tfrecord.gz"
    write_records(plain, [b"first", b"second"])
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert list(read_records(packed)) == [b"first", b"second"]


def test_a_gz_file_cut_off_is_bad_data(tmp_path):
    file = tmp_path / "some.tfrecord.gz"
    file.write_bytes(gzip.compress(b"x" * 1_000)[:-9])
    with pytest.raises(BadData, match="record 0"):
        list(read_records(file))


def test_a_gz_file_whose_name_does_not_say_so_is_told_from_damage(tmp_path):
    file = tmp_path / "some.tfrecord"
    file.write_bytes(gzip.compress(b"x" * 1_000))
    with pytest.raises(BadData, match=r"looks gzip-compressed: let its name end in \.gz"):
        list(read_records(file))


def test_a_file_has_its_name_only_once_it_is_complete(tmp_path):
    """An interrupted copy is never taken for a whole one."""

    def broken():
        yield b"first"
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_records(tmp_path / "some.tfrecord", broken())
    assert not (tmp_path / "some.tfrecord").exists()


@given(st.lists(st.binary(max_size=10)), st.integers(1, 5), st.integers(1, 30))
def test_batches_hold_every_item_in_order_and_end_with_the_item_that_fills_them(items, count, size_bytes):
    def full(batch):
        return len(batch) == count or sum(map(len, batch)) >= size_bytes

    batches = list(batched(items, count, size_bytes))
    assert [item for batch in batches for item in batch] == items
    assert all(batches)
    assert all(full(batch) for batch in batches[:-1])
    assert not any(full(batch[:-1]) for batch in batches)
