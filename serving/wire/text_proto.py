"""Protobuf messages in text form, as the files are that a server's flags name."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from google.protobuf import text_format
from google.protobuf.message import Message

from slipline.serving.errors import ConfigRefused

AnyMessage = TypeVar("AnyMessage", bound=Message)


def read_text_proto(file: Path, message: AnyMessage, *, allow_unknown: bool = False) -> AnyMessage:
    """`message`, filled from a file, whose other fields are passed over if they are allowed.

    Raises:
      ConfigRefused: The file cannot be read, or is no such message in text form.
    """
    try:
        return text_format.Parse(file.read_text(), message, allow_unknown_field=allow_unknown)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigRefused(f"Invalid protobuf file: '{file}' ({error})") from error
    except text_format.ParseError as error:
        kind = message.DESCRIPTOR.name
        raise ConfigRefused(
            f"Invalid protobuf file: '{file}'. Error parsing text-format tensorflow.serving.{kind}: {error}"
        ) from error
