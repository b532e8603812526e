"""The training as TensorBoard shows it, under the names that Keras' own callback gives."""

from __future__ import annotations

import shutil
from pathlib import Path

import tensorflow as tf

from slipline.components.training.epoch_history import Epoch, LoggedStep


class TensorBoardLog:
    """Event files: runs `train` and, if examples are held out, `validation`.

    Values of an epoch are `epoch_loss`, `epoch_accuracy` and `epoch_learning_rate`, by epochs from 0; those of some
    steps `batch_loss` and `batch_learning_rate`, by steps from 0 over all epochs.
    """

    def __init__(self, folder: Path) -> None:
        """In a folder; what is there already is dropped."""
        shutil.rmtree(folder, ignore_errors=True)
        self._folder = folder
        self._writers: dict[str, tf.summary.SummaryWriter] = {}

    def add_epoch(self, epoch: Epoch) -> None:
        """Adds an epoch; its steps are added apart."""
        rate, step = epoch.learning_rate, epoch.epoch - 1
        self._write("train", step, epoch_loss=epoch.loss, epoch_accuracy=epoch.accuracy, epoch_learning_rate=rate)
        if epoch.validation_loss is not None and epoch.validation_accuracy is not None:
            loss, accuracy = epoch.validation_loss, epoch.validation_accuracy
            self._write("validation", step, epoch_loss=loss, epoch_accuracy=accuracy)

    def add_sample(self, sample: LoggedStep) -> None:
        """Adds one step."""
        self._write("train", sample.step, batch_loss=sample.loss, batch_learning_rate=sample.learning_rate)

    def close(self) -> None:
        """Ends the files."""
        for writer in self._writers.values():
            writer.close()

    def _write(self, run: str, step: int, **values: float) -> None:
        if run not in self._writers:
            self._writers[run] = tf.summary.create_file_writer(str(self._folder / run))
        with self._writers[run].as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(name, value)
        self._writers[run].flush()
