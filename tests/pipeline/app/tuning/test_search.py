"""What a search makes of its trials; one of real trainings is in end_to_end/test_tuning.py."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from slipline.components.artifacts import TrainedModel
from slipline.pipeline.app.settings.home import Home
from slipline.pipeline.app.settings.training_settings import TrainingSettings, load_settings
from slipline.pipeline.app.tuning import search as search_module
from slipline.pipeline.app.tuning.display import SearchDisplay
from slipline.pipeline.app.tuning.search import Search, Searcher, SearchFailed
from slipline.pipeline.app.tuning.space import space_of
from slipline.pipeline.core.component import ComponentError, component, params
from slipline.pipeline.core.graph import Pipeline
from slipline.pipeline.runners.local import LocalRunner
from slipline.pipeline.store.lineage import readable_settings, trace
from slipline.pipeline.store.store import Store
from tests.pipeline.here import Here
from tests.pipeline.toy import CheckParams, Words, WriteParams, check, write

pytestmark = pytest.mark.slow  # real processes, or whole steps, for each test

RATE = "train.learning_rate"
FAILING, NAN = 0.9, 0.8
Searching = Callable[..., Search]


@params
class FitParams:
    rate: float = 0.0
    held_out: float = 0.0


@component
def fit(words: Words, params: FitParams, out: Path) -> TrainedModel:
    """As good as its rate is low."""
    if params.rate == FAILING:
        raise ComponentError("the loss is nan")
    accuracy = math.nan if params.rate == NAN else 1 - params.rate
    measured = {"validation_loss": accuracy, "validation_accuracy": accuracy}
    return TrainedModel(path=out, records=9, parameters=1, loss=0.5, accuracy=0.5, **measured)


def small_pipeline(settings: TrainingSettings, home: Home, *, most_words: int) -> Pipeline:
    flow = Pipeline(settings.name)
    words = flow.add(write, params=WriteParams(words=("a", "b")))
    verdict = flow.add(check, words=words, params=CheckParams(most=most_words))
    fitted = FitParams(rate=settings.train.learning_rate, held_out=settings.train.validation_fraction)
    flow.add(fit, name="train", words=words, params=fitted, only_if=[verdict])
    return flow


@pytest.fixture
def searching(store: Store, monkeypatch: pytest.MonkeyPatch) -> Searching:
    """Searches among learning rates with a training that takes no time."""
    monkeypatch.setattr(search_module, "LocalRunner", partial(LocalRunner, workers=Here))

    def search(rates: list[float], *overrides: str, restart: bool = False, most_words: int = 100) -> Search:
        monkeypatch.setattr(search_module, "training_pipeline", partial(small_pipeline, most_words=most_words))
        space = f'tune.space={{"{RATE}" = {{choices={rates}}}}}'
        settings = load_settings("mnist", [space, f"{RATE}=0.2", *overrides])
        console = Console(file=io.StringIO())
        display = SearchDisplay(console, console.status(""), settings.tune.metric)
        searcher = Searcher(
            settings=settings, space=space_of(settings), home=Home(store.home), store=store, watcher=display
        )
        return searcher.search(restart=restart)

    return search


def test_all_there_is_to_try_is_tried_once_the_settings_as_they_are_first(searching: Searching, store: Store) -> None:
    found = searching([0.1, 0.2, 0.3])
    assert [trial.number for trial in found.trials] == [1, 2, 3]
    assert found.trials[0].values == {RATE: 0.2}
    assert {trial.values[RATE]: trial.score for trial in found.trials} == {0.1: 0.9, 0.2: 0.8, 0.3: 0.7}
    assert (found.done_now, found.wanted, found.best.values) == (3, 3, {RATE: 0.1})
    assert found.settings.train.learning_rate == 0.1
    assert [trial.values[RATE] for trial in found.ranking] == [0.1, 0.2, 0.3]
    assert found.name.startswith("mnist-")
    assert all(trial.run_id and trial.execution_id and 0 < trial.seconds < 60 for trial in found.trials)


def test_the_metric_says_which_is_best_and_the_settings_found_hold_its_values(searching: Searching) -> None:
    found = searching([0.1, 0.2], "tune.metric=validation_loss")  # made here to be the same number as the accuracy
    assert (found.metric, found.best.values) == ("validation_loss", {RATE: 0.2})
    assert found.settings.train.learning_rate == 0.2


@pytest.mark.parametrize(("given", "held_out"), [(0.0, 0.25), (0.5, 0.5)])
def test_a_trial_holds_records_out_and_the_settings_found_only_if_those_given_do(
    searching: Searching, store: Store, given: float, held_out: float
) -> None:
    found = searching([0.2], f"train.validation_fraction={given}", "tune.held_out=0.25")
    fitted = trace(store, found.best.execution_id or "").executions[-1]
    assert readable_settings(fitted.settings)["params"] == {"rate": 0.2, "held_out": held_out}
    assert found.settings.train.validation_fraction == given


def test_a_trial_that_fails_is_kept_with_its_reason_and_the_others_go_on(searching: Searching) -> None:
    found = searching([FAILING, NAN, 0.2])
    assert found.best.values == {RATE: 0.2}
    reasons = {trial.values[RATE]: trial.reason for trial in found.trials if trial.score is None}
    assert reasons.keys() == {FAILING, NAN}
    assert "the loss is nan" in reasons[FAILING]
    assert reasons[NAN] == "validation_accuracy is nan"
    with pytest.raises(SearchFailed, match=r"all 1 trials failed, the last with: .*nan\n.*search anew with --restart"):
        searching([NAN])


def test_the_same_search_goes_on_where_it_was_and_anew_if_told_so(searching: Searching) -> None:
    some = searching([0.1, 0.2], "tune.trials=1")
    assert (len(some.trials), some.done_now, some.wanted) == (1, 1, 1)
    more = searching([0.1, 0.2], "tune.trials=2")
    assert (more.name, more.trials[:1], more.done_now, more.wanted) == (some.name, some.trials, 1, 2)
    fewer = searching([0.1, 0.2], "tune.trials=1")
    assert (fewer.trials, fewer.done_now, fewer.wanted) == (more.trials, 0, 2)
    assert searching([0.1, 0.2], "tune.trials=1", restart=True).done_now == 1


def test_no_trial_is_begun_after_the_time_for_it(searching: Searching) -> None:
    with pytest.raises(SearchFailed, match=r"no trial was begun within tune.timeout_s=1e-09; raise it"):
        searching([0.1], "tune.timeout_s=1e-9")


def test_a_gate_before_the_training_ends_the_search(searching: Searching) -> None:
    with pytest.raises(SearchFailed, match=r"train is held back by a gate: .*2 words, at most 1"):
        searching([0.1], most_words=1)
