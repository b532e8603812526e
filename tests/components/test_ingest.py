"""Ingest: every record of every source file arrives, in order, or the message says which did not."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from components.beam_options import BeamSettings
from components.errors import BadData, DatasetNotFound
from components.examples_io import encode_example, parse_example
from components.ingest import IngestParams, ingest, source_files
from components.tfrecord import read_records

DATA = Path(__file__).parents[2] / "data"


def records_of(examples, split):
    return [record for file in examples.files(split) for record in read_records(file)]


def labels_of(examples, split):
    return [
        parse_example(record).features.feature["label"].int64_list.value[0] for record in records_of(examples, split)
    ]


def prepared_copy(folder):
    """A copy of MNIST's test split as TFDS prepared it, under `folder`."""
    prepared = folder / "mnist" / "3.0.1"
    prepared.mkdir(parents=True)
    for name in ("dataset_info.json", "features.json", "mnist-test.tfrecord-00000-of-00001"):
        shutil.copyfile(DATA / "mnist/3.0.1" / name, prepared / name)
    return prepared


def ingest_quietly(params, out):
    return ingest(params, BeamSettings(), out, lambda line: None)


def test_the_committed_mnist_arrives_whole(tmp_path):
    """60,000 and 10,000 records, each shard the very bytes of its source file."""
    examples = ingest_quietly(IngestParams(data_dir=DATA), tmp_path)
    assert {split.name: split.records for split in examples.splits} == {"train": 60_000, "test": 10_000}
    for split in examples.splits:
        (shard,) = split.shards
        assert (tmp_path / shard.file).read_bytes() == Path(shard.source).read_bytes()


def test_several_files_make_as_many_shards_in_name_order(plane, digits):
    plane.write("train", digits[5:], "b.tfrecord")
    plane.write("train", digits[:5], "a.tfrecord-00000-of-00001")
    examples = plane.ingest()
    assert [Path(shard.source).name for shard in examples.split("train").shards] == [
        "a.tfrecord-00000-of-00001",
        "b.tfrecord",
    ]
    assert records_of(examples, "train") == digits
    assert sorted(file.name for file in examples.path.iterdir()) == [
        "train-00000-of-00002.tfrecord",
        "train-00001-of-00002.tfrecord",
    ]


def test_gz_files_are_unpacked(plane, digits):
    file = plane.write("train", digits)
    (file.parent / "digits.tfrecord.gz").write_bytes(gzip.compress(file.read_bytes()))
    file.unlink()
    examples = plane.ingest()
    assert records_of(examples, "train") == digits
    assert examples.split("train").shards[0].source.endswith("digits.tfrecord.gz")


def test_a_folder_of_images_by_class_is_labelled_in_name_order(plane, png):
    for split, name in (("train", "cat"), ("train", "dog"), ("test", "dog"), ("test", "ant")):
        folder = plane.source / split / name
        folder.mkdir(parents=True)
        (folder / "one.png").write_bytes(png(4, 4))
        (folder / "two.PNG").write_bytes(png(4, 4))
        (folder / "notes.txt").write_text("no image")
    examples = plane.ingest("train", "test")
    assert labels_of(examples, "train") == [1, 1, 2, 2]
    assert labels_of(examples, "test") == [0, 0, 2, 2]
    assert (examples.path / "classes.txt").read_text().split() == ["ant", "cat", "dog"]


def test_class_folders_named_by_numbers_are_labelled_by_number(plane, png):
    for name in ("10", "9"):
        (plane.source / "train" / name).mkdir(parents=True)
        (plane.source / "train" / name / "one.png").write_bytes(png())
    examples = plane.ingest()
    assert (examples.path / "classes.txt").read_text().split() == ["9", "10"]


def test_a_truncated_file_is_named_with_record_and_byte(plane, digits):
    file = plane.write("train", digits)
    file.write_bytes(file.read_bytes()[:-1])
    offset = sum(len(record) + 16 for record in digits[:9])
    with pytest.raises(BadData, match=rf"digits.tfrecord: record 9 \(counted from 0\) at byte {offset}: the file ends"):
        plane.ingest()


def test_a_flipped_byte_is_named_with_its_record(plane, digits):
    file = plane.write("train", digits)
    content = bytearray(file.read_bytes())
    content[len(digits[0]) + 16 + 40] ^= 1
    file.write_bytes(content)
    with pytest.raises(BadData, match=r"record 1 \(counted from 0\) .*do not match their checksum; restore the file"):
        plane.ingest()


def test_a_failed_ingest_leaves_no_shard(plane, digits):
    """Nothing half-copied can be taken for a shard later."""
    file = plane.write("train", digits)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(BadData):
        plane.ingest()
    assert not list((plane.home / "ingest").glob("*.tfrecord"))


def test_a_split_without_records_is_bad_data(plane):
    plane.write("train", [])
    with pytest.raises(BadData, match=r"split 'train' is empty: no record in .*digits.tfrecord"):
        plane.ingest()


def test_a_split_folder_without_data_is_bad_data(plane):
    (plane.source / "train").mkdir(parents=True)
    with pytest.raises(BadData, match=r"split 'train' is empty: wanted \*.tfrecord\* files, or \*.png"):
        plane.ingest()


