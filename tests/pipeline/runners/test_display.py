import io

import pytest
from rich.console import Console

from slipline.pipeline.runners.execute import Outcome, Status
from slipline.pipeline.runners.live_table import LiveTable
from slipline.pipeline.runners.plain_lines import PlainDisplay


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


def test_without_a_terminal_each_step_is_one_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    for quiet in (True, False):
        display = PlainDisplay(quiet=quiet)
        display.step_started("train")
        display.step_said("train", "epoch 1/5")
        display.step_ended(Outcome(step="train", status=Status.FAILED, seconds=1.26, message="[bold]why"))
    assert capsys.readouterr().out == "train               failed              1.3 s\n"
