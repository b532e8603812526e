"""The commands that propose, show and compare schemas, on a home with the runs of a small pipeline on record."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from google.protobuf.json_format import ParseDict
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from slipline.components.artifacts import Schema, Statistics
from slipline.components.features.schema_io import read_schema
from slipline.pipeline.app.cli.main import main
from slipline.pipeline.core.fingerprint import CacheKey
from slipline.pipeline.store.store import Store
from slipline.pipeline.store.tables import RunStepRow
from tests.components.made_statistics import feature, split
from tests.small_mnist import MNIST_SCHEMA

KEY = CacheKey(digest="key", code="", frameworks=(), settings="{}", files="")
MNIST = str(MNIST_SCHEMA.path)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLIPLINE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def run(home: Path) -> Callable[..., tuple[str, str]]:
    """Puts a run on record that made statistics, or found them in the cache; gives the run's id and the execution's."""

    def of(*splits: statistics_pb2.DatasetFeatureStatistics, cached: str | None = None) -> tuple[str, str]:
        with Store.open(home) as store:
            run_id = store.begin_run("letters")
            made = cached or _commit(store, statistics_pb2.DatasetFeatureStatisticsList(datasets=splits))
            store.record_step(
                RunStepRow(
                    run_id=run_id,
                    position=0,
                    step="compute_statistics",
                    status="done",
                    seconds=1.0,
                    message="",
                    execution_id=made,
                )
            )
            return run_id, made

    return of


def _commit(store: Store, statistics: statistics_pb2.DatasetFeatureStatisticsList) -> str:
    execution_id, folder = store.new_folder("compute_statistics")
    artifact = Statistics(path=folder)
    artifact.proto_path.write_bytes(statistics.SerializeToString())
    store.commit(
        execution_id=execution_id,
        step="compute_statistics",
        component="compute_statistics",
        key=KEY,
        inputs={},
        gates={},
        artifact=artifact,
        seconds=1.0,
    )
    return execution_id


def slipline(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["schema", *arguments])


SMALL = split("train", 100, feature("label", [0, 1] * 50))
LARGE = split("train", 300, feature("label", [0, 1, 2] * 100), feature("size", [0.5] * 300))


def test_the_latest_runs_statistics_are_taken_even_if_they_were_cached(run: Callable[..., tuple[str, str]]) -> None:
    _, small = run(SMALL)
    run(LARGE)
    latest, _ = run(cached=small)
    printed = slipline("infer").output
    assert printed.startswith(f"# Run {latest} of pipeline letters, started ")
    assert "max: 1\n" in printed
    assert "size" not in printed


def test_a_run_can_be_chosen_by_its_id(run: Callable[..., tuple[str, str]]) -> None:
    first, _ = run(SMALL)
    run(LARGE)
    assert "train (100 records)" in slipline("infer", "--run", first).output
    unknown = slipline("infer", "--run", "nonsense")
    assert unknown.exit_code == 1
    assert "no statistics of a run 'nonsense' on record; `slipline runs` lists the runs" in unknown.output


def test_without_any_statistics_the_remedy_is_named(home: Path) -> None:
    assert "no statistics on record; `slipline run` makes some" in slipline("infer").output


def test_a_written_proposal_is_shown_with_what_to_look_at_and_the_next_step(
    run: Callable[..., tuple[str, str]], tmp_path: Path
) -> None:
    run_id, _ = run(LARGE)
    target = tmp_path / "letters.pbtxt"
    printed = slipline("infer", "--to", str(target)).output
    assert (
        "look at  size: 0.5 to 0.5 was seen: set the limits that right values keep, if you know better ones" in printed
    )
    assert f"wrote {target}, from run {run_id}; it approves the very data it was made from: review it" in printed
    assert str(tmp_path) not in target.read_text()
    assert [each.name for each in read_schema(Schema(path=target)).feature] == ["label", "size"]


def test_a_file_that_exists_is_not_overwritten(run: Callable[..., tuple[str, str]], tmp_path: Path) -> None:
    run(SMALL)
    target = tmp_path / "reviewed.pbtxt"
    target.write_text("# mine")
    refused = slipline("infer", "--to", str(target))
    assert refused.exit_code == 1
    assert "a reviewed schema is not overwritten" in refused.output
    assert target.read_text() == "# mine"


def test_show_has_a_row_for_each_feature_of_the_default_schema() -> None:
    lines = slipline("show").output.splitlines()
    assert lines[0].split()[:4] == ["feature", "type", "presence", "values"]
    image, label = (" ".join(line.split()) for line in lines[1:3])
    assert image == "image BYTES always 1 28 x 28 x 1 JSD 0.01 JSD 0.01 images"
    assert label == "label INT always 1 L-inf 0.02 L-inf 0.02 0 to 9, class numbers; not in environment SERVING"


def test_show_gives_the_whole_message_as_json() -> None:
    plain = json.loads(slipline("show", MNIST, "--json").output)
    assert ParseDict(plain, schema_pb2.Schema()) == read_schema(MNIST_SCHEMA)


def test_show_tells_what_is_asked_of_a_split_and_what_to_look_at(tmp_path: Path) -> None:
    file = tmp_path / "schema.pbtxt"
    file.write_text(
        "annotation { comment: 'all' } dataset_constraints { min_examples_count: 5 }"
        "feature { name: 'x' annotation { comment: 'one' } }"
    )
    assert slipline("show", str(file)).output.splitlines()[2:] == [
        "a split: at least 5 records",
        "look at  all",
        "look at  x: one",
    ]


def test_diff_has_a_line_for_each_change_and_the_exit_status_of_diff(tmp_path: Path) -> None:
    changed = tmp_path / "changed.pbtxt"
    changed.write_text(MNIST_SCHEMA.path.read_text().replace("max: 9", "max: 25"))
    same = slipline("diff", MNIST, MNIST)
    assert (same.exit_code, same.output) == (0, "no difference\n")
    other = slipline("diff", MNIST, str(changed))
    assert (other.exit_code, other.output) == (1, "label: greatest value from 9 to 25 (widened)\n")
    assert json.loads(slipline("diff", MNIST, str(changed), "--json").output) == [
        {"feature": "label", "field": "int_domain.max", "kind": "widened", "text": "greatest value from 9 to 25"}
    ]
    assert slipline("diff", MNIST, MNIST, "--json").output == "[]\n"


def test_diff_of_what_is_no_schema_exits_2(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pbtxt"
    broken.write_text("feture {}")
    failed = slipline("diff", MNIST, str(broken))
    assert failed.exit_code == 2
    assert f"Error: {broken}, line 1: wanted the text form" in failed.output
    assert slipline("diff", MNIST, str(tmp_path / "nowhere")).exit_code == 2
