"""A component that does what none should fails its step, in one sentence with file and line; all else goes on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from slipline.pipeline.core.graph import Pipeline
from slipline.pipeline.runners.execute import Status
from slipline.pipeline.runners.local import LocalRunner
from slipline.pipeline.runners.run_log import RunLog
from slipline.pipeline.runners.run_report import RunReport
from slipline.pipeline.runners.workers import Workers
from slipline.pipeline.store.history import RecordedRun, recorded_runs
from slipline.pipeline.store.removal import remove_leftovers
from slipline.pipeline.store.store import Store
from slipline.pipeline.store.tables import ExecutionRow
from tests.pipeline.recorder import Recorder
from tests.pipeline.runners import bad_components
from tests.pipeline.runners.bad_components import Outside, misbehave, write_nothing

FAILURES = {
    "returns_another_class": r"made Total where it declares Words",
    "returns_nothing": r"made nothing where it declares Words",
    "lies_elsewhere": r"its artifact lies at .*outside, but must lie in its folder",
    "lies_nowhere": r"wrote nothing at .*missing",
    "links_out": r".*/deep/data is a link out of its folder .*outside; copy it",
    "is_a_link": r"its artifact lies at .*all, but must lie in its folder",
    "write_nothing": r"wrote nothing at .*/write_nothing/",
    "leaves_the_interpreter": r"it called sys\.exit\('enough'\)",
    "raises_what_cannot_be_told": r"unexpected Unsayable",
    "has_a_fact_that_cannot_be_told": r"made a Words with a fact that no other process can be given",
    "raises_half_characters": r"unexpected ValueError: no file \\udcff\\udc80",
    "foresees_without_words": r"it failed, and gave no reason",
    "raises_without_end": r"unexpected ValueError: x+\.\.\. \(9,998,000 more characters\)",
    "raises_an_interrupt": r"unexpected KeyboardInterrupt \(",
    "writes_beside": r"wrote .*/sibling, outside its folder",
    "makes_a_pipe": r".*/pipe is neither a file nor a folder",
    "has_a_fact_of_no_plain_kind": r"made a Words with a fact that cannot be put on record \(count: .*, got \[1, 2\]\)",
    "has_a_fact_of_another_type": r"made a Words with a fact that cannot be put on record",
    "ends_its_process": r"its process ended itself with status 7",
    "is_killed": r"its process was ended by SIGKILL, perhaps for want of memory",
    "breaks_memory": r"its process was ended by SIGSEGV \(",
    "hangs": r"took longer than its time limit of 0\.5 s, and was stopped",
    "hangs_and_talks": r"took longer than its time limit of 0\.5 s, and was stopped",
}
HARMLESS = ("talks_from_many_threads", "leaves_a_child", "answers_twice")


@dataclass(frozen=True)
class Ended:
    """What is left of a run in which every component misbehaved."""

    report: RunReport
    recorded: RecordedRun
    executions: dict[str, str]
    leftovers: tuple[Path, ...]
    children: list[int]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    folder = tmp_path_factory.mktemp("bad")
    flow = Pipeline("bad")
    for how in (*FAILURES, *HARMLESS):
        if how == "write_nothing":
            flow.add(write_nothing)
        else:
            limit_s = 0.5 if how.startswith("hangs") else None
            flow.add(misbehave, name=how, how=how, outside=Outside(place=folder / "outside"), timeout_s=limit_s)
    with Store.open(folder / "home") as store:
        report = LocalRunner(store=store, display=Recorder()).run(flow)
        with store.session() as session:
            executions = {row.step: row.id for row in session.query(ExecutionRow)}
        children = [int(file.read_text()) for file in store.home.glob("runs/*/*/pid")]
        return Ended(report, recorded_runs(store)[0], executions, remove_leftovers(store), children)


@pytest.mark.parametrize("how", FAILURES)
def test_its_step_fails_in_one_sentence_that_says_where(ended: Ended, how: str) -> None:
    (outcome,) = (outcome for outcome in ended.report.outcomes if outcome.step == how)
    assert outcome.status is Status.FAILED
    assert re.search(rf"^{how}: {FAILURES[how]}", outcome.message), outcome.message
    assert re.search(r"bad_components\.py, line \d+", outcome.message)
    assert "\n" not in outcome.message
    assert len(outcome.message) < 5_000
    assert outcome.message.encode()


@pytest.mark.parametrize("how", HARMLESS)
def test_what_does_no_harm_in_the_end_is_done(ended: Ended, how: str) -> None:
    (outcome,) = (outcome for outcome in ended.report.outcomes if outcome.step == how)
    assert (outcome.status, outcome.message) == (Status.DONE, "")


def test_the_line_is_that_of_the_deed_where_one_is_known(ended: Ended) -> None:
    lines = Path(bad_components.__file__).read_text().splitlines()
    for how, deed in {"leaves_the_interpreter": "sys.exit(", "raises_what_cannot_be_told": "raise Unsayable"}.items():
        (outcome,) = (outcome for outcome in ended.report.outcomes if outcome.step == how)
        number = re.search(r"line (\d+)", outcome.message)
        assert number is not None
        assert deed in lines[int(number[1]) - 1]


def test_the_run_fails_and_the_store_holds_what_was_done_and_nothing_else(ended: Ended) -> None:
    assert not ended.report.passed
    assert ended.recorded.outcome == "failed"
    assert ended.recorded.counts() == {"failed": len(FAILURES), "done": len(HARMLESS)}
    assert set(ended.executions) == set(HARMLESS)
    assert ended.leftovers == ()


def test_a_child_that_a_component_leaves_ends_with_the_run(ended: Ended) -> None:
    (child,) = ended.children
    assert not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().split()[2]


def test_a_component_that_prints_without_end_fills_neither_the_disk_nor_the_log(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "log", limit_bytes=1_000_000)
    (tmp_path / "out").mkdir()
    arguments = {"how": "prints_without_end", "outside": Outside(place=tmp_path), "out": tmp_path / "out"}
    with Workers(log) as workers:
        made = workers.call(misbehave, arguments, say=lambda line: None)
    assert made.path == tmp_path / "out"
    text = log.path.read_bytes()
    assert 1_000_000 <= len(text) < 1_000_200
    assert b"the log is full" in text[-100:]
