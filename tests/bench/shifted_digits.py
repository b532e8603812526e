"""MNIST over and over, each time shifted otherwise: as many different digits as a benchmark wants."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np

from slipline.components.artifacts import Examples, Shard, Split
from slipline.components.examples.example_records import encode_example
from slipline.components.examples.examples_io import Batch, read_split
from slipline.components.features.schema_io import example_spec
from slipline.components.files.tfrecord_files import read_records, write_records
from tests.small_mnist import MNIST, MNIST_SCHEMA

FILE_RECORDS = 10_000
SHIFTS = tuple(product(range(-7, 8), range(-7, 8)))  # 225 of them, in pixels down and right, around the edges


def write_shifted(folder: Path, times: int) -> int:
    """Writes `times` shifted copies of all 70,000 digits, `train` and `test`, and returns the number of records."""
    for split in ("train", "test"):
        (folder / split).mkdir(parents=True)
    jobs = [(folder / split, split, copy) for copy in range(times) for split in ("train", "test")]
    with ProcessPoolExecutor() as pool:
        return sum(pool.map(_write_copy, *zip(*jobs, strict=True)))


def _write_copy(folder: Path, split: str, copy: int) -> int:
    digits = _digits(split)
    shifted = np.roll(digits.images, SHIFTS[copy], axis=(1, 2))
    for number, start in enumerate(range(0, len(shifted), FILE_RECORDS)):
        part = slice(start, start + FILE_RECORDS)
        write_records(folder / f"{copy:03d}-{number}.tfrecord", _encoded(shifted[part], digits.labels[part]))
    return len(shifted)


def _digits(split: str) -> Batch:
    source = MNIST / f"mnist-{split}.tfrecord-00000-of-00001"
    shard = Shard(file=source.name, records=sum(1 for _ in read_records(source)), source=source.name)
    examples = Examples(path=MNIST, splits=(Split(name=split, shards=(shard,)),))
    return read_split(examples, split, example_spec(MNIST_SCHEMA))


def _encoded(images: np.ndarray, labels: np.ndarray) -> Iterator[bytes]:
    for image, label in zip(images, labels.tolist(), strict=True):
        yield encode_example(_png(image[..., 0]), label)


def _png(image: np.ndarray) -> bytes:
    """Written by hand: an encoder's choice of filters would take most of the benchmark's time."""
    height, width = image.shape
    rows = np.zeros((height, width + 1), np.uint8)
    rows[:, 1:] = image
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
