"""What requests see: an immutable table of the versions that are up, replaced in one swap."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from slipline.serving.errors import BadRequest, ModelNotFound, VersionNotReady
from slipline.serving.models.loaded_model import LoadedModel
from slipline.serving.wire import serving_pb2


class Served:
    """A loaded version that knows how many requests are in it.

    Attributes:
      version: Its number.
      model: The model itself; use it only between `enter` and `leave`.
    """

    def __init__(self, version: int, model: LoadedModel) -> None:
        self.version = version
        self.model = model
        self._in_flight = 0
        self._open = True
        self._lock = threading.Lock()
        self._is_left = threading.Event()

    def enter(self) -> bool:
        """Begins a request; False if the version is on its way out."""
        with self._lock:
            self._in_flight += self._open
            return self._open

    def leave(self) -> None:
        """Ends a request that `enter` began."""
        with self._lock:
            self._in_flight -= 1
            if not self._open and not self._in_flight:
                self._is_left.set()

    def close(self) -> None:
        """Lets no request in any more, waits for the last one to leave, then frees the model."""
        with self._lock:
            self._open = False
            if not self._in_flight:
                self._is_left.set()
        self._is_left.wait()
        self.model.close()


class Meant(NamedTuple):
    """Which version a request means: that of a number, that with a label, or the highest."""

    model: str
    number: int | None = None
    label: str | None = None

    @classmethod
    def by(cls, spec: serving_pb2.ModelSpec) -> Meant:
        """What `spec` says."""
        choice = spec.WhichOneof("version_choice")
        number = spec.version.value if choice == "version" else None
        return cls(spec.name, number, spec.version_label if choice == "version_label" else None)


@dataclass(frozen=True)
class Table:
    """The versions and labels that requests can name, by model."""

    versions: Mapping[str, Mapping[int, Served]] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def resolve(self, meant: Meant) -> Served:
        """The version that a request means: the one it names by number or label, else the highest.

        Raises:
          BadRequest: The model has no such label.
          ModelNotFound: No version of the model is up.
          VersionNotReady: That version is not up.
        """
        versions = self.versions.get(meant.model, {})
        number = self._number(meant, versions)
        if number not in versions:
            raise VersionNotReady(f"Servable not found for request: Specific({meant.model}, {number})")
        return versions[number]

    def _number(self, meant: Meant, versions: Mapping[int, Served]) -> int:
        if meant.number is not None:
            return meant.number
        if meant.label is not None:
            labels = self.labels.get(meant.model, {})
            if meant.label not in labels:
                raise BadRequest(f"Unrecognized servable version label: {meant.label}")
            return labels[meant.label]
        if not versions:
            raise ModelNotFound(f"Servable not found for request: Latest({meant.model})")
        return max(versions)
