"""The pipeline: what is made of what, and what must pass before the next step runs."""

from pathlib import Path

from PROJECT.check_balance import check_balance
from slipline.components import (
    EvaluateParams,
    IngestParams,
    ReleaseParams,
    Schema,
    TrainParams,
    ValidateParams,
    compute_statistics,
    evaluate,
    export,
    find_baseline,
    find_live,
    infra_validate,
    ingest,
    push,
    train,
    validate,
)
from slipline.pipeline import Home, Pipeline, earlier_statistics, params


@params
class Settings:
    """What PROJECT.toml and `slipline run --set` may say; each record is a section."""

    name: str = "PROJECT"
    schema: Path = Path("schema.pbtxt")
    least_of_each_label: int = 100
    ingest: IngestParams = IngestParams()
    validate: ValidateParams = ValidateParams()
    train: TrainParams = TrainParams()
    evaluate: EvaluateParams = EvaluateParams()


def pipeline(settings: Settings, home: Home) -> Pipeline:
    """From raw records to a released model; `home` says where runs and releases are kept."""
    flow = Pipeline(settings.name)
    schema = flow.given(Schema(path=settings.schema.resolve()))
    examples = flow.add(ingest, params=settings.ingest)
    statistics = flow.add(compute_statistics, examples=examples)
    baseline = flow.add(find_baseline, statistics=statistics, params=earlier_statistics(home, flow.name))
    anomalies = flow.add(
        validate,
        examples=examples,
        statistics=statistics,
        baseline=baseline,
        schema=schema,
        params=settings.validate,
    )
    balance = flow.add(check_balance, examples=examples, schema=schema, least=settings.least_of_each_label)
    trained = flow.add(train, examples=examples, schema=schema, params=settings.train, only_if=[anomalies, balance])
    servable = flow.add(export, model=trained, schema=schema)
    release = ReleaseParams(model=settings.name, root=home.releases, url=home.ledger_url)
    live = flow.add(find_live, candidate=servable, params=release)
    evaluation = flow.add(
        evaluate, model=servable, examples=examples, schema=schema, live=live, params=settings.evaluate
    )
    infra_check = flow.add(infra_validate, model=servable, examples=examples, schema=schema)
    flow.add(push, model=servable, examples=examples, live=live, params=release, only_if=[evaluation, infra_check])
    return flow
