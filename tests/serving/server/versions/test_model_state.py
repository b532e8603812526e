"""What is known of models and versions, without a server."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from slipline.serving.server.versions.model_state import (
    AVAILABLE,
    END,
    HISTORY_OF_A_MODEL,
    LOADING,
    START,
    UNLOADING,
    Model,
    Version,
)
from slipline.serving.wire.serving_pb2 import ModelVersionStatus

SOURCE: Any = SimpleNamespace(base_path="/models/m")


def version(number: int, state: ModelVersionStatus.State = START, **more: Any) -> Version:
    return Version(number=number, path=Path(str(number)), state=state, **more)


def model(*versions: Version, wanted: tuple[int, ...] = (), source: Any = SOURCE, **more: Any) -> Model:
    folders = {number: Path(str(number)) for number in wanted}
    return Model(name="m", source=source, wanted=folders, versions={v.number: v for v in versions}, **more)


@pytest.mark.parametrize("is_tried", [True, False])
def test_an_order_begins_anew_and_leaves_an_attempt_under_way(is_tried: bool) -> None:
    ordered = version(1, END, code=5, message="broken", failures=3, gave_up=True, is_tried=is_tried)
    ordered.order()
    assert (ordered.is_due, ordered.gave_up, ordered.failures) == (True, False, 0)
    assert (ordered.state, ordered.code, ordered.message) == ((END, 5, "broken") if is_tried else (START, 0, ""))


def test_what_a_version_failed_of_stays_known_at_its_end() -> None:
    failed, fine = version(1, LOADING, code=5, message="broken", gave_up=True), version(2, LOADING, gave_up=True)
    failed.end()
    fine.end()
    assert (failed.state, failed.code, failed.message, failed.gave_up) == (END, 5, "broken", False)
    assert (fine.state, fine.code, fine.message, fine.gave_up) == (END, 1, "Loading of servable cancelled", False)


def test_versions_that_are_up_can_be_asked() -> None:
    served: Any = object()
    found = model(version(1, AVAILABLE, served=served), version(2, AVAILABLE), version(3, LOADING, served=served))
    assert found.available() == {1: served}


def test_wanted_versions_and_the_one_that_gave_way_are_kept() -> None:
    one, two, three = version(1), version(2), version(3)
    found = model(one, two, three, wanted=(1,), fallback=two)
    assert [found.keeps(each) for each in (one, two, three)] == [True, True, False]
    assert not found.keeps(version(1))  # an earlier one of that number


def test_there_is_hope_for_wanted_versions_that_are_neither_up_nor_given_up() -> None:
    given_up = version(3, END, gave_up=True)
    found = model(
        version(1, AVAILABLE), version(2), given_up, version(4, gave_up=True), version(5), wanted=(1, 2, 3, 9)
    )
    assert found.coming() == {2}
    assert found.given_up() == [given_up]


@pytest.mark.parametrize(
    ("states", "wanted", "source", "is_decided"),
    [
        ([AVAILABLE, LOADING], (1, 2), SOURCE, True),
        ([END, END], (1, 2), SOURCE, True),
        ([END, LOADING], (1, 2), SOURCE, False),
        ([LOADING, AVAILABLE], (1,), SOURCE, False),
        ([LOADING], (1,), None, True),
        ([], (), SOURCE, False),
    ],
)
def test_it_is_decided_once_a_wanted_version_is_up_or_all_are_given_up(
    states: list[Any], wanted: tuple[int, ...], source: Any, is_decided: bool
) -> None:
    found = model(*(version(n, state) for n, state in enumerate(states, 1)), wanted=wanted, source=source)
    assert found.is_decided is is_decided


@pytest.mark.parametrize(
    ("states", "source", "is_over"),
    [([END, END], None, True), ([], None, True), ([END, UNLOADING], None, False), ([END], SOURCE, False)],
)
def test_it_is_over_once_nothing_is_up_or_on_its_way(states: list[Any], source: Any, is_over: bool) -> None:
    assert model(*(version(n, state) for n, state in enumerate(states)), source=source).is_over is is_over


@pytest.mark.parametrize(
    ("wanted", "complaint", "words"),
    [
        (
            (),
            "",
            "base path /models/m was not listed in time; see that it is right and holds a folder named",
        ),
        ((), "cannot be read", "base path /models/m cannot be read; see that it is right"),
        ((1, 2), "cannot be read", "base path /models/m cannot be read; see that it is right"),
        ((1, 2), "", "version 2 is in state LOADING, version 1 is in state END: broken"),
    ],
)
def test_what_keeps_versions_from_being_up_is_said(wanted: tuple[int, ...], complaint: str, words: str) -> None:
    found = model(version(1, END, message="broken"), version(2, LOADING), wanted=wanted, complaint=complaint)
    assert found.obstacle().startswith(words)


def test_of_what_versions_failed_is_said() -> None:
    versions = version(1, END, code=5, message="broken"), version(2), version(3, code=1, message="cut off")
    words = "version 1 due to error: broken; version 3 due to error: cut off"
    assert model(*versions).failures() == words
    assert model(*versions, source=None).failures() == "a later config leaves it out"


def test_the_oldest_history_is_forgotten_and_nothing_else() -> None:
    ended = [version(number, END) for number in range(100, 100 + HISTORY_OF_A_MODEL + 3)]
    others = [version(1, END), version(2, LOADING), version(3, END)]
    found = model(*others, *ended, wanted=(1,), fallback=others[2])
    found.forget_history()
    assert list(found.versions) == [1, 2, 3, *range(103, 103 + HISTORY_OF_A_MODEL)]
    found.forget_history()
    assert len(found.versions) == 3 + HISTORY_OF_A_MODEL


def test_a_snapshot_tells_what_matters_now_from_history_and_what_is_missing() -> None:
    states = {1: AVAILABLE, 2: LOADING, 3: END, 4: END, 5: AVAILABLE}
    view = model(*(version(number, state) for number, state in states.items()), wanted=(5, 4, 2, 9)).snapshot()
    assert [each.number for each in view.current] == [5, 4, 2, 1]
    assert [each.number for each in view.history] == [3]
    assert view.missing == {4, 2, 9}
    assert view.is_ready
    assert not model(version(2, LOADING), version(3, END)).is_ready
