"""The workers of a training, as the variable TF_CONFIG names them, which is TensorFlow's own convention."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from slipline.components.errors import TrainingFailed

VARIABLE = "TF_CONFIG"


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The workers, and which of them this process is.

    Attributes:
      addresses: `host:port` of each worker, the chief first.
      worker: The number of this one.
    """

    addresses: tuple[str, ...]
    worker: int = 0

    def tf_config(self, worker: int) -> str:
        """What TF_CONFIG says in a worker."""
        task = {"type": "worker", "index": worker}
        return json.dumps({"cluster": {"worker": list(self.addresses)}, "task": task})


def cluster_of(environment: Mapping[str, str]) -> Cluster | None:
    """The cluster that TF_CONFIG names; None if it is not set, or names one worker alone.

    Raises:
      TrainingFailed: It cannot be read, or gives this process another task than a worker's.
    """
    text = environment.get(VARIABLE, "")
    if not text:
        return None
    try:
        told = json.loads(text)
        tasks = told["cluster"]
        addresses = (*tasks.get("chief", ()), *tasks.get("worker", ()))
        kind, index = told["task"]["type"], int(told["task"]["index"])
        worker = index + (len(tasks.get("chief", ())) if kind == "worker" else 0)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainingFailed(
            f'{VARIABLE} must read {{"cluster": {{"worker": ["host:port", ...]}}, "task": {{"type": "worker", '
            f'"index": 0}}}}, got {text!r}'
        ) from error
    if kind not in ("chief", "worker") or not 0 <= worker < len(addresses):
        raise TrainingFailed(f"{VARIABLE}: wanted the task of one of its {len(addresses)} workers, got {kind} {index}")
    return Cluster(addresses=addresses, worker=worker) if len(addresses) > 1 else None


def cluster_here(workers: int) -> Cluster:
    """Workers on this machine, each with a port that is free."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(workers)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return Cluster(addresses=tuple(f"127.0.0.1:{each.getsockname()[1]}" for each in sockets))
