"""The schema file, and what training reads from it.

The format is the text form of `tensorflow.metadata.v0.Schema`. It has no place for the size of a decoded image, so that
is an annotation of the image feature, `decoded_shape:HEIGHT,WIDTH,CHANNELS`, which other tools pass over. So is
`class_names:["NAME", ...]` of the label feature.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from slipline.components.artifacts import Schema
from slipline.components.errors import BadData

DECODED_SHAPE = "decoded_shape:"
CLASS_NAMES = "class_names:"


@dataclass(frozen=True, kw_only=True)
class ImageFeature:
    """A feature of one encoded image a record.

    Attributes:
      name: The feature's name.
      height: Of the decoded image, in pixels.
      width: Of the decoded image, in pixels.
      channels: 1 for grey, 3 for colour; 8 bits each.
    """

    name: str
    height: int
    width: int
    channels: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.height, self.width, self.channels


@dataclass(frozen=True, kw_only=True)
class LabelFeature:
    """A feature of one class number a record.

    Attributes:
      name: The feature's name.
      classes: How many classes; labels run from 0 to one less.
    """

    name: str
    classes: int


@dataclass(frozen=True, kw_only=True)
class ExampleSpec:
    """What training reads from a record."""

    image: ImageFeature
    label: LabelFeature


def read_schema(schema: Schema) -> schema_pb2.Schema:
    """The schema as a message.

    Raises:
      BadData: There is no such file, or it is not a schema's text form; names file and line.
    """
    file = schema.proto_path
    try:
        return text_format.Parse(file.read_text("utf-8"), schema_pb2.Schema())
    except FileNotFoundError as error:
        raise BadData(
            f"{file}: there is no schema; `slipline schema infer` proposes one, to be reviewed and saved there"
        ) from error
    except UnicodeDecodeError as error:
        raise BadData(f"{file}: wanted a schema as UTF-8 text, got other bytes at offset {error.start}") from error
    except text_format.ParseError as error:
        where = f"{file}, line {error.GetLine()}" if error.GetLine() else str(file)
        raise BadData(
            f"{where}: wanted the text form of tensorflow.metadata.v0.Schema, got: {error}; mend that line"
        ) from error


def write_schema(schema: schema_pb2.Schema, file: Path, *, head: str = "") -> None:
    """Writes the text form of `schema` to `file`, below the lines of `head` as comments."""
    comments = "".join(f"# {line}\n" for line in head.splitlines()) + "\n" * bool(head)
    file.write_text(comments + text_format.MessageToString(schema, as_utf8=True), "utf-8")


def decoded_shape(feature: schema_pb2.Feature) -> tuple[int, int, int] | None:
    """Height, width and channels that the feature's images must have; None if it says nothing of them.

    Raises:
      BadData: The annotation is there but does not hold three positive numbers.
    """
    text = _annotation(feature, DECODED_SHAPE)
    if text is None:
        return None
    parts = text.split(",")
    sizes = [int(part) for part in parts if part.strip().isdecimal()]
    if len(parts) != 3 or len(sizes) != 3 or min(sizes) < 1:
        raise BadData(
            f"schema: feature {feature.name!r}: wanted an annotation like 'decoded_shape:28,28,1' "
            f"(height, width, channels), got {DECODED_SHAPE + text!r}"
        )
    return sizes[0], sizes[1], sizes[2]


def class_names(feature: schema_pb2.Feature) -> tuple[str, ...] | None:
    """The names of the label's classes, in the order of their numbers; None if the feature says nothing of them.

    Raises:
      BadData: The annotation is there but is no JSON list of texts.
    """
    text = _annotation(feature, CLASS_NAMES)
    if text is None:
        return None
    try:
        names = json.loads(text)
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            return tuple(names)
    except ValueError:
        pass
    raise BadData(
        f"schema: feature {feature.name!r}: wanted an annotation like "
        f"""'class_names:["cat", "dog"]', got {CLASS_NAMES + text!r}"""
    )


def _annotation(feature: schema_pb2.Feature, name: str) -> str | None:
    return next((tag.removeprefix(name) for tag in feature.annotation.tag if tag.startswith(name)), None)


def example_spec(schema: Schema) -> ExampleSpec:
    """The one image feature and the one label feature of `schema`.

    The image is the feature with a `decoded_shape` annotation, the label the INT feature whose domain is categorical.

    Raises:
      BadData: The schema is unreadable, or has not exactly one of each.
    """
    features = read_schema(schema).feature
    image = _only(
        schema,
        "image",
        "with annotation { tag: 'decoded_shape:HEIGHT,WIDTH,CHANNELS' }",
        [feature for feature in features if decoded_shape(feature) is not None],
    )
    label = _only(
        schema,
        "label",
        "of type INT with int_domain { min: 0 max: N is_categorical: true }",
        [feature for feature in features if feature.type == schema_pb2.INT and feature.int_domain.is_categorical],
    )
    height, width, channels = decoded_shape(image) or (0, 0, 0)  # by which it was found
    return ExampleSpec(
        image=ImageFeature(name=image.name, height=height, width=width, channels=channels),
        label=_label(schema, label),
    )


def _only(schema: Schema, role: str, wanted: str, found: list[schema_pb2.Feature]) -> schema_pb2.Feature:
    if len(found) == 1:
        return found[0]
    names = ", ".join(repr(feature.name) for feature in found) or "none"
    raise BadData(
        f"{schema.proto_path}: wanted exactly one {role} feature, {wanted}, got {names}; training takes labelled "
        "images, `slipline run --until validate` ends before it"
    )


def _label(schema: Schema, feature: schema_pb2.Feature) -> LabelFeature:
    domain = feature.int_domain
    if domain.min != 0 or domain.max < 1:
        raise BadData(
            f"{schema.proto_path}: feature {feature.name!r}: wanted labels that run from 0 to at least 1, "
            f"got {domain.min} to {domain.max}"
        )
    return LabelFeature(name=feature.name, classes=domain.max + 1)
