"""A closed gate: nothing is released, and the run says which gate, the measured value and the limit."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.end_to_end.conftest import User, small_job

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory, digits_folder: Path) -> User:
    """A user with version 1 live."""
    made = small_job(tmp_path_factory.mktemp("gates") / "home", digits_folder)
    run = made.run()
    assert run.returncode == 0, run.stdout + run.stderr
    return made


def live_versions(user: User) -> list[int]:
    releases = json.loads(user.slipline("releases", "--json").stdout)
    return [release["version"] for release in releases if release["state"] == "live"]


def test_a_model_below_its_threshold_is_not_released(user: User) -> None:
    run = user.run(train__seed=3, evaluate__min_accuracy=0.9999)
    assert run.returncode == 1
    assert "push did not run, its gate is closed" in run.stdout
    assert re.search(r"evaluate did not pass:\n  accuracy 0\.\d{4} is below evaluate\.min_accuracy 0\.9999", run.stdout)
    assert live_versions(user) == [1]


def test_a_model_worse_than_the_live_one_by_more_than_the_margin_is_not_released(user: User) -> None:
    run = user.run(train__learning_rate=0.00001, evaluate__min_accuracy=0.0, evaluate__max_log_loss=100.0)
    assert run.returncode == 1
    assert re.search(
        r"accuracy is 0\.\d+ worse than the live model's, more than evaluate\.max_accuracy_drop 0\.005 and than chance "
        r"explains \(0\.\d+ against 0\.\d+ of version 1; ",
        run.stdout,
    )
    assert live_versions(user) == [1]


def test_the_report_of_a_run_behind_a_closed_gate_shows_it(user: User) -> None:
    run = user.run(train__seed=3, evaluate__min_accuracy=0.9999)
    report = Path(re.findall(r"^report (.*)$", run.stdout, re.M)[0])
    assert "evaluate.min_accuracy 0.9999" in report.read_text()
    card = Path(re.findall(r"^card   (.*)$", run.stdout, re.M)[0])
    assert "evaluate.min_accuracy" in card.read_text()
    assert {"mnist-1.html", "mnist-1.md", card.name} <= {file.name for file in card.parent.iterdir()}
