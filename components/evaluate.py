"""Measures the exported model, alone and against the live one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from components.beam.beam_options import BeamSettings, Problem, run_jobs
from components.errors import BadData, BeamFailed
from components.examples.shard_records import read_shard
from components.metrics import measure, measure_by_label
from components.schemas.schema_io import example_spec
from pipeline.artifacts import Evaluation, Examples, LiveModel, Schema, ServableModel, Shard, SliceMetrics
from pipeline.component import component, params
from serving.wire.example_pb2 import Example

if TYPE_CHECKING:
    from serving.saved_model import SavedModel

BATCH_SIZE = 256

Probabilities = NDArray[np.float32]


@params
class EvaluateParams:
    """What is measured, and the limits of the gate.

    Attributes:
      split: The split to measure on; no record of it was trained on.
      min_accuracy: Smallest share of right answers, in 0..1.
      max_log_loss: Largest mean log loss, in nats.
      max_accuracy_drop: How much less accurate than the live model it may be, in 0..1.
    """

    split: str = "test"
    min_accuracy: float = 0.97
    max_log_loss: float = 0.1
    max_accuracy_drop: float = 0.005

    def __post_init__(self) -> None:
        for name in ("min_accuracy", "max_accuracy_drop"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, got {getattr(self, name)}")
        if not self.max_log_loss >= 0:
            raise ValueError(f"max_log_loss must be at least 0, got {self.max_log_loss}")


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """What one batch of records got.

    Attributes:
      place: Numbers of the shard in the split, and of the batch in the shard.
      labels: int64 [N].
      candidate: float32 [N, classes].
      live: The same from the live model; None where there is none.
    """

    place: tuple[int, int]
    labels: NDArray[np.int64]
    candidate: Probabilities
    live: Probabilities | None


@dataclass(frozen=True, kw_only=True)
class _Work:
    """What a Beam worker needs to know."""

    candidate: Path
    live: Path | None
    label_name: str


@component(loads=("apache_beam",), runs=("tensorflow",))
def evaluate(
    model: ServableModel,
    examples: Examples,
    schema: Schema,
    live: LiveModel,
    params: EvaluateParams,
    beam: BeamSettings,
    out: Path,
) -> Evaluation:
    """Runs the SavedModel, and the live one beside it, over the serialized records of a split.

    Args:
      model: The candidate, asked through its `serving_examples` signature.
      examples: Holds the split.
      schema: Names the label feature.
      live: What the candidate is compared with on the same records.
      params: What is measured, and the limits.
      beam: Where Beam runs.
      out: Takes every prediction.

    Returns:
      Metrics overall and by label; not passed if any is beyond its limit.

    Raises:
      BadData: A shard was damaged or altered since it was written.
      BeamFailed: The runner lost or repeated work.
    """
    work = _Work(
        candidate=model.path,
        live=None if live.version is None else live.model_path,
        label_name=example_spec(schema).label.name,
    )
    batches = _predict(work, examples, params.split, beam, out)
    labels = np.concatenate([batch.labels for batch in batches])
    candidate = np.concatenate([batch.candidate for batch in batches])
    before = [batch.live for batch in batches if batch.live is not None]
    np.savez_compressed(out / "predictions.npz", probabilities=candidate, labels=labels)
    overall = measure("all", candidate, labels)
    live_overall = measure("all", np.concatenate(before), labels) if before else None
    reasons = judge(overall, live_overall, params, live.version)
    return Evaluation(
        path=out,
        passed=not reasons,
        reasons=reasons,
        overall=overall,
        slices=measure_by_label(candidate, labels),
        live_version=live.version,
        live=live_overall,
    )


def judge(
    candidate: SliceMetrics, live: SliceMetrics | None, params: EvaluateParams, live_version: int | None
) -> tuple[str, ...]:
    """One sentence for each limit that the candidate is beyond: what was measured, and the limit."""
    reasons = []
    if not candidate.accuracy >= params.min_accuracy:
        reasons.append(f"accuracy {candidate.accuracy:.4f} is below evaluate.min_accuracy {params.min_accuracy}")
    if not candidate.log_loss <= params.max_log_loss:  # nor is NaN within it
        reasons.append(f"log loss {candidate.log_loss:.4f} is above evaluate.max_log_loss {params.max_log_loss}")
    if live is not None and live.accuracy - candidate.accuracy > params.max_accuracy_drop:
        reasons.append(
            f"accuracy {candidate.accuracy:.4f} is {live.accuracy - candidate.accuracy:.4f} below the live model's "
            f"{live.accuracy:.4f} (version {live_version}), more than evaluate.max_accuracy_drop "
            f"{params.max_accuracy_drop}"
        )
    return tuple(reasons)


def _predict(work: _Work, examples: Examples, split: str, beam: BeamSettings, folder: Path) -> list[Predictions]:
    """What every record of the split got, in record order."""
    import apache_beam

    class Predict(apache_beam.DoFn):  # type: ignore[misc]
        """Asks both models; each worker loads them once."""

        def setup(self) -> None:
            self.candidate = _load(work.candidate)
            self.live = None if work.live is None else _load(work.live)

        def process(self, place: tuple[int, Shard]) -> Iterator[Predictions | Problem]:
            try:
                yield from self._predict(*place)
            except BadData as error:
                yield Problem(str(error))

        def _predict(self, position: int, shard: Shard) -> Iterator[Predictions]:
            for number, records in enumerate(_batches(examples.path / shard.file, shard)):
                yield Predictions(
                    place=(position, number),
                    labels=np.array([_label(record, work.label_name) for record in records], np.int64),
                    candidate=_ask(self.candidate, records),
                    live=None if self.live is None else _ask(self.live, records),
                )

    shards = list(enumerate(examples.split(split).shards))
    found: list[Predictions] = run_jobs(beam, shards, lambda jobs: jobs | apache_beam.ParDo(Predict()), folder)
    records = sum(len(predictions.labels) for predictions in found)
    places = {predictions.place for predictions in found}
    if records != examples.split(split).records or len(places) < len(found):
        raise BeamFailed(
            f"{split}: wanted predictions for {examples.split(split).records:,} records, Beam returned {records:,} "
            f"in {len(places)} different batches of {len(found)}; its runner lost or repeated work, choose another"
        )
    return sorted(found, key=lambda predictions: predictions.place)


def _load(folder: Path) -> SavedModel:
    from serving.saved_model import SavedModel

    return SavedModel.load(folder)


def _batches(file: Path, shard: Shard) -> Iterator[list[bytes]]:
    records = read_shard(file, shard)
    while batch := list(islice(records, BATCH_SIZE)):
        yield batch


def _label(record: bytes, name: str) -> int:
    return int(Example.FromString(record).features.feature[name].int64_list.value[0])


def _ask(model: SavedModel, records: list[bytes]) -> Probabilities:
    answer = model.run({"examples": np.array(records, object)}, "serving_examples", ("probabilities",))
    return np.asarray(answer["probabilities"], np.float32)
