"""Measures the exported model, alone and against the live one."""

from __future__ import annotations

from pathlib import Path

from slipline.components.artifacts import Evaluation, Examples, LiveModel, Schema, ServableModel, copy_class_names
from slipline.components.beam.beam_options import BeamSettings
from slipline.components.evaluation.evaluate_settings import EvaluateParams
from slipline.pipeline.core.component import component


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
    from slipline.components.evaluation.shard_predictions import Predictor, predict_split
    from slipline.components.evaluation.verdict import evaluation_of
    from slipline.components.features.schema_io import example_spec

    predictor = Predictor(
        candidate=model.path,
        live=None if live.version is None else live.model_path,
        spec=example_spec(schema),
        params=params,
    )
    copy_class_names(examples.path, out)
    return evaluation_of(predict_split(predictor, examples, beam, out), params, live.version, out)
