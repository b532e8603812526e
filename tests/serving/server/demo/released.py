"""A home with a digit model that was really trained and released, and `slipline serve --demo` of it."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from slipline.serving.releases.ledger import Ledger
from tests.end_to_end.conftest import SLIPLINE, User, small_job
from tests.small_mnist import ROOT, write_folder

PATIENCE_S = 60.0


def trained_home(folder: Path) -> User:
    """A user who has run the training job on enough digits to know what people write; version 1 is live."""
    digits = write_folder(folder / "digits", train=4000, test=200)
    user = small_job(folder / "home", digits)
    done = user.run(train__epochs=3)
    assert done.returncode == 0, done.stdout + done.stderr
    return user


@dataclass(frozen=True)
class DemoServer:
    """`slipline serve --demo` at a port of its own."""

    user: User
    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/demo"

    @contextmanager
    def running(self, *, until_live: bool = True) -> Iterator[subprocess.Popen[str]]:
        """For the length of the block, or until it is ended before."""
        command = [*SLIPLINE, "serve", "--demo", "--port=0", f"--rest-port={self.port}"]
        process = subprocess.Popen(
            command, cwd=ROOT, env=self.user.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert process.stdout is not None
        try:
            process.stdout.readline()  # where gRPC is
            assert process.stdout.readline() == f"draw a digit at {self.address}\n"
            if until_live:
                self._await_live()
            yield process
        finally:
            process.terminate()
            process.wait(PATIENCE_S)

    def _await_live(self) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while any(model["version"] is None for model in self.live()):
            assert time.monotonic() < deadline_s, "no version came up"
            time.sleep(0.05)

    def live(self) -> list[dict[str, str | None]]:
        found: list[dict[str, str | None]] = httpx.get(f"{self.address}/live.json", trust_env=False).json()["models"]
        return found


def another_model(user: User, folder: Path) -> Path:
    """A copy of version 1, without its manifest, that answers alike and is another model by its files."""
    copy = shutil.copytree(user.home / "releases" / "mnist" / "1", folder, ignore=shutil.ignore_patterns("manifest*"))
    model = copy / "exports" / "tfjs_layers" / "model.json"
    model.write_text(json.dumps({**json.loads(model.read_text()), "generatedBy": "a test"}))
    return copy


def release(model: Path, home: Path) -> int:
    """Makes that model live; the version's number."""
    with Ledger(None, home / "releases") as ledger:
        version = ledger.publish("mnist", model, by="ada", origin="test").version
        ledger.promote("mnist", version, by="ada", reason="test")
    return version
