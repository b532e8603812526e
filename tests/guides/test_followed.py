"""Whoever does what a guide says, block by block, gets what it says."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipline.components.examples.example_records import parse_example
from slipline.components.files.tfrecord_files import write_records
from tests.guides.blocks import DRAWN, GUIDES, NEEDS, RUN, SHOWN, WRITTEN, read_guide
from tests.guides.person import Person, person_in
from tests.small_mnist import MNIST, ROOT, first_records
from tests.small_wine import wines, write_csv

README, *OTHERS = GUIDES


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """Someone who has read the README, and goes on from there in each of the other guides."""
    folder = tmp_path_factory.mktemp("reader") / "work"
    _put_data(folder)
    with person_in(folder) as person:
        person.follow(read_guide(README))
        person.end()
        yield person


@pytest.mark.slow
def test_readme_does_what_it_says(reader: Person) -> None:
    releases = json.loads(reader.output_of("slipline releases mnist --json"))
    assert [release["version"] for release in releases] == [1, 2]


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_guide_does_what_it_says(name: str, reader: Person, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    shutil.copytree(reader.folder, folder, symlinks=True)
    with person_in(folder) as person:
        person.follow(read_guide(name))


@pytest.mark.parametrize("name", GUIDES)
def test_every_block_is_run_compared_or_written_or_says_what_it_needs(name: str) -> None:
    for block in read_guide(name).blocks:
        where = f"{name}:{block.line}"
        assert block.language in (*RUN, *SHOWN, *WRITTEN, *DRAWN), where
        assert not block.needs or block.needs in NEEDS, where
        assert block.language not in WRITTEN or block.file or block.needs, where


def _put_data(folder: Path) -> None:
    """The first digits of MNIST where the default job looks for them, and what else a person would bring along."""
    prepared = folder / "data" / "mnist" / "3.0.1"
    prepared.mkdir(parents=True)
    shutil.copy(MNIST / "features.json", prepared)
    info = json.loads((MNIST / "dataset_info.json").read_text())
    for split, count in zip(info["splits"], (1500, 300), strict=True):
        split["shardLengths"] = [str(count)]
        file = prepared / f"mnist-{split['name']}.tfrecord-00000-of-00001"
        write_records(file, first_records(split["name"], count))
    (prepared / "dataset_info.json").write_text(json.dumps(info))
    shutil.copytree(ROOT / "data" / "schema", folder / "data" / "schema")
    (folder / "infra").symlink_to(ROOT / "infra")
    for split, count in (("train", 300), ("test", 100)):
        write_csv(folder / "wine" / f"1-{split}.csv", wines(count, seed=count))
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "activate").touch()
    _put_images(folder)


def _put_images(folder: Path) -> None:
    """A digit as a file, and two letters, which look like a 0 and a 1, in a folder for each."""
    for split, count in (("train", 600), ("test", 200)):
        for number, record in enumerate(first_records(split, count)):
            example = parse_example(record)
            assert example is not None
            features = example.features.feature
            png, label = features["image"].bytes_list.value[0], features["label"].int64_list.value[0]
            if label < 2:
                file = folder / "letters" / split / "ol"[label] / f"{number}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(png)
            elif label == 7:
                (folder / "some.png").write_bytes(png)
