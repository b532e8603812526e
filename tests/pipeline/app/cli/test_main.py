import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from slipline.pipeline.app.cli.main import COMMANDS, main


def test_help_lists_every_command_with_the_first_line_of_its_own_help() -> None:
    printed = CliRunner().invoke(main, ["--help"]).output
    for name, line in COMMANDS.items():
        assert f"  {name} " in printed
        module = name.replace("-", "_")
        command: click.Command = getattr(import_module(f"slipline.pipeline.app.cli.{module}"), module)
        assert str(command.help).splitlines()[0] == line


@pytest.mark.parametrize(
    "arguments", [["--help"], ["releases"], ["runs"], ["predict", "--help"], ["lineage", "--help"]]
)
def test_what_shows_and_asks_imports_no_framework(arguments: list[str], tmp_path: str) -> None:
    code = (
        "import sys; from slipline.pipeline.app.cli.main import main; main(sys.argv[1:], standalone_mode=False);"
        "print(sorted({'tensorflow', 'keras', 'apache_beam', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={"SLIPLINE_HOME": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_usage_error_exits_2_and_another_error_1_with_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: str
) -> None:
    monkeypatch.setenv("SLIPLINE_HOME", str(tmp_path))
    assert CliRunner().invoke(main, ["nonsense"]).exit_code == 2
    failed = CliRunner().invoke(main, ["rollback", "mnist", "--reason", "x"])
    assert failed.exit_code == 1
    assert failed.output.startswith("Error: ")
    assert "Traceback" not in failed.output


def options(command: click.Command) -> list[click.Option]:
    """All options of a command and of those below it."""
    below = command.commands.values() if isinstance(command, click.Group) and command is not main else ()
    own = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    return [*own, *(option for each in below for option in options(each))]


@pytest.mark.parametrize("name", COMMANDS)
def test_json_is_always_what_comes_out(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert all(option.is_flag for option in options(command) if "--json" in option.opts)


def test_a_reader_that_leaves_early_is_no_error_to_tell_of(tmp_path: Path) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    command = [sys.executable, "-c", "from slipline.pipeline.app.cli.main import main; main(['runs'])"]
    environment = {**os.environ, "SLIPLINE_HOME": str(tmp_path)}
    ended = subprocess.run(command, stdout=writes, stderr=subprocess.PIPE, env=environment, check=False)
    os.close(writes)
    assert ended.stderr == b""
