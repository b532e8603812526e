"""The signatures of the versions that a client has asked so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from slipline.serving.client.signature import Signature
from slipline.serving.wire import saved_model_pb2

Signatures = Mapping[str, saved_model_pb2.SignatureDef]


class Choice(NamedTuple):
    """Which version is to answer: that number, the one with that label, or the highest that is up."""

    version: int | None = None
    label: str | None = None


@dataclass(frozen=True)
class KnownVersion:
    """One version of the model.

    Attributes:
      version: Its number.
      signatures: By name.
    """

    version: int
    signatures: Mapping[str, Signature]


class KnownModels:
    """Versions never change, so each is asked about once; which version a choice means does, so that is forgotten."""

    def __init__(self) -> None:
        self._versions: dict[int, KnownVersion] = {}
        self._chosen: dict[Choice, KnownVersion] = {}

    def get(self, choice: Choice) -> KnownVersion | None:
        """The version that answers to `choice`, as far as known."""
        return self._chosen.get(choice)

    def learn(self, choice: Choice, version: int, signatures: Signatures) -> KnownVersion:
        """Notes which version `choice` means, and its signatures."""
        known = KnownVersion(version, {name: Signature.of(name, each) for name, each in signatures.items()})
        self._versions[version] = self._chosen[choice] = self._chosen[Choice(version)] = known
        return known

    def answered(self, choice: Choice, version: int) -> None:
        """Notes that `version` answered to `choice`."""
        known = self._chosen.get(choice)
        if known is None or known.version == version:
            return
        if version in self._versions:
            self._chosen[choice] = self._versions[version]
        else:
            self._chosen.pop(choice, None)  # another thread may have been here first
