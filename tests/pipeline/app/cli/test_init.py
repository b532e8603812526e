"""`slipline init` writes a project that is its own from the first file on."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from slipline.pipeline.app.cli.init import SHIPPED_DATA, TEMPLATES
from slipline.pipeline.app.cli.main import main
from slipline.pipeline.app.settings.settings_file import read_settings
from tests.small_mnist import MNIST_SCHEMA, ROOT


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])  # the command adds the working directory
    return tmp_path


def init(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["init", *arguments])


def files(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def test_a_project_has_a_pipeline_a_component_a_schema_settings_and_a_test(elsewhere: Path) -> None:
    written = init("digits_2")
    assert written.exit_code == 0
    names = {"__init__.py", "check_balance.py", "flow.py"}
    others = {"digits_2.toml", "schema.pbtxt", "test_check_balance.py"}
    assert files(elsewhere / "digits_2") == {f"digits_2/{name}" for name in names} | others
    told = {line.removeprefix("wrote digits_2/") for line in written.output.splitlines() if line.startswith("wrote ")}
    assert told == files(elsewhere / "digits_2")
    assert "cd digits_2 && slipline run digits_2.toml" in written.output


def test_nothing_of_the_template_but_the_projects_name_is_left_in_it(elsewhere: Path) -> None:
    init("digits")
    texts = {name: (elsewhere / "digits" / name).read_text() for name in files(elsewhere / "digits")}
    assert not [name for name, text in texts.items() if "PROJECT" in text or "DATA_DIR" in text]
    settings = read_settings("digits/digits.toml")
    assert settings.pipeline == "digits.flow:pipeline"
    assert settings.values["name"] == "digits"
    assert Path(settings.values["ingest"]["data_dir"]) == ROOT / "data"
    assert texts["schema.pbtxt"] == MNIST_SCHEMA.path.read_text()


def test_there_is_a_schema_for_each_template() -> None:
    for template in TEMPLATES.glob("*/PROJECT.toml"):
        assert (SHIPPED_DATA / "schema" / f"{template.parent.name}.pbtxt").is_file()


def test_a_folder_with_anything_in_it_is_left_as_it_is(elsewhere: Path) -> None:
    (elsewhere / "digits").mkdir()
    (elsewhere / "digits" / "thesis.txt").write_text("of three years")
    refused = init("digits")
    assert refused.exit_code == 1
    assert "digits exists and is not empty" in refused.output
    assert files(elsewhere) == {"digits/thesis.txt"}


def test_an_empty_folder_is_filled(elsewhere: Path) -> None:
    (elsewhere / "digits").mkdir()
    assert init("digits").exit_code == 0
    assert files(elsewhere / "digits")


@pytest.mark.parametrize("name", ["a b", "x/y", "../up", "class", "2nd", "é", "", "__main__"])
def test_a_name_that_no_package_can_have_is_refused(name: str, elsewhere: Path) -> None:
    refused = init(name)
    assert refused.exit_code == 2
    assert f"wanted a Python name such as digits_2, got {name!r}" in refused.output
    assert not files(elsewhere)


@pytest.mark.parametrize("name", ["numpy", "json", "slipline", "sys", "mine"])
def test_a_name_that_another_module_has_is_refused_with_where_that_lies(name: str, elsewhere: Path) -> None:
    (elsewhere / "mine.py").touch()
    refused = init(name)
    assert refused.exit_code == 2
    assert f"{name!r} is a module already (" in refused.output
    assert files(elsewhere) == {"mine.py"}


def test_a_job_that_it_knows_no_template_of_is_refused_with_those_it_knows() -> None:
    refused = init("digits", "--like", "moons")
    assert refused.exit_code == 2
    assert "mnist" in refused.output
