"""The Examples of a request as the tensor that a model's parser takes."""

from __future__ import annotations

from slipline.serving.errors import BadRequest
from slipline.serving.wire import serving_pb2
from slipline.serving.wire.tensors import Array, string_array


def serialized_examples(sent: serving_pb2.Input) -> Array:
    """Each Example in wire format, shape [batch], batch at least 1.

    A shared context is put in front of each: where both have a feature, a parser keeps the Example's own.

    Raises:
      BadRequest: There is no Example.
    """
    context = b""
    examples = sent.example_list.examples
    if sent.WhichOneof("kind") == "example_list_with_context":
        context = sent.example_list_with_context.context.SerializeToString()
        examples = sent.example_list_with_context.examples
    if not examples:
        raise BadRequest("Input is empty. Send at least one Example")
    return string_array([context + example.SerializeToString() for example in examples], [len(examples)])
