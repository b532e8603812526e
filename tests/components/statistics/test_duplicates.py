"""Duplicates: whatever the shards and the ranges counted, the same as plain counting of all records at once."""

from __future__ import annotations

import hashlib
from functools import reduce
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipline.components.artifacts import Statistics
from slipline.components.beam.beam_options import BeamSettings
from slipline.components.errors import BadData
from slipline.components.examples.example_records import encode_example
from slipline.components.statistics.duplicates import (
    CONTENTS_PER_RANGE,
    SHOWN,
    Copies,
    Copy,
    Duplicates,
    Place,
    count_duplicates,
    count_range,
    read_duplicates,
    record_digests,
    write_digests,
    write_duplicates,
)
from slipline.serving.wire.example_pb2 import Example

NAMES = ("train", "validation", "test")


def digests_of(contents):
    """A digest for each content, which is a number; none for None."""
    found = [bytes(16) if content is None else hashlib.md5(b"%d" % content).digest() for content in contents]
    return np.frombuffer(b"".join(found), np.uint64).reshape(-1, 2)


def written(folder, splits):
    """The files of splits, each a list of shards, each a list of contents."""
    files = {}
    for name, shards in splits.items():
        files[name] = [folder / f"{name}-{number}.npy" for number in range(len(shards))]
        for file, contents in zip(files[name], shards, strict=True):
            write_digests(file, digests_of(contents))
    return files


def counted_plainly(splits):
    """The same by holding everything in memory."""
    places = {name: {} for name in splits}
    for name, shards in splits.items():
        for shard, contents in enumerate(shards):
            for record, content in enumerate(contents):
                if content is not None:
                    places[name].setdefault(content, []).append(Place(shard=shard, record=record))
    copies = []
    for number, later in enumerate(splits):
        for earlier in list(splits)[:number]:
            both = places[earlier].keys() & places[later].keys()
            shown = sorted(Copy(record=places[later][each][0], of=places[earlier][each][0]) for each in both)
            records = sum(len(places[later][each]) for each in both)
            copies.append(Copies(split=later, of=earlier, records=records, first=tuple(shown[:SHOWN])))
        repeated = [found for found in places[later].values() if len(found) > 1]
        shown = sorted(Copy(record=found[1], of=found[0]) for found in repeated)
        records = sum(len(found) - 1 for found in repeated)
        copies.append(Copies(split=later, of=later, records=records, first=tuple(shown[:SHOWN])))
    return Duplicates(copies=tuple(copies))


contents = st.lists(st.none() | st.integers(0, 25), max_size=30)
some_splits = st.dictionaries(st.sampled_from(NAMES), st.lists(contents, max_size=4), max_size=3)


@given(some_splits, st.integers(1, 5), st.randoms())
def test_ranges_merged_in_any_order_are_as_counted_plainly(splits, ranges, random):
    with TemporaryDirectory() as folder:
        files = tuple((name, tuple(shards)) for name, shards in written(Path(folder), splits).items())
        parts = [count_range(number, files, ranges) for number in range(ranges)]
    random.shuffle(parts)
    assert reduce(Duplicates.merge, parts) == counted_plainly(splits)


def test_digests_with_the_same_first_half_are_not_the_same(tmp_path):
    digests = np.array([[7, 1], [7, 2], [7, 1], [7, 3], [7, 2]], np.uint64)
    write_digests(tmp_path / "digests.npy", digests)
    found = count_duplicates({"train": [tmp_path / "digests.npy"]}, BeamSettings(), tmp_path).copies[0]
    assert (found.records, [copy.record.record for copy in found.first]) == (2, [2, 4])


