"""Records of examples, read and written without a look at what they hold."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from slipline.serving.wire.example_pb2 import Example


def encode_example(image: bytes, label: int) -> bytes:
    """One serialized `tf.Example` with the features `image` (encoded image) and `label`."""
    example = Example()
    example.features.feature["image"].bytes_list.value.append(image)
    example.features.feature["label"].int64_list.value.append(label)
    return example.SerializeToString(deterministic=True)


def parse_example(record: bytes) -> Example | None:
    """The record as a `tf.Example`; None if it is none."""
    try:
        return Example.FromString(record)
    except DecodeError:
        return None
