"""The commands that move and watch releases, as a person meets them."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from slipline.pipeline.app.cli.main import main
from slipline.serving.releases.ledger import Ledger
from tests.serving.releases.ledger_parts import StrictServer, promote, publish, running, unused_target


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose `mnist` has version 2 live, 1 live before, and 3 published."""
    monkeypatch.setenv("SLIPLINE_HOME", str(tmp_path))
    monkeypatch.delenv("SLIPLINE_LEDGER", raising=False)
    with Ledger(None, tmp_path / "releases") as ledger:
        for content in "abc":
            publish(ledger, content)
        promote(ledger, 1, 2)
    return tmp_path


@pytest.fixture
def target(home: Path) -> Iterator[str]:
    """A registered server that serves what it should."""
    with running(StrictServer()) as target, Ledger(None, home / "releases") as ledger:
        ledger.register_server(target, os.getpid())
        promote(ledger, 2)
        yield target


def slipline(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_releases_lists_who_was_live_when_and_why(home: Path) -> None:
    shown = slipline("releases").stdout
    assert "superseded" in shown
    assert "promote 1; left: promote 2 (ada)" in shown
    assert slipline("releases", "mnist").stdout == slipline("releases", "list", "mnist").stdout == shown
    first, second, third = json.loads(slipline("releases", "mnist", "--json").stdout)
    assert [release["state"] for release in (first, second, third)] == ["superseded", "live", "published"]
    assert (first["origin"], len(first["digest"])) == ("execution-a", 64)


def test_releases_of_a_model_that_there_is_none_of_names_those_there_are(home: Path) -> None:
    result = slipline("releases", "fashion")
    assert (result.exit_code, result.stderr) == (1, "Error: no releases of 'fashion'; there are some of mnist\n")


def test_releases_shows_a_trial_with_its_share_and_why_it_ended(home: Path) -> None:
    with Ledger(None, home / "releases") as ledger:
        ledger.start_canary("mnist", 3, percent=5.0, by="ada", reason="try it")
    result = slipline("canary", "mnist", "--withdraw", "--reason", "too slow", "--by", "bob")
    assert result.stdout == "mnist: version 3 is withdrawn, canary is the live version again\n"
    shown = slipline("releases").stdout
    assert "canary 5 %" in shown
    assert "try it; left: too slow (bob)" in shown


def test_status_and_reconcile_say_what_differs_and_what_was_done(home: Path, target: str) -> None:
    agreed = slipline("releases", "status")
    assert agreed.exit_code == 0
    assert "stable 2 (loaded: 1, 2)" in agreed.stdout
    assert slipline("releases", "reconcile").stdout == "nothing differs\n"
    (home / "releases" / "models.config").unlink()
    differing = slipline("releases", "status")
    assert differing.exit_code == 1
    assert "models.config, which it reads when it starts, cannot be read" in differing.stdout
    assert "`slipline releases reconcile` repairs what can be repaired" in differing.stdout
    assert json.loads(slipline("releases", "status", "--json").stdout)["differs"] is True
    assert slipline("releases", "reconcile").stdout == f"{target}: serves what the ledger says again\n"
    assert slipline("releases", "status").exit_code == 0


def test_status_without_servers_says_how_to_start_one(home: Path) -> None:
    result = slipline("releases", "status")
    assert (result.exit_code, result.stdout) == (0, "no server is registered; `slipline serve` starts one\n")


def test_status_prints_metrics_for_prometheus(home: Path, target: str) -> None:
    shown = slipline("releases", "status", "--prometheus").stdout
    assert f'slipline_release_differs{{target="{target}"}} 0.0' in shown


def test_verify_names_the_damaged_release(home: Path) -> None:
    assert slipline("releases", "verify").exit_code == 0
    (home / "releases" / "mnist" / "3" / "saved_model.pb").write_text("x")
    result = slipline("releases", "verify", "mnist")
    assert result.exit_code == 1
    assert "mnist/2: intact" in result.stdout
    assert "saved_model.pb: sha256" in result.stdout
    assert "1 of 3 are damaged; `slipline releases reconcile`" in result.stderr


def test_a_server_is_registered_and_forgotten(home: Path) -> None:
    target = unused_target()
    registered = slipline("releases", "register", target, "--root", "/models")
    assert registered.stdout.endswith(f"its --model_config_file is {home}/releases/models.models.config\n")
    assert slipline("releases", "unregister", target).stdout == f"{target} is forgotten\n"
    again = slipline("releases", "unregister", target)
    assert (again.exit_code, again.stderr) == (1, f"Error: {target} is not registered; these are: none\n")
    assert slipline("releases", "register", "nonsense").exit_code == 2


def test_promote_and_rollback_say_what_is_live_now(home: Path) -> None:
    assert slipline("promote", "mnist", "3", "--reason", "better").stdout == "mnist: version 3 is live\n"
    assert slipline("rollback", "mnist", "--reason", "worse").stdout == "mnist: version 2 is live again\n"
    assert slipline("rollback", "mnist", "--to", "1", "--reason", "worse").stdout == "mnist: version 1 is live again\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["3", "--withdraw", "--reason", "x"], "give a VERSION to try, or --withdraw, and not both"),
        ([], "give a VERSION to try, or --withdraw, and not both"),
        (["--withdraw"], "--withdraw needs a --reason"),
        (["3", "--for", "soon"], "wanted a time such as 90s, 10m or 2h, got 'soon'"),
        (["3", "--percent", "0"], "0.0 is not in the range"),
    ],
)
def test_canary_used_wrongly_says_how_it_is_used(arguments: list[str], words: str, home: Path) -> None:
    result = slipline("canary", "mnist", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_canary_without_recorded_requests_names_the_remedy(home: Path, target: str) -> None:
    result = slipline("canary", "mnist", "3", "--for", "1s")
    assert (result.exit_code, result.stderr) == (
        1,
        "Error: version 3 of 'mnist' cannot be tried: no requests are stored to compare it by; "
        "`--sample FILE` names some\n",
    )


def test_the_ledger_is_where_the_environment_says(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPLINE_LEDGER", f"sqlite:///{home}/elsewhere.sqlite")
    assert slipline("releases").stdout == "no releases yet; `slipline run` makes one\n"


@pytest.mark.slow
def test_exporter_shows_metrics_until_it_is_told_to_stop(home: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "from slipline.pipeline.app.cli.main import main; main()",
        "releases",
        "exporter",
        "--port=0",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[4])
    assert process.stdout is not None
    address = process.stdout.readline().removeprefix("metrics at ").strip()
    with urllib.request.urlopen(address) as answer:
        assert b'slipline_release_moves_total{kind="promoted",model="mnist"} 2.0' in answer.read()
    process.terminate()
    assert (process.wait(timeout=30), process.stdout.read()) == (0, "stopped\n")
