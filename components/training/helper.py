"""Helps every training of a cluster, on a machine that is not the chief's, until it is ended.

`TF_CONFIG=... SLIPLINE_HOME=... python -m slipline.components.training.helper`
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from slipline.components.training.cluster import VARIABLE, Cluster, cluster_of
from slipline.components.training.job import Call, find_call
from slipline.components.training.worker import Failed, Made, Said
from slipline.components.training.worker_processes import Worker, end_worker, start_worker
from slipline.pipeline.core.component import ComponentError, Say

POLL_S = 0.5


def help_with(home: Path, cluster: Cluster, say: Say, wanted: Callable[[], bool] = lambda: True) -> None:
    """Takes part in each training that calls for this worker.

    Args:
      home: Where the chief's runs are kept; seen under the same path by all.
      cluster: All workers, and which one this is.
      say: Told what happens.
      wanted: Asked twice a second whether to go on.
    """
    done = ""
    while wanted():
        call = find_call(home, cluster.addresses)
        if call is not None and call.id != done:
            done = call.id
            say(f"worker {cluster.worker} of {len(cluster.addresses)} takes part")
            _take_part(call, home, cluster, say, wanted)
        time.sleep(POLL_S)


def _take_part(call: Call, home: Path, cluster: Cluster, say: Say, wanted: Callable[[], bool]) -> None:
    """Works until it is through, or until nobody calls for it any more."""
    worker = start_worker(call.job, cluster)
    try:
        while wanted() and _goes_on(worker, say) and find_call(home, cluster.addresses) == call:
            pass
    finally:
        end_worker(worker)


def _goes_on(worker: Worker, say: Say) -> bool:
    """Waits a moment; whether the worker is still at it."""
    try:
        message = worker.answers.recv() if worker.answers.poll(POLL_S) else None
    except EOFError:
        say(f"{worker.name} ended")
        return False
    if isinstance(message, Made | Failed):
        say(message.why if isinstance(message, Failed) else f"{worker.name} is through")
        return False
    if isinstance(message, Said):
        say(message.line)
    return True


def main() -> None:
    """Helps in the home that SLIPLINE_HOME names."""
    try:
        cluster = cluster_of(os.environ)
    except ComponentError as error:
        sys.exit(str(error))
    if cluster is None or cluster.worker == 0:
        sys.exit(f"{VARIABLE} must name several workers, and this one not as the first: that one is the chief")
    home = Path(os.environ.get("SLIPLINE_HOME") or ".slipline").resolve()
    help_with(home, cluster, lambda line: print(line, flush=True))


if __name__ == "__main__":
    main()
