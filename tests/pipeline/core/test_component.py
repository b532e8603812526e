from pathlib import Path

import pytest

from slipline.pipeline.core.component import component
from slipline.pipeline.core.errors import DeclarationError
from tests.pipeline.toy import Check, SumParams, Total, Words, WriteParams, add_up, check, write


def test_a_component_knows_its_inputs_settings_services_and_output() -> None:
    assert add_up.name == "add_up"
    assert add_up.inputs == {"words": Words}
    assert add_up.settings == {"params": SumParams}
    assert add_up.services == {"out", "scratch", "say"}
    assert add_up.output is Total
    assert check.output is Check


def test_a_component_stays_callable_as_the_function_it_is(tmp_path: Path) -> None:
    words = write(WriteParams(words=("a", "b", "c")), tmp_path)
    assert words == Words(path=tmp_path, count=3)


def test_a_parameter_of_no_known_kind_is_refused_by_name() -> None:
    def broken(count: int, out: Path) -> Words:
        return Words(path=out, count=count)

    with pytest.raises(DeclarationError, match=r"broken: parameter 'count' must be annotated .* got <class 'int'>"):
        component(broken)


def test_a_parameter_without_annotation_is_refused() -> None:
    def broken(count, out: Path) -> Words:  # type: ignore[no-untyped-def]
        return Words(path=out, count=count)

    with pytest.raises(DeclarationError, match="'count'"):
        component(broken)


def test_a_component_that_makes_no_artifact_is_refused() -> None:
    def broken(words: Words) -> int:
        return words.count

    with pytest.raises(DeclarationError, match="return annotation must be one Artifact class, got <class 'int'>"):
        component(broken)


def test_settings_are_frozen_and_unknown_ones_fail_at_the_call() -> None:
    with pytest.raises(AttributeError):
        WriteParams().words = ()  # type: ignore[misc]
    with pytest.raises(TypeError, match="wrods"):
        WriteParams(wrods=())  # type: ignore[call-arg]
