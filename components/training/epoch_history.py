"""What a training tells of its epochs, and how far it is."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter


class LoggedStep(NamedTuple):
    """One step among those that the TensorBoard log shows: `step` from 0 over all epochs, `loss` of its batch."""

    step: int
    loss: float
    learning_rate: float


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One epoch; losses in nats per example, accuracies in 0..1.

    Attributes:
      epoch: Its number, from 1.
      loss: Mean over its own batches, as the weights were at each; `accuracy` too.
      learning_rate: Of its last step.
      seconds: Wall time of its steps and its validation.
      validation_loss: On the examples held out, with the weights after it; None if none are; its accuracy too.
      samples: Some of its steps.
    """

    epoch: int
    loss: float
    accuracy: float
    learning_rate: float
    seconds: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None
    samples: tuple[LoggedStep, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a training is: whole epochs, and the steps of one that is under way.

    Attributes:
      history: The whole epochs.
      steps: Steps done in the epoch after them.
      loss_sum: Of these, over their examples, in nats.
      correct: Of their examples, how many were classified right.
      examples: How many these steps had.
      seconds: Their wall time.
      samples: Some of them.
    """

    history: tuple[Epoch, ...] = ()
    steps: int = 0
    loss_sum: float = 0.0
    correct: int = 0
    examples: int = 0
    seconds: float = 0.0
    samples: tuple[LoggedStep, ...] = ()

    def after(self, loss: float, correct: int, examples: int) -> Progress:
        """With one more step done: its mean loss, its right answers, and its examples."""
        return replace(
            self,
            steps=self.steps + 1,
            loss_sum=self.loss_sum + loss * examples,
            correct=self.correct + correct,
            examples=self.examples + examples,
        )

    def best(self, min_improvement: float) -> Epoch:
        """The last epoch that was better than the best before it, by the validation loss and by that much."""
        best = self.history[0]
        for epoch in self.history[1:]:
            if (epoch.validation_loss or 0.0) < (best.validation_loss or 0.0) - min_improvement:
                best = epoch
        return best

    def to_json(self) -> str:
        """For `progress_from_json`, exact to the last bit."""
        return json.dumps(asdict(self))


def progress_from_json(text: str) -> Progress:
    """What `to_json` wrote.

    Raises:
      ValueError: It is something else.
    """
    return TypeAdapter(Progress).validate_json(text)


def history_json(history: tuple[Epoch, ...]) -> str:
    """A list of all epochs, an object each, without their steps."""
    lines = [{name: value for name, value in asdict(epoch).items() if name != "samples"} for epoch in history]
    return json.dumps(lines, indent=1)


def read_history(file: Path) -> tuple[Epoch, ...]:
    """What `history_json` wrote."""
    return TypeAdapter(tuple[Epoch, ...]).validate_json(file.read_text("utf-8"))
