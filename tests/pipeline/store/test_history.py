"""What ran is told from the record: how each run went, why it did not pass, and what its report is called."""

from __future__ import annotations

import json
from dataclasses import replace

from slipline.pipeline.store.history import page_name, recorded_runs
from slipline.pipeline.store.store import Store
from tests.pipeline.in_process import ran
from tests.pipeline.toy import CheckParams, WriteParams, toy_pipeline


def test_a_gate_that_closed_is_told_with_its_reasons_whether_or_not_a_step_waited(store: Store) -> None:
    closed = ran(store, toy_pipeline(checked=CheckParams(most=1)).until("check"))
    assert (closed.outcome, closed.closed) == ("failed", ("check",))
    assert closed.steps[-1].message == "2 words, at most 1"
    blocked = ran(store, toy_pipeline(checked=CheckParams(most=1)))
    assert (blocked.outcome, blocked.closed) == ("failed", ("check",))


def test_the_latest_runs_come_first_and_no_more_than_asked(store: Store) -> None:
    runs = [ran(store, toy_pipeline(written=WriteParams(words=("a",) * count))) for count in range(4)]
    assert recorded_runs(store) == tuple(reversed(runs))
    assert recorded_runs(store, 2) == (runs[3], runs[2])


def test_a_run_of_no_steps_yet_is_told(store: Store) -> None:
    run_id = store.begin_run("toy")
    (run,) = recorded_runs(store)
    assert (run.run_id, run.steps, run.outcome, run.ended_at) == (run_id, (), "interrupted", None)


def test_json_has_all_that_is_known_of_a_run(store: Store) -> None:
    run = ran(store, toy_pipeline(checked=CheckParams(most=1)))
    plain = json.loads(json.dumps(run.to_plain()))
    assert plain["closed"] == ["check"]
    assert plain["seconds"] == sum(step["seconds"] for step in plain["steps"])
    assert plain["ended_at"] >= plain["started_at"]
    assert [step["closed"] for step in plain["steps"]] == [False, True, False]
    assert plain["steps"][1]["execution_id"] is not None


def test_runs_that_went_the_same_way_share_a_report_and_others_have_their_own(store: Store) -> None:
    first, same = ran(store, toy_pipeline()), ran(store, toy_pipeline())
    assert first.page == same.page
    blocked = ran(store, toy_pipeline(checked=CheckParams(most=1)))
    shorter = ran(store, toy_pipeline().until("check"))
    other = ran(store, replace(toy_pipeline(), name="other"))
    assert len({first.page, blocked.page, shorter.page, other.page}) == 4


def test_a_step_that_made_nothing_counts_by_its_message() -> None:
    failed = page_name("toy", [(None, "failed")])
    assert failed == page_name("toy", [("", "failed")]) != page_name("toy", [(None, "failed otherwise")])
