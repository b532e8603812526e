"""A component may make a class made from the one it declares, and a step may take one made from what it asks for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from slipline.pipeline.core.component import component
from slipline.pipeline.core.graph import Pipeline
from slipline.pipeline.runners.execute import Outcome
from slipline.pipeline.store.store import Store
from tests.pipeline.runners.test_execute import run_all, statuses
from tests.pipeline.toy import SumParams, Words, add_up


@dataclass(frozen=True, kw_only=True)
class CountedWords(Words):
    letters: int


@component
def count(text: str, out: Path) -> Words:
    """Declares less than it makes."""
    (out / "words.txt").write_text(text)
    return CountedWords(path=out, count=1, letters=len(text))


@component
def count_exactly(text: str, out: Path) -> CountedWords:
    (out / "words.txt").write_text(text)
    return CountedWords(path=out, count=1, letters=len(text))


def made(outcome: Outcome) -> object:
    assert outcome.made is not None
    return outcome.made.artifact


def test_a_subclass_of_what_is_declared_is_found_again_as_itself(store: Store) -> None:
    flow = Pipeline("p")
    flow.add(add_up, words=flow.add(count, text="four"), params=SumParams())
    first, again = run_all(flow, store), run_all(flow, store)
    assert statuses(again) == ["cached", "cached"]
    assert isinstance(made(again[0]), CountedWords)
    assert [made(outcome) for outcome in again] == [made(outcome) for outcome in first]


def test_a_step_takes_a_subclass_of_what_it_asks_for(store: Store) -> None:
    flow = Pipeline("p")
    flow.add(add_up, words=flow.add(count_exactly, text="four"), params=SumParams())
    assert statuses(run_all(flow, store)) == ["done", "done"]
    assert statuses(run_all(flow, store)) == ["cached", "cached"]


def test_what_differs_in_a_fact_of_the_subclass_alone_is_another_artifact(store: Store) -> None:
    flow = Pipeline("p")
    for text in ("four", "fives"):
        flow.add(count, name=text, text=text)
    four, fives = run_all(flow, store)
    assert four.made is not None
    assert fives.made is not None
    assert four.made.digest != fives.made.digest
