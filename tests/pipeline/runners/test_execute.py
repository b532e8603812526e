from pathlib import Path

import pytest

from slipline.pipeline.core.component import Component, Say
from slipline.pipeline.core.errors import StepError
from slipline.pipeline.core.graph import Pipeline, Step
from slipline.pipeline.runners.execute import Outcome, Status, execute
from slipline.pipeline.store.store import Store
from tests.pipeline.toy import CheckParams, CopyParams, SumParams, Total, WriteParams, copy, toy_pipeline


def run_all(flow: Pipeline, store: Store, *, fresh: bool = False) -> list[Outcome]:
    ended: dict[Step, Outcome] = {}
    for step in flow.steps:
        ended[step] = execute(step, ended, store, fresh=fresh)
    return list(ended.values())


def statuses(outcomes: list[Outcome]) -> list[str]:
    return [outcome.status.value for outcome in outcomes]


def test_a_step_makes_its_artifact_in_a_folder_of_its_own(store: Store) -> None:
    made = run_all(toy_pipeline(), store)[-1].made
    assert made is not None
    assert made.artifact == Total(path=store.home / "runs" / "add_up" / made.execution_id, value=9)
    assert (made.artifact.path / "total.txt").read_text() == "9"


def test_nothing_is_executed_twice(store: Store) -> None:
    first = run_all(toy_pipeline(), store)
    again = run_all(toy_pipeline(), store)
    assert statuses(first) == ["done"] * 3
    assert statuses(again) == ["cached"] * 3
    assert [outcome.made for outcome in again] == [outcome.made for outcome in first]


def test_a_changed_setting_reruns_exactly_what_it_touches(store: Store) -> None:
    run_all(toy_pipeline(), store)
    assert statuses(run_all(toy_pipeline(added=SumParams(factor=2)), store)) == ["cached", "cached", "done"]
    assert statuses(run_all(toy_pipeline(WriteParams(words=("x",))), store)) == ["done", "done", "done"]


def test_fresh_executes_every_step_again(store: Store) -> None:
    run_all(toy_pipeline(), store)
    assert statuses(run_all(toy_pipeline(), store, fresh=True)) == ["done"] * 3


@pytest.mark.parametrize("harm", ["removed", "altered", "added to"])
def test_a_hit_whose_folder_is_gone_or_altered_is_a_miss(store: Store, harm: str) -> None:
    made = run_all(toy_pipeline(), store)[-1].made
    assert made is not None
    file = made.artifact.path / "total.txt"
    if harm == "removed":
        file.unlink()
    elif harm == "altered":
        file.write_text("8")
    else:
        (made.artifact.path / "stray").touch()
    again = run_all(toy_pipeline(), store)
    assert statuses(again) == ["cached", "cached", "done"]
    assert again[-1].made is not None
    assert again[-1].made.artifact.path != made.artifact.path


def test_a_closed_gate_says_which_and_why_and_the_component_is_not_called(store: Store, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    flow = toy_pipeline(checked=CheckParams(most=1), added=SumParams(calls=calls))
    outcome = run_all(flow, store)[-1]
    assert outcome.status is Status.BLOCKED
    assert outcome.message == "check: 2 words, at most 1"
    assert not calls.exists()


@pytest.mark.parametrize(
    ("trouble", "message"),
    [
        ("foreseen", r"^add_up: words.txt: record 3: wanted a word, got nothing; remove it$"),
        (
            "unforeseen",
            r"^add_up: unexpected KeyError: 'oops' \(.*toy.py, line \d+\); the run's log has the traceback$",
        ),
        ("full disk far down", r"^add_up: no space left to write its result;"),
        ("full disk", r"^add_up: no space left to write its result; nothing half-written was kept\. Free space"),
    ],
)
def test_a_failure_names_the_step_and_leaves_nothing_half_written(store: Store, trouble: str, message: str) -> None:
    with pytest.raises(StepError, match=message):
        run_all(toy_pipeline(added=SumParams(trouble=trouble)), store)
    assert list((store.home / "runs" / "add_up").iterdir()) == []
    assert statuses(run_all(toy_pipeline(), store)) == ["cached", "cached", "done"]


def test_an_artifact_outside_its_own_folder_is_refused(store: Store, tmp_path: Path) -> None:
    def elsewhere(component: Component[..., Total], arguments: object, say: Say) -> Total:
        return Total(path=tmp_path, value=0)

    flow = toy_pipeline()
    with pytest.raises(StepError, match="write: made Total where it declares Words"):
        execute(flow.steps[0], {}, store, call=elsewhere)


def test_the_scratch_folder_outlives_a_failure_but_not_a_success(store: Store) -> None:
    with pytest.raises(StepError):
        run_all(toy_pipeline(added=SumParams(trouble="foreseen")), store)
    assert len(list((store.home / "scratch").iterdir())) == 1
    run_all(toy_pipeline(), store)
    run_all(toy_pipeline(added=SumParams(factor=3)), store)
    assert len(list((store.home / "scratch").iterdir())) == 1


def copying(source: Path, meanwhile: str = "") -> Pipeline:
    flow = Pipeline("copying")
    flow.add(copy, params=CopyParams(source=source, meanwhile=meanwhile))
    return flow


def test_a_file_that_is_read_from_outside_is_in_the_key(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("one")
    assert statuses(run_all(copying(source), store)) == ["done"]
    assert statuses(run_all(copying(source), store)) == ["cached"]
    source.write_text("two")
    assert statuses(run_all(copying(source), store)) == ["done"]


def test_what_was_fetched_by_the_first_call_is_found_by_the_next_run(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "source"
    assert statuses(run_all(copying(source, meanwhile="fetched"), store)) == ["done"]
    assert statuses(run_all(copying(source), store)) == ["cached"]


def test_a_file_changed_while_it_was_read_commits_nothing(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("old")
    with pytest.raises(
        StepError, match="copy: what it reads changed while it ran, so its result was dropped; run again"
    ):
        run_all(copying(source, meanwhile="new"), store)
    assert statuses(run_all(copying(source), store)) == ["done"]
