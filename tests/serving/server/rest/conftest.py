"""A model with signatures for every form of request, and servers of it that listen for REST."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from slipline.serving.server.process import Server
from tests.serving.conftest import until

Start = Callable[..., Server]
StartRest = Callable[..., httpx.Client]


def save_forms(tf: Any, folder: Path) -> None:
    model = tf.Module()
    model.two = tf.Variable(2.0)

    def signature(function: Any, **inputs: Any) -> Any:
        specs = {name: tf.TensorSpec(shape, dtype, name=name) for name, (shape, dtype) in inputs.items()}
        return tf.function(function).get_concrete_function(**specs)

    def parsed(examples: Any) -> Any:
        features = {"x": tf.io.FixedLenFeature([], tf.float32), "name": tf.io.FixedLenFeature([], tf.string, "nobody")}
        return tf.io.parse_example(examples, features)

    def classify(inputs: Any) -> Any:
        found = parsed(inputs)
        scores = tf.stack([found["x"], found["x"] * model.two], 1)
        return {"classes": tf.stack([found["name"], found["name"] + "!"], 1), "scores": scores}

    def count(steps: Any) -> Any:
        (counted,) = tf.while_loop(lambda i: i < steps, lambda i: (i + 1,), (tf.constant(0, tf.int64),))
        return {"counted": counted}

    signatures = {
        "serving_default": signature(lambda x: {"y": x * model.two}, x=([None], tf.float32)),
        "add": signature(lambda a, b: {"sum": a + b, "a": a}, a=([None, 2], tf.float32), b=([None, 2], tf.float32)),
        "size": signature(lambda x: {"y": x, "size": tf.size(x)}, x=([None], tf.float32)),
        "text": signature(lambda s: {"s": s, "s_bytes": s}, s=([None], tf.string)),
        "half": signature(lambda x: {"y": x}, x=([None], tf.float16)),
        "to_half": signature(lambda x: {"y": tf.cast(x, tf.float16)}, x=([None], tf.float32)),
        "classify": signature(classify, inputs=([None], tf.string)),
        "regress": signature(lambda inputs: {"outputs": parsed(inputs)["x"] * model.two}, inputs=([None], tf.string)),
        "count": signature(count, steps=([], tf.int64)),
        **{dtype: signature(lambda x: {"x": x}, x=(None, dtype)) for dtype in ("uint8", "int32", "int64", "bool")},
    }
    tf.saved_model.save(model, str(folder), signatures=signatures)


@pytest.fixture(scope="session")
def forms(tf: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base path of a model with signatures for every form of request, as version 5; not to be changed."""
    folder = tmp_path_factory.mktemp("forms")
    save_forms(tf, folder / "5")
    return folder


def pick_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def free_port() -> int:
    """A port at which nothing listens."""
    return pick_port()


@pytest.fixture
def servers() -> list[Server]:
    """What `start_rest` has started."""
    return []


def once_there_is_room(send: Callable[[], httpx.Response]) -> httpx.Response:
    """The answer to a request that is sent again if others had taken the room."""
    answers = (send() for _ in range(10_000))
    return next(answer for answer in answers if answer.status_code != 429)


@pytest.fixture
def start_rest(start: Start, servers: list[Server]) -> Iterator[StartRest]:
    """Starts servers with REST in this process, and gives a client of each."""
    clients: list[httpx.Client] = []

    def begin(*, client: dict[str, Any] | None = None, ready: bool = True, **options: Any) -> httpx.Client:
        server = start(rest_api_port=pick_port(), **options)
        assert server.rest_address is not None
        servers.append(server)
        clients.append(httpx.Client(base_url=server.rest_address, timeout=60, trust_env=False, **(client or {})))
        if ready:
            until(lambda: clients[-1].get("/readyz").status_code == 200)
        return clients[-1]

    yield begin
    for opened in clients:
        opened.close()


@pytest.fixture
def rest(start_rest: StartRest, forms: Path) -> httpx.Client:
    """A client of a server of the model `forms`."""
    return start_rest(model_name="forms", model_base_path=str(forms))
