"""Encryption and tokens, with a server that checks them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from slipline.serving.client import ClientSettings, KeepAlive, RetryPolicy, Tls
from slipline.serving.errors import AccessDenied, ServerUnavailable
from tests.certificates import Identity, identity
from tests.serving.client.doubling import DoublingServer

X = np.array([1, 2], "float32")


@pytest.fixture(scope="module")
def authority() -> Identity:
    return identity("authority")


@pytest.fixture
def encrypted(authority: Identity) -> Iterator[DoublingServer]:
    """A server that lets in only clients with a certificate of the authority."""
    own = identity("server", authority)
    credentials = grpc.ssl_server_credentials([(own.key_pem, own.pem)], authority.pem, require_client_auth=True)
    server = DoublingServer(credentials=credentials)
    yield server
    server.stop()


def test_mutual_tls_lets_in_who_has_a_certificate_alone(
    client_of: Callable[..., Any], encrypted: DoublingServer, authority: Identity, tmp_path: Path
) -> None:
    own = identity("client", authority)
    for name, content in (("ca", authority.pem), ("key", own.key_pem), ("cert", own.pem)):
        (tmp_path / name).write_bytes(content)
    tls = Tls.from_files(tmp_path / "ca", tmp_path / "key", tmp_path / "cert")
    client = client_of(encrypted.address, settings=ClientSettings(tls=tls, bearer_token=lambda: "secret"))
    assert client.predict({"x": X})["y"].tolist() == [2, 4]
    assert encrypted.headers[-1]["authorization"] == "Bearer secret"
    once = RetryPolicy(max_attempts=1)
    for refused in (Tls(root_certificates=authority.pem), Tls(), None):
        with pytest.raises(ServerUnavailable):
            client_of(encrypted.address, settings=ClientSettings(tls=refused, retry=once)).predict({"x": X})


def test_server_that_wants_a_token_gets_it(client_of: Callable[..., Any], serve: Any) -> None:
    server = serve()

    def check(method: str, request: Any, context: grpc.ServicerContext) -> None:
        if dict(context.invocation_metadata()).get("authorization") != "Bearer right":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "wants a token")

    server.behave = check
    assert client_of(server.address, settings=ClientSettings(bearer_token="right")).predict({"x": X}).version == 1
    for token in ("wrong", None):
        with pytest.raises(AccessDenied, match=r"wants a token; give the client a token"):
            client_of(server.address, settings=ClientSettings(bearer_token=token)).predict({"x": X})


def test_compressed_requests_are_smaller_on_the_wire(client_of: Callable[..., Any], serve: Any, proxy: Any) -> None:
    between = proxy(serve().port)
    client = client_of(between.address, settings=ClientSettings(compression=grpc.Compression.Gzip))
    assert client.predict({"x": np.zeros(100_000, "float32")})["y"].shape == (100_000,)
    assert between.bytes_to_server < 100_000


def test_connection_is_kept_alive_when_idle_if_so_wanted(client_of: Callable[..., Any], serve: Any) -> None:
    settings = ClientSettings(keep_alive=KeepAlive(every_s=30, timeout_s=5, when_idle=True))
    assert client_of(serve().address, settings=settings).predict({"x": X}).version == 1
