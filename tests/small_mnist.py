"""The first records of MNIST as TFRecord files, for tests that need digits rather than all of them."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from slipline.components.artifacts import Examples, Schema, Shard, Split
from slipline.components.files.tfrecord_files import read_records, write_records

ROOT = Path(__file__).parents[1]
MNIST = ROOT / "data" / "mnist" / "3.0.1"
MNIST_SCHEMA = Schema(path=ROOT / "data" / "schema" / "mnist.pbtxt")


def first_records(split: str, count: int) -> list[bytes]:
    """The first `count` serialized examples of a split of MNIST."""
    return list(islice(read_records(MNIST / f"mnist-{split}.tfrecord-00000-of-00001"), count))


def write_folder(folder: Path, *, train: int, test: int) -> Path:
    """A data folder with the splits `train` and `test`, a file each."""
    for split, count in (("train", train), ("test", test)):
        (folder / split).mkdir(parents=True)
        write_records(folder / split / "digits.tfrecord", first_records(split, count))
    return folder


def examples_in(folder: Path, *, train: int, test: int) -> Examples:
    """The same folder as the artifact that `ingest` would make of it."""
    write_folder(folder, train=train, test=test)
    return Examples(
        path=folder,
        splits=tuple(
            Split(name=name, shards=(Shard(file=f"{name}/digits.tfrecord", records=count, source=f"{name}.tfrecord"),))
            for name, count in (("train", train), ("test", test))
        ),
    )
