"""What is printed is text, whatever stands in it."""

from __future__ import annotations

import ast
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from slipline.pipeline.app.cli import terminal
from slipline.pipeline.app.cli.main import main
from slipline.pipeline.app.cli.terminal import as_text, print_table, say, say_json
from slipline.pipeline.core.visible import visible
from slipline.pipeline.store.store import Store
from slipline.serving.releases.ledger import Ledger
from tests.serving.releases.ledger_parts import publish

FOLDER = Path(str(terminal.__file__)).parent
HOSTILE = "[/x] [bold]no[/bold] :smile: \x1b[31mred\x07\nforged line\u202e"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["Zs", "Cf", "Cn"]), min_size=1, max_size=20))
@example(HOSTILE)
@example("[/x]")
@example("[red]a")
def test_any_text_is_a_cell_of_its_own_in_one_line(capsys: pytest.CaptureFixture[str], text: str) -> None:
    print_table((text, "end"), [(text, "x"), ("y", text)])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].split() == [*visible(text).split(), "end"]
    assert lines[1].split() == [*visible(text).split(), "x"]
    assert lines[2].split() == ["y", *visible(text).split()]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text())
@example(HOSTILE)
def test_any_line_is_said_as_it_is_and_no_control_reaches_the_terminal(
    capsys: pytest.CaptureFixture[str], text: str
) -> None:
    say(text)
    assert capsys.readouterr().out == visible(text, keep="\n\t") + "\n"


def test_numbers_that_json_lacks_are_texts_wherever_they_stand(capsys: pytest.CaptureFixture[str]) -> None:
    say_json({"rows": [(float("nan"), 1.5)], "limits": {"least": float("-inf"), "is": True}})
    printed = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert printed == {"rows": [["nan", 1.5]], "limits": {"least": "-inf", "is": True}}


def test_what_is_said_goes_where_it_should(capsys: pytest.CaptureFixture[str]) -> None:
    say("warning", err=True)
    say("no end", end="")
    printed = capsys.readouterr()
    assert (printed.err, printed.out) == ("warning\n", "no end")


def test_text_for_rich_has_no_markup() -> None:
    console = Console(file=io.StringIO(), width=200)
    console.print(as_text(HOSTILE))
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == visible(HOSTILE) + "\n"


def test_no_command_prints_in_another_way() -> None:
    """Each call that could print, in every module of the command line, is one of `terminal`."""
    found = []
    for file in sorted(FOLDER.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and file.name != "terminal.py":
                called = ast.unparse(node.func)
                texts = [ast.unparse(argument) for argument in node.args]
                if called in ("print", "click.echo", "click.secho") or called.endswith(
                    ("stdout.write", "stderr.write")
                ):
                    found.append(f"{file.name}: {called}")
                if called.endswith(".add_row") and texts != ["*map(as_text, row)"]:
                    found.append(f"{file.name}: {called}({', '.join(texts)})")
                if called.endswith("onsole.print") and not texts[0].startswith("as_text("):
                    found.append(f"{file.name}: {called}({texts[0]})")
    assert found == []


def test_a_reason_that_looks_like_markup_leaves_the_releases_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPLINE_HOME", str(tmp_path))
    monkeypatch.delenv("SLIPLINE_LEDGER", raising=False)
    with Ledger(None, tmp_path / "releases") as ledger:
        publish(ledger, "a")
        ledger.promote("mnist", 1, by=HOSTILE, reason=HOSTILE)
    shown = CliRunner().invoke(main, ["releases"])
    assert shown.exit_code == 0, shown.output
    assert shown.output.count(visible(HOSTILE)) == 2
    assert len(shown.output.splitlines()) == 2


def test_an_error_and_a_list_of_runs_show_hostile_text_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPLINE_HOME", str(tmp_path))
    with Store.open(tmp_path) as store:
        store.begin_run(HOSTILE)
    assert visible(HOSTILE) in CliRunner().invoke(main, ["runs"]).output
    wrong = CliRunner().invoke(main, ["run", "\x1b[31m[/x].toml"])
    assert wrong.exit_code == 1
    assert r"\x1b[31m[/x].toml" in wrong.output
    assert "\x1b" not in wrong.output
