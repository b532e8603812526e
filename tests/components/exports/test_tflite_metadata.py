"""What a TFLite file says of itself, as the tools of phones read it."""

from __future__ import annotations

import zipfile
from typing import Any

import numpy as np
import pytest
from flatbuffers import encode, number_types  # type: ignore[import-untyped]
from flatbuffers.table import Table as Read  # type: ignore[import-untyped]

from slipline.components.exports.flat_tables import serialized
from slipline.serving.models.tflite.tflite_flatbuffer import metadata
from tests.components.exports.conftest import Made


def root(content: bytes) -> Any:
    return Read(content, encode.Get(number_types.UOffsetTFlags.packer_type, content, 0))


def place(table: Any, field: int) -> int:
    return int(table.Pos + table.Offset(4 + 2 * field))


def text(table: Any, field: int) -> str:
    return str(table.String(place(table, field)).decode())


def below(table: Any, field: int) -> Any:
    return Read(table.Bytes, table.Indirect(place(table, field)))


def listed(table: Any, field: int) -> list[Any]:
    offset = table.Offset(4 + 2 * field)
    begin = table.Vector(offset)
    return [Read(table.Bytes, table.Indirect(begin + 4 * at)) for at in range(table.VectorLen(offset))]


def floats(table: Any, field: int) -> list[float]:
    offset = table.Offset(4 + 2 * field)
    begin = table.Vector(offset)
    return [table.Get(number_types.Float32Flags, begin + 4 * at) for at in range(table.VectorLen(offset))]


def test_tables_are_written_as_flatbuffers_own_reader_reads_them() -> None:
    inner = {1: "é", 3: np.float32([1.5, -2.0])}
    content = serialized({0: np.int8(7), 2: np.uint32(300), 4: (inner, {}), 5: inner}, b"TEST")
    found = root(content)
    assert content[4:8] == b"TEST"
    assert found.Get(number_types.Int8Flags, place(found, 0)) == 7
    assert found.Offset(4 + 2 * 1) == 0
    assert found.Get(number_types.Uint32Flags, place(found, 2)) == 300
    first, second = listed(found, 4)
    assert text(first, 1) == text(below(found, 5), 1) == "é"
    assert floats(first, 3) == [1.5, -2.0]
    assert second.Offset(4) == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tflite", "tflite_float16", "tflite_dynamic", "tflite_int8", "litert_web"])
def test_a_file_names_its_input_its_outputs_and_its_classes(made: Made, name: str) -> None:
    content = metadata(made.file(name).read_bytes(), "TFLITE_METADATA")
    assert content is not None
    assert content[4:8] == b"M001"
    (graph,) = listed(root(content), 3)
    (taken,), given = listed(graph, 2), listed(graph, 3)
    assert text(taken, 0) == "images"
    (scaling,) = listed(taken, 4)
    options = below(scaling, 1)
    assert (floats(options, 0), floats(options, 1)) == ([0.0], [255.0])
    outputs = ["probabilities"] if name == "litert_web" else ["class", "probabilities"]
    assert sorted(text(output, 0) for output in given) == outputs
    assert {text(file, 0) for output in given for file in listed(output, 6)} == {"labels.txt"}
    with zipfile.ZipFile(made.file(name)) as packed:
        assert packed.read("labels.txt").decode().split() == list("0123456789")


@pytest.mark.slow
def test_weights_lie_where_phones_can_read_them_in_place(made: Made) -> None:
    content = made.file("tflite").read_bytes()
    buffers = [buffer for buffer in listed(root(content), 4) if buffer.Offset(4)]
    starts = [buffer.Vector(buffer.Offset(4)) for buffer in buffers]
    assert len(starts) > 5
    assert {start % 16 for start in starts} == {0}
