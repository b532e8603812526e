"""What `slipline predict-batch` refuses before it begins; see tests/end_to_end for the rest."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from slipline.pipeline.app.cli.main import main
from slipline.serving.releases.ledger import Ledger
from tests.constant_model import save_constant_model


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with versions 1, live, 2, and 3, damaged, of the model `numbers`, which knows no classes."""
    home = tmp_path_factory.mktemp("home")
    with Ledger(None, home / "releases") as ledger:
        for factor in (1.0, 2.0, 3.0):
            source = save_constant_model(home / f"times-{factor}", factor)
            damaged = ledger.publish("numbers", source, by="ada", origin="execution").path
        ledger.publish("fresh", source, by="ada", origin="execution")
        ledger.promote("numbers", 1, by="ada", reason="first")
    (damaged / "saved_model.pb").write_bytes(b"other")
    return home


@pytest.fixture(autouse=True)
def working_directory(releases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One with an input."""
    monkeypatch.setenv("SLIPLINE_HOME", str(releases))
    monkeypatch.delenv("SLIPLINE_LEDGER", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("one.tfrecord").write_bytes(b"")


def asked(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["predict-batch", *arguments, "one.tfrecord", "--to=out"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope"], "no releases of 'nope' under .*; there are some of fresh, numbers"),
        (["numbers", "--version=9"], "wanted version 9 of 'numbers', the ledger under .* has 1, 2, 3; "),
        (["numbers", "--label=canary"], "no version of 'numbers' has the label canary; name a --version, "),
        (["fresh"], "no version of 'fresh' has the label stable; name a --version, "),
        (["numbers"], "numbers/1: wanted a signature 'serving_examples' of one input with an output 'probabilities' "),
        (["numbers", "--version=2"], "numbers/2: wanted a signature "),
        (["numbers", "two.tfrecord"], "two.tfrecord: no file is there, or matches; check the path"),
        (["numbers", "--set=beam.processes=-1"], "beam: processes must be 0 or more, got -1"),
    ],
)
def test_what_is_not_there_is_told_in_one_line_with_the_remedy(arguments: list[str], message: str) -> None:
    result = asked(*arguments)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert re.search(message, line), line
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["numbers", "--version=1", "--label=stable"], "give --version or --label, not both"),
        (["numbers", "--set=train.seed=2"], "--set train.seed=2: wanted a setting of beam, such as beam.runner"),
        (["numbers", "--batch-size=0"], "0 is not in the range x>=1"),
    ],
)
def test_wrong_usage_has_the_exit_status_2(arguments: list[str], message: str) -> None:
    result = asked(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_damaged_release_answers_nothing() -> None:
    result = asked("numbers", "--version=3")
    assert result.exit_code == 1
    assert "numbers version 3 is damaged: " in result.stderr
    assert "`slipline releases reconcile` restores it" in result.stderr


def test_a_folder_that_is_there_is_kept() -> None:
    Path("out").mkdir()
    Path("out/mine").touch()
    result = asked("numbers")
    assert (result.exit_code, list(Path("out").iterdir())) == (1, [Path("out/mine")])
    assert "out: exists already; choose another --to, or replace it with --overwrite" in result.stderr
