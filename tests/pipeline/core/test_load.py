import re
from collections.abc import Callable
from pathlib import Path

import pytest

from slipline.pipeline.core.errors import LoadError, PipelineError
from slipline.pipeline.core.load import load

Write = Callable[[str], str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes the module `flow` of a package in the working directory, and gives back its name."""
    package = f"mine_{tmp_path.name.replace('-', '_')}"
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def write(text: str) -> str:
        (tmp_path / package / "flow.py").write_text(text)
        return f"{package}.flow"

    return write


def refused(name: str) -> str:
    with pytest.raises(LoadError) as refusal:
        load(name).pipeline()
    message = str(refusal.value)
    assert "\n" not in message
    return message


HEAD = "from slipline.pipeline.core.graph import Pipeline\n"


def test_a_pipeline_is_found_by_its_name(write: Write) -> None:
    module = write(f"{HEAD}pipeline = Pipeline('mine')\n")
    loaded = load(f"{module}:pipeline")
    assert (loaded.name, loaded.settings_class) == (f"{module}:pipeline", None)
    assert loaded.file == f"{module.replace('.', '/')}.py"
    assert loaded.pipeline().name == "mine"


def test_a_function_that_takes_nothing_is_called(write: Write) -> None:
    module = write(f"{HEAD}def make() -> Pipeline:\n    return Pipeline('made')\n")
    assert load(f"{module}:make").pipeline().name == "made"


RECORDS = {
    "params": "from slipline.pipeline.core.component import params\n@params\nclass S:\n    name: str = 'made'\n",
    "dataclass": "from dataclasses import dataclass\n@dataclass\nclass S:\n    name: str = 'made'\n",
    "pydantic": "from pydantic import BaseModel\nclass S(BaseModel):\n    name: str = 'made'\n",
}


@pytest.mark.parametrize("kind", RECORDS)
def test_a_function_is_called_with_its_record_of_settings(write: Write, kind: str) -> None:
    text = f"from __future__ import annotations\n{HEAD}{RECORDS[kind]}def make(s: S):\n    return Pipeline(s.name)\n"
    loaded = load(f"{write(text)}:make")
    assert loaded.settings_class is not None
    assert loaded.settings_class.__name__ == "S"
    assert loaded.pipeline(loaded.settings_class(name="told")).name == "told"


@pytest.mark.parametrize(
    "name", ["", ":", "a", "a:", ":b", "a:b:c", "mine/flow.py:pipeline", "a..b:c", "a b:c", "a:b.c"]
)
def test_a_name_of_another_shape_is_refused_with_the_right_one(name: str) -> None:
    message = refused(name)
    assert repr(name) in message
    assert "package.module:attribute" in message


def test_a_module_that_is_nowhere_is_named_with_where_it_was_searched(write: Write, tmp_path: Path) -> None:
    module = write("")
    for name, missing in ((f"{module}w:pipeline", f"{module}w"), ("no_such_package.flow:pipeline", "no_such_package")):
        message = refused(name)
        assert f"no module {missing!r}" in message
        assert str(tmp_path) in message


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("x = 1\nimport no_such_module\n", 2, "ModuleNotFoundError: No module named 'no_such_module'"),
        ("from slipline.pipeline.core.graph import Piepline\n", 1, "ImportError: cannot import name 'Piepline'"),
        ("import json\n\njson.loads('{')\n", 3, "JSONDecodeError: "),
        ("def f():\n    return 1 / 0\nf()\n", 2, "ZeroDivisionError: division by zero"),
        ("x = 1\nif x\n    pass\n", 2, "SyntaxError: expected ':'"),
        ("def f():\nreturn\n", 2, "IndentationError: expected an indented block"),
        ("raise SystemExit(3)\n", 1, "SystemExit: 3"),
        ("import sys\nsys.exit('told\\nso')\n", 2, "SystemExit: told so"),
        ("from tests.pipeline.toy import check\nfrom slipline.pipeline.core.component import component\n"
         "@component\ndef mine(x) -> int: ...\n", 3, "mine: parameter 'x' has no annotation"),
    ],
)  # fmt: skip
def test_a_module_that_fails_on_import_is_told_with_the_line_of_ones_own(
    write: Write, text: str, line: int, words: str
) -> None:
    module = write(text)
    message = refused(f"{module}:pipeline")
    assert message.startswith(f"{module} cannot be imported: ")
    assert words in message
    assert message.endswith(f" ({module.replace('.', '/')}.py:{line})")


def test_an_attribute_that_is_not_there_is_told_with_a_near_one_or_the_pipelines_there_are(write: Write) -> None:
    module = write(f"{HEAD}pipeline = Pipeline('mine')\nother = 3\n")
    assert "did you mean 'pipeline'?" in refused(f"{module}:pipline")
    assert "it has pipeline" in refused(f"{module}:zzz")
    assert f"{module.replace('.', '/')}.py" in refused(f"{module}:zzz")


@pytest.mark.parametrize(
    ("attribute", "words"),
    [
        ("number", "it is int"),
        ("Pipeline", "it is a class"),
        ("check", "it is Component"),
        ("returns_nothing", "it returned NoneType"),
        ("two", "it takes (a: int, b: int)"),
        ("plain", "it takes (a: int)"),
        ("untold", "it takes (a)"),
        ("many", "it takes (*a: tests.pipeline.toy.SumParams)"),
        ("by_name", "it takes (*, a: tests.pipeline.toy.SumParams)"),
        ("fails", "make: wrong settings"),
    ],
)
def test_what_is_no_pipeline_and_makes_none_is_refused(write: Write, attribute: str, words: str) -> None:
    module = write(
        f"{HEAD}from tests.pipeline.toy import SumParams, check\n"
        "from slipline.pipeline.core.errors import GraphError\n"
        "number = 3\n"
        "def returns_nothing(): ...\n"
        "def two(a: int, b: int): ...\n"
        "def plain(a: int): ...\n"
        "def untold(a): ...\n"
        "def many(*a: SumParams): ...\n"
        "def by_name(*, a: SumParams): ...\n"
        "def fails():\n    raise GraphError('make: wrong settings')\n"
    )
    message = refused(f"{module}:{attribute}")
    assert words in message
    assert re.search(r"flow\.py(:\d+)?\)", message)


def test_a_function_that_fails_is_told_with_the_line(write: Write) -> None:
    module = write("def helper():\n    return {}['x']\ndef make():\n    return helper()\n")
    message = refused(f"{module}:make")
    assert message == f"{module}:make fails: KeyError: 'x' ({module.replace('.', '/')}.py:2)"


OFFERED = f"""{HEAD}from pathlib import PosixPath
from tests.pipeline.toy import SumParams
def alone(place: PosixPath): return Pipeline(str(place))
def both(settings: SumParams, place: PosixPath): return Pipeline(f"{{place}}-{{settings.factor}}")
def neither(): return Pipeline("neither")
def other(settings: SumParams, place: str): ...
def turned(place: PosixPath, settings: SumParams): ...
"""


@pytest.mark.parametrize(("attribute", "name"), [("alone", "here"), ("both", "here-3"), ("neither", "neither")])
def test_a_function_takes_of_what_is_offered_what_it_annotates(write: Write, attribute: str, name: str) -> None:
    loaded = load(f"{write(OFFERED)}:{attribute}", Path("here"))
    settings = loaded.settings_class(factor=3) if loaded.settings_class else None
    assert loaded.pipeline(settings).name == name


@pytest.mark.parametrize("attribute", ["other", "turned"])
def test_what_is_not_offered_is_refused_with_what_is(write: Write, attribute: str) -> None:
    module = write(OFFERED)
    with pytest.raises(LoadError, match="then what is annotated PosixPath, but it takes"):
        load(f"{module}:{attribute}", Path("here"))


@pytest.mark.parametrize("error", ["SettingsError", "StoreError"])
def test_what_is_no_fault_of_the_code_is_told_as_it_is(write: Write, error: str) -> None:
    module = write(f"from slipline.pipeline.core.errors import {error}\ndef make():\n    raise {error}('no room')\n")
    with pytest.raises(PipelineError, match=r"^no room$"):
        load(f"{module}:make").pipeline()
