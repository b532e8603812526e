"""All that was measured of a model on a split, and whether it is within its limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path

import numpy as np

from slipline.components.artifacts import Evaluation, SliceMetrics
from slipline.components.evaluation.describe import describe
from slipline.components.evaluation.evaluate_settings import EvaluateParams
from slipline.components.evaluation.judge import judge
from slipline.components.evaluation.results import Results, SliceResult, write_results
from slipline.components.evaluation.shard_predictions import UNTOUCHED, ShardPredictions
from slipline.components.evaluation.slicing import ByValue, Counted
from slipline.components.statistics.merging import together


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
        live=None
        if against is None
        else replace(_facts(results.overall), accuracy=against.accuracy, log_loss=_number(against.log_loss)),
    )


def results_of(shards: Sequence[ShardPredictions], params: EvaluateParams) -> Results:
    """All metrics, from what came of the shards of a split."""
    labels = reduce(ByValue.merge, [shard.by_label for shard in shards])
    features = reduce(together, [shard.by_feature for shard in shards])
    changed = reduce(together, [shard.changed for shard in shards])  # too small a shard has none

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


def _facts(found: SliceResult) -> SliceMetrics:
    return SliceMetrics(
        name=found.name,
        records=found.records,
        accuracy=_number(found.accuracy.value),
        log_loss=_number(found.log_loss.value),
    )


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
