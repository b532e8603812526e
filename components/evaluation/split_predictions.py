"""What the models make of a split: its shards asked about on Beam, each worker with the models in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from slipline.components.artifacts import Examples
from slipline.components.beam.beam_options import BeamSettings
from slipline.components.beam.jobs import Problem, each_once, run_jobs
from slipline.components.errors import BadData
from slipline.components.evaluation.evaluate_settings import EvaluateParams
from slipline.components.evaluation.shard_predictions import Predictor, ShardPlace, ShardPredictions
from slipline.components.features.schema_io import ExampleSpec


@dataclass(frozen=True, kw_only=True)
class PredictionWork:
    """What a Beam worker needs to know."""

    candidate: Path
    live: Path | None
    spec: ExampleSpec
    params: EvaluateParams


def predict_split(work: PredictionWork, examples: Examples, beam: BeamSettings, folder: Path) -> list[ShardPredictions]:
    """What came of each shard of the split, in order."""
    import apache_beam

    class Predict(apache_beam.DoFn):  # type: ignore[misc]
        """Asks both models; each worker loads them once."""

        def setup(self) -> None:
            from slipline.serving.models.tensorflow.saved_model import SavedModel

            self.predictor = Predictor(
                candidate=SavedModel.load(work.candidate),
                live=None if work.live is None else SavedModel.load(work.live),
                spec=work.spec,
                params=work.params,
            )

        def process(self, job: tuple[int, ShardPlace]) -> Iterator[tuple[int, ShardPredictions] | Problem]:
            number, place = job
            try:
                yield number, self.predictor.predict(place)
            except BadData as error:
                yield Problem(str(error))

    split = examples.split(work.params.split)
    firsts = accumulate((shard.records for shard in split.shards), initial=0)
    places = [
        ShardPlace(file=examples.path / shard.file, shard=shard, first=first, split_records=split.records)
        for shard, first in zip(split.shards, firsts, strict=False)  # the last is the end
        if shard.records
    ]
    if not places:
        raise BadData(f"{examples.path}: split {split.name!r} has no records to evaluate on")
    found = run_jobs(beam, list(enumerate(places)), lambda jobs: jobs | apache_beam.ParDo(Predict()), folder)
    return each_once([str(place.file) for place in places], found)
