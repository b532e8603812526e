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
        self._train = tf.summary.create_file_writer(str(folder / "train"))
        self._validation: tf.summary.SummaryWriter | None = None

    def add_epoch(self, epoch: Epoch) -> None:
        """Adds an epoch; its steps are added apart."""
        with self._train.as_default(step=epoch.epoch - 1):
            tf.summary.scalar("epoch_loss", epoch.loss)
            tf.summary.scalar("epoch_accuracy", epoch.accuracy)
            tf.summary.scalar("epoch_learning_rate", epoch.learning_rate)
        self._train.flush()
        if epoch.validation_loss is None:
            return
        if self._validation is None:
            self._validation = tf.summary.create_file_writer(str(self._folder / "validation"))
        with self._validation.as_default(step=epoch.epoch - 1):
            tf.summary.scalar("epoch_loss", epoch.validation_loss)
            tf.summary.scalar("epoch_accuracy", epoch.validation_accuracy)
        self._validation.flush()

    def add_sample(self, sample: LoggedStep) -> None:
        """Adds one step."""
        with self._train.as_default(step=sample.step):
            tf.summary.scalar("batch_loss", sample.loss)
            tf.summary.scalar("batch_learning_rate", sample.learning_rate)

    def close(self) -> None:
        """Ends the files."""
        self._train.close()
        if self._validation is not None:
            self._validation.close()
