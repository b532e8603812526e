"""What a component's signature may be, and what is said of one that is wrong.

The functions stand at the top, as those of a component must.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Optional

import pytest

from slipline.pipeline.core.artifact import Artifact, RunOutcome, Verdict
from slipline.pipeline.core.component import OUTSIDE_CACHE_KEY, Say, component, params
from slipline.pipeline.core.errors import DeclarationError
from slipline.pipeline.core.signature import Input, read_signature
from tests.pipeline.toy import SumParams, Words, WriteParams

if TYPE_CHECKING:
    from decimal import Decimal


class Colour(enum.Enum):
    RED = "red"


def all_inputs(one: Words, other: Words | None, third: Optional[Words], many: tuple[Words, ...]) -> Words: ...  # noqa: UP045


def all_settings(
    truth: bool,
    number: int,
    real: float,
    text: str,
    path: Path,
    colour: Colour,
    word: Literal["a", "b"],
    pair: tuple[int, str],
    row: tuple[float, ...],
    some: list[int],
    any_row: Sequence[str],
    table: dict[str, list[int]],
    names: Mapping[str, int | None],
    record: SumParams,
    records: tuple[SumParams, ...],
    perhaps: int | None = None,
) -> Words: ...


def all_services(out: Path, scratch: Path, say: Say) -> Words: ...


def written_out(say: Callable[[str], None]) -> Words: ...


def defaults(
    other: Words | None = None,
    many: tuple[Words, ...] = (),
    rate: float = 1,
    row: tuple[int, ...] = [1, 2],  # type: ignore[assignment]
) -> Words: ...


def at_the_end(outcome: RunOutcome, address: str) -> Words: ...


def test_inputs_are_one_artifact_an_optional_one_or_several() -> None:
    assert read_signature(all_inputs).inputs == {
        "one": Input(Words),
        "other": Input(Words, optional=True),
        "third": Input(Words, optional=True),
        "many": Input(Words, many=True),
    }


def test_plain_values_and_records_are_settings() -> None:
    signature = read_signature(all_settings)
    assert not signature.inputs
    assert list(signature.settings) == list(all_settings.__annotations__)[:-1]
    assert signature.settings["row"] == tuple[float, ...]


def test_a_record_may_hold_others_of_its_class() -> None:
    assert read_signature(record_of_itself).settings == {"count": Tree}


def test_services_are_known_by_name() -> None:
    assert read_signature(all_services).services == {"out", "scratch", "say"}
    assert read_signature(all_services).output is Words
    assert read_signature(written_out).services == {"say"}


def test_a_default_has_the_form_of_its_annotation() -> None:
    found = read_signature(defaults).defaults
    assert found == {"other": None, "many": (), "rate": 1.0, "row": (1, 2)}
    assert type(found["rate"]) is float


def test_how_the_run_ended_is_no_input() -> None:
    signature = read_signature(at_the_end)
    assert (signature.outcome, dict(signature.inputs), list(signature.settings)) == ("outcome", {}, ["address"])


@params
class Deep:
    hook: Callable[[], None] = field(default=print, metadata=OUTSIDE_CACHE_KEY)
    inner: tuple[Deep, ...] = ()
    wrong: dict[str, object] = field(default_factory=dict)


@params
class Outer:
    deep: Deep = field(default_factory=Deep)


@params
class Unreadable:
    count: Decimal


@params
class Tree:
    leaves: tuple[Tree, ...] = ()


def record_of_what_is_not_plain(count: Outer) -> Words: ...
def record_that_cannot_be_read(count: Unreadable) -> Words: ...
def record_of_itself(count: Tree) -> Words: ...
def no_annotation(count) -> Words: ...  # type: ignore[no-untyped-def]
def any_number(*counts: int) -> Words: ...
def any_names(**counts: int) -> Words: ...
def by_position(count: int, /) -> Words: ...
def no_plain_type(count: object) -> Words: ...
def no_plain_type_inside(count: list[object]) -> Words: ...
def bare_container(count: list) -> Words: ...  # type: ignore[type-arg]
def a_set(count: set[int]) -> Words: ...
def artifacts_in_a_list(count: list[Words]) -> Words: ...
def two_artifacts(count: tuple[Words, Words]) -> Words: ...
def either_artifact(count: Words | int) -> Words: ...
def unknown_name(count: Nowhere) -> Words: ...  # type: ignore[name-defined]  # noqa: F821
def only_while_checking(count: Decimal) -> Words: ...
def no_syntax(count: "int |") -> Words: ...  # type: ignore[valid-type]  # noqa: F722
def out_is_text(count: int, out: str) -> Words: ...
def out_is_bare(count: int, out) -> Words: ...  # type: ignore[no-untyped-def]
def scratch_is_optional(count: int, scratch: Path | None) -> Words: ...
def say_makes_text(count: int, say: Callable[[str], str]) -> Words: ...
def wrong_default(count: int = "three") -> Words: ...  # type: ignore[assignment]
def truth_for_number(count: int = True) -> Words: ...
def record_for_another(count: SumParams = WriteParams()) -> Words: ...  # type: ignore[assignment]  # noqa: B008
def none_for_number(count: int = None) -> Words: ...  # type: ignore[assignment]  # noqa: RUF013
def no_step_yet(count: Words = None) -> Words: ...  # type: ignore[assignment]
def a_path_for_an_artifact(count: Words | None = Path()) -> Words: ...  # type: ignore[assignment]
def ends_twice(outcome: RunOutcome, count: RunOutcome) -> Words: ...
def name_of_add(count: int, name: str) -> Words: ...


@pytest.mark.parametrize(
    ("function", "parameter", "what"),
    [
        (no_annotation, "count", "has no annotation"),
        (any_number, "counts", "variadic positional"),
        (any_names, "counts", "variadic keyword"),
        (by_position, "count", "positional-only"),
        (no_plain_type, "count", "got object"),
        (no_plain_type_inside, "count", "got list[object]"),
        (bare_container, "count", "got list"),
        (record_of_what_is_not_plain, "count", "got Outer with Outer, whose deep is Deep, whose wrong is object in it"),
        (record_that_cannot_be_read, "count", "annotations cannot be read: name 'Decimal' is not defined"),
        (a_set, "count", "got set[int]"),
        (artifacts_in_a_list, "count", "got list[tests.pipeline.toy.Words]"),
        (two_artifacts, "count", "got tuple["),
        (either_artifact, "count", "got tests.pipeline.toy.Words | int"),
        (unknown_name, "count", "'Nowhere', which cannot be read"),
        (only_while_checking, "count", "not under TYPE_CHECKING"),
        (no_syntax, "count", "which cannot be read"),
        (out_is_text, "out", "must be annotated Path, got str"),
        (out_is_bare, "out", "has no annotation"),
        (scratch_is_optional, "scratch", "must be annotated Path, got pathlib"),
        (say_makes_text, "say", "must be annotated Say"),
        (wrong_default, "count", "must be int, got str 'three'"),
        (truth_for_number, "count", "must be int, got bool True"),
        (record_for_another, "count", "must be SumParams, got WriteParams"),
        (none_for_number, "count", "must be int, got NoneType None"),
        (no_step_yet, "count", "default can only be None or ()"),
        (a_path_for_an_artifact, "count", "default can only be None or ()"),
        (ends_twice, "count", "'outcome' is already"),
        (name_of_add, "name", "call it another"),
    ],
)
def test_a_wrong_parameter_is_refused_naming_module_function_and_parameter(
    function: Callable[..., Words], parameter: str, what: str
) -> None:
    with pytest.raises(DeclarationError) as refused:
        component(function)
    assert str(refused.value).startswith(f"{__name__}.{function.__name__}: parameter {parameter!r}")
    assert what in str(refused.value)


def makes_nothing(count: int): ...  # type: ignore[no-untyped-def]
def makes_a_number(count: int) -> int: ...
def makes_many(count: int) -> tuple[Words, ...]: ...
def makes_what_is_unknown(count: int) -> Nowhere: ...  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize(
    ("function", "got"),
    [
        (makes_nothing, "none"),
        (makes_a_number, "int"),
        (makes_many, "tuple["),
        (makes_what_is_unknown, "'Nowhere', which cannot be read"),
    ],
)
def test_what_makes_no_artifact_is_refused(function: Callable[..., Words], got: str) -> None:
    with pytest.raises(DeclarationError, match=rf"^{__name__}\.{function.__name__}: the return ") as refused:
        component(function)
    assert got in str(refused.value)


async def waits(count: int) -> Words: ...
def hands_out(count: int) -> Words:  # type: ignore[misc]
    yield count


async def hands_out_later(count: int) -> Words:  # type: ignore[misc]
    yield count


@pytest.mark.parametrize("function", [waits, hands_out, hands_out_later])
def test_a_function_that_returns_something_else_than_it_says_is_refused(function: Callable[..., Words]) -> None:
    with pytest.raises(DeclarationError, match=rf"^{__name__}\.{function.__name__}: .* plain function .* asyncio\.run"):
        component(function)


@dataclass(frozen=True, kw_only=True)
class Lenient(Verdict):
    passed: str  # type: ignore[assignment]


@dataclass(frozen=True, kw_only=True)
class Elsewhere(Artifact):
    path: str  # type: ignore[assignment]


class Undecorated(Artifact):
    count: int


@dataclass(frozen=True, kw_only=True)
class Unread(Artifact):
    count: Decimal


class Bare(Words):
    """Adds nothing, so it needs no decorator."""


@dataclass(frozen=True, kw_only=True)
class Certain(Verdict):
    passed: bool = True


def makes_lenient() -> Lenient: ...
def makes_elsewhere() -> Elsewhere: ...
def makes_undecorated() -> Undecorated: ...
def makes_unread() -> Unread: ...
def makes_bare() -> Bare: ...
def makes_certain() -> Certain: ...


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (makes_lenient, "has passed of another type than every Verdict: str"),
        (makes_elsewhere, "has path of another type than every Artifact: str"),
        (makes_undecorated, "has facts, but is no dataclass"),
        (makes_unread, "has a fact whose annotation cannot be read: name 'Decimal' is not defined"),
    ],
)
def test_a_class_of_artifacts_that_could_not_be_kept_is_refused(function: Callable[..., Words], what: str) -> None:
    with pytest.raises(DeclarationError, match=rf"^{__name__}\.{function.__name__}: the return, \w+, {what}"):
        component(function)


def test_a_class_of_artifacts_that_only_adds_to_its_base_is_taken() -> None:
    assert [component(function).output for function in (makes_bare, makes_certain)] == [Bare, Certain]


class Holder:
    def method(self, count: int) -> Words: ...


class Callable_:  # noqa: N801
    def __call__(self, count: int) -> Words: ...


def test_a_function_that_another_process_could_not_find_by_name_is_refused() -> None:
    def inner(count: int) -> Words: ...

    for function in (inner, lambda count: None, Holder.method, Holder().method, Callable_(), len):
        with pytest.raises(DeclarationError, match="must be a function"):
            component(function)  # type: ignore[type-var]
