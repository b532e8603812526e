"""Carries a training out, from the examples to the files of a trained model, alone or as one of several workers."""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf

from slipline.components.artifacts import TrainedModel
from slipline.components.features.schema_io import ExampleSpec, example_spec
from slipline.components.training.arrays import Arrays, read_arrays
from slipline.components.training.batches import Batches
from slipline.components.training.blame import why_not_finite
from slipline.components.training.build import build, learning_rates
from slipline.components.training.epoch_history import Epoch, LoggedStep, Progress, history_json
from slipline.components.training.job import TrainingJob
from slipline.components.training.keeping import Weights, keep, put, take_up, variables_of, weights_of
from slipline.components.training.steps import NOT_FINITE, NotFinite, Steps
from slipline.components.training.team import Team, averaged, made_alike, told_by_chief
from slipline.components.training.tensorboard_log import TensorBoardLog
from slipline.components.training.train_settings import TrainParams
from slipline.pipeline.core.component import Say

SAY_EVERY_STEPS = 50

TENSORBOARD = "tensorboard"

OVER = -1
"""In place of the number of the next epoch."""


def fit(job: TrainingJob, team: Team, say: Say) -> TrainedModel:
    """Trains the network, going on from what an earlier execution left, and writes it; for the chief of a team.

    Raises:
      TrainingFailed: As the step `train` says.
    """
    device = _claim_devices(team.worker)
    say(f"reading examples; training runs on {device}")
    spec, arrays, fitting = _fitted(job, team, say)
    kept, epochs = fitting.finish(spec), len(fitting.progress.history)
    return TrainedModel(
        path=job.out,
        split=job.params.split,
        records=len(arrays.learnt),
        parameters=fitting.model.count_params(),
        loss=kept.loss,
        accuracy=kept.accuracy,
        validation_loss=kept.validation_loss,
        validation_accuracy=kept.validation_accuracy,
        validation_records=len(arrays.held_out),
        epoch=kept.epoch,
        epochs=epochs,
        stopped_early=epochs < job.params.epochs,
        optimizer=type(_inner_optimizer(fitting.model)).__name__,
        network=job.params.network,
        device=device if team.workers == 1 else f"{team.workers} workers, {device} each",
    )


def assist(job: TrainingJob, team: Team, say: Say) -> None:
    """Takes part in the training of a team as another than its chief; writes nothing.

    Raises:
      TrainingFailed: As the step `train` says.
    """
    _claim_devices(team.worker)
    with suppress(NotFinite):
        _fitted(job, team, say)


def _fitted(job: TrainingJob, team: Team, say: Say) -> tuple[ExampleSpec, Arrays, Fitting]:
    tf.config.experimental.enable_op_determinism()
    spec = example_spec(job.schema)
    arrays = read_arrays(job.examples, job.params, spec)
    fitting = Fitting(job, team, build(job.params, spec), Batches(arrays, job.params), say)
    fitting.run()
    return spec, arrays, fitting