@pytest.mark.slow
def test_more_records_than_one_range_holds_are_counted_on_beam(tmp_path):
    numbers = np.random.default_rng(0).permutation(2 * CONTENTS_PER_RANGE).astype(np.uint64) + np.uint64(1)
    digests = np.stack([numbers * np.uint64(0x9E3779B97F4A7C15), numbers], axis=1)
    files = {"train": [tmp_path / "a.npy", tmp_path / "b.npy"], "test": [tmp_path / "c.npy"]}
    parts = [digests, digests[[1_000, 5]], digests[[70_000, 3, 3]]]
    for file, part in zip([*files["train"], *files["test"]], parts, strict=True):
        write_digests(file, part)
    before = set(tmp_path.iterdir())
    found = count_duplicates(files, BeamSettings(), tmp_path)
    assert set(tmp_path.iterdir()) == before
    assert [(copies.of, copies.split, copies.records) for copies in found.copies] == [
        ("train", "train", 2),
        ("train", "test", 3),
        ("test", "test", 1),
    ]
    assert found.copies[0].first[0] == Copy(record=Place(shard=1, record=0), of=Place(shard=0, record=1_000))


def test_copies_without_end_take_no_more_room_than_one(tmp_path):
    """A million black images are one content."""
    write_digests(tmp_path / "digests.npy", np.ones((1_000_000, 2), np.uint64))
    assert (tmp_path / "digests.npy").stat().st_size < 1_000
    found = count_duplicates({"train": [tmp_path / "digests.npy"]}, BeamSettings(), tmp_path)
    assert found.copies[0].records == 999_999


def test_splits_without_records_have_no_copies(tmp_path):
    write_digests(tmp_path / "digests.npy", np.zeros((0, 2), np.uint64))
    found = count_duplicates({"train": [tmp_path / "digests.npy"], "test": []}, BeamSettings(), tmp_path)
    assert [copies.records for copies in found.copies] == [0, 0, 0]


@pytest.mark.parametrize("damage", [None, b"", b"no numbers", "cut", np.zeros((4, 3), np.uint64)])
def test_a_damaged_file_of_digests_is_bad_data_with_the_remedy(tmp_path, damage):
    file = tmp_path / "digests.npy"
    write_digests(file, digests_of(range(1_000)))
    if damage is None:
        file.unlink()
    elif isinstance(damage, np.ndarray):
        np.save(file, damage)
    else:
        file.write_bytes(file.read_bytes()[:-1] if damage == "cut" else damage)
    with pytest.raises(BadData, match=r"digests.npy: wanted digests of records, got.*; compute the statistics again"):
        count_duplicates({"train": [file]}, BeamSettings(), tmp_path)


@settings(max_examples=20)
@given(some_splits)
def test_duplicates_come_back_as_written(splits):
    with TemporaryDirectory() as folder:
        statistics = Statistics(path=Path(folder))
        write_duplicates(counted_plainly(splits), statistics)
        assert read_duplicates(statistics) == counted_plainly(splits)


@pytest.mark.parametrize("text", [None, "", "{", '{"copies": [{"split": 3}]}'])
def test_a_file_that_holds_no_duplicates_is_bad_data_with_the_remedy(tmp_path, text):
    if text is not None:
        (tmp_path / "duplicates.json").write_text(text)
    with pytest.raises(BadData, match="wanted the duplicates of the examples, got"):
        read_duplicates(Statistics(path=tmp_path))


def test_a_record_has_the_digest_of_its_values_however_it_is_written():
    """The wire format leaves the order of the features to the writer."""
    example = Example.FromString(encode_example(b"image", 3))
    image, label = example.features.feature["image"], example.features.feature["label"]
    one_way, other_way = Example(), Example()
    one_way.features.feature["image"].CopyFrom(image)
    other_way.features.feature["label"].CopyFrom(label)
    joined = [a.SerializeToString() + b.SerializeToString() for a, b in ((one_way, other_way), (other_way, one_way))]
    assert joined[0] != joined[1]
    digests = record_digests([*joined, encode_example(b"image", 3), encode_example(b"image", 4), b"\xff", b""])
    equal = [(a, b) for a, b in combinations(range(6), 2) if (digests[a] == digests[b]).all()]
    assert equal == [(0, 1), (0, 2), (1, 2)]


def test_no_records_have_no_digests():
    assert record_digests([]).shape == (0, 2)
