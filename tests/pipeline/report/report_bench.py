"""Real artifacts made small, committed to a real store, for a report to be drawn of; and a page taken apart."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from slipline.components.artifacts import (
    Anomalies,
    Evaluation,
    Examples,
    InfraCheck,
    Release,
    Schema,
    ServableModel,
    Shard,
    Split,
    Statistics,
    TrainedModel,
    copy_class_names,
)
from slipline.components.beam.beam_options import BeamSettings
from slipline.components.evaluation.evaluate_settings import EvaluateParams
from slipline.components.evaluation.shard_predictions import UNTOUCHED, ShardPredictions
from slipline.components.evaluation.slicing import Answers, by_value
from slipline.components.evaluation.verdict import evaluation_of
from slipline.components.examples.example_records import encode_example
from slipline.components.files.tfrecord_files import read_records, write_records
from slipline.components.statistics.duplicates import count_duplicates, record_digests, write_digests, write_duplicates
from slipline.components.statistics.feature_statistics import SplitSummary
from slipline.components.statistics.statistics_io import write_statistics
from slipline.components.steps.compute_statistics import compute_statistics
from slipline.components.steps.find_baseline import BaselineParams, Earlier, find_baseline
from slipline.components.steps.ingest import IngestParams, ingest
from slipline.components.steps.set_aside import set_aside
from slipline.components.steps.validate import validate
from slipline.components.training.epoch_history import Epoch, history_json
from slipline.components.validation.validate_settings import ValidateParams
from slipline.pipeline.app.settings.home import Home
from slipline.pipeline.core.artifact import Artifact, Verdict
from slipline.pipeline.core.fingerprint import CacheKey, artifact_digest
from slipline.pipeline.report.run_report import write_report
from slipline.pipeline.runners.execute import Outcome, Status
from slipline.pipeline.runners.run_report import RunReport
from slipline.pipeline.store.store import Committed, Known, Store
from slipline.serving.releases.ledger import Ledger
from tests.components.tabular import summary_of

SCHEMA = Path(__file__).parents[3] / "data" / "schema" / "mnist.pbtxt"
HOSTILE = "<script>alert(1)</script>"
STEPS = (
    "ingest compute_statistics validate train export find_live evaluate infra_validate push".split()  # noqa: SIM905
)
SETTINGS = json.dumps({"params": ["Params", {"batch_size": ["int", 64], "learning_rate": ["float", (0.002).hex()]}]})
VOID = {"meta", "link", "img", "br"}


@dataclass(kw_only=True)
class Bench:
    """Makes and commits artifacts, and keeps how each step went."""

    store: Store
    params: EvaluateParams = field(default_factory=EvaluateParams)
    schema: Path = SCHEMA
    outcomes: list[Outcome] = field(default_factory=list)
    run_id: str = ""
    standing: str = ""
    rename: Callable[[str], str] = str

    def folder(self, step: str) -> Path:
        return self.store.new_folder(step)[1]

    def done(self, step: str, artifact: Artifact, *inputs: Committed, status: Status = Status.DONE) -> Committed:
        step = self.rename(step)
        of_release = isinstance(artifact, Release)
        named = {type(each.artifact).__name__.lower(): each for each in inputs}
        gates = {name: each for name, each in named.items() if of_release and isinstance(each.artifact, Verdict)}
        taken: dict[str, Known] = {name: each for name, each in named.items() if name not in gates}
        if isinstance(artifact, Anomalies | TrainedModel | Evaluation):
            schema = Schema(path=self.schema)
            if schema.path.is_file():
                taken["schema"] = Known(artifact=schema, digest=artifact_digest(schema), execution_id=None)
        committed = self.store.commit(
            execution_id=artifact.path.name,
            step=step,
            component=step,
            key=CacheKey(f"key of {step}", f"code of {step}", ("keras==3.15.1",), SETTINGS, ""),
            inputs=taken,
            gates=gates,
            artifact=artifact,
            seconds=1.5,
        )
        self.outcomes.append(Outcome(step=step, status=status, seconds=1.5, made=committed))
        return committed

    def last(self, step: str) -> Committed:
        """What the last step of that name made."""
        made = next(outcome.made for outcome in reversed(self.outcomes) if outcome.step == step)
        assert made is not None
        return made

    def not_done(self, step: str, status: Status, message: str) -> None:
        self.outcomes.append(Outcome(step=step, status=status, seconds=0.0, message=message))

    def skip_the_rest(self) -> None:
        for step in STEPS[len(self.outcomes) :]:
            self.not_done(step, Status.SKIPPED, "needs something, which did not run")

    @property
    def report(self) -> RunReport:
        return RunReport(
            run_id=self.run_id,
            outcomes=tuple(self.outcomes),
            seconds=75.25,
            log_path=self.store.home / "logs" / f"{self.run_id}.log",
        )

    def write(self, target: Path) -> Page:
        report = self.report
        self.store.end_run(self.run_id, passed=report.passed)
        write_report(report, self.store, target, standing=self.standing)
        return Page(target.read_text("utf-8"))


class Page(HTMLParser):
    """A page taken apart: its text, its tags, and whether they close as they open."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.pieces: list[str] = []
        self.feed(html)
        self.close()
        self.text = " ".join(" ".join(self.pieces).replace("\N{NARROW NO-BREAK SPACE}", " ").split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.pieces.append(data)

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [
            attributes
            for name, attributes in self.tags
            if name == tag and all(attributes.get(key.rstrip("_")) == value for key, value in wanted.items())
        ]

    def section(self, identity: str) -> str:
        """The HTML of the section with this id."""
        start = self.html.index(f'<section id="{identity}"')
        return self.html[start : self.html.index("</section>", start)]


def png(shade: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((28, 28), shade, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def record(number: int) -> bytes:
    """The record of that number: its label is the number's last digit, its shade the number."""
    return encode_example(png(number % 256), number % 10)


def ingested(bench: Bench, train: int = 60, test: int = 50, source: str = "mnist") -> Committed:
    """Examples of two splits; the test split lies in two shards of different sizes."""
    folder = bench.folder("ingest")
    write_records(folder / "train-0", map(record, range(train)))
    first = test // 5
    write_records(folder / "test-0", map(record, range(first)))
    write_records(folder / "test-1", map(record, range(first, test)))
    shards = {
        "train": (Shard(file="train-0", records=train, source=f"/data/{source}-train.tfrecord"),),
        "test": (
            Shard(file="test-0", records=first, source=f"/data/{source}-test-0.tfrecord"),
            Shard(file="test-1", records=test - first, source=f"/data/{source}-test-1.tfrecord"),
        ),
    }
    splits = tuple(Split(name=name, shards=those) for name, those in shards.items())
    return bench.done("ingest", Examples(path=folder, splits=splits), status=Status.CACHED)


def described(bench: Bench, examples: Committed) -> Committed:
    artifact = examples.artifact
    assert isinstance(artifact, Examples)
    folder = bench.folder("compute_statistics")
    duplicates = count_duplicates(digests_of(artifact, folder), BeamSettings(), folder)
    statistics = Statistics(path=folder, copies=duplicates.counts)
    summaries: Mapping[str, SplitSummary] = {
        split.name: summary_of([record for file in artifact.files(split.name) for record in read_records(file)])
        for split in artifact.splits
    }
    write_statistics(summaries, statistics.proto_path)
    write_duplicates(duplicates, statistics)
    return bench.done("compute_statistics", statistics, examples)


def digests_of(examples: Examples, folder: Path) -> dict[str, list[Path]]:
    """Files of the contents of each split's shards."""
    found: dict[str, list[Path]] = {}
    for split in examples.splits:
        for shard, file in zip(split.shards, examples.files(split.name), strict=True):
            write_digests(folder / f"{shard.file}.npy", record_digests(list(read_records(file))))
            found.setdefault(split.name, []).append(folder / f"{shard.file}.npy")
    return found


def validated(bench: Bench, *inputs: Committed, reasons: tuple[str, ...] = ()) -> Committed:
    anomalies = Anomalies(
        path=bench.folder("validate"), passed=not reasons, reasons=reasons, records=110, offending=2 * len(reasons)
    )
    return bench.done("validate", anomalies, *inputs)


def trained(bench: Bench, *inputs: Committed, epochs: int = 2, records: int = 60, **facts: Any) -> Committed:
    folder = bench.folder("train")
    history = [
        Epoch(epoch=i + 1, loss=0.5 / (i + 1), accuracy=0.9, learning_rate=0.002, seconds=30.0) for i in range(epochs)
    ]
    (folder / "history.json").write_text(history_json(tuple(history)))
    model = TrainedModel(
        path=folder,
        records=records,
        parameters=1234,
        loss=0.25,
        accuracy=0.9,
        epoch=epochs,
        epochs=epochs,
        network="mine:net",
        optimizer="Adam",
        **{"split": "train", **facts},
    )
    return bench.done("train", model, *inputs)


def exported(bench: Bench, *inputs: Committed) -> Committed:
    folder = bench.folder("export")
    (folder / "saved_model.pb").write_bytes(b"a graph")
    return bench.done("export", ServableModel(path=folder, signatures=("serving_default",)), *inputs)


def evaluated(bench: Bench, *inputs: Committed, wrong: int, live_accuracy: float | None = None) -> Committed:
    """Fifty predictions, of which the last `wrong` ones take each digit for the next, ever surer of it."""
    params, version = bench.params, None if live_accuracy is None else 4
    labels = np.arange(50) % 10
    live = None if live_accuracy is None else fifty_answers(labels, round(50 * (1 - live_accuracy)))
    answers = Answers(candidate=fifty_answers(labels, wrong), live=live)
    shard = ShardPredictions(
        labels=labels,
        candidate=answers.candidate,
        whole=answers.counted(labels),
        by_label=by_value([str(label) for label in labels], 10, answers, labels, ranked=False),
        by_feature={},
        changed={kind: answers.counted(labels) for kind in (UNTOUCHED, *params.robustness.kinds)},
    )
    folder = bench.folder("evaluate")
    for each in inputs:
        copy_class_names(each.artifact.path, folder)
    return bench.done("evaluate", evaluation_of([shard], params, version, folder), *inputs)


def fifty_answers(labels: NDArray[np.int64], wrong: int) -> NDArray[np.float32]:
    probabilities = np.full((50, 10), 0.01, np.float32)
    probabilities[np.arange(50), labels] = 0.91
    for rank, number in enumerate(range(50 - wrong, 50)):
        probabilities[number, labels[number]] = 0.01
        probabilities[number, (labels[number] + 1) % 10] = 0.5 + rank / 100
    return probabilities


def released(bench: Bench, servable: Committed, *gates: Committed) -> Committed:
    with Ledger(None, Home(bench.store.home).releases) as ledger:
        row = ledger.publish("mnist", servable.artifact.path, by="me", origin=servable.execution_id)
        ledger.promote("mnist", row.version, by="me", reason="passed its gates")
    release = Release(path=bench.folder("push"), model="mnist", version=row.version, digest=row.digest)
    return bench.done("push", release, servable, *gates)


def passed_run(bench: Bench, *, wrong: int = 1, epochs: int = 2, live_accuracy: float | None = None) -> None:
    bench.params = EvaluateParams(min_accuracy=0.3, max_log_loss=5.0, max_accuracy_drop=1.0)
    examples = ingested(bench)
    anomalies = validated(bench, examples, described(bench, examples))
    servable = exported(bench, trained(bench, examples, anomalies, epochs=epochs))
    evaluation = evaluated(bench, servable, examples, wrong=wrong, live_accuracy=live_accuracy)
    infra = bench.done("infra_validate", InfraCheck(path=bench.folder("infra_validate"), passed=True, requests=32))
    released(bench, servable, evaluation, infra)


def prepared(
    bench: Bench,
    source: Path,
    *,
    schema: Path = SCHEMA,
    policy: ValidateParams = ValidateParams(),  # noqa: B008
    baseline: Statistics | None = None,
) -> Examples:
    """What the real data plane makes of the files in `source`, committed step by step; what is left of the examples."""
    bench.schema = schema
    beam, splits = BeamSettings(), tuple(sorted((folder.name for folder in source.iterdir()), reverse=True))
    params = IngestParams(folder=source, splits=splits)
    examples = ingest(params, beam, bench.folder("ingest"), lambda line: None)
    came = bench.done("ingest", examples)
    statistics = compute_statistics(examples, beam, bench.folder("compute_statistics"))
    told = bench.done("compute_statistics", statistics, came)
    earlier = BaselineParams(
        earlier=() if baseline is None else (Earlier(folder=baseline.path, origin="the run of yesterday"),)
    )
    before = find_baseline(statistics, earlier, bench.folder("find_baseline"))
    bench.done("find_baseline", before, told)
    anomalies = validate(examples, statistics, before, Schema(path=schema), policy, beam, bench.folder("validate"))
    judged = bench.done("validate", anomalies, came, told, bench.last("find_baseline"))
    if not anomalies.set_aside:
        return examples
    rest = set_aside(examples, anomalies, beam, bench.folder("set_aside"))
    bench.done("set_aside", rest, came, judged)
    return rest


def source_of(folder: Path, **splits: list[bytes]) -> Path:
    """A folder with one TFRecord file for each split."""
    for split, records in splits.items():
        (folder / split).mkdir(parents=True)
        write_records(folder / split / f"{split}.tfrecord", records)
    return folder
