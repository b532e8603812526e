"""What holds for the messages of all requests."""

from __future__ import annotations

from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message

from slipline.serving.errors import BadRequest

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
