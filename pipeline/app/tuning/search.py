"""The search itself: trains at one point of the space after the other, by the ordinary pipeline up to `train`."""

from __future__ import annotations

import hashlib
import json
import math
import time
from dataclasses import dataclass, replace

from pydantic import ValidationError

from slipline.components.artifacts import TrainedModel
from slipline.pipeline.app.settings.home import Home
from slipline.pipeline.app.settings.settings_file import explained
from slipline.pipeline.app.settings.training_settings import TrainingSettings
from slipline.pipeline.app.settings.tune_settings import Metric
from slipline.pipeline.app.training import training_pipeline
from slipline.pipeline.app.tuning.display import SearchDisplay
from slipline.pipeline.app.tuning.space import Space, Values, for_trial
from slipline.pipeline.app.tuning.study import Begun, Study, Trial, best_of, open_study, ranked
from slipline.pipeline.core.errors import PipelineError
from slipline.pipeline.core.graph import Pipeline
from slipline.pipeline.runners.execute import Status, key_of
from slipline.pipeline.runners.local import LocalRunner
from slipline.pipeline.runners.run_report import RunReport
from slipline.pipeline.store.store import Store

TRAIN = "train"


class SearchFailed(PipelineError):
    """There is nothing to choose from: the data does not come as far as training, or every trial failed."""


@dataclass(frozen=True, kw_only=True)
class Search:
    """What a search came to.

    Attributes:
      name: The search's; the same settings and data always have the same.
      space: What was searched.
      metric: What makes a trial better.
      trials: In their order.
      done_now: How many of them this command did.
      wanted: How many there are to be.
      best: The best of them.
      importance: The share of each setting in what makes trials good, in 0..1; empty if there are too few to tell.
      settings: Those given with the best trial's values.
    """

    name: str
    space: Space
    metric: Metric
    trials: tuple[Trial, ...]
    done_now: int
    wanted: int
    best: Trial
    importance: dict[str, float]
    settings: TrainingSettings

    @property
    def ranking(self) -> tuple[Trial, ...]:
        """The trials from best to worst, those that failed last."""
        return tuple(sorted(self.trials, key=lambda trial: ranked(trial, self.metric)))


@dataclass(frozen=True, kw_only=True)
class Searcher:
    """Searches with the settings given.

    Attributes:
      settings: Say how long is searched, and all that is not.
      space: What is searched.
      home: Where everything is kept.
      store: Of that home.
      watcher: Shows the progress.
    """

    settings: TrainingSettings
    space: Space
    home: Home
    store: Store
    watcher: SearchDisplay

    def search(self, *, restart: bool = False) -> Search:
        """Tries what is left to try, and chooses.

        Args:
          restart: Whether to forget the trials there are; trainings are found in the cache all the same.

        Raises:
          SearchFailed: The data does not come as far as training, or every trial failed.
        """
        started_s = time.monotonic()
        tune, space = self.settings.tune, self.space
        wanted = int(min(tune.trials, space.points))
        name = self._name(self._data_ready())
        with open_study(
            self.store.home, name, tune.metric, space, tune.seed, restart=restart, on_wait=self.watcher.search_waits
        ) as study:
            done = len(study.trials)
            wanted = max(wanted, done)
            self.watcher.search_begins(name, space, done, wanted)
            while len(study.trials) < wanted and time.monotonic() - started_s < tune.timeout_s:
                self._try_next(study, wanted)
            trials, importance = study.trials, study.importance()
        best = best_of(trials, tune.metric)
        if best is None:
            raise SearchFailed(_nothing_to_choose(trials, tune.timeout_s))
        return Search(
            name=name,
            space=space,
            metric=tune.metric,
            trials=trials,
            done_now=len(trials) - done,
            wanted=wanted,
            best=best,
            importance=importance,
            settings=self._with(best.values),
        )

    def _data_ready(self) -> str:
        """Brings the data as far as training; gives the cache key under which the settings as they are would train."""
        pipeline = self._pipeline({})
        *before, training = pipeline.steps
        report = self._run(Pipeline(self.settings.name, before))
        _raise_if_stopped(report)
        return key_of(training, dict(zip(before, report.outcomes, strict=True)), self.store)

    def _name(self, key: str) -> str:
        """Of the search: the same for the same data, code, space and settings, and for no other."""
        tune = self.settings.tune.model_dump(mode="json", exclude={"trials", "timeout_s"})
        digest = hashlib.sha256(json.dumps([key, tune]).encode()).hexdigest()
        return f"{self.settings.name}-{digest[:12]}"

    def _try_next(self, study: Study, wanted: int) -> None:
        begun = study.begin(wanted)
        self.watcher.trial_begins(begun)
        ended = self._tried(begun)
        study.end(begun, ended)
        self.watcher.trial_ended(ended, is_best=best_of(study.trials, self.settings.tune.metric) == ended)

    def _tried(self, begun: Begun) -> Trial:
        started_s = time.monotonic()
        try:
            pipeline = self._pipeline(begun.values)
        except ValidationError as error:  # each value is fit, but not together with the others
            return Trial(
                number=begun.number, values=begun.values, reason=explained("settings", TrainingSettings, error)
            )
        report = self._run(replace(pipeline, name=f"{self.settings.name}, trial {begun.number}"))
        score, reason = self._judged(report)
        made = report.made(TRAIN)
        return Trial(
            number=begun.number,
            values=begun.values,
            score=score,
            reason=reason,
            seconds=time.monotonic() - started_s,
            run_id=report.run_id,
            execution_id=made.execution_id if made else None,
        )

    def _with(self, values: Values) -> TrainingSettings:
        """The settings given with these values; records stay held out only if a value asks for that."""
        try:
            return self.settings.changed(values)
        except ValidationError:
            return for_trial(self.settings, values)

    def _pipeline(self, values: Values) -> Pipeline:
        settings = for_trial(self.settings, values)
        return training_pipeline(settings, self.home).until(TRAIN)

    def _run(self, pipeline: Pipeline) -> RunReport:
        return LocalRunner(store=self.store, display=self.watcher).run(pipeline)

    def _judged(self, report: RunReport) -> tuple[float | None, str]:
        """The metric of a trial that ended well, or why it failed."""
        outcome = report.outcomes[-1]
        if outcome.status is Status.FAILED:
            return None, outcome.message
        _raise_if_stopped(report)
        assert outcome.made is not None
        trained, metric = outcome.made.artifact, self.settings.tune.metric
        assert isinstance(trained, TrainedModel)
        score = getattr(trained, metric)
        if score is None or not math.isfinite(score):
            return None, f"{metric} is {score}"
        return score, ""


def _raise_if_stopped(report: RunReport) -> None:
    for outcome in report.outcomes:
        if outcome.status is Status.FAILED:
            raise SearchFailed(f"{outcome.message}\nlog {report.log_path}")
        if outcome.status is Status.BLOCKED:
            raise SearchFailed(f"{outcome.step} is held back by a gate: {outcome.message}")


def _nothing_to_choose(trials: tuple[Trial, ...], timeout_s: float) -> str:
    if not trials:
        return f"no trial was begun within tune.timeout_s={timeout_s}; raise it, and run the command again"
    return (
        f"all {len(trials)} trials failed, the last with: {trials[-1].reason}\n"
        "Mend the settings, or, if it was not they, search anew with --restart"
    )
