"""`slipline run` with a pipeline of one's own: what it prints, how it ends, and how it refuses."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from slipline.pipeline.app.cli.main import main

FLOW = """
from dataclasses import dataclass
from pathlib import Path

from slipline.pipeline import Artifact, Pipeline, Verdict, component, params


@dataclass(frozen=True, kw_only=True)
class Number(Artifact):
    value: int


@params
class Settings:
    value: int = 1
    most: int = 10


@component
def write(value: int, out: Path) -> Number:
    if value < 0:
        raise ArithmeticError("below zero")
    return Number(path=out, value=value)


@component
def check(number: Number, most: int, out: Path) -> Verdict:
    passed = number.value <= most
    return Verdict(path=out, passed=passed, reasons=() if passed else (f"{number.value} is more than {most}",))


@component
def publish(number: Number, out: Path) -> Number:
    return Number(path=out, value=number.value)


def pipeline(settings: Settings) -> Pipeline:
    flow = Pipeline("numbers")
    number = flow.add(write, value=settings.value)
    verdict = flow.add(check, number=number, most=settings.most)
    flow.add(publish, number=number, only_if=[verdict])
    return flow
"""


@pytest.fixture
def flow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a pipeline in a module of the working directory, whose home is empty."""
    module = f"numbers_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{module}.py").write_text(FLOW)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLIPLINE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "path", [*sys.path])  # the command adds the working directory
    return f"{module}:pipeline"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["run", *arguments])


def steps(result: Result) -> dict[str, str]:
    return {step["step"]: step["status"] for step in json.loads(result.stdout)["steps"]}


def test_run_of_ones_own_can_end_early_begin_anew_and_is_on_record(flow: str) -> None:
    assert steps(run(flow, "--until", "check", "--json")) == {"write": "done", "check": "done"}
    everything = run(flow, "--json", "--parallel", "1")
    assert steps(everything) == {"write": "cached", "check": "cached", "publish": "done"}
    assert json.loads(everything.stdout)["passed"]
    assert set(steps(run(flow, "--fresh", "--json")).values()) == {"done"}
    assert set(steps(run(flow, "--set", "value=1", "--json")).values()) == {"cached"}
    recorded = json.loads(CliRunner().invoke(main, ["runs", "--json"]).stdout)
    assert [each["pipeline"] for each in recorded] == ["numbers"] * 4
    execution = json.loads(everything.stdout)["steps"][-1]["execution_id"]
    made = json.loads(CliRunner().invoke(main, ["lineage", execution, "--json"]).stdout)
    assert {each["step"] for each in made} == {"write", "check", "publish"}


def test_verdict_that_does_not_pass_ends_with_status_1_and_its_reason_whether_or_not_a_step_waits(flow: str) -> None:
    for arguments in ((), ("--until", "check")):
        closed = run(flow, "--set", "value=11", *arguments)
        assert closed.exit_code == 1
        assert "11 is more than 10" in closed.output
        assert "11 is more than 10" in CliRunner().invoke(main, ["runs"]).output


def test_a_log_is_named_only_where_there_is_one(flow: str) -> None:
    silent, failed = run(flow, "--set", "value=11", "--json"), run(flow, "--set", "value=-1", "--json")
    assert json.loads(silent.stdout)["log"] is None
    assert "ArithmeticError" in Path(json.loads(failed.stdout)["log"]).read_text()
    assert "log " not in run(flow, "--set", "value=11").output
    assert "log " in run(flow, "--set", "value=-1").output


def test_settings_come_from_a_file_that_names_the_pipeline(flow: str, tmp_path: Path) -> None:
    (tmp_path / "numbers.toml").write_text(f'pipeline = "{flow}"\nmost = 5\n')
    assert run("numbers.toml", "--set", "value=6").exit_code == 1
    assert run("numbers.toml", "--set", "value=4").exit_code == 0
    assert run("--settings", "numbers.toml", "--set", "value=6").exit_code == 1
    assert run(flow, "--settings", "numbers.toml", "--set", "value=6").exit_code == 1


