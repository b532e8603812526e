"""Examples for Classify and Regress from plain values, or as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import ArrayLike

from slipline.serving.client.signature import to_array
from slipline.serving.errors import BadRequest
from slipline.serving.wire import example_pb2, serving_pb2

Features = Mapping[str, ArrayLike]
Example = Features | bytes


def example_input(examples: Sequence[Example], context: Example | None = None) -> serving_pb2.Input:
    """The input of a request.

    Args:
      examples: At least one: feature values by name (text, bytes, whole numbers or fractions, one or many), or a
        serialized `tf.Example`.
      context: Features that all examples share.

    Raises:
      BadRequest: There is no example, or a value is none that a feature can have.
    """
    if not examples:
        raise BadRequest("at least one example is wanted, got none")
    protos = [_example(example, f"example {number}") for number, example in enumerate(examples)]
    if context is None:
        return serving_pb2.Input(example_list=serving_pb2.ExampleList(examples=protos))
    shared = serving_pb2.ExampleListWithContext(examples=protos, context=_example(context, "the context"))
    return serving_pb2.Input(example_list_with_context=shared)


def _example(example: Example, where: str) -> example_pb2.Example:
    if isinstance(example, bytes):
        try:
            return example_pb2.Example.FromString(example)
        except DecodeError as error:
            raise BadRequest(f"{where} is no serialized tf.Example ({error})") from error
    features = {name: _feature(value, f"{where}: feature {name!r}") for name, value in example.items()}
    return example_pb2.Example(features=example_pb2.Features(feature=features))


def _feature(value: ArrayLike, where: str) -> example_pb2.Feature:
    try:
        values = to_array(value).ravel()
    except (TypeError, ValueError) as error:
        raise BadRequest(f"{where} is no array: {error}") from error
    if values.dtype.kind in "biu":
        numbers = values.astype(np.int64).tolist()
        return example_pb2.Feature(int64_list=example_pb2.Int64List(value=numbers))
    if values.dtype.kind == "f":
        return example_pb2.Feature(float_list=example_pb2.FloatList(value=values.astype(np.float32).tolist()))
    texts = [each.encode() if isinstance(each, str) else each for each in values.tolist()]
    if not all(isinstance(text, bytes) for text in texts):
        raise BadRequest(f"{where} takes text, bytes, whole numbers or fractions, got {values.dtype}")
    return example_pb2.Feature(bytes_list=example_pb2.BytesList(value=texts))
