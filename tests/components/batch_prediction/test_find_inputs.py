"""Which files the inputs of a batch prediction name."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipline.components.batch_prediction.find_inputs import IMAGES_IN_JOB, find_inputs
from slipline.components.beam.beam_options import BeamSettings
from slipline.components.errors import BadData, DatasetNotFound

BEAM = BeamSettings()


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"123")


def test_a_folder_stands_for_all_files_of_known_kinds_at_any_depth(tmp_path):
    touch(tmp_path, "b.tfrecord", "a/b/c/1.png", "a/2.jpg", "t.parquet", "notes.txt")
    found = find_inputs([str(tmp_path)], BEAM)
    assert (found.files, found.size_bytes) == (4, 12)
    assert found.names == (f"{tmp_path}/b.tfrecord", f"{tmp_path}/t.parquet", "2 images")
    assert found.jobs[-1].source.images == (f"{tmp_path}/a/2.jpg", f"{tmp_path}/a/b/c/1.png")


def test_files_keep_the_order_of_the_inputs_and_those_of_a_pattern_go_by_path(tmp_path):
    touch(tmp_path, "c.tfrecord", "a.tfrecord", "z.parquet")
    found = find_inputs([f"{tmp_path}/z.parquet", f"{tmp_path}/*.tfrecord"], BEAM)
    assert [Path(name).name for name in found.names] == ["z.parquet", "a.tfrecord", "c.tfrecord"]


def test_a_name_with_the_characters_of_patterns_is_that_file(tmp_path):
    touch(tmp_path, "[1].tfrecord", "1.tfrecord")
    assert find_inputs([f"{tmp_path}/[1].tfrecord"], BEAM).names == (f"{tmp_path}/[1].tfrecord",)


def test_many_images_are_several_jobs_of_one_input(tmp_path):
    touch(tmp_path, *(f"{n:05}.png" for n in range(IMAGES_IN_JOB + 1)))
    first, second = find_inputs([str(tmp_path)], BEAM).jobs
    assert (first.number, second.number, first.first, second.first) == (0, 0, 0, IMAGES_IN_JOB)
    assert (len(first.source.images), len(second.source.images)) == (IMAGES_IN_JOB, 1)


@pytest.mark.parametrize(
    ("inputs", "kind", "message"),
    [
        (["none.tfrecord"], DatasetNotFound, "none.tfrecord: no file is there, or matches; check the path"),
        (["empty"], DatasetNotFound, "empty: wanted a folder with files of a known kind, .*; it has none"),
        (["a.txt"], BadData, r"a\.txt: of no kind that can be predicted, which the name tells: "),
        (["a.tfrecord", "*.tfrecord"], BadData, r"a\.tfrecord: named by two inputs; leave one out"),
        (["a-ubyte"], BadData, "wanted two IDX files, one of images and one of labels, got .*a-ubyte"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_remedy(tmp_path, monkeypatch, inputs, kind, message):
    touch(tmp_path, "a.txt", "a.tfrecord", "a-ubyte")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind, match=message):
        find_inputs(inputs, BEAM)
