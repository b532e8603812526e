"""A server, whichever it is, and the ledger that drives it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from slipline.serving.client import PredictClient
from slipline.serving.client.control import ServerControl
from slipline.serving.releases.ledger import Ledger
from tests.constant_model import save_constant_model
from tests.embedded_server import EmbeddedServer

X = np.ones(1, np.float32)
READY_TIMEOUT_S = 60.0


@dataclass
class Site:
    """A server and the ledger that it follows.

    Attributes:
      ledger: Has the server registered.
      target: `host:port` of its gRPC port.
      process: The server, if the tests have started it.
      sources: Where models are saved before they are published.
    """

    ledger: Ledger
    target: str
    process: EmbeddedServer | None
    sources: Path

    def publish(self, model: str, factor: float) -> int:
        """Releases `y = factor * x`; the version."""
        folder = save_constant_model(self.sources / uuid.uuid4().hex, factor)
        return self.ledger.publish(model, folder, by="ada", origin="test").version

    def promote(self, model: str, version: int) -> None:
        """Makes a version live, and sees to it that the server was reached."""
        assert self.ledger.promote(model, version, by="ada", reason="better").warnings == ()

    def roll_back(self, model: str, to: int | None = None) -> int:
        """Makes the version before live again, or `to`; its number."""
        release = self.ledger.roll_back(model, to=to, by="bob", reason="worse")
        assert release.warnings == ()
        return release.version

    def answer(self, model: str, *, version: int | None = None, label: str | None = None) -> tuple[int, float]:
        """The version that answers, and what it makes of 1."""
        with PredictClient.connect(self.target, model, timeout_s=30) as client:
            prediction = client.predict({"x": X}, version=version, label=label)
        return prediction.version, float(prediction.outputs["y"][0])

    def state(self, model: str, version: int) -> str:
        """What the server says of a version; empty if it says nothing."""
        with ServerControl(self.target) as control:
            return next((status.state for status in control.status(model) if status.version == version), "")

    def restart(self) -> None:
        """Kills the server as a crash does, and starts it anew on the same port."""
        if self.process is None:
            pytest.skip("the server of --tfserving-target is not the tests' to kill")
        self.process.kill()
        self.process.start()
