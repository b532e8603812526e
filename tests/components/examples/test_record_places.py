"""Where a record came from stays known, however often records are split off or set aside."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from slipline.components.artifacts import Shard
from slipline.components.examples.record_places import RecordPlaces, write_sources

SHARD = Shard(file="train-0", records=10, source="digits.tfrecord", first=20)


def test_a_record_is_numbered_as_in_its_source(tmp_path: Path) -> None:
    assert RecordPlaces(tmp_path / "train-0", SHARD).place(3) == "digits.tfrecord record 23 (counted from 0)"


def test_a_record_that_was_a_file_of_its_own_is_named_by_it(tmp_path: Path) -> None:
    write_sources(tmp_path / "train-0", ["a.png", "b.png"])
    assert RecordPlaces(tmp_path / "train-0", SHARD).place(1) == "b.png"


@given(data=st.data())
def test_records_kept_of_records_kept_are_still_named_as_in_the_source(
    data: st.DataObject, tmp_path_factory: object
) -> None:
    folder = tmp_path_factory.mktemp("places")  # type: ignore[attr-defined]
    once = sorted(data.draw(st.sets(st.integers(0, 9), min_size=1)))
    twice = sorted(data.draw(st.sets(st.integers(0, len(once) - 1), min_size=1)))
    first, second = folder / "first", folder / "second"
    RecordPlaces(folder / "train-0", SHARD).keep(once, first)
    RecordPlaces(first, SHARD).keep(twice, second)
    numbers = [RecordPlaces(second, SHARD).source(place)[1] for place in range(len(twice))]
    assert numbers == [SHARD.first + once[place] for place in twice]


def test_files_kept_of_files_kept_are_still_named(tmp_path: Path) -> None:
    write_sources(tmp_path / "train-0", ["a.png", "b.png", "c.png"])
    RecordPlaces(tmp_path / "train-0", SHARD).keep([0, 2], tmp_path / "kept")
    assert RecordPlaces(tmp_path / "kept", SHARD).place(1) == "c.png"
