"""Model metadata inside a TFLite file, as Android Studio and MediaPipe read it: what goes in, what comes out, labels.

The format: https://ai.google.dev/edge/litert/conversion/tensorflow/metadata, by the schema of `tflite-support`
(`tensorflow_lite_support/metadata/metadata_schema.fbs`, version 1.1.0). No package that writes it installs beside
today's TensorFlow.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from slipline.components.exports.flat_tables import Table, serialized
from slipline.components.exports.source import OUTPUT, ExportSource
from slipline.components.features.schema_io import ImageFeature

if TYPE_CHECKING:
    from flatbuffers import Builder  # type: ignore[import-untyped]

ENTRY = "TFLITE_METADATA"
LABELS_FILE = "labels.txt"
METADATA_IDENTIFIER, TFLITE_IDENTIFIER = b"M001", b"TFL3"
PARSER_VERSION = "1.0.0"  # nothing written here is newer
BUFFER_ALIGNMENT_BYTES = 16
LARGEST_PIXEL = 255.0
OLDEST_TIME = (1980, 1, 1, 0, 0, 0)
"""That a zip can state: the same model makes the same bytes."""

# Of the unions ContentProperties and ProcessUnitOptions, and of the enums ColorSpaceType and AssociatedFileType.
FEATURE_PROPERTIES, IMAGE_PROPERTIES = np.int8(1), np.int8(2)
NORMALIZATION = np.int8(1)
RGB, GRAYSCALE = np.int8(1), np.int8(2)
AXIS_LABELS, VALUE_LABELS = np.int8(2), np.int8(3)

FROM_0_TO_1 = {0: np.ones(1, np.float32), 1: np.zeros(1, np.float32)}
"""Statistics of a tensor: its greatest and its least value."""


def with_metadata(model: bytes, source: ExportSource) -> bytes:
    """The TFLite model with metadata in it, and the names of its classes as a file packed behind it.

    Args:
      model: As converted: one graph, one signature.
      source: Names classes and image size.
    """
    from ai_edge_litert import schema_py_generated as schema  # type: ignore[import-untyped]
    from flatbuffers import Builder

    content = schema.ModelT.InitFromPackedBuf(model, 0)
    (signature,), graph = content.signatureDefs, content.subgraphs[0]
    names = {tensor.tensorIndex: tensor.name.decode() for tensor in (*signature.inputs, *signature.outputs)}
    described = _metadata(source.image, [names[at] for at in graph.inputs], [names[at] for at in graph.outputs])
    entry = schema.MetadataT()
    entry.name, entry.buffer = ENTRY, len(content.buffers)
    content.metadata.append(entry)
    content.buffers = [*(_Aligned(buffer.data) for buffer in content.buffers), _Aligned(described)]
    builder = Builder(len(model) + len(described))
    builder.Finish(content.Pack(builder), TFLITE_IDENTIFIER)
    return bytes(builder.Output()) + _packed_labels(source.labels)


class _Aligned:
    """A buffer whose bytes begin where TFLite's schema wants them; its generated class does not see to that."""

    def __init__(self, data: Any) -> None:
        self._data = None if data is None else bytes(bytearray(data))

    def Pack(self, builder: Builder) -> int:  # noqa: N802  (the class generated for a model calls it so)
        place = 0 if self._data is None else _aligned_vector(builder, self._data)
        builder.StartObject(1)
        builder.PrependUOffsetTRelativeSlot(0, place, 0)
        return int(builder.EndObject())


def _aligned_vector(builder: Builder, data: bytes) -> int:
    builder.StartVector(1, len(data), BUFFER_ALIGNMENT_BYTES)
    builder.head -= len(data)
    builder.Bytes[builder.head : builder.head + len(data)] = data
    return int(builder.EndVector())


def _packed_labels(labels: Sequence[str]) -> bytes:
    """A zip archive, which readers find from the end of the file; LiteRT reads from its beginning."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo(LABELS_FILE, OLDEST_TIME), "".join(f"{label}\n" for label in labels))
    return packed.getvalue()


def _metadata(image: ImageFeature, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    graph = {2: tuple(_input(name, image) for name in inputs), 3: tuple(_output(name) for name in outputs)}
    model = {
        0: "Image classifier",
        1: f"Says which of its classes an image of {image.height} x {image.width} pixels shows.",
        3: (graph,),
        7: PARSER_VERSION,
    }
    return serialized(model, METADATA_IDENTIFIER)


def _input(name: str, image: ImageFeature) -> Table:
    """Of an image of bytes each is to be divided by 255: readers take (pixel - mean) / std."""
    size = {0: np.uint32(image.width), 1: np.uint32(image.height)}
    scaling = {0: NORMALIZATION, 1: {0: np.zeros(1, np.float32), 1: np.full(1, LARGEST_PIXEL, np.float32)}}
    return {
        0: name,
        1: "Pixels from 0 to 1.",
        3: {0: IMAGE_PROPERTIES, 1: {0: RGB if image.channels == 3 else GRAYSCALE, 1: size}},
        4: (scaling,),
        5: FROM_0_TO_1,
    }


def _output(name: str) -> Table:
    scores = name == OUTPUT
    labels = {0: LABELS_FILE, 1: "The classes' names, a line each.", 2: AXIS_LABELS if scores else VALUE_LABELS}
    fields: dict[int, Any] = {
        0: name,
        1: "The probability of each class." if scores else "The number of the likeliest class.",
        3: {0: FEATURE_PROPERTIES, 1: {}},
        6: (labels,),
    }
    return fields | ({5: FROM_0_TO_1} if scores else {})
