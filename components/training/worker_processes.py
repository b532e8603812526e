"""Starts the workers of a training that belong here, and watches over them."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from slipline.components.artifacts import TrainedModel
from slipline.components.errors import TrainingFailed
from slipline.components.training.cluster import Cluster
from slipline.components.training.job import TrainingJob
from slipline.components.training.worker import Failed, Joined, Made, Message, Said, work
from slipline.pipeline.core.component import Say

MEETING_TIMEOUT_S = 600.0
"""How long the workers may take to meet; on other machines they may have to be started first."""

LOST_TIMEOUT_S = 5.0
"""How long to wait for the end of a worker that others miss already, as its own words say more than theirs."""


@dataclass(frozen=True)
class Worker:
    """One worker process, and where its messages come from."""

    cluster: Cluster
    process: BaseProcess
    answers: Connection

    @property
    def name(self) -> str:
        """For people."""
        return f"worker {self.cluster.worker} of {len(self.cluster.addresses)}"


def start_worker(job: TrainingJob, cluster: Cluster, threads: int | None = None) -> Worker:
    """Starts one worker; whoever starts it ends it."""
    context = multiprocessing.get_context("spawn")
    answers, sender = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(job, cluster, threads, sender))
    process.start()
    sender.close()  # so that only the worker holds it open
    return Worker(cluster, process, answers)


def end_worker(worker: Worker) -> None:
    """Ends a worker, whatever it is doing."""
    worker.process.kill()
    worker.process.join()
    worker.answers.close()


def fit_in_processes(job: TrainingJob, cluster: Cluster, numbers: Sequence[int], say: Say) -> TrainedModel:
    """Trains in a cluster, of which the workers of these numbers, the chief among them, are started here.

    Raises:
      TrainingFailed: A worker failed or ended, or they did not all meet; all that were started here are ended.
    """
    threads = max(1, len(os.sched_getaffinity(0)) // len(numbers))
    workers = [start_worker(job, replace(cluster, worker=number), threads) for number in numbers]
    try:
        return _watched(workers, say)
    finally:
        for worker in workers:
            end_worker(worker)


def _watched(workers: Sequence[Worker], say: Say) -> TrainedModel:
    watch = _Watch(give_up=time.monotonic() + MEETING_TIMEOUT_S)
    running = list(workers)
    while watch.model is None:
        left_s = watch.give_up - time.monotonic()
        ready = wait([worker.answers for worker in running], None if left_s == math.inf else max(0.0, left_s))
        if not ready:
            addresses = ", ".join(workers[0].cluster.addresses)
            raise TrainingFailed(
                watch.lost
                or f"the workers {addresses} did not meet within {MEETING_TIMEOUT_S / 60:g} minutes; start those that "
                "are missing, and see that they reach each other"
            )
        for worker in [worker for worker in running if worker.answers in ready]:
            message = _received(worker)
            if message is None:
                running.remove(worker)
            else:
                watch.take(worker, message, say)
    return watch.model


@dataclass
class _Watch:
    """What the messages told so far.

    Attributes:
      give_up: When to wait no longer, on the monotonic clock.
      lost: What a worker says that misses another one.
      model: What the chief has made.
    """

    give_up: float
    lost: str = ""
    model: TrainedModel | None = None

    def take(self, worker: Worker, message: Message, say: Say) -> None:
        """Takes one message in."""
        if isinstance(message, Joined):
            self.give_up = math.inf
        elif isinstance(message, Said) and worker.cluster.worker == 0:
            say(message.line)
        elif isinstance(message, Made) and message.model is not None:
            self.model = message.model
        elif isinstance(message, Failed) and message.lost is None:
            raise TrainingFailed(message.why if worker.cluster.worker == 0 else f"{worker.name}: {message.why}")
        elif isinstance(message, Failed):
            self.lost = self.lost or message.why
            self.give_up = min(self.give_up, time.monotonic() + LOST_TIMEOUT_S)


def _received(worker: Worker) -> Message | None:
    """The next message of a worker; None if it has ended well.

    Raises:
      TrainingFailed: It ended otherwise.
    """
    try:
        message: Message = worker.answers.recv()
        return message
    except EOFError:
        worker.process.join()
    code = worker.process.exitcode or 0
    if code == 0:
        return None
    how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
    raise TrainingFailed(
        f"{worker.name} ended ({how}; out of memory?); the run's log has its last lines. Run again to carry on"
    )
