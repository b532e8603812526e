"""What `slipline canary` says while it watches."""

from __future__ import annotations

from dataclasses import replace

import pytest

from slipline.pipeline.app.cli.canary import SAY_EVERY_S, _Progress
from slipline.serving.releases.compare.compare_answers import Tally

NOTHING = Tally(0.05).comparison()


def test_what_was_measured_is_said_every_few_seconds_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    progress = _Progress()
    for half_seconds in range(int(6 * SAY_EVERY_S)):
        progress(replace(NOTHING, requests=3), half_seconds / 2)
    said = capsys.readouterr()
    assert [line.partition(":")[0].split() for line in said.err.splitlines()] == [["5", "s"], ["10", "s"]]
    assert ": 3 requests, 0 errors, " in said.err
    assert not said.out


def test_nothing_is_said_before_the_first_request(capsys: pytest.CaptureFixture[str]) -> None:
    progress = _Progress()
    progress(NOTHING, 60.0)
    assert not capsys.readouterr().err
    progress(replace(NOTHING, requests=1), 61.0)
    assert capsys.readouterr().err
