"""Which pipeline is run for what a person types."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipline.pipeline.app.find_pipeline import find_pipeline, names_pipeline
from slipline.pipeline.app.settings.home import Home
from slipline.pipeline.core.errors import LoadError, SettingsError
from slipline.pipeline.core.graph import Pipeline

FLOW = """
from slipline.pipeline import Home, Pipeline, params
from tests.pipeline.toy import SumParams, toy_pipeline

@params
class Settings:
    name: str = "mine"
    add: SumParams = SumParams()

as_it_stands = Pipeline("as_it_stands")

def made(settings: Settings) -> Pipeline:
    return toy_pipeline(added=settings.add)

def at_home(settings: Settings, home: Home) -> Pipeline:
    return Pipeline(f"{settings.name} at {home.path.name}")

def wrong(settings: Settings) -> Pipeline:
    return toy_pipeline(nothing=settings.name)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module of pipelines in the working directory."""
    name = f"flow_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(FLOW)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return name


def asked(target: str, *overrides: str, settings: str | None = None) -> Pipeline:
    return find_pipeline(target, settings, overrides, Home(Path("house")))


def written(text: str, name: str = "mine.toml") -> str:
    Path(name).write_text(text)
    return name


def test_a_pipeline_is_run_as_it_stands(module: str) -> None:
    assert asked(f"{module}:as_it_stands").name == "as_it_stands"


def test_a_function_gets_its_settings_filled_in(module: str) -> None:
    found = asked(f"{module}:made", "add.factor=7")
    assert found.steps[-1].settings["params"].factor == 7  # type: ignore[attr-defined]


def test_a_function_may_ask_for_the_home_too(module: str) -> None:
    assert asked(f"{module}:at_home", "name=job").name == "job at house"


def test_settings_name_their_pipeline_or_are_named_beside_it(module: str) -> None:
    mine = written(f'pipeline = "{module}:at_home"\nname = "told"\n')
    assert asked(mine).name == "told at house"
    assert asked(mine, "name=told again").name == "told again at house"
    assert asked(f"{module}:at_home", settings=mine).name == "told at house"


def test_a_pipeline_named_beside_settings_is_run_and_not_the_one_they_name(module: str) -> None:
    mine = written(f'pipeline = "{module}:as_it_stands"\n[add]\nfactor = 3\n')
    assert asked(f"{module}:made", settings=mine).name == "toy"


def test_settings_that_name_no_pipeline_are_of_the_training_that_comes_with_slipline(module: str) -> None:
    written('name = "mine"\n[train]\nepochs = 9\n')
    for target in ("mine.toml", "mnist"):
        found = asked(target)
        steps = {step.name: step for step in found.steps}
        assert steps["train"].settings["params"].epochs == {"mine.toml": 9, "mnist": 5}[target]  # type: ignore[attr-defined]
        assert list(steps)[-1] == "push"
        assert found.name == {"mine.toml": "mine", "mnist": "mnist"}[target]


@pytest.mark.parametrize("given", [["x=1"], []])
def test_settings_for_a_pipeline_that_takes_none_are_refused(module: str, given: list[str]) -> None:
    settings = None if given else written("x = 1\n")
    with pytest.raises(SettingsError, match=r"as_it_stands takes no settings, got (--set x=1|x); make it a function"):
        asked(f"{module}:as_it_stands", *given, settings=settings)


def test_settings_of_settings_are_refused(module: str) -> None:
    mine = written(f'pipeline = "{module}:made"\n')
    with pytest.raises(SettingsError, match=r"mine\.toml is settings itself, so --settings other\.toml is one too m"):
        asked(mine, settings="other.toml")


def test_an_unknown_setting_is_told_with_those_the_pipeline_has(module: str) -> None:
    with pytest.raises(SettingsError, match=rf"{module}:made: unknown key ad; did you mean add\? Known here: add"):
        asked(f"{module}:made", "ad=1")


def test_a_pipeline_that_cannot_be_built_is_told_with_the_line_at_fault(module: str) -> None:
    with pytest.raises(LoadError, match=rf"{module}:wrong fails: TypeError: .*'nothing' \({module}\.py:19\)"):
        asked(f"{module}:wrong")


def test_what_is_neither_settings_nor_a_pipelines_name_is_told_what_could_be_given(module: str) -> None:
    with pytest.raises(SettingsError, match=r"a TOML file, a pipeline as package\.module:attribute, or one of mnist"):
        asked(module)


@pytest.mark.parametrize(
    ("target", "is_name"),
    [("a.b:c", True), ("a:c", True), ("flow.py:c", True), ("c:/mine.toml", False), ("mnist", False), ("a.toml", False)],
)
def test_a_pipelines_name_is_told_from_a_files(target: str, is_name: bool) -> None:
    assert names_pipeline(target) == is_name


def test_a_file_whose_name_has_a_colon_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "a:b").touch()
    assert not names_pipeline(str(tmp_path / "a:b"))
