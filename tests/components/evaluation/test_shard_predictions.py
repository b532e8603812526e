"""What the models make of a shard, with models that are rules."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipline.components.artifacts import Shard
from slipline.components.errors import BadData
from slipline.components.evaluation.evaluate_settings import EvaluateParams, RobustnessParams
from slipline.components.evaluation.shard_predictions import (
    BATCH_SIZE,
    UNTOUCHED,
    Predictor,
    ShardPlace,
    is_tried,
)
from slipline.components.examples.example_records import encode_example
from slipline.components.features.schema_io import ExampleSpec, ImageFeature, LabelFeature
from slipline.components.files.tfrecord_files import write_records
from slipline.serving.wire.example_pb2 import Example

SPEC = ExampleSpec(
    image=ImageFeature(name="image", height=4, width=4, channels=1), label=LabelFeature(name="label", classes=3)
)


@given(split=st.integers(1, 200), wanted=st.integers(1, 250), cut=st.integers(0, 200))
def test_records_to_be_tried_are_spread_evenly_whatever_the_shards(split, wanted, cut):
    params = RobustnessParams(kinds=("inverted",), records=wanted)
    whole = is_tried(np.arange(split), split, params)
    assert whole.sum() == min(wanted, split)
    cut = min(cut, split)
    parts = [is_tried(np.arange(cut), split, params), is_tried(np.arange(cut, split), split, params)]
    assert np.array_equal(np.concatenate(parts), whole)
    gaps = np.diff(np.flatnonzero(whole))
    assert gaps.size == 0 or gaps.max() - gaps.min() <= 1


def test_nothing_is_tried_without_a_kind_of_change():
    assert not is_tried(np.arange(9), 9, RobustnessParams(kinds=(), records=5)).any()


class Model:
    """Says class `label` of a serialized example, or how bright an image is; notes how it was asked."""

    def __init__(self, shift=0):
        self.shift = shift
        self.asked = []

    def run(self, inputs, signature, outputs):
        assert outputs == ("probabilities",)
        ((name, values),) = inputs.items()
        self.asked.append((signature, name, len(values)))
        if signature == "serving_examples":
            found = [Example.FromString(value).features.feature["label"].int64_list.value[0] for value in values]
        else:
            assert (values.dtype, values.shape[1:]) == (np.float32, (4, 4, 1))
            assert values.max() <= 1.0
            found = [int(image.mean() * 3) for image in values]
        return {"probabilities": np.eye(3)[[(number + self.shift) % 3 for number in found]]}


@pytest.fixture
def place(tmp_path, png):
    """300 records, labels 0, 1, 2, 0, ..., images as bright as their label; those of a split from number 100 on."""
    records = [encode_example(png(4, 4, value=number % 3 * 85 + 20), number % 3) for number in range(300)]
    write_records(tmp_path / "shard", records)
    shard = Shard(file="shard", records=300, source="a.tfrecord")
    return ShardPlace(file=tmp_path / "shard", shard=shard, first=100, split_records=600)


def params(**more):
    robustness = more.pop("robustness", RobustnessParams(kinds=()))
    return EvaluateParams(robustness=robustness, **more)


def predict(place, params, candidate, live=None):
    class Loaded(Predictor):
        models = candidate, live

    return Loaded(candidate=Path("candidate"), live=None, spec=SPEC, params=params).predict(place)


def test_every_record_is_counted_in_the_whole_its_label_and_its_slices(place):
    candidate = Model()
    found = predict(place, params(slice_by=("label",), max_slices=3), candidate)
    assert found.labels.tolist() == [0, 1, 2] * 100
    assert np.array_equal(found.candidate.argmax(axis=1), found.labels)
    assert (found.candidate.dtype, found.whole.pairing, found.changed) == (np.float32, None, {})
    assert set(found.by_label.counted) == set(found.by_feature["label"].counted) == {"0", "1", "2"}
    assert candidate.asked == [("serving_examples", "examples", BATCH_SIZE), ("serving_examples", "examples", 44)]
    few = predict(place, params(slice_by=("label",), max_slices=2), candidate)
    assert few.by_feature["label"].too_many


def test_both_models_are_asked_and_paired_where_one_is_live(place):
    found = predict(place, params(), Model(), Model(shift=1))
    assert found.whole.pairing is not None


def test_some_records_are_tried_with_changed_images_beside_themselves_untouched(place):
    candidate = Model()
    robustness = RobustnessParams(kinds=("noisy", "inverted"), records=60)
    found = predict(place, params(robustness=robustness), candidate)
    assert list(found.changed) == [UNTOUCHED, "noisy", "inverted"]
    assert candidate.asked[2:] == [("serving_default", "images", 30)] * 2


def test_an_image_of_another_size_says_to_validate_again(place, png):
    write_records(place.file, [encode_example(png(5, 4), 0)] * 300)
    robustness = RobustnessParams(kinds=("noisy",), records=60)
    with pytest.raises(BadData, match=r"image: wanted 4 x 4 x 1 pixels, got 5 x 4 x 1; run again with --fresh"):
        predict(place, params(robustness=robustness), Model())
