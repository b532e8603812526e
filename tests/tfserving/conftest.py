r"""One server for the suite, whichever it is, and a ledger that drives it.

`pytest -m tfserving` starts the embedded server, `--tfserving-binary PATH` TensorFlow Serving's own. One that runs
already must be there for the tests alone, as every reload replaces all its models, and must not poll a config file:

    touch /tmp/empty.config
    docker run --rm -p 8500:8500 -v /tmp/suite:/suite:ro -v /tmp/empty.config:/empty.config:ro \
        tensorflow/serving:2.20.0 --model_config_file=/empty.config --max_num_load_retries=0 --num_load_threads=2 \
        --grpc_max_threads=256
    pytest -m tfserving --tfserving-target=127.0.0.1:8500 --tfserving-releases=/tmp/suite --tfserving-releases-at=/suite
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipline.serving.client import PredictClient
from slipline.serving.releases.deploy.deployment import server_flags, write_settings
from slipline.serving.releases.ledger import Ledger
from tests.embedded_server import embedded_server
from tests.tfserving.release_site import READY_TIMEOUT_S, Site


@pytest.fixture(scope="session")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The server that the options name, following a ledger without releases."""
    folder = tmp_path_factory.mktemp("tfserving")
    target = request.config.getoption("--tfserving-target")
    if target:
        yield from _running(request.config, target, folder)
    else:
        yield from _started(request.config.getoption("--tfserving-binary"), folder)


def _running(config: pytest.Config, target: str, folder: Path) -> Iterator[Site]:
    shared = Path(config.getoption("--tfserving-releases") or folder) / f"suite-{uuid.uuid4().hex}"
    seen_at = config.getoption("--tfserving-releases-at")
    with Ledger(None, shared) as ledger:
        ledger.register_server(target, None, root=f"{seen_at}/{shared.name}" if seen_at else None)
        yield Site(ledger, target, None, folder)


def _started(binary: str | None, folder: Path) -> Iterator[Site]:
    write_settings(folder / "settings")
    with Ledger(None, folder / "releases") as ledger:
        flags = server_flags(str(ledger.rewrite_config()), str(folder / "settings"))
        flags = tuple(flag for flag in flags if not flag.startswith(("--port=", "--rest_api_port=")))
        quick = ("--model_config_file_poll_wait_seconds=1", "--max_num_load_retries=0")
        program = {"program": (binary,)} if binary else {}
        with embedded_server(*flags, *quick, **program) as server:
            site = Site(ledger, server.target, server, folder)
            ledger.promote("first", site.publish("first", 1.0), by="ada", reason="nobody is told, but by the file")
            with PredictClient.connect(server.target, "first") as client:
                client.wait_until_available(timeout_s=READY_TIMEOUT_S)
            ledger.register_server(server.target, None)
            yield site


@pytest.fixture
def model() -> str:
    """A name that the server has never heard."""
    return f"model-{uuid.uuid4().hex[:8]}"
