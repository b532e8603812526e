"""IDX archives: image N and label N become record N, and two files that are no pair are told apart from one."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from slipline.components.errors import BadData
from slipline.components.examples.example_records import parse_example
from slipline.components.features.decode_images import decode_image
from slipline.components.sources.idx_source import IdxPair


def idx(values: np.ndarray) -> bytes:
    """An IDX file of unsigned bytes."""
    return bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


@pytest.fixture
def pair(tmp_path):
    """Writes two archives; both are digits by default."""

    def write(images: bytes = idx(np.zeros((2, 3, 4), np.uint8)), labels: bytes = idx(np.array([7, 1], np.uint8))):
        (tmp_path / "images-ubyte").write_bytes(images)
        (tmp_path / "labels-ubyte").write_bytes(labels)
        return IdxPair(first=str(tmp_path / "images-ubyte"), second=str(tmp_path / "labels-ubyte"))

    return write


def read(source: IdxPair) -> list[tuple[np.ndarray, int]]:
    """The pixels and label of each record."""
    features = [parse_example(record).features.feature for record in source.records()]
    return [(decode_image(row["image"].bytes_list.value[0]), row["label"].int64_list.value[0]) for row in features]


@given(st.data(), st.sampled_from([(5, 3), (3, 5, 1), (4, 2, 3), (2, 2, 4), (1, 1, 2)]), st.booleans())
def test_pixels_and_labels_come_back_as_written_in_any_order_of_files_packed_or_not(
    tmp_path_factory, data, shape, packed
):
    folder = tmp_path_factory.mktemp("idx")
    images = data.draw(arrays(np.uint8, (3, *shape)))
    labels = data.draw(arrays(np.uint8, 3))
    suffix = ".gz" if packed else ""
    files = [folder / f"{name}-ubyte{suffix}" for name in ("images", "labels")]
    for file, values in zip(files, (images, labels), strict=True):
        file.write_bytes(gzip.compress(idx(values)) if packed else idx(values))
    first, second = data.draw(st.permutations([str(file) for file in files]))
    for (pixels, label), image, wanted in zip(read(IdxPair(first=first, second=second)), images, labels, strict=True):
        np.testing.assert_array_equal(pixels.reshape(image.shape), image)
        assert label == wanted


def test_a_different_number_of_labels_is_bad_data(pair):
    with pytest.raises(
        BadData, match=r"labels-ubyte: wanted a label for each of the 2 images in .*images-ubyte, got 3"
    ):
        read(pair(labels=idx(np.zeros(3, np.uint8))))


@pytest.mark.parametrize("cut", [1, 12, 13])
def test_a_file_cut_off_is_bad_data_that_names_the_item(pair, cut):
    item = 1 if cut < 13 else 0
    with pytest.raises(BadData, match=rf"wanted 2 items of 12 bytes, .* ends within item {item} \(counted from 0\)"):
        read(pair(images=idx(np.zeros((2, 3, 4), np.uint8))[:-cut]))


def test_labels_cut_off_are_bad_data(pair):
    with pytest.raises(BadData, match=r"labels-ubyte: wanted 2 items of 1 bytes, .* ends within item 1"):
        read(pair(labels=idx(np.zeros(2, np.uint8))[:-1]))


def test_bytes_beyond_what_the_head_says_are_bad_data(pair):
    with pytest.raises(BadData, match=r"images-ubyte: wanted 2 items, as its head says, but more bytes follow"):
        read(pair(images=idx(np.zeros((2, 3, 4), np.uint8)) + b"x"))


@pytest.mark.parametrize("head", [b"", b"\0\0", b"\x1f\x8b\x08\x03", b"\0\0\x0d\x03", b"\0\0\x08\x00", b"\0\0\x08\x05"])
def test_a_file_of_another_format_or_other_values_is_bad_data(pair, head):
    with pytest.raises(BadData, match=r"images-ubyte: wanted an IDX file of unsigned bytes in 1, 3 or 4 dimensions"):
        read(pair(images=head))


def test_a_head_cut_off_is_bad_data(pair):
    with pytest.raises(BadData, match="the file ends within its head"):
        read(pair(images=b"\0\0\x08\x03\0\0"))


def test_two_files_of_labels_or_images_in_two_dimensions_are_no_pair(pair):
    with pytest.raises(BadData, match="wanted images in 3 or 4 dimensions and labels in 1, got 1 and 1"):
        read(pair(images=idx(np.zeros(2, np.uint8))))
    with pytest.raises(BadData, match="wanted images in 3 or 4 dimensions and labels in 1, got 2 and 1"):
        read(pair(images=idx(np.zeros((2, 3), np.uint8))))


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 0, 4)])
def test_images_of_no_size_or_too_many_channels_are_bad_data(pair, shape):
    with pytest.raises(BadData, match="wanted images of some height and width and 1 to 4 channels, got"):
        read(pair(images=idx(np.zeros(shape, np.uint8))))


@pytest.mark.parametrize("broken", ["images", "labels"])
def test_a_gz_file_cut_off_is_named_not_the_one_beside_it(tmp_path, broken):
    random = np.random.default_rng(1)
    # More than is read ahead when the files are opened.
    archives = {"images": random.integers(0, 256, (40, 200, 200), np.uint8), "labels": np.zeros(40, np.uint8)}
    files = [tmp_path / f"{name}-ubyte.gz" for name in archives]
    for file, (name, values) in zip(files, archives.items(), strict=True):
        content = gzip.compress(idx(values))
        file.write_bytes(content[: -len(content) // 3] if name == broken else content)
    for first, second in (files, files[::-1]):
        with pytest.raises(BadData, match=rf"/{broken}-ubyte.gz: the gzip stream is broken"):
            read(IdxPair(first=str(first), second=str(second)))


@pytest.mark.parametrize("height", [2**20, 2**32 - 1])
def test_a_head_that_asks_for_more_than_any_image_takes_is_bad_data(pair, height):
    head = b"\0\0\x08\x03" + struct.pack(">3I", 2, height, 2**32 - 1)
    with pytest.raises(BadData, match=rf"images-ubyte: wanted items of at most .*, got a head that says {height} x"):
        read(pair(images=head))
