"""What the models make of one shard: every prediction, and its counts by slice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from slipline.components.artifacts import Shard
from slipline.components.errors import BadData
from slipline.components.evaluation.cells import Numbers
from slipline.components.evaluation.evaluate_settings import EvaluateParams, RobustnessParams
from slipline.components.evaluation.perturbations import Images, perturbed
from slipline.components.evaluation.slicing import Answers, ByValue, Counted, Probabilities, by_value, value_name
from slipline.components.examples.shard_records import read_shard
from slipline.components.features.decode_images import scaled, shape_text
from slipline.components.features.image_batches import decode_groups
from slipline.components.features.schema_io import ExampleSpec, ImageFeature
from slipline.components.files.tfrecord_files import batched
from slipline.serving.wire.example_pb2 import Example

if TYPE_CHECKING:
    from slipline.serving.models.tensorflow.saved_model import SavedModel

BATCH_SIZE = 256
UNTOUCHED = "untouched"


@dataclass(frozen=True, kw_only=True)
class Models:
    """The candidate, and the live model if there is one."""

    candidate: SavedModel
    live: SavedModel | None


@dataclass(frozen=True, kw_only=True)
class ShardPlace:
    """Which records a shard holds.

    Attributes:
      file: Where it lies.
      shard: What is known of it.
      first: The number in the split of its first record.
      split_records: How many the split has.
    """

    file: Path
    shard: Shard
    first: int
    split_records: int


@dataclass(frozen=True, kw_only=True, eq=False)
class ShardPredictions:
    """What came of one shard.

    Attributes:
      labels: int64 [records].
      candidate: float32 [records, classes], in record order.
      whole: All its records, counted.
      by_label: By the name of the label.
      by_feature: For each feature asked for, by its value.
      changed: The records tried with changed images, by kind of change; as they are under `UNTOUCHED`.
    """

    labels: Numbers
    candidate: Probabilities
    whole: Counted
    by_label: ByValue
    by_feature: Mapping[str, ByValue]
    changed: Mapping[str, Counted]


@dataclass(frozen=True, kw_only=True)
class _Tried:
    """The records to be tried with changed images: their numbers in the shard, and their encoded images."""

    places: Numbers
    encoded: list[bytes]


@dataclass(frozen=True, kw_only=True)
class _Batch:
    labels: Numbers
    answers: Answers
    names: Mapping[str, list[str]]
    tried: _Tried


def predict_shard(place: ShardPlace, models: Models, spec: ExampleSpec, params: EvaluateParams) -> ShardPredictions:
    """Asks the models about every record of a shard, and about changed images of some.

    Raises:
      BadData: The shard was damaged or altered since it was written.
    """
    batches = list(_batches(place, models, spec, params))
    labels = np.concatenate([batch.labels for batch in batches])
    answers = Answers.joined([batch.answers for batch in batches])
    tried = _Tried(
        places=np.concatenate([batch.tried.places for batch in batches]),
        encoded=[image for batch in batches for image in batch.tried.encoded],
    )
    names = {feature: [name for batch in batches for name in batch.names[feature]] for feature in params.slice_by}
    label_names = [str(label) for label in labels.tolist()]
    return ShardPredictions(
        labels=labels,
        candidate=answers.candidate,
        whole=answers.counted(labels),
        by_label=by_value(label_names, spec.label.classes, answers, labels, ranked=False),
        by_feature={feature: by_value(values, params.max_slices, answers, labels) for feature, values in names.items()},
        changed=_changed(tried, answers, labels, place.first, models, spec, params),
    )


def _batches(place: ShardPlace, models: Models, spec: ExampleSpec, params: EvaluateParams) -> Iterator[_Batch]:
    start = 0
    for records in batched(read_shard(place.file, place.shard), BATCH_SIZE):
        yield _ask_batch(start, records, place, models, spec, params)
        start += len(records)


def _ask_batch(
    start: int, records: list[bytes], place: ShardPlace, models: Models, spec: ExampleSpec, params: EvaluateParams
) -> _Batch:
    examples = [Example.FromString(record) for record in records]
    labels = [example.features.feature[spec.label.name].int64_list.value[0] for example in examples]
    numbers = place.first + start + np.arange(len(records))
    tried = np.flatnonzero(is_tried(numbers, place.split_records, params.robustness))
    return _Batch(
        labels=np.array(labels, np.int64),
        answers=_ask(models, "serving_examples", {"examples": np.array(records, object)}),
        names={feature: [value_name(example, feature) for example in examples] for feature in params.slice_by},
        tried=_Tried(
            places=start + tried,
            encoded=[examples[number].features.feature[spec.image.name].bytes_list.value[0] for number in tried],
        ),
    )


def is_tried(numbers: Numbers, split_records: int, params: RobustnessParams) -> NDArray[np.bool_]:
    """Whether the records with these numbers are among those, evenly spread, that are tried with changed images."""
    wanted = min(params.records, split_records) if params.kinds else 0
    return np.asarray((numbers + 1) * wanted // split_records > numbers * wanted // split_records)


def _changed(
    tried: _Tried,
    answers: Answers,
    labels: Numbers,
    first: int,
    models: Models,
    spec: ExampleSpec,
    params: EvaluateParams,
) -> dict[str, Counted]:
    if not tried.encoded:
        return {}
    of_tried = labels[tried.places]
    images = _decoded(tried.encoded, spec.image)
    kinds = {
        kind: _ask_about(kind, images, first + tried.places, models, params.robustness).counted(of_tried)
        for kind in params.robustness.kinds
    }
    return {UNTOUCHED: answers.of(tried.places).counted(of_tried), **kinds}


def _ask_about(kind: str, images: Images, numbers: Numbers, models: Models, params: RobustnessParams) -> Answers:
    parts = [slice(start, start + BATCH_SIZE) for start in range(0, len(images), BATCH_SIZE)]
    changed = (perturbed(kind, images[part], numbers[part], params) for part in parts)
    return Answers.joined([_ask(models, "serving_default", {"images": some}) for some in changed])


def _decoded(encoded: list[bytes], image: ImageFeature) -> Images:
    """The images as the network sees them, float32 [images, height, width, channels] in 0..1."""
    size = (image.height, image.width, image.channels)
    pixels = np.empty((len(encoded), *size), np.uint8)
    for group in decode_groups(encoded):
        if group.pixels.shape[1:] != size:
            raise BadData(
                f"{image.name}: wanted {shape_text(size)} pixels, got {shape_text(group.pixels.shape[1:])}; "
                "run again with --fresh, so that the data are validated"
            )
        pixels[group.places] = group.pixels
    return scaled(pixels)


def _ask(models: Models, signature: str, inputs: Mapping[str, NDArray[np.generic]]) -> Answers:
    return Answers(
        candidate=_ask_one(models.candidate, signature, inputs),
        live=None if models.live is None else _ask_one(models.live, signature, inputs),
    )


def _ask_one(model: SavedModel, signature: str, inputs: Mapping[str, NDArray[np.generic]]) -> Probabilities:
    return np.asarray(model.run(inputs, signature, ("probabilities",))["probabilities"], np.float32)