def test_a_missing_split_is_bad_data_that_says_what_is_there(plane, digits):
    plane.write("train", digits)
    with pytest.raises(BadData, match="wanted a folder for split 'test', got train in"):
        plane.ingest("train", "test")


def test_a_missing_folder_is_dataset_not_found(plane):
    with pytest.raises(DatasetNotFound, match="source: wanted a folder with a sub-folder for each split, got none"):
        plane.ingest()


def test_a_file_with_fewer_records_than_its_metadata_state_is_bad_data(tmp_path):
    info = prepared_copy(tmp_path) / "dataset_info.json"
    stated = json.loads(info.read_text())
    stated["splits"][1]["shardLengths"] = ["10001"]
    info.write_text(json.dumps(stated))
    with pytest.raises(BadData, match=r"wanted 10,001 records, as dataset_info.json beside it says, got 10,000"):
        ingest_quietly(IngestParams(data_dir=tmp_path, splits=("test",)), tmp_path)


def test_a_prepared_data_set_without_one_of_its_files_is_bad_data(tmp_path):
    prepared_copy(tmp_path)
    with pytest.raises(BadData, match=r"mnist-train.tfrecord-00000-of-00001: dataset_info.json names this file, but"):
        ingest_quietly(IngestParams(data_dir=tmp_path), tmp_path)


def test_a_split_that_a_prepared_data_set_lacks_is_bad_data(tmp_path):
    prepared_copy(tmp_path)
    with pytest.raises(BadData, match="wanted split 'validation', got train, test"):
        ingest_quietly(IngestParams(data_dir=tmp_path, splits=("validation",)), tmp_path)


def test_a_name_without_a_version_finds_the_prepared_one(tmp_path):
    prepared_copy(tmp_path)
    files = source_files(IngestParams(dataset="mnist", data_dir=tmp_path, splits=("test",)))
    assert [file.name for file in files] == ["dataset_info.json", "mnist-test.tfrecord-00000-of-00001"]


def test_a_name_that_nobody_knows_is_dataset_not_found_with_near_ones(tmp_path):
    params = IngestParams(dataset="mnits", data_dir=tmp_path)
    with pytest.raises(DatasetNotFound, match=r"data set 'mnits': nothing of that name .* did you mean .*mnist"):
        ingest_quietly(params, tmp_path)
    assert source_files(params) == []


def test_a_version_that_does_not_exist_is_dataset_not_found(tmp_path):
    with pytest.raises(DatasetNotFound, match=r"data set 'mnist:9.9.9': .* TFDS says: "):
        ingest_quietly(IngestParams(dataset="mnist:9.9.9", data_dir=tmp_path), tmp_path)


def test_a_download_without_a_network_is_soon_dataset_not_found(tmp_path):
    """All downloads go through a proxy that does not answer; TFDS alone would try for three minutes."""
    program = (
        "import sys; from pathlib import Path\n"
        "from components.errors import DatasetNotFound\n"
        "from components.tfds_source import prepare\n"
        "try: prepare('fashion_mnist', Path(sys.argv[1]))\n"
        "except DatasetNotFound as error: print(error)\n"
    )
    proxies = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    root = str(DATA.parent)
    run = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env={"PATH": "", "PYTHONPATH": root, "HOME": str(tmp_path), **proxies},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "data set 'fashion_mnist' is not in" in run.stdout
    assert "check the network" in run.stdout


def test_the_files_that_the_result_depends_on_are_the_metadata_and_every_source(plane, digits):
    mnist = source_files(IngestParams(data_dir=DATA))
    assert [file.name for file in mnist] == [
        "dataset_info.json",
        "mnist-train.tfrecord-00000-of-00001",
        "mnist-test.tfrecord-00000-of-00001",
    ]
    file = plane.write("train", digits)
    assert source_files(IngestParams(folder=plane.source, splits=("train",))) == [file]


def test_there_are_no_source_files_before_there_is_data(tmp_path):
    assert source_files(IngestParams(data_dir=tmp_path)) == []
    assert source_files(IngestParams(folder=tmp_path / "nowhere")) == []


def test_finding_and_reading_prepared_data_imports_neither_tfds_nor_tensorflow(tmp_path):
    """A cached rerun only asks for the source files, and must not wait for an import."""
    program = (
        "import sys; from pathlib import Path\n"
        "from components.ingest import IngestParams, source_files\n"
        "assert source_files(IngestParams(data_dir=Path(sys.argv[1])))\n"
        "assert not {'tensorflow', 'tensorflow_datasets', 'apache_beam'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(DATA)], cwd=DATA.parent, check=True)


@pytest.mark.parametrize("splits", [(), ("train", "train")])
def test_settings_with_no_split_or_the_same_twice_are_refused(splits):
    with pytest.raises(ValueError, match="splits must be one or more different names"):
        IngestParams(splits=splits)


def test_a_label_survives_the_trip(plane, png):
    plane.write("train", [encode_example(png(), 2**40)])
    assert labels_of(plane.ingest(), "train") == [2**40]
