"""What goes to a terminal."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PIPELINE = Path(__file__).parents[2] / "pipeline"
PRINTING = ("print", "click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write")
ONE_PLACE = PIPELINE / "app" / "cli" / "terminal.py"


def unguarded(source: str) -> list[str]:
    """The calls that print something without having control characters written out."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    printing = [
        call for call in calls if ast.unparse(call.func) in PRINTING or ast.unparse(call.func).endswith("console.print")
    ]
    return [ast.unparse(call) for call in printing if "visible(" not in ast.unparse(call)]


@pytest.mark.parametrize("call", ["print(reason)", "click.echo(f'{name} failed')", "self._console.print(Text(line))"])
def test_a_call_that_prints_text_from_outside_as_it_is_is_found(call: str) -> None:
    assert unguarded(call) == [call]


def test_all_that_is_printed_has_its_control_characters_written_out() -> None:
    files = [file for file in PIPELINE.rglob("*.py") if file != ONE_PLACE]
    assert len(files) > 100
    assert {str(file): found for file in files if (found := unguarded(file.read_text("utf-8")))} == {}
