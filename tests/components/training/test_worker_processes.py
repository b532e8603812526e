"""What is made of the messages of workers; real ones are in test_workers.py."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from slipline.components.artifacts import TrainedModel
from slipline.components.errors import TrainingFailed
from slipline.components.training import worker_processes
from slipline.components.training.cluster import Cluster
from slipline.components.training.worker import Failed, Joined, Made, Message, Said
from slipline.components.training.worker_processes import Worker, fit_in_processes

CLUSTER = Cluster(addresses=("a:1", "b:2"))
MODEL = TrainedModel(path=Path("made"), records=1, parameters=1, loss=0.5, accuracy=0.5)
LATE_S = 0.1


@dataclass
class Script:
    """What a worker sends at once, and what later; one with an `exitcode` then ends."""

    at_once: Sequence[Message] = ()
    later: Sequence[Message] = ()
    exitcode: int | None = None
    killed: bool = False

    def play(self, sender: Connection) -> None:
        for message in self.at_once:
            sender.send(message)
        threading.Timer(LATE_S, self._play_later, (sender,)).start()

    def _play_later(self, sender: Connection) -> None:
        for message in self.later:
            sender.send(message)
        if self.exitcode is not None:
            sender.close()

    def kill(self) -> None:
        self.killed = True

    def join(self) -> None:
        pass


@dataclass
class Played:
    """What came of a training by these scripts, the chief's first."""

    scripts: Sequence[Script]
    said: list[str] = field(default_factory=list)
    senders: list[Connection] = field(default_factory=list)

    def start(self, job: object, cluster: Cluster, threads: int) -> Worker:
        answers, sender = Pipe(duplex=False)
        self.senders.append(sender)  # open as long as the worker is
        script: Any = self.scripts[cluster.worker]
        script.play(sender)
        return Worker(cluster, script, answers)


Play = Callable[..., TrainedModel]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[[Played], TrainedModel]:
    def played(training: Played) -> TrainedModel:
        monkeypatch.setattr(worker_processes, "start_worker", training.start)
        job: Any = None
        try:
            return fit_in_processes(job, CLUSTER, range(len(training.scripts)), training.said.append)
        finally:
            assert all(script.killed for script in training.scripts)

    return played


def test_the_chiefs_lines_are_passed_on_and_its_model_is_what_comes_out_however_late(play: Play) -> None:
    chief = Script([Said("waiting")], [Joined(), Said("epoch 1/1"), Made(MODEL)])
    training = Played([chief, Script([Joined(), Said("a helper's"), Made(None)], exitcode=0)])
    assert play(training) == MODEL
    assert training.said == ["waiting", "epoch 1/1"]


def test_workers_that_met_may_take_as_long_as_they_want(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_processes, "MEETING_TIMEOUT_S", LATE_S / 2)
    assert play(Played([Script([Joined()], [Made(MODEL)]), Script()])) == MODEL


def test_workers_that_do_not_meet_in_time_are_named(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_processes, "MEETING_TIMEOUT_S", 0.06)
    with pytest.raises(TrainingFailed, match=r"^the workers a:1, b:2 did not meet within 0\.001 minutes; start those"):
        play(Played([Script(), Script()]))


def test_a_worker_that_fails_ends_all_with_its_reason_and_unless_it_is_the_chief_its_name(play: Play) -> None:
    with pytest.raises(TrainingFailed, match=r"^the loss is nan$"):
        play(Played([Script([Joined(), Failed("the loss is nan")]), Script()]))
    with pytest.raises(TrainingFailed, match=r"^worker 1 of 2: no space left$"):
        play(Played([Script([Joined()]), Script([Failed("no space left")])]))


def test_a_worker_that_is_missed_has_a_while_to_say_why(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = Script([Joined(), Failed("worker 1 does not answer", lost=1)])
    with pytest.raises(TrainingFailed, match=r"^worker 1 of 2: no space left$"):
        play(Played([missing, Script(later=[Failed("no space left")])]))
    monkeypatch.setattr(worker_processes, "LOST_TIMEOUT_S", LATE_S / 2)
    with pytest.raises(TrainingFailed, match=r"^worker 1 does not answer$"):
        play(Played([missing, Script()]))


@pytest.mark.parametrize(("exitcode", "how"), [(-9, "killed by SIGKILL"), (3, "exit status 3")])
def test_a_worker_that_ends_without_a_word_is_named_with_how_and_what_to_do(
    play: Play, exitcode: int, how: str
) -> None:
    words = rf"^worker 1 of 2 ended \({how}; out of memory\?\); the run's log has its last lines\. Run again"
    with pytest.raises(TrainingFailed, match=words):
        play(Played([Script([Joined()]), Script([Joined()], exitcode=exitcode)]))
