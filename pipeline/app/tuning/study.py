"""The record of one search: Optuna keeps the trials in the home, and proposes what to try next."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from slipline.pipeline.app.settings.tune_settings import Metric
from slipline.pipeline.app.tuning.space import Space, Values
from slipline.pipeline.store.locks import is_free, locked

if TYPE_CHECKING:
    import optuna

DATABASE = "tuning.db"
BUSY_TIMEOUT_S = 30.0
"""How long a writer waits for a search of other settings; commits take milliseconds."""

RANDOM_TRIALS = 5
"""Before the sampler goes by what it has seen; Optuna's own 10 would leave nothing of a short search."""

FEWEST_FOR_IMPORTANCE = 5
"""Trials that ended well; of fewer, nothing can be said."""

TRIAL = "trial"
"""What Optuna keeps ours under, beside its own of the same number."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One training of the search, at its end.

    Attributes:
      number: From 1 up.
      values: Of the settings searched.
      score: The metric; None if it failed.
      reason: Why it failed; empty if it did not.
      seconds: Wall time since it was begun or taken up.
      run_id: The run on record that trained it; None if the settings were refused.
      execution_id: Its training in the store; None if it failed.
    """

    number: int
    values: Values
    score: float | None = None
    reason: str = ""
    seconds: float = 0.0
    run_id: str | None = None
    execution_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A trial under way.

    Attributes:
      number: From 1 up.
      values: Of the settings searched.
      taken_up: Whether it was begun by an earlier command, and cut short.
      record: Optuna's.
    """

    number: int
    values: Values
    taken_up: bool
    record: optuna.Trial


class Study:
    """All trials of one search. One process at a time has it open, so a trial left under way was cut short."""

    def __init__(self, study: optuna.Study, space: Space, seed: int) -> None:
        self._study = study
        self._space = space
        self._seed = seed

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Those that ended, in their order."""
        from optuna.trial import TrialState

        ended = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.FAIL))
        return tuple(Trial(**trial.user_attrs[TRIAL]) for trial in ended)

    def begin(self, wanted: int) -> Begun:
        """Begins the next trial, or takes up the one that was cut short.

        What it tries depends on the seed and on the trials before it alone, so a search that was cut short tries what
        an undisturbed one does.

        Args:
          wanted: Trials the search is to have in all.
        """
        import numpy as np
        import optuna

        under_way = self._study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,))
        ended = self.trials
        seed = int(np.random.SeedSequence((self._seed, len(ended))).generate_state(1)[0])
        self._study.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=RANDOM_TRIALS)
        if under_way:
            record = optuna.Trial(self._study, under_way[0]._trial_id)  # there is no other way to go on with one
        else:
            point = self._space.next_by_rule([trial.values for trial in ended], wanted, self._seed)
            if point is not None:
                self._study.enqueue_trial(dict(point), skip_if_exists=True)
            record = self._study.ask()
        values = {parameter.name: parameter.suggested(record) for parameter in self._space.parameters}
        return Begun(number=record.number + 1, values=values, taken_up=bool(under_way), record=record)

    def end(self, begun: Begun, ended: Trial) -> None:
        """Puts the end of a trial on record."""
        from optuna.trial import TrialState

        begun.record.set_user_attr(TRIAL, asdict(ended))
        if ended.score is None:
            self._study.tell(begun.record, state=TrialState.FAIL)
        else:
            self._study.tell(begun.record, ended.score)

    def importance(self) -> dict[str, float]:
        """The share of each setting in what makes trials good, in 0..1; empty if there are too few to tell."""
        from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

        if sum(trial.score is not None for trial in self.trials) < FEWEST_FOR_IMPORTANCE:
            return {}
        return get_param_importances(self._study, evaluator=PedAnovaImportanceEvaluator())


def best_of(trials: Iterable[Trial], metric: Metric) -> Trial | None:
    """The trial with the best metric, the first of equals; None if all failed."""
    ended_well = [trial for trial in trials if trial.score is not None]
    return min(ended_well, key=lambda trial: ranked(trial, metric), default=None)


def ranked(trial: Trial, metric: Metric) -> tuple[float, int]:
    """What orders trials from best to worst, those that failed last."""
    if trial.score is None:
        return math.inf, trial.number
    return (trial.score if metric == "validation_loss" else -trial.score), trial.number


@contextmanager
def open_study(
    home: Path, name: str, metric: Metric, space: Space, seed: int, *, restart: bool, on_wait: Callable[[], None]
) -> Iterator[Study]:
    """The search of that name, new if there is none; waits while another process has it open.

    Args:
      home: The home folder.
      name: Of the search.
      metric: What makes a trial better.
      space: What is tried.
      seed: Decides what is tried.
      restart: Whether to forget the trials there are.
      on_wait: Called if another process has it open.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    lock = home / "locks" / f"tune-{name}"
    if lock.exists() and not is_free(lock):
        on_wait()
    with locked(lock):
        with locked(home / "locks" / DATABASE):  # two first searches at once
            storage = optuna.storages.RDBStorage(
                f"sqlite:///{home / DATABASE}", engine_kwargs={"connect_args": {"timeout": BUSY_TIMEOUT_S}}
            )
            if restart and name in {summary.study_name for summary in optuna.get_all_study_summaries(storage)}:
                optuna.delete_study(study_name=name, storage=storage)
            study = optuna.create_study(
                storage=storage,
                study_name=name,
                direction="minimize" if metric == "validation_loss" else "maximize",
                load_if_exists=True,
            )
        try:
            yield Study(study, space, seed)
        finally:
            storage.engine.dispose()