def test_component_that_fails_is_told_in_one_line_with_file_and_line(flow: str) -> None:
    failed = run(flow, "--set", "value=-1")
    assert failed.exit_code == 1
    line = rf"write: unexpected ArithmeticError: below zero \(.*{flow.partition(':')[0]}\.py, line \d+\)"
    assert len(re.findall(line, failed.output)) == 1
    assert "Traceback" not in failed.output


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("no_such_module.flow:pipeline", "no module 'no_such_module'"),
        ("{module}:pipelin", r"did you mean 'pipeline'\?"),
        ("{module}:check", r"must be a Pipeline or a function that returns one, but it is Component"),
        ("{module}:Settings", "but it is a class"),
        ("broken:pipeline", r"broken cannot be imported: ZeroDivisionError: division by zero \(broken\.py:2\)"),
        ("ends:pipeline", r"ends cannot be imported: SystemExit: 0 \(ends\.py:1\)"),
        ("{module}:", "names no pipeline"),
        ("{module}", "give a TOML file, a pipeline as package.module:attribute, or one of mnist"),
        ("nowhere.toml", "nowhere.toml: cannot be read as settings"),
        ("{module}:pipeline --until chek", "no step 'chek'"),
        ("{module}:pipeline --set mots=3", r"unknown key mots; did you mean most\? Known here: most, value"),
        ("{module}:pipeline --set most=many", "most: input should be a valid integer"),
        ("{module}:pipeline --settings nowhere.toml", "nowhere.toml: cannot be read as settings"),
    ],
)
def test_what_is_no_pipeline_is_told_in_one_line_and_leaves_nothing_behind(
    flow: str, target: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / "broken.py").write_text("x = 1\nx / 0\n")
    (tmp_path / "ends.py").write_text("raise SystemExit(0)\n")
    refused = run(*target.format(module=flow.partition(":")[0]).split())
    assert refused.exit_code == 1
    assert re.fullmatch(rf"Error: [^\n]*{words}[^\n]*\n", refused.output), refused.output
    assert not (tmp_path / "home" / "runs").exists()


OF_ITS_OWN_MIND = """
import sys
from dataclasses import dataclass
from pathlib import Path

from slipline.pipeline import Pipeline, Verdict, component

print("hello from the module")


@dataclass(frozen=True, kw_only=True)
class Odd(Verdict):
    def words(self) -> str:
        sys.exit(0)

    def notes(self) -> tuple[str, ...]:
        sys.exit(0)


@component
def check(out: Path, reason: str = "file \\udc80.png") -> Odd:
    return Odd(path=out, passed=False, reasons=(reason,))


pipeline = Pipeline("odd")
pipeline.add(check)
"""


def test_an_artifact_that_leaves_the_interpreter_and_a_module_that_prints_change_no_outcome(
    flow: str, tmp_path: Path
) -> None:
    module = f"odd_{flow.partition(':')[0]}"
    (tmp_path / f"{module}.py").write_text(OF_ITS_OWN_MIND)
    for _ in range(2):  # and from the cache
        ended = run(f"{module}:pipeline", "--json")
        assert ended.exit_code == 1
        plain = json.loads(ended.stdout)
        assert [step["message"] for step in plain["steps"]] == [r"file \udc80.png"]
        assert "words() failed: SystemExit" in Path(plain["report"]).read_text()
    told = run(f"{module}:pipeline")
    assert told.exit_code == 1
    assert "Odd.notes() failed: SystemExit: 0" in told.output


def test_verdict_that_did_not_pass_fails_the_run_though_no_step_waits_for_it(flow: str) -> None:
    """From the cache as well."""
    for _ in range(2):
        ended = run(flow, "--set", "most=0", "--until", "check", "--json")
        assert ended.exit_code == 1
        told = json.loads(ended.stdout)
        assert not told["passed"]
        verdicts = {step["step"]: (step["verdict"], step["message"]) for step in told["steps"]}
        assert verdicts == {"write": (None, ""), "check": ("did not pass", "1 is more than 0")}
    assert "1 is more than 0" in run(flow, "--set", "most=0", "--until", "check").stdout
    (passed,) = [step for step in json.loads(run(flow, "--json").stdout)["steps"] if step["step"] == "check"]
    assert passed["verdict"] == "passed"
