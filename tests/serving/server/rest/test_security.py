"""Tokens and TLS, over REST and gRPC alike."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf import text_format
from grpc_health.v1 import health_pb2, health_pb2_grpc

from slipline.serving.server.process import Server
from slipline.serving.wire import serving_pb2, settings_pb2
from tests.certificates import Identity, identity

StartRest = Callable[..., httpx.Client]
PREDICT = "/v1/models/forms:predict"


@pytest.fixture(scope="module")
def authority() -> Identity:
    return identity("authority")


def ssl_config(folder: Path, authority: Identity, *, client_verify: bool) -> str:
    server = identity("server", authority)
    config = settings_pb2.SSLConfig(
        server_key=server.key_pem, server_cert=server.pem, custom_ca=authority.pem, client_verify=client_verify
    )
    file = folder / "ssl.config"
    file.write_text(text_format.MessageToString(config))
    return str(file)


def trusting(authority: Identity, own: Identity | None, folder: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority.pem.decode())
    context.verify_flags |= ssl.VERIFY_X509_STRICT  # as from Python 3.13 on
    if own is not None:
        folder.joinpath("client.pem").write_bytes(own.key_pem + own.pem)
        context.load_cert_chain(folder / "client.pem")
    return context


def status_over_grpc(channel: grpc.Channel, **options: Any) -> bytes:
    request = serving_pb2.GetModelStatusRequest(model_spec=serving_pb2.ModelSpec(name="forms"))
    call = channel.unary_unary("/tensorflow.serving.ModelService/GetModelStatus")
    answer: bytes = call(request.SerializeToString(), timeout=30, **options)
    return answer


def test_tls_encrypts_rest_and_grpc(
    start_rest: StartRest, servers: list[Server], forms: Path, tmp_path: Path, authority: Identity
) -> None:
    config = ssl_config(tmp_path, authority, client_verify=False)
    client = {"verify": trusting(authority, None, tmp_path)}
    rest = start_rest(model_name="forms", model_base_path=str(forms), ssl_config_file=config, client=client)
    assert rest.base_url.scheme == "https"
    assert rest.post(PREDICT, json={"instances": [1]}).json() == {"predictions": [2.0]}
    with grpc.secure_channel(servers[0].address, grpc.ssl_channel_credentials(authority.pem)) as channel:
        assert status_over_grpc(channel)
    with grpc.insecure_channel(servers[0].address) as channel, pytest.raises(grpc.RpcError):
        status_over_grpc(channel)
    with pytest.raises(httpx.HTTPError):
        httpx.get(str(rest.base_url).replace("https", "http"), trust_env=False)


def test_mutual_tls_lets_in_only_clients_with_a_certificate(
    start_rest: StartRest, servers: list[Server], forms: Path, tmp_path: Path, authority: Identity
) -> None:
    config = ssl_config(tmp_path, authority, client_verify=True)
    own = identity("client", authority)
    client = {"verify": trusting(authority, own, tmp_path)}
    rest = start_rest(model_name="forms", model_base_path=str(forms), ssl_config_file=config, client=client)
    assert rest.post(PREDICT, json={"instances": [1]}).json() == {"predictions": [2.0]}
    with pytest.raises(httpx.HTTPError):
        httpx.get(rest.base_url, verify=trusting(authority, None, tmp_path), trust_env=False)
    root = authority.pem
    known = grpc.ssl_channel_credentials(root, own.key_pem, own.pem)
    with grpc.secure_channel(servers[0].address, known) as channel:
        assert status_over_grpc(channel)
    with (
        grpc.secure_channel(servers[0].address, grpc.ssl_channel_credentials(root)) as channel,
        pytest.raises(grpc.RpcError),
    ):
        status_over_grpc(channel)


def test_token_opens_rest_and_grpc_and_health_needs_none(
    start_rest: StartRest, servers: list[Server], forms: Path, tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("old\n\nnew\n")
    rest = start_rest(model_name="forms", model_base_path=str(forms), auth_token_file=str(tokens))
    body = {"instances": [1]}
    for header in ({}, {"authorization": "Bearer nix"}, {"authorization": "new"}, {"authorization": "Basic new"}):
        answer = rest.post(PREDICT, json=body, headers=header)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert "Authorization: Bearer TOKEN" in answer.json()["error"]
    for token in ("old", "new"):
        assert rest.post(PREDICT, json=body, headers={"authorization": f"Bearer {token}"}).status_code == 200
    assert [rest.get(path).status_code for path in ("/healthz", "/readyz", "/v1/models")] == [200, 200, 401]
    with grpc.insecure_channel(servers[0].address) as channel:
        with pytest.raises(grpc.RpcError) as refused:
            status_over_grpc(channel)
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert status_over_grpc(channel, metadata=[("authorization", "Bearer new")])
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert health.status == health_pb2.HealthCheckResponse.SERVING
