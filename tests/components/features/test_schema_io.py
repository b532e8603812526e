"""The schema file: training reads one image and one label feature from it, and anything else is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipline.components.artifacts import Schema
from slipline.components.errors import BadData
from slipline.components.features.schema_io import (
    ExampleSpec,
    ImageFeature,
    LabelFeature,
    example_spec,
    read_schema,
    write_schema,
)

IMAGE = 'feature { name: "image" type: BYTES annotation { tag: "decoded_shape:28,28,1" } }\n'
LABEL = 'feature { name: "label" type: INT int_domain { min: 0 max: 9 is_categorical: true } }\n'


def schema(folder, text):
    file = folder / "schema.pbtxt"
    file.write_text(text)
    return Schema(path=file)


def test_the_committed_schema_says_what_mnist_is():
    assert example_spec(Schema(path=Path(__file__).parents[3] / "data/schema/mnist.pbtxt")) == ExampleSpec(
        image=ImageFeature(name="image", height=28, width=28, channels=1), label=LabelFeature(name="label", classes=10)
    )


def test_a_schema_comes_back_as_written(tmp_path):
    original = read_schema(Schema(path=Path(__file__).parents[3] / "data/schema/mnist.pbtxt"))
    write_schema(original, tmp_path / "schema.pbtxt")
    assert read_schema(Schema(path=tmp_path)) == original


def test_a_missing_schema_is_named_with_the_remedy(tmp_path):
    with pytest.raises(BadData, match="there is no schema; `slipline schema infer`"):
        read_schema(Schema(path=tmp_path))


def test_a_mistake_in_the_text_is_named_by_its_line(tmp_path):
    with pytest.raises(BadData, match=r"schema.pbtxt, line 2: .*feture"):
        read_schema(schema(tmp_path, IMAGE + "feture {}\n"))


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "schema.pbtxt").write_bytes(b"\xff\xfe")
    with pytest.raises(BadData, match="wanted a schema as UTF-8 text"):
        read_schema(Schema(path=tmp_path))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (LABEL, "exactly one image feature, .*, got none"),
        (IMAGE, "exactly one label feature, .*, got none"),
        (IMAGE + IMAGE.replace("image", "photo") + LABEL, "exactly one image feature, .*, got 'image', 'photo'"),
        (IMAGE + LABEL.replace("min: 0", "min: 1"), "wanted labels that run from 0 to at least 1, got 1 to 9"),
        (IMAGE.replace("28,28,1", "28,28") + LABEL, "feature 'image': wanted an annotation like .*, got"),
        (IMAGE.replace("28,28,1", "28,0,1") + LABEL, "feature 'image': wanted an annotation like .*, got"),
    ],
)
def test_a_schema_that_training_cannot_read_is_refused(tmp_path, text, problem):
    with pytest.raises(BadData, match=problem):
        example_spec(schema(tmp_path, text))
