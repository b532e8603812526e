"""What a step is declared to do when things go otherwise: tries, conditions, inputs that may be missing, an end."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from slipline.pipeline.core.artifact import Artifact, RunOutcome
from slipline.pipeline.core.component import ComponentError, component
from slipline.pipeline.core.graph import Pipeline
from slipline.pipeline.runners.run_report import RunReport
from slipline.pipeline.store.history import recorded_runs
from slipline.pipeline.store.lineage import trace
from slipline.pipeline.store.store import Store
from tests.pipeline.here import Here, run_here
from tests.pipeline.recorder import Recorder
from tests.pipeline.toy import CheckParams, SumParams, Words, WriteParams, add_up, check, toy_pipeline, write


@dataclass(frozen=True, kw_only=True)
class Told(Artifact):
    passed: bool
    told: tuple[str, ...]


@component
def try_again(words: Words, good_at: int, scratch: Path, out: Path) -> Words:
    """Fails until it is tried for the `good_at`th time."""
    tries = scratch / "tries"
    tries.write_text("x" + tries.read_text() if tries.exists() else "x")
    if len(tries.read_text()) < good_at:
        raise ComponentError("not yet")
    return Words(path=out, count=len(tries.read_text()))


@component
def count_all(first: Words | None, several: tuple[Words, ...], out: Path) -> Told:
    told = (str(first and first.count), *(str(words.count) for words in several))
    return Told(path=out, passed=True, told=told)


@component
def tell(outcome: RunOutcome, words: Words | None, out: Path) -> Told:
    written = json.loads((outcome.path / "outcome.json").read_text())
    assert (written["run_id"], written["passed"]) == (outcome.run_id, outcome.passed)
    told = tuple(f"{step.step} {step.status} {step.message}".strip() for step in outcome.steps)
    return Told(path=out, passed=outcome.passed, told=(*told, str(words and words.count)))


@component
def tell_in_vain(outcome: RunOutcome, out: Path) -> Told:
    raise ComponentError("nobody listens")


def statuses(report: RunReport) -> list[str]:
    return [outcome.status.value for outcome in report.outcomes]


def told(report: RunReport, step: str) -> Told:
    made = report.made(step)
    assert made is not None
    assert isinstance(made.artifact, Told)
    return made.artifact


def words_of_length(flow: Pipeline, name: str, count: int) -> object:
    return flow.add(write, name=name, params=WriteParams(words=("a",) * count))


@pytest.mark.parametrize(
    ("retries", "status", "tries"), [(0, "failed", 0), (1, "failed", 1), (2, "done", 2), (5, "done", 2)]
)
def test_a_step_is_tried_as_often_as_it_may_and_each_new_try_is_told(
    store: Store, retries: int, status: str, tries: int
) -> None:
    flow, recorder = Pipeline("p"), Recorder()
    flow.add(try_again, words=flow.add(write, params=WriteParams()), good_at=3, retries=retries)
    report = run_here(flow, store, recorder=recorder)
    assert statuses(report) == ["done", status]
    assert sum("try_again said trying again" in event and "not yet" in event for event in recorder.events) == tries
    assert report.outcomes[1].message == ("" if status == "done" else "try_again: not yet")
    assert report.log_path.read_text().count("Traceback") >= 1


def test_a_closed_gate_is_no_failure_to_be_tried_again(store: Store) -> None:
    flow, recorder = toy_pipeline(checked=CheckParams(most=1)).until("check"), Recorder()
    flow.add(add_up, words=flow.steps[0], params=SumParams(), only_if=[flow.steps[1]], retries=3)
    assert statuses(run_here(flow, store, recorder=recorder)) == ["done", "done", "blocked"]
    assert not any("again" in event for event in recorder.events)


def test_what_does_not_come_from_the_component_is_not_tried_again(store: Store, tmp_path: Path) -> None:
    flow, recorder = Pipeline("p"), Recorder()
    given = flow.given(Words(path=tmp_path / "gone", count=1), remedy="write it")
    flow.add(check, words=given, params=CheckParams(), retries=3)
    report = run_here(flow, store, recorder=recorder)
    assert statuses(report) == ["failed"]
    assert report.outcomes[0].message.endswith("write it")
    assert not any("again" in event for event in recorder.events)


def test_a_step_runs_only_where_a_verdict_did_not_pass_and_is_else_not_needed_which_is_no_failure(store: Store) -> None:
    for most, status, passed in ((100, "not needed", True), (1, "done", False)):
        flow = Pipeline("p")
        words = flow.add(write, params=WriteParams())
        verdict = flow.add(check, words=words, params=CheckParams(most=most))
        flow.add(add_up, name="mend", words=words, params=SumParams(), unless=[verdict])
        report = run_here(flow, store)
        assert statuses(report)[2] == status
        assert report.passed == passed
        assert ("check passed" in report.outcomes[2].message) == passed


def test_what_a_step_that_was_not_needed_would_have_given_is_none_or_left_out(store: Store) -> None:
    flow = Pipeline("p")
    one, two = words_of_length(flow, "one", 1), words_of_length(flow, "two", 2)
    verdict = flow.add(check, words=one, params=CheckParams())
    spare = flow.add(write, name="spare", params=WriteParams(), unless=[verdict])
    flow.add(count_all, name="without", first=spare, several=[one, spare, two])
    flow.add(count_all, name="with", first=two, several=[])
    flow.add(add_up, name="required", words=spare, params=SumParams())
    report = run_here(flow, store)
    assert report.passed
    assert told(report, "without").told == ("None", "1", "2")
    assert told(report, "with").told == ("2",)
    assert report.outcomes[-1].status.value == "not needed"
    assert "spare" in report.outcomes[-1].message


def test_lineage_names_each_of_several_inputs_and_none_that_was_missing(store: Store) -> None:
    flow = Pipeline("p")
    one, two = words_of_length(flow, "one", 1), words_of_length(flow, "two", 2)
    flow.add(count_all, first=None, several=[two, one])
    made = run_here(flow, store).made("count_all")
    assert made is not None
    lineage = trace(store, made.execution_id)
    assert [taken.name for taken in lineage.executions[-1].taken] == ["several[0]", "several[1]"]
    assert [made.step for made in lineage.executions] == ["two", "one", "count_all"]


def test_the_order_of_several_inputs_counts(store: Store) -> None:
    for names, status in ((("one", "two"), "done"), (("two", "one"), "done"), (("one", "two"), "cached")):
        flow = Pipeline("p")
        steps = {"one": words_of_length(flow, "one", 1), "two": words_of_length(flow, "two", 2)}
        flow.add(count_all, first=None, several=[steps[name] for name in names])
        assert statuses(run_here(flow, store))[-1] == status


@pytest.mark.parametrize(
    ("flow", "passed", "lines"),
    [
        (toy_pipeline(), True, ["write done", "check done", "add_up done"]),
        (
            toy_pipeline(checked=CheckParams(most=1)),
            False,
            ["write done", "check done 2 words, at most 1", "add_up blocked check: 2 words, at most 1"],
        ),
        (
            toy_pipeline(added=SumParams(trouble="full disk")),
            False,
            [
                "write done",
                "check done",
                "add_up failed add_up: no space left to write its result",
            ],
        ),
    ],
)
def test_the_step_at_the_end_runs_whatever_happened_and_is_told(
    store: Store, flow: Pipeline, passed: bool, lines: list[str]
) -> None:
    flow.last = None
    flow.at_end(tell, words=flow.steps[0])
    report = run_here(flow, store)
    *steps, words = told(report, "tell").told
    assert [step.partition(";")[0] for step in steps] == lines
    assert words == "2"
    assert told(report, "tell").passed == report.passed == passed
    assert [step.step for step in recorded_runs(store)[0].steps] == ["write", "check", "add_up", "tell"]


def test_it_runs_again_in_every_run_also_under_until_and_has_none_of_what_was_left_out(store: Store) -> None:
    flow = toy_pipeline()
    flow.at_end(tell, words=flow.steps[0])
    first, again = run_here(flow, store), run_here(flow, store)
    assert statuses(again) == ["cached", "cached", "cached", "done"]
    assert told(first, "tell").told != told(again, "tell").told
    other = Pipeline("p")
    one = words_of_length(other, "one", 1)
    words_of_length(other, "two", 2)
    other.at_end(tell, words=one)
    assert told(run_here(other.until("two"), store), "tell").told == ("two done", "None")


def test_its_failure_fails_the_run(store: Store) -> None:
    flow = toy_pipeline()
    flow.at_end(tell_in_vain)
    report = run_here(flow, store)
    assert not report.passed
    assert statuses(report) == ["done", "done", "done", "failed"]
    assert recorded_runs(store)[0].outcome == "failed"


class Interrupted(Here):
    """Is interrupted, as by Ctrl-C, when it is to add up."""

    def call(self, component, arguments, say, timeout_s=None):  # type: ignore[no-untyped-def]
        if component.name == "add_up":
            raise KeyboardInterrupt
        return super().call(component, arguments, say, timeout_s)


def test_an_interrupted_run_is_not_told_as_passed_to_the_step_at_its_end(store: Store) -> None:
    from slipline.pipeline.runners.local import LocalRunner

    flow = toy_pipeline()
    flow.at_end(tell, words=flow.steps[0])
    with pytest.raises(KeyboardInterrupt):
        LocalRunner(store=store, display=Recorder(), workers=Interrupted).run(flow)
    (run,) = recorded_runs(store)
    assert run.outcome == "interrupted"
    assert [(step.step, step.status) for step in run.steps] == [("write", "done"), ("check", "done"), ("tell", "done")]
    (facts,) = (made.facts for made in trace(store, run.steps[-1].execution_id or "").executions if made.step == "tell")
    assert json.loads(facts)["passed"] is False
    assert "add_up skipped" in json.loads(facts)["told"][2]
    assert statuses(run_here(flow, store)) == ["cached", "cached", "done", "done"]
