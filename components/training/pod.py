"""What a pod of a Kubernetes training job runs: the first one a command such as `slipline run`, the others help it.

`python -m slipline.components.training.pod --workers 2 --service slipline-training -- slipline run`, in an Indexed Job.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping

from slipline.components.training import helper
from slipline.components.training.cluster import VARIABLE, Cluster

PORT = 2222
"""Where workers reach each other, by TensorFlow's custom."""


def cluster_of_pod(environment: Mapping[str, str], workers: int, service: str) -> Cluster:
    """The workers of an Indexed Job; a pod's name there is the job's, a dash, and its index.

    Args:
      environment: Has JOB_COMPLETION_INDEX, set by Kubernetes, and HOSTNAME.
      workers: How many pods there are.
      service: The headless service that gives them addresses.

    Raises:
      KeyError: This is no pod of an Indexed Job.
    """
    index = int(environment["JOB_COMPLETION_INDEX"])
    job = environment["HOSTNAME"].removesuffix(f"-{index}")
    return Cluster(addresses=tuple(f"{job}-{number}.{service}:{PORT}" for number in range(workers)), worker=index)


def main() -> None:
    """Sets TF_CONFIG and becomes the command, or a helper of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--workers", type=int, required=True, help="pods of the job")
    parser.add_argument("--service", required=True, help="headless service of the pods")
    parser.add_argument("command", nargs="+", help="what the first pod runs")
    told = parser.parse_args()
    try:
        cluster = cluster_of_pod(os.environ, told.workers, told.service)
    except KeyError as error:
        sys.exit(f"{error.args[0]} is not set: this is meant for the pods of an Indexed Job")
    os.environ[VARIABLE] = cluster.tf_config(cluster.worker)
    if cluster.worker == 0:
        os.execvp(told.command[0], told.command)
    helper.main()


if __name__ == "__main__":
    main()
