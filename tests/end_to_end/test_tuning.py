"""A search for better settings, as a user makes it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slipline.pipeline.app.settings.training_settings import load_settings
from slipline.pipeline.store.history import recorded_runs
from slipline.pipeline.store.store import Store
from tests.end_to_end.conftest import SLIPLINE, User
from tests.small_mnist import ROOT

pytestmark = pytest.mark.slow

RATES = 'tune.space={"train.learning_rate" = {low=5e-4, high=5e-3, log=true}}'


def tune(user: User, *overrides: str) -> list[str]:
    """The arguments of a search from this user's settings."""
    return ["tune", *user.run_command()[1:], *(f"--set={override}" for override in overrides)]


def started(user: User, arguments: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*SLIPLINE, *arguments],
        cwd=ROOT,
        env=user.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def killed_in_second_trial(user: User, arguments: list[str]) -> Path:
    """The folder where the second trial's training left its first epoch before the search was killed."""
    search = started(user, arguments)
    assert search.stdout is not None
    try:
        for line in search.stdout:
            if line.startswith("trial   1"):
                break
        while not (kept := list(user.home.glob("scratch/*/kept-1-*"))):
            assert search.poll() is None
            time.sleep(0.02)
        return kept[0].parent
    finally:
        search.kill()
        search.wait()


def test_a_search_goes_on_after_a_kill_and_its_best_settings_are_run(user: User, tmp_path: Path) -> None:
    arguments = [*tune(user, RATES, "train.epochs=3"), "--trials=2"]
    left = killed_in_second_trial(user, arguments)
    resumed = user.slipline(*arguments)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "; 1 of 2 trials done" in resumed.stdout
    assert "trial   2  taken up where it was cut short" in resumed.stdout
    assert not left.exists()  # its training came to its end

    search = json.loads(again_without_frameworks(user, [*arguments, "--json", f"--to={tmp_path / 'best.toml'}"]))
    with Store.open(user.home) as store:
        trials = [run.pipeline for run in recorded_runs(store, 20) if "trial" in run.pipeline]
    assert sorted(trials) == [f"mnist, trial {number}" for number in (1, 2, 2)]
    assert search["trials"][0]["values"] == {"train.learning_rate": 0.001}  # the settings as they are
    best = max(search["trials"], key=lambda trial: trial["score"])
    assert search["best"] == best["number"]

    assert load_settings(str(tmp_path / "best.toml")).train.learning_rate == best["values"]["train.learning_rate"]
    run = user.slipline("run", str(tmp_path / "best.toml"))
    assert run.returncode == 0, run.stdout + run.stderr
    assert "released mnist version 1" in run.stdout


def again_without_frameworks(user: User, arguments: list[str]) -> str:
    """What a command prints, in a process that ends without having imported a framework."""
    code = (
        "import sys; from slipline.pipeline.app.cli.main import main; main(sys.argv[1:], standalone_mode=False);"
        "assert not {'tensorflow', 'keras', 'apache_beam', 'matplotlib'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env=user.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_trial_that_fails_is_kept_with_its_reason_and_the_others_go_on(user: User) -> None:
    told = user.slipline(*tune(user, 'tune.space={"train.learning_rate" = {choices=[1e30, 0.001]}}'), "--json")
    assert told.returncode == 0, told.stdout + told.stderr
    good, bad = json.loads(told.stdout)["trials"]
    assert good["values"] == {"train.learning_rate": 0.001}
    assert good["score"] > 0.5
    assert bad["score"] is None
    assert "train.learning_rate" in bad["reason"]

    all_bad = user.slipline(*tune(user, 'tune.space={"train.learning_rate" = {choices=[1e30]}}'))
    assert all_bad.returncode == 1
    assert "all 1 trials failed, the last with: train: " in all_bad.stderr


def test_data_that_does_not_come_as_far_as_training_ends_the_search(user: User) -> None:
    stopped = user.slipline(*tune(user, "schema=nowhere.pbtxt"))
    assert stopped.returncode == 1
    assert "wanted Schema at" in stopped.stderr
    assert "trial" not in stopped.stdout
