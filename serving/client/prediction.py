"""What a client gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slipline.serving.wire import serving_pb2
from slipline.serving.wire.tensors import Array


@dataclass(frozen=True)
class Prediction:
    """What a model answered.

    Attributes:
      outputs: By output name, read-only; strings are object arrays of `bytes`.
      version: The version that answered.
    """

    outputs: Mapping[str, Array]
    version: int

    def __getitem__(self, output: str) -> Array:
        """The output of that name."""
        return self.outputs[output]


@dataclass(frozen=True)
class Class:
    """One class that an example may belong to.

    Attributes:
      label: Its name; empty if the model has none.
      score: As the model has it, such as a probability.
    """

    label: str
    score: float


@dataclass(frozen=True)
class Classification:
    """The classes of each example, in the model's order.

    Attributes:
      classes: A tuple for each example.
      version: The version that answered.
    """

    classes: tuple[tuple[Class, ...], ...]
    version: int


@dataclass(frozen=True)
class Regression:
    """A number for each example.

    Attributes:
      values: float32 [examples].
      version: The version that answered.
    """

    values: NDArray[np.float32]
    version: int


@dataclass(frozen=True)
class VersionStatus:
    """How a server stands to one version.

    Attributes:
      version: Its number.
      state: UNKNOWN, START, LOADING, AVAILABLE, UNLOADING or END.
      error_code: gRPC status number; 0 where nothing went wrong.
      error_message: The server's words; empty where nothing went wrong.
    """

    version: int
    state: str
    error_code: int
    error_message: str

    @classmethod
    def of(cls, status: serving_pb2.ModelVersionStatus) -> VersionStatus:
        """What a server says of one version."""
        state = serving_pb2.ModelVersionStatus.State.Name(status.state)
        return cls(status.version, state, status.status.error_code, status.status.error_message)
