"""Reading inputs as blocks."""

from __future__ import annotations

import hashlib
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slipline.components.batch_prediction.blocks import (
    Failure,
    ImageFiles,
    InputRead,
    ReadJob,
    read_blocks,
)
from slipline.components.batch_prediction.request import AskedRelease, BatchRequest
from slipline.components.examples.example_records import encode_example
from slipline.components.files.tfrecord_files import write_records
from slipline.components.sources.file_kinds import TfrecordFile
from slipline.serving.wire.example_pb2 import Example


def reading(batch_size=3):
    release = AskedRelease(model="m", version=1, digest="", folder=Path())
    return BatchRequest(release=release, inputs=(), out=Path(), batch_size=batch_size)


def read(source, first=0, batch_size=3):
    *blocks, told = read_blocks(4, ReadJob(source=source, number=0, first=first), reading(batch_size), ("cat", "dog"))
    assert isinstance(told, InputRead)
    return blocks, told


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(good=st.lists(st.booleans(), max_size=20), batch_size=st.integers(1, 8), cut=st.booleans())
def test_blocks_follow_each_other_and_hold_every_record_once(tmp_path, good, batch_size, cut):
    file = tmp_path / "some.tfrecord"
    write_records(file, [encode_example(b"image", n) if is_good else b"none" for n, is_good in enumerate(good)])
    if cut and good:
        file.write_bytes(file.read_bytes()[:-1])
    blocks, told = read(TfrecordFile(path=str(file)), first=10, batch_size=batch_size)
    starts = [block.first for block in blocks]
    assert starts == list(range(10, 10 + len(good), batch_size))
    assert sum(block.size for block in blocks) == told.records == len(good)
    found = [one for block in blocks for one in (*block.records, *block.failed)]
    numbers = [one.record if isinstance(one, Failure) else one.number for one in found]
    assert sorted(numbers) == list(range(len(good)))
    assert all(record.label == record.number for block in blocks for record in block.records)
    assert told.job == 4
    assert [each.sha256 for each in told.files] == [hashlib.sha256(file.read_bytes()).hexdigest()]


def test_keys_are_text_or_numbers_and_others_none(tmp_path):
    records = [Example() for _ in range(3)]
    records[0].features.feature["id"].bytes_list.value.append("ä".encode())
    records[1].features.feature["id"].int64_list.value.append(7)
    file = tmp_path / "some.tfrecord"
    write_records(file, [record.SerializeToString() for record in records])
    ((block,), _) = read(TfrecordFile(path=str(file)))
    assert [record.key for record in block.records] == ["ä", "7", None]


def test_images_are_labelled_by_folders_named_as_classes_and_one_that_cannot_be_read_fails(tmp_path):
    for name in ("dog", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(b"abc")
    images = [str(tmp_path / name) for name in ("dog/1.png", "other/1.png", "dog/gone.png")]
    ((block,), told) = read(ImageFiles(path="3 images", images=tuple(images)))
    assert [(record.file, record.label) for record in block.records] == [(images[0], 1), (images[1], None)]
    (failed,) = block.failed
    assert (failed.file, failed.reason) == (images[2], f"{images[2]}: cannot be opened (No such file or directory)")
    assert (told.records, [each.path for each in told.files]) == (3, images[:2])
