import inspect
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from slipline.pipeline.core.component import Input, component
from slipline.pipeline.core.errors import DeclarationError
from tests.pipeline.toy import Check, CopyParams, SumParams, Total, Words, WriteParams, add_up, check, copy, write


def test_a_component_knows_its_inputs_settings_services_and_output() -> None:
    assert add_up.name == "add_up"
    assert add_up.inputs == {"words": Input(Words)}
    assert add_up.settings == {"params": SumParams}
    assert add_up.services == {"out", "scratch", "say"}
    assert add_up.output is Total
    assert check.output is Check


def test_a_component_stays_callable_as_the_function_it_is(tmp_path: Path) -> None:
    words = write(WriteParams(words=("a", "b", "c")), tmp_path)
    assert words == Words(path=tmp_path, count=3)


def test_a_component_knows_where_it_is_and_how_it_may_be_run() -> None:
    assert (add_up.module, add_up.outcome) == ("tests.pipeline.toy", None)
    assert (add_up.cached, add_up.loads, add_up.runs, add_up.reads) == (True, (), (), None)
    options: dict[str, Any] = {"cached": False, "loads": ("numpy",), "runs": ("json",)}
    other = component(**options)(add_up.function)
    assert (other.cached, other.loads, other.runs) == (False, ("numpy",), ("json",))


def test_what_it_reads_from_outside_is_found_from_its_settings(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert write.outside_files({"params": WriteParams()}) == ()
    assert copy.outside_files({"params": CopyParams(source=tmp_path / "file")}) == [tmp_path / "file"]


def test_settings_are_given_by_name_and_an_unknown_one_is_refused_where_they_are_read() -> None:
    with pytest.raises(TypeError):
        WriteParams(("a",))  # type: ignore[misc]
    with pytest.raises(ValidationError, match="wrods"):
        TypeAdapter(WriteParams).validate_python({"wrods": ("a",)})


def test_settings_are_frozen_and_unknown_ones_fail_at_the_call() -> None:
    with pytest.raises(AttributeError):
        WriteParams().words = ()  # type: ignore[misc]
    with pytest.raises(TypeError, match="wrods"):
        WriteParams(wrods=())  # type: ignore[call-arg]


def test_help_shows_a_component_as_the_function_it_is() -> None:
    assert inspect.getdoc(copy) == copy.function.__doc__
    assert inspect.signature(copy) == inspect.signature(copy.function)


def reads_what_is_not_there(place: Path) -> list[Path]:
    return [place]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"loads": "numpy"}, "loads must be a tuple of names of modules, got 'numpy'"),
        ({"runs": ["numpy"]}, r"runs must be a tuple of names of modules, got \['numpy'\]"),
        ({"runs": (Path,)}, "runs must be a tuple of names of modules"),
        ({"reads": "file"}, "reads must be a function of the component's settings, got 'file'"),
        ({"cached": "no"}, "cached must be True or False, got 'no'"),
        ({"reads": reads_what_is_not_there}, "reads takes place, but the component's settings are params$"),
    ],
)
def test_an_option_that_does_not_fit_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(DeclarationError, match=rf"^tests.pipeline.toy.copy: {words}"):
        component(**options)(copy.function)
