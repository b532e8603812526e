"""What holds for the messages of all requests, and their Examples as the tensor that a model's parser takes."""

from __future__ import annotations

from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message

from slipline.serving.errors import BadRequest
from slipline.serving.wire import serving_pb2
from slipline.serving.wire.tensors import Array, string_array

Request = TypeVar("Request", bound=Message)


def parsed(serialized: bytes, request_type: type[Request]) -> Request:
    """The message.

    Raises:
      BadRequest: It is none of that type.
    """
    try:
        return request_type.FromString(serialized)
    except DecodeError as error:
        name = request_type.DESCRIPTOR.name
        raise BadRequest(f"the request is no {name} message, or is cut off ({error}); send one") from error


def check_spec(request: Any) -> None:
    """Returns if a request of any kind names a model.

    Raises:
      BadRequest: It does not.
    """
    if not request.HasField("model_spec"):
        raise BadRequest("Missing ModelSpec")
    if not request.model_spec.name:
        raise BadRequest("ModelSpec has no name specified.")


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
