"""Ingest: every record of every source file arrives, in order, or the message says which did not."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from slipline.components.beam.beam_options import BeamSettings
from slipline.components.errors import BadData, DatasetNotFound
from slipline.components.examples.example_records import encode_example, parse_example
from slipline.components.files.tfrecord_files import read_records
from slipline.components.sources.copy_source import CopyJob, copy_source
from slipline.components.sources.file_kinds import TfrecordFile
from slipline.components.steps.ingest import IngestParams, ingest, source_files
from slipline.pipeline.core.fingerprint import files_digest
from tests.small_wine import wines, write_csv, write_parquet

pytestmark = pytest.mark.slow  # real processes, or whole steps, for each test

DATA = Path(__file__).parents[3] / "data"
HERE = BeamSettings()


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


def made(folder):
    folder.mkdir(parents=True)
    return folder


def ingest_quietly(params, out):
    return ingest(params, BeamSettings(), out, lambda line: None)


def test_the_committed_mnist_arrives_whole(tmp_path):
    """60,000 and 10,000 records, the shards of a split together the very bytes of its source file."""
    examples = ingest_quietly(IngestParams(data_dir=DATA), tmp_path)
    assert {split.name: split.records for split in examples.splits} == {"train": 60_000, "test": 10_000}
    for split in examples.splits:
        (source,) = {shard.source for shard in split.shards}
        assert b"".join(file.read_bytes() for file in examples.files(split.name)) == Path(source).read_bytes()
        assert [(shard.first, shard.records) for shard in split.shards] == [
            (first, 10_000) for first in range(0, split.records, 10_000)
        ]


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
    with pytest.raises(BadData, match=r"split 'train' is empty: wanted \*.tfrecord\*; .* or \*.jpeg; got no file"):
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
    files = source_files(IngestParams(dataset="mnist", data_dir=tmp_path, splits=("test",)), BeamSettings())
    assert [file.name for file in files] == ["dataset_info.json", "mnist-test.tfrecord-00000-of-00001"]


def test_a_name_that_nobody_knows_is_dataset_not_found_with_near_ones(tmp_path):
    params = IngestParams(dataset="mnits", data_dir=tmp_path)
    with pytest.raises(DatasetNotFound, match=r"data set 'mnits': nothing of that name .* did you mean .*mnist"):
        ingest_quietly(params, tmp_path)
    assert source_files(params, BeamSettings()) == []


def test_a_version_that_does_not_exist_is_dataset_not_found(tmp_path):
    with pytest.raises(DatasetNotFound, match=r"data set 'mnist:9.9.9': .* TFDS says: "):
        ingest_quietly(IngestParams(dataset="mnist:9.9.9", data_dir=tmp_path), tmp_path)


def test_a_download_without_a_network_is_soon_dataset_not_found(tmp_path):
    """All downloads go through a proxy that does not answer; TFDS alone would try for three minutes."""
    program = (
        "import sys; from pathlib import Path\n"
        "from slipline.components.errors import DatasetNotFound\n"
        "from slipline.components.sources.tfds_source import prepare\n"
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
    mnist = source_files(IngestParams(data_dir=DATA), BeamSettings())
    assert [file.name for file in mnist] == [
        "dataset_info.json",
        "mnist-train.tfrecord-00000-of-00001",
        "mnist-test.tfrecord-00000-of-00001",
    ]
    file = plane.write("train", digits)
    assert source_files(IngestParams(folder=plane.source, splits=("train",)), BeamSettings()) == [file]


def test_there_are_no_source_files_before_there_is_data(tmp_path):
    assert source_files(IngestParams(data_dir=tmp_path), BeamSettings()) == []
    assert source_files(IngestParams(folder=tmp_path / "nowhere"), BeamSettings()) == []


def test_finding_and_reading_prepared_data_imports_neither_tfds_nor_tensorflow(tmp_path):
    """A cached rerun only asks for the source files, and must not wait for an import."""
    program = (
        "import sys; from pathlib import Path\n"
        "from slipline.components.beam.beam_options import BeamSettings\n"
        "from slipline.components.steps.ingest import IngestParams, source_files\n"
        "assert source_files(IngestParams(data_dir=Path(sys.argv[1])), BeamSettings())\n"
        "assert not {'tensorflow', 'tensorflow_datasets', 'apache_beam'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(DATA)], cwd=DATA.parent, check=True)


@pytest.mark.parametrize("splits", [(), ("train", "train")])
def test_settings_with_no_split_or_the_same_twice_are_refused(splits):
    with pytest.raises(ValueError, match="splits must be one or more different names"):
        IngestParams(splits=splits)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"folder": "a", "files": {"train": "b/*.csv", "test": "c/*.csv"}}, "one of folder and files must be left out"),
        ({"files": {"train": "b/*.csv"}}, "files must have patterns for the splits ('train', 'test'), got ('train',)"),
        ({"validation_share": 1.0}, "validation_share must be at least 0 and below 1, got 1.0"),
        ({"validation_share": 0.1, "validation_from": "all"}, "validation_from must be one of splits"),
        ({"validation_share": 0.1, "splits": ("train", "validation")}, "splits must not have 'validation'"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        IngestParams(**settings)


def test_settings_read_from_toml_name_patterns_by_split():
    """One pattern is a string, several are a list."""
    from pydantic import TypeAdapter

    settings = {"splits": ["train", "test"], "files": {"train": "a/*.csv", "test": ["b/*.csv", "c/*.csv"]}}
    params = TypeAdapter(IngestParams).validate_python(settings)
    assert params.files == {"train": "a/*.csv", "test": ("b/*.csv", "c/*.csv")}


def test_files_by_pattern_make_the_splits_in_the_order_of_the_patterns(tmp_path):
    for name, seed in (("b", 1), ("a", 2), ("c", 3)):
        write_csv(tmp_path / f"{name}.csv", wines(5, seed))
    files = {"train": (f"{tmp_path}/b.csv", f"{tmp_path}/a.c*"), "test": f"{tmp_path}/c.csv"}
    examples = ingest_quietly(IngestParams(files=files), made(tmp_path / "out"))
    assert [(shard.source, shard.first) for shard in examples.split("train").shards] == [
        (f"{tmp_path}/b.csv", 0),
        (f"{tmp_path}/a.csv", 0),
    ]
    assert [split.records for split in examples.splits] == [10, 5]


def test_which_files_are_of_which_split_is_part_of_what_the_result_depends_on(tmp_path):
    for name in "abc":
        write_csv(tmp_path / f"{name}.csv", wines(2))
    one, other = (
        source_files(IngestParams(files={"train": f"{tmp_path}/{train}.csv", "test": f"{tmp_path}/{test}.csv"}), HERE)
        for train, test in (("[ab]", "c"), ("a", "[bc]"))
    )
    assert [file for file in one if isinstance(file, Path)] == [file for file in other if isinstance(file, Path)]
    assert files_digest(one) != files_digest(other)


def test_tables_as_csv_and_as_parquet_give_the_same_examples(tmp_path):
    rows = {"train": wines(40), "test": wines(20, seed=2)}
    for split, table in rows.items():
        write_csv(tmp_path / "csv" / split / "wine.csv", table)
        write_parquet(tmp_path / "parquet" / split / "wine.parquet", table)
    tables, columns = (
        ingest_quietly(IngestParams(folder=tmp_path / kind), made(tmp_path / f"from {kind}"))
        for kind in ("csv", "parquet")
    )
    for split, table in rows.items():
        assert records_of(tables, split) == records_of(columns, split)
        assert tables.split(split).records == len(table)


def test_a_column_of_csv_files_holds_the_same_in_every_file_of_every_split(tmp_path):
    """A file of whole numbers alone is read as its neighbour with fractions asks."""
    for name, cells in (("train/a", "1"), ("train/b", "2.5"), ("test/c", "3")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.csv").write_text(f"sugar\n{cells}\n")
    examples = ingest_quietly(IngestParams(folder=tmp_path), made(tmp_path / "out"))
    sugar = [
        list(parse_example(record).features.feature["sugar"].float_list.value)
        for split in ("train", "test")
        for record in records_of(examples, split)
    ]
    assert sugar == [[1.0], [2.5], [3.0]]


def test_a_broken_csv_file_is_named_with_its_line(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train/a.csv").write_text("a,b\n1\n")
    with pytest.raises(BadData, match=r"train/a.csv: line 2: wanted 2 cells"):
        ingest_quietly(IngestParams(folder=tmp_path, splits=("train",)), made(tmp_path / "out"))


def test_idx_archives_by_pattern_are_read_as_pairs(tmp_path):
    for split, images, labels in (("train", b"abcdef", b"\1\2\3"), ("t10k", b"gh", b"\4")):
        count = len(labels)
        (tmp_path / f"{split}-images-idx3-ubyte").write_bytes(b"\0\0\x08\3" + struct.pack(">3I", count, 1, 2) + images)
        (tmp_path / f"{split}-labels-idx1-ubyte").write_bytes(b"\0\0\x08\1" + struct.pack(">I", count) + labels)
    files = {"train": f"{tmp_path}/train-*", "test": f"{tmp_path}/t10k-*"}
    examples = ingest_quietly(IngestParams(files=files), made(tmp_path / "out"))
    assert (labels_of(examples, "train"), labels_of(examples, "test")) == ([1, 2, 3], [4])


def test_nothing_but_the_examples_is_left_in_the_folder(plane, digits):
    plane.write("train", digits)
    assert [file.name for file in plane.ingest().path.iterdir()] == ["train-00000-of-00001.tfrecord"]


def test_a_second_attempt_beside_a_first_that_still_writes_copies_the_same(plane, digits):
    """A runner may try a job again before it gave the first attempt up."""
    source = TfrecordFile(path=str(plane.write("train", digits)))
    parts = made(plane.home / "parts")
    job = CopyJob(split="train", source=source, held_out=0.0, parts=parts, beam=HERE)
    first, second = copy_source(job), copy_source(job)
    (one,), (other,) = first.shards["train"], second.shards["train"]
    assert one.file != other.file
    assert Path(one.file).read_bytes() == Path(other.file).read_bytes()


def test_a_label_survives_the_trip(plane, png):
    plane.write("train", [encode_example(png(), 2**40)])
    assert labels_of(plane.ingest(), "train") == [2**40]


def test_a_data_set_that_is_not_read_is_not_on_record_as_if_it_were(tmp_path):
    """Lineage and the cache key are drawn from the settings."""
    assert IngestParams(folder=tmp_path, dataset="mnist") == IngestParams(folder=tmp_path, dataset="other")
    assert IngestParams(folder=tmp_path).dataset == ""
    assert IngestParams(dataset="other").dataset == "other"
