from __future__ import annotations

import math
import multiprocessing
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from slipline.pipeline.app.settings.training_settings import load_settings
from slipline.pipeline.app.tuning.space import space_of
from slipline.pipeline.app.tuning.study import Begun, Study, Trial, best_of, open_study
from slipline.pipeline.store.store import Store

SPACE = space_of(load_settings("mnist"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with Store.open(tmp_path / "home") as store:
        return store.home


def opened(home: Path, *, restart: bool = False) -> AbstractContextManager[Study]:
    return open_study(home, "s", "validation_loss", SPACE, 1, restart=restart, on_wait=lambda: None)


def judged(begun: Begun) -> Trial:
    """A made-up loss; it fails at high learning rates."""
    rate = float(begun.values["train.learning_rate"])
    if rate > 0.005:
        return Trial(number=begun.number, values=begun.values, reason="the loss is nan", run_id="r")
    score = abs(math.log(rate / 0.002)) + float(begun.values["train.batch_size"]) / 1000
    return Trial(number=begun.number, values=begun.values, score=score, run_id="r", execution_id="e", seconds=1.5)


def tried(study: Study, wanted: int) -> None:
    while len(study.trials) < wanted:
        begun = study.begin(wanted)
        study.end(begun, judged(begun))


@pytest.mark.slow
def test_a_search_cut_short_within_a_trial_tries_what_an_undisturbed_one_does(home: Path, tmp_path: Path) -> None:
    with opened(home) as study:
        tried(study, 7)
        cut_short = study.begin(9)
    with opened(home) as study:
        taken_up = study.begin(9)
        assert (taken_up.number, taken_up.values, taken_up.taken_up) == (cut_short.number, cut_short.values, True)
        study.end(taken_up, judged(taken_up))
        tried(study, 9)
        trials = study.trials
    with Store.open(tmp_path / "other") as store, opened(store.home) as undisturbed:
        tried(undisturbed, 9)
        assert undisturbed.trials == trials
    assert [trial.number for trial in trials] == list(range(1, 10))
    assert len({tuple(trial.values.items()) for trial in trials}) > 5


def test_a_trial_is_kept_as_it_ended_and_one_that_failed_with_its_reason(home: Path) -> None:
    with opened(home) as study:
        first = study.begin(5)
        study.end(first, Trial(number=1, values=first.values, reason="the loss is nan", run_id="r"))
        second = study.begin(5)
        study.end(second, judged(second))
    with opened(home) as study:
        assert study.trials == (
            Trial(number=1, values=first.values, reason="the loss is nan", run_id="r"),
            judged(second),
        )


def test_a_search_anew_has_forgotten_its_trials(home: Path) -> None:
    with opened(home) as study:
        tried(study, 2)
    with opened(home, restart=True) as study:
        assert study.trials == ()


@pytest.mark.slow
def test_what_the_metric_depends_on_is_told_from_five_trials_on(home: Path) -> None:
    with opened(home) as study:
        tried(study, 3)
        assert study.importance() == {}
        tried(study, 12)
        assert set(study.importance()) == {"train.learning_rate", "train.batch_size"}
        assert sum(study.importance().values()) == pytest.approx(1)


def search_beside(home: Path) -> None:
    with opened(home) as study:
        tried(study, 3)


def test_searches_begun_at_once_do_each_trial_once(home: Path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=search_beside, args=(home,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    with opened(home) as study:
        assert [trial.number for trial in study.trials] == [1, 2, 3]


def test_the_best_trial_is_the_first_of_equals_and_none_if_all_failed() -> None:
    trials = [Trial(number=number, values={}, score=score) for number, score in enumerate((None, 0.5, 0.9, 0.9), 1)]
    assert best_of(trials, "validation_accuracy") == trials[2]
    assert best_of(trials, "validation_loss") == trials[1]
    assert best_of(trials[:1], "validation_loss") is None
