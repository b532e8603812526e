import inspect
from pathlib import Path

import pytest

from slipline.pipeline.core.component import Input
from tests.pipeline.toy import Check, SumParams, Total, Words, WriteParams, add_up, check, copy, write


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


def test_settings_are_frozen_and_unknown_ones_fail_at_the_call() -> None:
    with pytest.raises(AttributeError):
        WriteParams().words = ()  # type: ignore[misc]
    with pytest.raises(TypeError, match="wrods"):
        WriteParams(wrods=())  # type: ignore[call-arg]


def test_help_shows_a_component_as_the_function_it_is() -> None:
    assert inspect.getdoc(copy) == copy.function.__doc__
    assert inspect.signature(copy) == inspect.signature(copy.function)
