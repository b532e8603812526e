import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from slipline.pipeline.runners import live_table, plain_lines
from slipline.pipeline.runners.execute import Outcome, Status
from slipline.pipeline.runners.live_table import LiveTable
from slipline.pipeline.runners.plain_lines import PLAIN_LINE_EVERY_S, PlainDisplay


def shown(table: LiveTable) -> list[str]:
    console = Console(file=io.StringIO(), width=100)
    console.print(table.render())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_the_live_table_shows_each_step_as_it_stands() -> None:
    table = LiveTable(["ingest", "train", "push"])
    table.step_started("ingest")
    table.step_ended(Outcome(step="ingest", status=Status.CACHED, seconds=0.04))
    table.step_started("train")
    table.step_said("train", "epoch 2/5")
    ingest, train, push = shown(table)
    assert ingest.split() == ["✓", "ingest", "0.0", "s", "cached"]
    assert train.split()[:2] == ["▸", "train"]
    assert train.rstrip().endswith("epoch 2/5")
    assert push.split() == ["push"]


def test_the_live_table_counts_the_seconds_of_a_step_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 102.5, 161.0])
    monkeypatch.setattr(live_table, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    table = LiveTable(["train"])
    table.step_started("train")
    assert [shown(table)[0].split() for _ in range(2)] == [["▸", "train", f"{s}", "s"] for s in (2.5, 61.0)]


def test_without_a_terminal_each_step_is_one_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    for quiet in (True, False):
        display = PlainDisplay(quiet=quiet)
        display.step_started("train")
        display.step_said("train", "epoch 1/5")
        display.step_ended(Outcome(step="train", status=Status.FAILED, seconds=1.26, message="[bold]why"))
    assert capsys.readouterr().out == "train               failed              1.3 s\n"


def test_without_a_terminal_a_long_step_tells_now_and_then_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now_s = 100.0
    monkeypatch.setattr(plain_lines, "time", SimpleNamespace(monotonic=lambda: now_s))
    display = PlainDisplay(quiet=False)
    display.step_started("train")
    for tenths in range(25):
        now_s = 100.0 + tenths * PLAIN_LINE_EVERY_S / 10
        display.step_said("train", f"at {tenths}")
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == ["10", "20"]
