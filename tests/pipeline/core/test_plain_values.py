import enum
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from slipline.pipeline.core.component import params
from slipline.pipeline.core.fingerprint import canonical
from slipline.pipeline.core.plain_values import Misfit, fitted
from tests.pipeline.toy import SumParams, WriteParams


@params
class Filled:
    truth: bool = False
    count: int = 1
    share: float = 0.5
    place: Path = Path()
    parts: tuple[int, ...] = ()


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("kind", "value", "fits_as"),
    [
        (int, 3, 3),
        (float, 3, 3.0),
        (float, 0.5, 0.5),
        (Path, "a/b", Path("a/b")),
        (Colour, "red", Colour.RED),
        (Literal["a", "b"], "b", "b"),
        (int | None, None, None),
        (int | str, "3", "3"),
        (tuple[int, ...], [1, 2], (1, 2)),
        (tuple[int, str], [1, "2"], (1, "2")),
        (list[float], (1, 2), [1.0, 2.0]),
        (Sequence[int], [1, 2], (1, 2)),
        (Mapping[str, tuple[int, ...]], {"a": [1]}, {"a": (1,)}),
        (tuple[SumParams, ...], [SumParams(factor=2)], (SumParams(factor=2),)),
    ],
)
def test_a_value_that_fits_takes_the_form_of_its_annotation(kind: Any, value: object, fits_as: object) -> None:
    assert canonical(fitted(kind, value)) == canonical(fits_as)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (int, "3"),
        (int, 3.0),
        (int, True),
        (bool, 1),
        (float, "0.5"),
        (float, False),
        (str, 3),
        (str, None),
        (Path, 3),
        (Colour, "blue"),
        (Literal["a", "b"], "c"),
        (tuple[int, ...], [1, "2"]),
        (tuple[int, ...], {1, 2}),
        (tuple[str, ...], "ab"),
        (Sequence[str], "ab"),
        (list[int], frozenset({1})),
        (tuple[int, str], (1,)),
        (dict[str, int], {"a": None}),
        (SumParams, WriteParams()),
        (SumParams, {"factor": 2}),
        (tuple[SumParams, ...], [{"factor": 2}]),
    ],
)
def test_no_value_is_guessed_from_one_of_another_type(kind: Any, value: object) -> None:
    with pytest.raises(Misfit, match=f"^must be .*, got {type(value).__name__} "):
        fitted(kind, value)


def test_a_record_of_a_class_made_from_the_one_asked_for_fits() -> None:
    class Special(SumParams):
        pass

    special = Special()
    assert fitted(SumParams, special) is special


@pytest.mark.parametrize(
    ("values", "named"),
    [({"truth": 1}, "truth"), ({"count": True}, "count"), ({"share": "1"}, "share"), ({"place": "a/b"}, "place")],
)
def test_a_record_made_with_a_value_of_another_type_is_refused(values: dict[str, Any], named: str) -> None:
    with pytest.raises(Misfit, match=rf"^has {named}=.*, but {named} must be"):
        fitted(Filled, Filled(**values))


def test_a_record_whose_fields_fit_is_taken_as_it_is() -> None:
    record = Filled(share=1, parts=[1])  # type: ignore[arg-type]
    assert fitted(Filled, record) is record
