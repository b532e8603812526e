"""What one worker process of a training does."""

from __future__ import annotations

import multiprocessing
import os
import re
import threading
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection

from slipline.components.artifacts import TrainedModel
from slipline.components.training.cluster import VARIABLE, Cluster
from slipline.components.training.job import TrainingJob
from slipline.pipeline.core.component import ComponentError


@dataclass(frozen=True)
class Joined:
    """All workers have met."""


@dataclass(frozen=True)
class Said:
    """A line of progress."""

    line: str


@dataclass(frozen=True)
class Made:
    """It is through; the chief has made a model."""

    model: TrainedModel | None


@dataclass(frozen=True)
class Failed:
    """It could not go on.

    Attributes:
      why: For a person.
      lost: The number of another worker, if it is that one that did not answer any more.
    """

    why: str
    lost: int | None = None


Message = Joined | Said | Made | Failed


def work(job: TrainingJob, cluster: Cluster, threads: int | None, answers: Connection) -> None:
    """Takes part in a training, in a process of its own that ends with its parent.

    Args:
      job: What to train; only the chief writes.
      cluster: All workers, and which one this is.
      threads: How many to compute with; None for one on each core.
      answers: Takes the `Message`s.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ[VARIABLE] = cluster.tf_config(cluster.worker)
    import tensorflow as tf

    from slipline.components.training.team import Together

    tf.config.threading.set_intra_op_parallelism_threads(threads or 0)
    try:
        team = Together(cluster.worker, len(cluster.addresses))
        answers.send(Joined())
        from slipline.components.training.fit import assist, fit

        if cluster.worker == 0:
            answers.send(Made(fit(job, team, lambda line: answers.send(Said(line)))))
        else:
            assist(job, team, lambda line: answers.send(Said(line)))
            answers.send(Made(None))
    except ComponentError as error:
        traceback.print_exc()
        answers.send(Failed(str(error)))
    except tf.errors.OpError as error:
        traceback.print_exc()
        answers.send(_failure(error, cluster))
    except Exception as error:
        traceback.print_exc()
        answers.send(Failed(f"unexpected {type(error).__name__}: {error}; the run's log has the traceback"))


def _failure(error: Exception, cluster: Cluster) -> Failed:
    """TensorFlow names a worker that ended only in the text of its errors."""
    others = [int(number) for number in re.findall(r"/task:(\d+)", str(error)) if int(number) != cluster.worker]
    if not others:
        return Failed(f"unexpected {type(error).__name__}: {error}; the run's log has the traceback")
    lost = others[0]
    return Failed(
        f"worker {lost} of {len(cluster.addresses)}, {cluster.addresses[lost]}, does not answer any more; run again "
        "to carry on",
        lost,
    )


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
