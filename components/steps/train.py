"""Fits the network to the examples."""

from __future__ import annotations

import os
from pathlib import Path

from slipline.components.artifacts import Examples, Schema, TrainedModel
from slipline.components.errors import TrainingFailed
from slipline.components.training.cluster import Cluster, cluster_here, cluster_of
from slipline.components.training.job import TrainingJob, calling
from slipline.components.training.train_settings import TrainParams
from slipline.components.training.worker_processes import fit_in_processes
from slipline.pipeline.core.component import Say, component

__all__ = ["TrainParams", "train"]


@component(loads=("tensorflow",))
def train(examples: Examples, schema: Schema, params: TrainParams, out: Path, scratch: Path, say: Say) -> TrainedModel:
    """Fits the network and writes it as one .keras file; a training cut short goes on from what it kept last.

    The same settings, data and machine give the same weights, bit for bit.

    Args:
      examples: Encoded images and their labels.
      schema: Names both features, the image's size and the number of classes.
      params: Network, optimizer and schedule.
      out: Takes the model, its history and its TensorBoard log.
      scratch: Keeps weights and history after each epoch, and the TensorBoard log as it grows.
      say: Told epoch, step and loss.

    Returns:
      The model, with how it did in the epoch whose weights it has.

    Raises:
      TrainingFailed: The network cannot be built or does not fit the data, loss or gradients are no longer finite, a
        worker ended, or there are not as many examples as were written.
    """
    job = TrainingJob(examples=examples, schema=schema, params=params, out=out, scratch=scratch)
    cluster = cluster_of(os.environ)
    if cluster is not None:
        return _fit_as_chief(job, cluster, say)
    if params.workers > 1:
        return fit_in_processes(job, cluster_here(params.workers), range(params.workers), say)
    from slipline.components.training.fit import fit
    from slipline.components.training.team import Team

    return fit(job, Team(), say)


def _fit_as_chief(job: TrainingJob, cluster: Cluster, say: Say) -> TrainedModel:
    """Trains with the workers that TF_CONFIG names; see `slipline.components.training.helper` for the others."""
    if cluster.worker > 0:
        raise TrainingFailed(
            f"TF_CONFIG makes this process worker {cluster.worker}, but pipelines are run by worker 0; here, run "
            "python -m slipline.components.training.helper"
        )
    if len(cluster.addresses) > job.params.batch_size:
        raise TrainingFailed(
            f"train.batch_size={job.params.batch_size} has no example for each of the {len(cluster.addresses)} workers "
            "of TF_CONFIG"
        )
    with calling(job, cluster.addresses):
        return fit_in_processes(job, cluster, [0], say)
