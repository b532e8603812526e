"""The same small pipeline from wherever Python code can come: it runs, and never hangs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.end_to_end.conftest import SLIPLINE

pytestmark = pytest.mark.slow  # real processes, or whole steps, for each test

LETTER = Path(__file__).with_name("letter.py").read_text()
RUN = """
from slipline.pipeline import run

report = run(flow)
print("words:", report.made("count_words").artifact.count, "passed:", report.passed)
"""
TIME_LIMIT_S = 60
"""For what takes a second: a script that starts itself again does so for ever."""


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A working directory with a letter of five words."""
    (tmp_path / "letter.txt").write_text("Dear all,\nwe have moved.\n")
    return tmp_path


def called(desk: Path, *command: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SLIPLINE_HOME": str(desk / "home")}
    return subprocess.run(
        command,
        cwd=desk,
        env=environment,
        input=text,
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT_S,
        check=False,
    )


def statuses(printed: str) -> dict[str, str]:
    """How each step ended, as a plain display prints it."""
    lines = [line.split() for line in printed.splitlines() if line.startswith(("count_words ", "check_length "))]
    return {line[0]: line[1].rstrip(",") for line in lines}


BOTH_DONE = {"count_words": "done", "check_length": "done"}
BOTH_CACHED = {"count_words": "cached", "check_length": "cached"}


def test_two_components_and_a_pipeline_take_under_thirty_lines() -> None:
    assert LETTER.count("@component") == 2
    assert len(LETTER.splitlines()) < 30


def test_script_without_a_guard_runs_once_and_finds_its_results_again(desk: Path) -> None:
    (desk / "script.py").write_text(f"print('the script starts')\n{LETTER}{RUN}")
    ran = called(desk, sys.executable, "script.py")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("the script starts") == 1
    assert "words: 5 passed: True" in ran.stdout
    assert statuses(ran.stdout) == BOTH_DONE
    assert statuses(called(desk, sys.executable, "script.py").stdout) == BOTH_CACHED


def test_script_sees_its_own_changes(desk: Path) -> None:
    script = desk / "script.py"
    script.write_text(LETTER + RUN)
    called(desk, sys.executable, "script.py")
    script.write_text(LETTER.replace("split()", "split('a')") + RUN)
    ran = called(desk, sys.executable, "script.py")
    assert "words: 4" in ran.stdout
    assert statuses(ran.stdout)["count_words"] == "done"


@pytest.mark.parametrize("flags", [("-",), ("-c", LETTER + RUN)], ids=["standard input", "an argument"])
def test_code_without_a_file_runs(desk: Path, flags: tuple[str, ...]) -> None:
    ran = called(desk, sys.executable, *flags, text=LETTER + RUN if flags == ("-",) else None)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "words: 5 passed: True" in ran.stdout


def test_module_is_run_by_its_name_as_all_pipelines_are(desk: Path) -> None:
    (desk / "letter.py").write_text(LETTER)
    ran = called(desk, *SLIPLINE, "run", "letter:flow", "--json")
    assert ran.returncode == 0, ran.stderr
    assert [step["status"] for step in json.loads(ran.stdout)["steps"]] == ["done", "done"]
    again = called(desk, *SLIPLINE, "run", "letter:flow", "--until", "count_words", "--json")
    assert [(step["step"], step["status"]) for step in json.loads(again.stdout)["steps"]] == [("count_words", "cached")]
    runs = json.loads(called(desk, *SLIPLINE, "runs", "--json").stdout)
    assert [each["pipeline"] for each in runs] == ["letter", "letter"]


def test_failure_in_a_script_names_the_step_once_and_the_line_of_the_script(desk: Path) -> None:
    script = LETTER.replace("    return Words(", "    raise ValueError('no text')\n    return Words(")
    (desk / "script.py").write_text(f"{script}\nfrom slipline.pipeline import run\nrun(flow)\n")
    printed = called(desk, sys.executable, "script.py").stdout
    line = 1 + script[: script.index("raise ValueError")].count("\n")
    assert f"\ncount_words: unexpected ValueError: no text ({desk / 'script.py'}, line {line})" in printed


def test_gate_that_closes_ends_the_run_with_status_1_and_its_reason(desk: Path) -> None:
    (desk / "letter.py").write_text(LETTER.replace("most=5", "most=4"))
    ran = called(desk, *SLIPLINE, "run", "letter:flow")
    assert ran.returncode == 1
    assert "5 words, at most 4" in ran.stdout
    script = called(desk, sys.executable, "-c", f"from letter import flow{RUN}")
    assert "check_length: 5 words, at most 4" in script.stdout
    assert "passed: False" in script.stdout


@pytest.mark.parametrize("name", ["pipeline", "components", "serving"])
def test_a_persons_own_module_of_a_name_that_is_ours_too_hides_nothing_and_is_not_hidden(desk: Path, name: str) -> None:
    for other in {"pipeline", "components", "serving"} - {name}:
        (desk / f"{other}.py").write_text("raise ImportError('a file of a person')")
    (desk / f"{name}.py").write_text(LETTER)
    ran = called(desk, *SLIPLINE, "run", f"{name}:flow", "--json")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["passed"]


def executed(desk: Path, monkeypatch: pytest.MonkeyPatch, *cells: str) -> list[nbformat.NotebookNode]:
    """The outputs of each cell, by a real kernel."""
    monkeypatch.setenv("SLIPLINE_HOME", str(desk / "home"))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = NotebookClient(notebook, timeout=TIME_LIMIT_S, resources={"metadata": {"path": str(desk)}})
    with client.setup_kernel():
        for number, cell in enumerate(notebook.cells):
            client.execute_cell(cell, number)
    return [cell.outputs for cell in notebook.cells]


def shown(outputs: list[nbformat.NotebookNode], form: str = "text/plain") -> str:
    """What a cell printed, and what it displayed in one form."""
    return "".join(output.get("text", "") + output.get("data", {}).get(form, "") for output in outputs)


def test_notebook_runs_what_its_cells_define_and_finds_it_again(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    defined, flow, steps = LETTER.replace("most=5", "most=4").partition("flow = ")
    show = "report.made('check_length').artifact"
    *_, ran, again, shown_itself = executed(desk, monkeypatch, defined, flow + steps, RUN, flow + steps + RUN, show)
    assert statuses(shown(ran)) == BOTH_DONE
    assert statuses(shown(again)) == BOTH_CACHED
    assert "check_length: 5 words, at most 4" in shown(ran)
    assert "words: 5 passed: False" in shown(ran)
    assert "<" in shown(shown_itself, "text/html")
    assert "5 words, at most 4" in shown(shown_itself, "text/html")


def test_notebook_shows_artifacts_of_ours_as_the_report_does(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (desk / "houses" / "train").mkdir(parents=True)
    (desk / "houses" / "train" / "all.csv").write_text("rooms,town\n" + "3,Bern\n4,Basel\n" * 20)
    flow = """
from slipline.components import IngestParams, compute_statistics, ingest
from slipline.pipeline import Pipeline, run

flow = Pipeline("houses")
examples = flow.add(ingest, params=IngestParams(folder="houses", splits=("train",)))
flow.add(compute_statistics, examples=examples)
report = run(flow, quiet=True)
"""
    ran, shown_itself = executed(desk, monkeypatch, flow, "report.made('compute_statistics').artifact")
    assert shown(ran) == ""
    html = shown(shown_itself, "text/html")
    assert "<table" in html
    assert all(word in html for word in ("rooms", "town", "Basel"))
