"""The training pipeline, assembled: from raw records to a released model."""

from __future__ import annotations

from slipline.components.artifacts import Schema
from slipline.components.steps.compute_statistics import compute_statistics
from slipline.components.steps.convert import convert
from slipline.components.steps.evaluate import evaluate
from slipline.components.steps.export import export
from slipline.components.steps.find_baseline import find_baseline
from slipline.components.steps.find_live import find_live
from slipline.components.steps.infra_validate import infra_validate
from slipline.components.steps.ingest import IngestParams, ingest
from slipline.components.steps.push import push
from slipline.components.steps.release_settings import ReleaseParams
from slipline.components.steps.train import train
from slipline.components.steps.validate import validate
from slipline.pipeline.app.baseline import earlier_statistics
from slipline.pipeline.app.settings.home import Home
from slipline.pipeline.app.settings.training_settings import TrainingSettings
from slipline.pipeline.core.graph import Pipeline, Source, Step


def training_pipeline(settings: TrainingSettings, home: Home) -> Pipeline:
    """Ingests, validates, trains, exports, evaluates and releases; nothing passes a closed gate.

    Args:
      settings: Of every component.
      home: Where the releases are, and earlier runs, one of whose data the data is held against.

    Returns:
      The pipeline, ready to run.
    """
    release = ReleaseParams(
        model=settings.name,
        root=home.releases,
        url=home.ledger_url,
        sample_split=settings.evaluate.split,
        ready_timeout_s=settings.release.ready_timeout_s,
    )
    beam = settings.beam
    flow = Pipeline(settings.name)
    schema = flow.given(
        Schema(path=settings.schema_path.resolve()),
        remedy=f"`slipline schema infer --to {settings.schema_path}` proposes one, to be reviewed by a person",
    )
    examples = flow.add(ingest, params=settings.ingest, beam=beam)
    statistics = flow.add(compute_statistics, examples=examples, params=settings.statistics, beam=beam)
    baseline = flow.add(find_baseline, statistics=statistics, params=earlier_statistics(home, flow.name))
    anomalies = flow.add(
        validate,
        examples=examples,
        statistics=statistics,
        baseline=baseline,
        schema=schema,
        params=settings.validation,
        beam=beam,
    )
    gates = [anomalies, *_serving_gate(flow, settings, statistics, schema)]
    if settings.validation.policy == "set_aside":
        from slipline.components.steps.set_aside import set_aside

        examples = flow.add(set_aside, examples=examples, anomalies=anomalies, beam=beam, only_if=[anomalies])
    trained = flow.add(train, examples=examples, schema=schema, params=settings.train, only_if=gates)
    servable = flow.add(export, model=trained, schema=schema, params=settings.export)
    servable = flow.add(
        convert, trained=trained, model=servable, examples=examples, schema=schema, params=settings.convert
    )
    live = flow.add(find_live, candidate=servable, params=release)
    evaluation = flow.add(
        evaluate, model=servable, examples=examples, schema=schema, live=live, params=settings.evaluate, beam=beam
    )
    infra_check = flow.add(
        infra_validate, model=servable, examples=examples, schema=schema, params=settings.infra_validate
    )
    flow.add(push, model=servable, examples=examples, live=live, params=release, only_if=[evaluation, infra_check])
    return flow


def _serving_gate(flow: Pipeline, settings: TrainingSettings, statistics: Step, schema: Source) -> list[Step]:
    """The gate that holds records asked in production against those learnt from, if there are any."""
    if not settings.serving_data:
        return []
    from slipline.components.steps.compare_serving import compare_serving

    params = IngestParams(files={"serving": settings.serving_data}, splits=("serving",))
    asked = flow.add(ingest, name="ingest_serving", params=params, beam=settings.beam)
    described = flow.add(
        compute_statistics,
        name="compute_serving_statistics",
        examples=asked,
        params=settings.statistics,
        beam=settings.beam,
    )
    return [flow.add(compare_serving, statistics=statistics, serving=described, schema=schema)]
