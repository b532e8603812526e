"""What the models make of the shards of a split: every prediction, and its counts by slice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from slipline.components.artifacts import Examples, Shard
from slipline.components.beam.beam_options import BeamSettings
from slipline.components.beam.jobs import map_jobs
from slipline.components.errors import BadData
from slipline.components.evaluation.cells import Numbers
from slipline.components.evaluation.evaluate_settings import EvaluateParams, RobustnessParams
from slipline.components.evaluation.perturbations import Images, perturbed
from slipline.components.evaluation.slicing import Answers, ByValue, Counted, Probabilities, by_value
from slipline.components.features.decode_images import scaled, shape_text
from slipline.components.features.image_batches import decode_groups
from slipline.components.features.schema_io import ExampleSpec, ImageFeature
from slipline.components.files.tfrecord_files import batched, read_shard
from slipline.components.statistics.columns import BYTES, INTEGERS, read_columns
from slipline.components.statistics.groups import Groups
from slipline.components.statistics.merging import together

if TYPE_CHECKING:
    from slipline.serving.models.tensorflow.saved_model import SavedModel

BATCH_SIZE = 256
UNTOUCHED = "untouched"


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


@dataclass(frozen=True, kw_only=True, eq=False)
class _Asked:
    """Some records of a shard, and what the models say of them.

    Attributes:
      labels: int64 [records].
      answers: About each.
      names: For each feature asked for, what slice each record is in.
      tried: int64: the numbers in the shard of those that are tried with changed images.
      images: The encoded images of these.
    """

    labels: Numbers
    answers: Answers
    names: Mapping[str, list[str]]
    tried: Numbers
    images: list[bytes]

    @classmethod
    def joined(cls, parts: Sequence[_Asked]) -> _Asked:
        """All the parts, of which there is at least one."""
        return cls(
            labels=np.concatenate([part.labels for part in parts]),
            answers=Answers.joined([part.answers for part in parts]),
            names=reduce(together, [part.names for part in parts]),
            tried=np.concatenate([part.tried for part in parts]),
            images=[image for part in parts for image in part.images],
        )


@dataclass(frozen=True, kw_only=True)
class Predictor:
    """Asks models about the records of shards, and about changed images of some.

    Attributes:
      candidate: Folder of the model that is judged.
      live: Folder of the live one, if there is one.
      spec: What records hold.
      params: What is measured.
    """

    candidate: Path
    live: Path | None
    spec: ExampleSpec
    params: EvaluateParams

    @cached_property
    def models(self) -> tuple[SavedModel, SavedModel | None]:
        """Both models, loaded once in each worker."""
        from slipline.serving.models.tensorflow.saved_model import SavedModel

        return SavedModel.load(self.candidate), None if self.live is None else SavedModel.load(self.live)

    def predict(self, place: ShardPlace) -> ShardPredictions:
        """What came of a shard.

        Raises:
          BadData: The shard was damaged or altered since it was written.
        """
        asked = _Asked.joined(list(self._batches(place)))
        labels, answers, most = asked.labels, asked.answers, self.params.max_slices
        label_names = [str(label) for label in labels.tolist()]
        return ShardPredictions(
            labels=labels,
            candidate=answers.candidate,
            whole=answers.counted(labels),
            by_label=by_value(label_names, self.spec.label.classes, answers, labels, ranked=False),
            by_feature={feature: by_value(names, most, answers, labels) for feature, names in asked.names.items()},
            changed=self._changed(asked, place.first) if asked.images else {},
        )

    def _batches(self, place: ShardPlace) -> Iterator[_Asked]:
        start = 0
        for records in batched(read_shard(place.file, place.shard), BATCH_SIZE):
            yield self._ask_batch(start, records, place)
            start += len(records)

    def _ask_batch(self, start: int, records: list[bytes], place: ShardPlace) -> _Asked:
        columns = read_columns(records)
        numbers = place.first + start + np.arange(len(records))
        tried = np.flatnonzero(is_tried(numbers, place.split_records, self.params.robustness))
        return _Asked(
            labels=columns.columns[self.spec.label.name, INTEGERS].values,
            answers=self._ask("serving_examples", {"examples": np.array(records, object)}),
            names={feature: Groups.by_value(columns, feature).of_records for feature in self.params.slice_by},
            tried=start + tried,
            images=columns.columns[self.spec.image.name, BYTES].values[tried].tolist(),
        )

    def _changed(self, asked: _Asked, first: int) -> dict[str, Counted]:
        labels = asked.labels[asked.tried]
        images = _decoded(asked.images, self.spec.image)
        kinds = {
            kind: self._ask_about(kind, images, first + asked.tried).counted(labels)
            for kind in self.params.robustness.kinds
        }
        return {UNTOUCHED: asked.answers.of(asked.tried).counted(labels), **kinds}

    def _ask_about(self, kind: str, images: Images, numbers: Numbers) -> Answers:
        parts = [slice(start, start + BATCH_SIZE) for start in range(0, len(images), BATCH_SIZE)]
        changed = (perturbed(kind, images[part], numbers[part], self.params.robustness) for part in parts)
        return Answers.joined([self._ask("serving_default", {"images": some}) for some in changed])

    def _ask(self, signature: str, inputs: Mapping[str, NDArray[np.generic]]) -> Answers:
        candidate, live = self.models
        return Answers(
            candidate=_ask_one(candidate, signature, inputs),
            live=None if live is None else _ask_one(live, signature, inputs),
        )


def _ask_one(model: SavedModel, signature: str, inputs: Mapping[str, NDArray[np.generic]]) -> Probabilities:
    return np.asarray(model.run(inputs, signature, ("probabilities",))["probabilities"], np.float32)


def is_tried(numbers: Numbers, split_records: int, params: RobustnessParams) -> NDArray[np.bool_]:
    """Whether the records with these numbers are among those, evenly spread, that are tried with changed images."""
    wanted = min(params.records, split_records) if params.kinds else 0
    return np.asarray((numbers + 1) * wanted // split_records > numbers * wanted // split_records)


def _decoded(encoded: list[bytes], image: ImageFeature) -> Images:
    """The images as the network sees them, float32 [images, height, width, channels] in 0..1."""
    size = image.shape
    pixels = np.empty((len(encoded), *size), np.uint8)
    for group in decode_groups(encoded):
        if group.pixels.shape[1:] != size:
            raise BadData(
                f"{image.name}: wanted {shape_text(size)} pixels, got {shape_text(group.pixels.shape[1:])}; "
                "run again with --fresh, so that the data are validated"
            )
        pixels[group.places] = group.pixels
    return scaled(pixels)


def predict_split(predictor: Predictor, examples: Examples, beam: BeamSettings, folder: Path) -> list[ShardPredictions]:
    """What came of each shard of the split, in order."""
    split = examples.split(predictor.params.split)
    firsts = accumulate((shard.records for shard in split.shards), initial=0)
    places = [
        ShardPlace(file=examples.path / shard.file, shard=shard, first=first, split_records=split.records)
        for shard, first in zip(split.shards, firsts, strict=False)  # the last is the end
        if shard.records
    ]
    if not places:
        raise BadData(f"{examples.path}: split {split.name!r} has no records to evaluate on")
    return map_jobs(beam, places, predictor.predict, folder, names=[str(place.file) for place in places])
