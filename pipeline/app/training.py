"""The training pipeline, assembled: from raw records to a released model."""

from __future__ import annotations

from components.compute_statistics import compute_statistics
from components.evaluate import evaluate
from components.export import export
from components.find_live import find_live
from components.infra_validate import infra_validate
from components.ingest import ingest
from components.push import push
from components.release_settings import ReleaseParams
from components.train import train
from components.validate import validate
from pipeline.app.config import Home, TrainingSettings
from pipeline.artifacts import Schema
from pipeline.graph import Pipeline


def training_pipeline(settings: TrainingSettings, home: Home) -> Pipeline:
    """Ingests, validates, trains, exports, evaluates and releases; nothing passes a closed gate.

    Args:
      settings: Of every component.
      home: Where the releases are.

    Returns:
      The pipeline, ready to run.
    """
    release = ReleaseParams(model=settings.name, root=home.releases, ready_timeout_s=settings.release.ready_timeout_s)
    beam = settings.beam
    flow = Pipeline(settings.name)
    schema = flow.given(
        Schema(path=settings.schema_path.resolve()),
        remedy=f"`slipline schema infer --to {settings.schema_path}` proposes one, to be reviewed by a person",
    )
    examples = flow.add(ingest, params=settings.ingest, beam=beam)
    statistics = flow.add(compute_statistics, examples=examples, beam=beam)
    anomalies = flow.add(validate, examples=examples, statistics=statistics, schema=schema, beam=beam)
    trained = flow.add(train, examples=examples, schema=schema, params=settings.train, only_if=[anomalies])
    servable = flow.add(export, model=trained, schema=schema, params=settings.export)
    live = flow.add(find_live, candidate=servable, params=release)
    evaluation = flow.add(
        evaluate, model=servable, examples=examples, schema=schema, live=live, params=settings.evaluate, beam=beam
    )
    infra_check = flow.add(
        infra_validate, model=servable, examples=examples, schema=schema, params=settings.infra_validate
    )
    flow.add(push, model=servable, live=live, params=release, only_if=[evaluation, infra_check])
    return flow
