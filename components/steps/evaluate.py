"""Measures the exported model, alone and against the live one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate
from pathlib import Path

import numpy as np

from slipline.components.artifacts import (
    Evaluation,
    Examples,
    LiveModel,
    Schema,
    ServableModel,
    SliceMetrics,
    copy_class_names,
)
from slipline.components.beam.beam_options import BeamSettings
from slipline.components.beam.jobs import Problem, each_once, run_jobs
from slipline.components.errors import BadData
from slipline.components.evaluation.describe import describe
from slipline.components.evaluation.evaluate_settings import EvaluateParams
from slipline.components.evaluation.judge import judge
from slipline.components.evaluation.results import AgainstLive, Results, SliceResult, write_results
from slipline.components.evaluation.shard_predictions import (
    UNTOUCHED,
    Models,
    ShardPlace,
    ShardPredictions,
    predict_shard,
)
from slipline.components.evaluation.slicing import ByValue, Counted
from slipline.components.features.schema_io import ExampleSpec, example_spec
from slipline.pipeline.core.component import component


@dataclass(frozen=True, kw_only=True)
class _Work:
    """What a Beam worker needs to know."""

    candidate: Path
    live: Path | None
    spec: ExampleSpec
    params: EvaluateParams


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
      model: The candidate, asked through its `serving_examples` signature; about changed images through the default.
      examples: Holds the split.
      schema: Names the image and label features.
      live: What the candidate is compared with on the same records.
      params: What is measured, and the limits.
      beam: Where Beam runs.
      out: Takes every prediction, `metrics.json` with all that was measured, and the names of the classes.

    Returns:
      Metrics overall and by label; not passed if any is beyond its limit.

    Raises:
      BadData: A shard was damaged or altered since it was written.
      BeamFailed: The runner lost or repeated work.
    """
    work = _Work(
        candidate=model.path,
        live=None if live.version is None else live.model_path,
        spec=example_spec(schema),
        params=params,
    )
    copy_class_names(examples.path, out)
    return evaluation_of(_predict(work, examples, beam, out), params, live.version, out)


def evaluation_of(
    shards: Sequence[ShardPredictions], params: EvaluateParams, live_version: int | None, folder: Path
) -> Evaluation:
    """The verdict on what came of the shards of a split, whose predictions and metrics it writes to `folder`."""
    np.savez_compressed(
        folder / "predictions.npz",
        probabilities=np.concatenate([shard.candidate for shard in shards]),
        labels=np.concatenate([shard.labels for shard in shards]),
    )
    results = results_of(shards, params)
    write_results(results, folder)
    checks = judge(results, params, live_version)
    against = results.overall.against_live
    return Evaluation(
        path=folder,
        passed=all(check.passed for check in checks),
        reasons=tuple(check.sentence for check in checks if not check.passed),
        split=params.split,
        checks=checks,
        overall=_facts(results.overall),
        slices=tuple(map(_facts, results.by_label)),
        live_version=live_version,
        live=None if against is None else _live_facts(results.overall, against),
    )


def results_of(shards: Sequence[ShardPredictions], params: EvaluateParams) -> Results:
    """All metrics, from what came of the shards of a split."""
    labels = _merged([shard.by_label for shard in shards])
    features = {feature: _merged([shard.by_feature[feature] for shard in shards]) for feature in params.slice_by}
    changed = _merged_kinds([shard.changed for shard in shards])

    def described(name: str, counted: Counted, *, by_class: bool = True) -> SliceResult:
        return describe(name, counted.tally, counted.pairing, params, by_class=by_class)

    by_number = sorted(labels.counted.items(), key=lambda each: int(each[0]))
    return Results(
        confidence=params.confidence,
        overall=described("all", reduce(Counted.merge, [shard.whole for shard in shards])),
        by_label=tuple(described(f"label {name}", counted, by_class=False) for name, counted in by_number),
        by_feature=tuple(
            described(f"{feature} {name}", counted)
            for feature, slices in features.items()
            for name, counted in sorted(slices.counted.items())
        ),
        untouched=described(UNTOUCHED, changed[UNTOUCHED]) if changed else None,
        robustness=tuple(described(kind, changed[kind]) for kind in params.robustness.kinds if changed),
        not_sliced_by=tuple(feature for feature, slices in features.items() if slices.too_many),
        tried=params.robustness if changed else None,
    )


def _merged(slices: Sequence[ByValue]) -> ByValue:
    return reduce(ByValue.merge, slices)


def _merged_kinds(shards: Sequence[Mapping[str, Counted]]) -> dict[str, Counted]:
    """Shards that are too small for any of their records to be tried have none."""
    found: dict[str, Counted] = {}
    for kinds in shards:
        for kind, counted in kinds.items():
            found[kind] = found[kind].merge(counted) if kind in found else counted
    return found


def _facts(found: SliceResult) -> SliceMetrics:
    return SliceMetrics(
        name=found.name,
        records=found.records,
        accuracy=_number(found.accuracy.value),
        log_loss=_number(found.log_loss.value),
    )


def _live_facts(found: SliceResult, live: AgainstLive) -> SliceMetrics:
    return SliceMetrics(name=found.name, records=found.records, accuracy=live.accuracy, log_loss=_number(live.log_loss))


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _predict(work: _Work, examples: Examples, beam: BeamSettings, folder: Path) -> list[ShardPredictions]:
    """What came of each shard of the split, in order."""
    import apache_beam

    class Predict(apache_beam.DoFn):  # type: ignore[misc]
        """Asks both models; each worker loads them once."""

        def setup(self) -> None:
            from slipline.serving.models.tensorflow.saved_model import SavedModel

            live = None if work.live is None else SavedModel.load(work.live)
            self.models = Models(candidate=SavedModel.load(work.candidate), live=live)

        def process(self, job: tuple[int, ShardPlace]) -> Iterator[tuple[int, ShardPredictions] | Problem]:
            number, place = job
            try:
                yield number, predict_shard(place, self.models, work.spec, work.params)
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
