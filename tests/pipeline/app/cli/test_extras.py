"""The command line where only the base of the installation is there, or an extra is missing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest

from slipline.pipeline.app.cli.extras import BROUGHT_BY, remedy_for
from slipline.pipeline.app.cli.main import COMMANDS
from tests.serving.client.doubling import DoublingServer

WITHOUT = """
import sys
missing = set(sys.argv.pop(1).split(","))

class Finder:
    def __init__(self, found):
        self.found = found

    def __getattr__(self, name):
        return getattr(self.found, name)

    def find_spec(self, name, *rest):
        return None if name.partition(".")[0] in missing else self.found.find_spec(name, *rest)

sys.meta_path[:] = map(Finder, sys.meta_path)
from slipline.pipeline.app.cli.main import main
"""
"""The packages named first are not installed from here on, as far as an import can tell."""

CALL = WITHOUT + 'main(prog_name="slipline")'

CALL_EACH = (
    WITHOUT
    + """
import json
from click.testing import CliRunner
done = {command: CliRunner().invoke(main, [command, "--help"]) for command in sys.argv[1:]}
print(json.dumps({command: [result.exit_code, result.output] for command, result in done.items()}))
"""
)

NEEDS_NO_EXTRA = {"init", "predict", "load-test"}


def without(
    missing: tuple[str, ...], *arguments: str, home: Path, code: str = CALL, ledger: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, ",".join(missing), *arguments],
        cwd=home,
        env={**os.environ, "SLIPLINE_HOME": str(home), "SLIPLINE_LEDGER": ledger},
        capture_output=True,
        text=True,
        check=False,
    )


ALL = tuple(name for names in BROUGHT_BY.values() for name in names)


@pytest.fixture
def server() -> Iterator[DoublingServer]:
    server = DoublingServer()
    yield server
    server.stop()


def normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def declared(extra: str | None) -> set[str]:
    """The distributions that pyproject.toml names for an extra, or for the base."""
    found = set()
    for line in requires("slipline") or ():
        name, marker = re.match(r"[\w.-]+", line), re.search(r"extra == ['\"](\w+)['\"]", line)
        assert name
        if (marker and marker[1]) == extra:
            found.add(normal(name[0]))
    return found


def test_the_names_of_each_extra_are_those_its_packages_are_imported_by() -> None:
    distributions = packages_distributions()
    distributions.setdefault("tomli", ["tomli"])  # needed before Python 3.11 only
    for extra, names in BROUGHT_BY.items():
        brought = {normal(each) for name in names for each in distributions[name]}
        assert brought >= declared(extra), extra
        assert not brought & declared(None), extra


def test_each_command_says_in_one_line_which_extra_it_needs(tmp_path: Path) -> None:
    ran = without(ALL, *COMMANDS, home=tmp_path, code=CALL_EACH)
    done = json.loads(ran.stdout)
    assert {command for command, (code, _) in done.items() if code == 0} == NEEDS_NO_EXTRA
    for command in set(COMMANDS) - NEEDS_NO_EXTRA:
        code, told = done[command]
        assert code == 1
        line = rf"Error: slipline {command} needs \w+, which is not installed: pip install 'slipline\[pipeline\]'\n"
        assert re.fullmatch(line, told)


def test_help_and_version_need_no_extra(tmp_path: Path) -> None:
    ran = without(ALL, "--help", home=tmp_path)
    assert ran.returncode == 0
    assert all(f"  {command} " in ran.stdout for command in COMMANDS)
    assert without(ALL, "--version", home=tmp_path).returncode == 0


def test_predict_needs_no_extra(server: DoublingServer, tmp_path: Path) -> None:
    (tmp_path / "digit.png").write_bytes(b"\x89PNG...\x07")
    (tmp_path / "row.json").write_text('{"inputs": {"x": [1.5]}}')
    image = without(ALL, "predict", "double", "digit.png", "--target", server.address, home=tmp_path)
    assert image.stdout == "digit.png: 7 (100.0%, version 1)\n", image.stderr
    row = without(ALL, "predict", "double", "row.json", "--target", server.address, home=tmp_path)
    assert row.returncode == 0, row.stderr
    assert row.stdout.splitlines()[1].split("\t")[0] == "row.json", row.stderr


def test_a_package_missing_half_way_is_said_in_one_line(tmp_path: Path) -> None:
    """The ledger puts what its database's driver says into words of its own."""
    ran = without(("psycopg",), "releases", home=tmp_path, ledger="postgresql://nobody@127.0.0.1/none")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == (
        "Error: slipline releases needs psycopg, which is not installed: pip install 'slipline[postgres]'\n"
    )


def test_what_load_test_lacks_is_said_before_it_measures(server: DoublingServer, tmp_path: Path) -> None:
    ran = without(ALL, "load-test", "double", "--target", server.address, home=tmp_path)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("Error: slipline load-test needs rich, which is not installed: ")
    assert len(ran.stderr.splitlines()) == 1
    assert server.count() <= 1


@pytest.mark.parametrize("name", ["slipline.pipeline.no_such_module", "numpy", "rich.no_such_module", None])
def test_a_module_that_no_extra_brings_is_a_bug_and_no_advice(name: str | None) -> None:
    assert remedy_for(ModuleNotFoundError("No module", name=name)) is None
