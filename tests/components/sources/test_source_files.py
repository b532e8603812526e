"""Which files are read for which split, and what is said where that is not clear."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from slipline.components.beam.beam_options import BeamSettings
from slipline.components.errors import BadData
from slipline.components.sources.file_kinds import FileKind, kind_of, sources_of
from slipline.components.sources.source_files import folder_files, pattern_files

HERE = BeamSettings()


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.tfrecord", FileKind.TFRECORD),
        ("a.tfrecord.gz", FileKind.TFRECORD),
        ("mnist-train.tfrecord-00000-of-00001", FileKind.TFRECORD),
        ("data_tfrecord-00000-of-00001.gz", FileKind.TFRECORD),
        ("a.csv", FileKind.CSV),
        ("s3://bucket/A.CSV.gz", FileKind.CSV),
        ("a.parquet", FileKind.PARQUET),
        ("train-images-idx3-ubyte.gz", FileKind.IDX),
        ("train-images.idx3-ubyte", FileKind.IDX),
        ("a.JPG", FileKind.IMAGE),
        ("folder.csv/notes.txt", None),
        ("_SUCCESS", None),
    ],
)
def test_the_kind_of_a_file_is_told_by_its_name(name, kind):
    assert kind_of(name) is kind


def test_a_folder_gives_its_files_of_known_kinds_and_leaves_others(tmp_path):
    write(tmp_path, "train/b.csv", "train/a.csv.gz", "train/README.txt", "test/c.csv")
    found = folder_files(str(tmp_path), ("train", "test"), HERE)
    assert {split: [Path(file.path).name for file in files] for split, files in found.items()} == {
        "train": ["a.csv.gz", "b.csv"],
        "test": ["c.csv"],
    }


def test_a_folder_without_a_file_of_a_known_kind_says_what_there_is(tmp_path):
    write(tmp_path, "train/notes.txt", "train/wine.xlsx")
    with pytest.raises(BadData, match=r"train: split 'train' is empty: wanted .*; got notes.txt, wine.xlsx$"):
        folder_files(str(tmp_path), ("train",), HERE)


def test_files_of_different_kinds_in_one_split_are_bad_data():
    with pytest.raises(BadData, match=r"split 'train': wanted files of one kind, got a.csv and b.parquet; leave one"):
        sources_of({"train": ["a.csv", "b.parquet"], "test": ["c.csv"]})


def test_splits_may_be_of_different_kinds():
    sources = sources_of({"train": ["a.csv", "b.csv"], "test": ["c.parquet"]})
    assert {split: [source.path for source in found] for split, found in sources.items()} == {
        "train": ["a.csv", "b.csv"],
        "test": ["c.parquet"],
    }


@pytest.mark.parametrize("names", [["images-ubyte"], ["images-ubyte", "labels-ubyte", "more-ubyte"]])
def test_idx_files_that_are_no_pair_are_bad_data(names):
    with pytest.raises(
        BadData, match=r"split 'train': wanted two IDX files, one of images and one of labels, got imag"
    ):
        sources_of({"train": names})


def test_a_pattern_that_matches_nothing_is_bad_data(tmp_path):
    with pytest.raises(BadData, match=r"\*.csv: no file matches this pattern of split 'train'; mend `files`"):
        pattern_files({"train": f"{tmp_path}/*.csv"}, ("train",), HERE)


def test_a_pattern_that_matches_a_file_of_no_known_kind_is_bad_data(tmp_path):
    write(tmp_path, "a.csv", "b.xlsx")
    with pytest.raises(BadData, match=r"b.xlsx: of no known kind, which the name tells: \*.tfrecord\*; "):
        pattern_files({"train": f"{tmp_path}/*"}, ("train",), HERE)


def test_a_file_that_two_patterns_of_a_split_match_is_bad_data(tmp_path):
    """Its records would come twice."""
    write(tmp_path, "a.csv", "b.csv")
    with pytest.raises(BadData, match=r"a.csv: two patterns of split 'train' match this file"):
        pattern_files({"train": (f"{tmp_path}/*.csv", f"{tmp_path}/a*")}, ("train",), HERE)


def test_very_many_images_of_one_class_are_shared_out_in_order():
    images = [f"pets/cat/{number:05d}.png" for number in range(25_000)]
    sources = sources_of({"train": [*images, "pets/dog/0.png"]})["train"]
    assert [(source.path, source.label, len(source.images)) for source in sources] == [
        ("pets/cat", 0, 10_000),
        ("pets/cat", 0, 10_000),
        ("pets/cat", 0, 5_000),
        ("pets/dog", 1, 1),
    ]
    assert [image for source in sources[:3] for image in source.images] == images


@pytest.mark.parametrize("name", [b"a\xff.csv", b"a\n.csv", "a\u2028b.csv".encode()])
def test_a_file_name_that_fits_on_no_line_of_a_listing_is_bad_data(tmp_path, name):
    write(tmp_path, f"train/{os.fsdecode(name)}")
    for find in (
        lambda: folder_files(str(tmp_path), ("train",), HERE),
        lambda: pattern_files({"train": f"{tmp_path}/train/*"}, ("train",), HERE),
    ):
        with pytest.raises(BadData, match="wanted a file name of UTF-8 text without line breaks; rename it") as caught:
            find()
        assert str(caught.value).isprintable()


def test_files_that_are_not_read_may_have_any_name(tmp_path):
    odd = os.fsdecode(b"\xff")
    write(tmp_path, "train/a.csv", f"train/{odd}.txt", f"{odd}/b.csv")
    (file,) = folder_files(str(tmp_path), ("train",), HERE)["train"]
    assert file.path.endswith("train/a.csv")
    with pytest.raises(BadData, match=r"wanted a folder for split 'test', got .*train") as caught:
        folder_files(str(tmp_path), ("test",), HERE)
    assert str(caught.value).isprintable()