class Fitting:
    """A training under way in one process.

    Attributes:
      model: The network, as it is so far.
      progress: How far it is; in the chief only.
    """

    def __init__(self, job: TrainingJob, team: Team, model: keras.Model, batches: Batches, say: Say) -> None:
        self.progress = Progress()
        self._job = job
        self._team = team
        self.model = model
        self._batches = batches
        self._say = say
        self._steps = Steps(model, team)
        self._rates = tf.constant(learning_rates(job.params, batches.steps), tf.float32)
        self._best: Weights = ()
        self._log: TensorBoardLog | None = None

    def run(self) -> None:
        """Runs all epochs that are left."""
        if self._team.worker == 0:
            self.progress, self._best = take_up(self.model, self._job.scratch, self._say)
            self._log = TensorBoardLog(self._job.scratch / TENSORBOARD)
            for ended in self.progress.history:
                for sample in ended.samples:
                    self._log.add_sample(sample)
                self._log.add_epoch(ended)
            for sample in self.progress.samples:
                self._log.add_sample(sample)
        if self._team.workers > 1:
            made_alike(self._team, variables_of(self.model))
        while (epoch := told_by_chief(self._team, self._next_epoch())) != OVER:
            self._run_epoch(epoch, told_by_chief(self._team, self.progress.steps))

    def finish(self, spec: ExampleSpec) -> Epoch:
        """Writes the model, its history and its TensorBoard log; the epoch whose weights it has."""
        params, out, history = self._job.params, self._job.out, self.progress.history
        if self._log is not None:
            self._log.close()
        if params.stop_after_epochs:
            put(self.model.variables, self._best)
        _in_float32(self.model, params, spec).save(out / "model.keras")
        (out / "history.json").write_text(history_json(history))
        shutil.copytree(self._job.scratch / TENSORBOARD, out / TENSORBOARD)
        return self.progress.best(params.min_improvement) if params.stop_after_epochs else history[-1]

    def _next_epoch(self) -> int:
        history, params = self.progress.history, self._job.params
        is_over = len(history) == params.epochs
        if params.stop_after_epochs and history:
            is_over |= len(history) - self.progress.best(params.min_improvement).epoch >= params.stop_after_epochs
        return OVER if is_over else len(history)

    def _run_epoch(self, epoch: int, first_step: int) -> None:
        params, team = self._job.params, self._team
        started = time.perf_counter() - self.progress.seconds
        seed_layers(self.model, (params.seed, epoch, first_step, team.worker))
        batches = iter(self._batches.share(epoch, first_step, team.worker, team.workers))
        step = first_step
        while step < self._batches.steps:
            end = self._pause_after(step)
            self._take_steps(epoch, range(step, end), batches)
            if params.keep_every_steps and end % params.keep_every_steps == 0:
                self.progress = replace(self.progress, seconds=time.perf_counter() - started)
                self._keep()
                seed_layers(self.model, (params.seed, epoch, end, team.worker))
            step = end
        if team.workers > 1:
            averaged(team, self.model.non_trainable_variables)
        validation = self._validated(epoch)
        self._end_epoch(epoch, time.perf_counter() - started, validation)

    def _pause_after(self, step: int) -> int:
        """Before which step something is to be said or kept next, or the epoch ends."""
        said = -(-step // SAY_EVERY_STEPS) * SAY_EVERY_STEPS + 1
        every = self._job.params.keep_every_steps
        kept = (step // every + 1) * every if every else said
        return min(said, kept, self._batches.steps)

    def _take_steps(self, epoch: int, steps: range, batches: Iterator[tuple[tf.Tensor, ...]]) -> None:
        first = epoch * self._batches.steps + steps[0]
        try:
            losses, rights = self._steps.train(batches, self._rates, tf.constant(first), tf.constant(len(steps)))
        except tf.errors.InvalidArgumentError as error:
            if NOT_FINITE not in str(error):
                raise
            job, step = self._job, steps[int(self._steps.begun)]
            if self._log is None:
                raise NotFinite from error
            why = why_not_finite(self._steps, self._batches, job.examples, job.params, epoch, step)
            raise NotFinite(why) from error
        for step, loss, right in zip(steps, losses.numpy().tolist(), rights.numpy().tolist(), strict=True):
            self.progress = self.progress.after(loss, right, self._batches.size(step))
            if step % SAY_EVERY_STEPS == 0 and self._log is not None:
                self._tell(self._log, epoch, step, loss)

    def _tell(self, log: TensorBoardLog, epoch: int, step: int, loss: float) -> None:
        in_epoch, epochs = self._batches.steps, self._job.params.epochs
        self._say(f"epoch {epoch + 1}/{epochs}  step {step + 1}/{in_epoch}  loss {loss:.4f}")
        number = epoch * in_epoch + step
        sample = LoggedStep(number, loss, float(self._rates[number]))
        self.progress = replace(self.progress, samples=(*self.progress.samples, sample))
        log.add_sample(sample)

    def _validated(self, epoch: int) -> tuple[float | None, float | None]:
        """Mean loss and accuracy on the examples held out, over all workers; None if there are none."""
        if not self._job.params.validation_fraction:
            return None, None
        loss_sum, correct, examples = 0.0, 0.0, 0.0
        for images, labels in self._batches.held_out(self._team.worker, self._team.workers):
            loss, right = self._steps.validate(images, labels)
            loss_sum, correct, examples = loss_sum + float(loss), correct + int(right), examples + len(labels)
        mine = tf.constant([loss_sum, correct, examples], tf.float64)
        (together,) = self._team.summed([mine])
        loss_sum, right, examples = (float(number) for number in together)
        if not math.isfinite(loss_sum):
            raise NotFinite(
                f"after epoch {epoch + 1} the loss of the records held out is {loss_sum}, no longer a number; lower "
                f"train.learning_rate, now {self._job.params.learning_rate:g}, or set train.clip_norm"
            )
        return loss_sum / examples, right / examples

    def _end_epoch(self, epoch: int, seconds: float, validation: tuple[float | None, float | None]) -> None:
        if self._log is None:
            self.progress = Progress()
            return
        done = self.progress
        ended = Epoch(
            epoch=epoch + 1,
            loss=done.loss_sum / done.examples,
            accuracy=done.correct / done.examples,
            learning_rate=float(self._rates[(epoch + 1) * self._batches.steps - 1]),
            seconds=seconds,
            validation_loss=validation[0],
            validation_accuracy=validation[1],
            samples=done.samples,
        )
        self.progress = Progress(history=(*done.history, ended))
        self._log.add_epoch(ended)
        params = self._job.params
        if params.stop_after_epochs and self.progress.best(params.min_improvement) is ended:
            self._best = weights_of(self.model)
        self._keep()

    def _keep(self) -> None:
        if self._team.worker == 0:
            keep(self.model, self._best, self.progress, self._job.scratch)


def seed_layers(model: keras.Model, seed: tuple[int, ...]) -> None:
    """Gives layers such as dropout random states that the seed alone decides, so that a resumed training has them."""
    states = [variable for variable in model.variables if variable.path.endswith("seed_generator_state")]
    for number, state in enumerate(states):
        state.assign(np.random.SeedSequence((*seed, number)).generate_state(2).astype(state.dtype))


def _in_float32(model: keras.Model, params: TrainParams, spec: ExampleSpec) -> keras.Model:
    """The network with what it learnt, computing in float32 whatever it was trained in, as the exports need it."""
    if params.precision == "float32":
        return model
    plain = build(replace(params, precision="float32"), spec)
    put(
        [*plain.variables, *plain.optimizer.variables],
        [v.value.numpy() for v in (*model.variables, *_inner_optimizer(model).variables)],
    )
    return plain


def _inner_optimizer(model: keras.Model) -> keras.optimizers.Optimizer:
    """The optimizer itself, where another scales its losses."""
    scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    return model.optimizer.inner_optimizer if scaled else model.optimizer


def _claim_devices(worker: int) -> str:
    """Has TensorFlow take a GPU's memory as it needs it, and says what the training runs on.

    Several workers on one machine divide its GPUs; each takes one.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        threads = tf.config.threading.get_intra_op_parallelism_threads() or len(os.sched_getaffinity(0))
        return f"CPU, {threads} thread{'s' if threads > 1 else ''}"
    mine = gpus[worker % len(gpus)]
    try:
        tf.config.set_visible_devices(mine, "GPU")
        tf.config.experimental.set_memory_growth(mine, True)
    except RuntimeError:
        pass  # an earlier training in this process has set both
    return str(tf.config.experimental.get_device_details(mine).get("device_name", "GPU"))
