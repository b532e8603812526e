from __future__ import annotations

import grpc
import pytest

from slipline.serving.client import ClientSettings, KeepAlive, PredictClient, RetryPolicy, Tls
from slipline.serving.client.channels import addresses_of, channel_credentials, channel_options, check_token
from slipline.serving.errors import AccessDenied, ServerUnavailable
from tests.certificates import identity

DEFAULTS = {
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
    "grpc.use_local_subchannel_pool": 1,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 500,
    "grpc.enable_retries": 0,
    "grpc.keepalive_time_ms": 300_000,
    "grpc.keepalive_timeout_ms": 20_000,
    "grpc.keepalive_permit_without_calls": 0,
}


@pytest.mark.parametrize(
    ("settings", "changed"),
    [
        (ClientSettings(), {}),
        (
            ClientSettings(max_message_bytes=1000),
            {"grpc.max_receive_message_length": 1000, "grpc.max_send_message_length": 1000},
        ),
        (
            ClientSettings(keep_alive=KeepAlive(every_s=0.5, timeout_s=1.5, when_idle=True)),
            {
                "grpc.keepalive_time_ms": 500,
                "grpc.keepalive_timeout_ms": 1500,
                "grpc.keepalive_permit_without_calls": 1,
            },
        ),
        (ClientSettings(tls=Tls()), {}),
        (ClientSettings(tls=Tls(server_name="model")), {"grpc.ssl_target_name_override": "model"}),
    ],
)
def test_connections_are_as_the_settings_say(settings: ClientSettings, changed: dict[str, str | int]) -> None:
    assert dict(channel_options(settings)) == {**DEFAULTS, **changed}


def test_only_with_tls_there_are_credentials() -> None:
    own = identity("authority")
    assert channel_credentials(ClientSettings()) is None
    for tls in (Tls(), Tls(root_certificates=own.pem, private_key=own.key_pem, certificate=own.pem)):
        assert channel_credentials(ClientSettings(tls=tls)) is not None


def test_one_target_is_one_of_several() -> None:
    assert addresses_of("host:8500") == ["host:8500"]
    assert addresses_of(("a:1", "b:2")) == ["a:1", "b:2"]


@pytest.mark.parametrize("target", ["example.com:8500", "10.0.0.1:8500", "dns:///example.com:8500", "localhost.com:1"])
def test_token_does_not_leave_the_machine_in_plain_text(target: str) -> None:
    with pytest.raises(AccessDenied, match=f"would go to {target} in plain text; give `tls`"):
        PredictClient.connect(target, "m", settings=ClientSettings(bearer_token="secret"))
    for allowed in (
        ClientSettings(bearer_token="secret", plain_text_token=True),
        ClientSettings(bearer_token="secret", tls=Tls()),
        ClientSettings(),
    ):
        check_token(target, allowed)


@pytest.mark.parametrize(
    "target",
    ["localhost:1", "127.0.0.1:1", "127.5.0.1:1", "[::1]:1", "dns:///localhost:1", "unix:/x"],
)
def test_token_may_go_to_this_machine(target: str) -> None:
    check_token(target, ClientSettings(bearer_token="secret"))


def asked_of(client: PredictClient) -> None:
    """Where nobody listens."""
    with pytest.raises(ServerUnavailable):
        client.status()


def test_connections_of_a_clients_own_end_with_its_block_and_those_it_was_given_do_not() -> None:
    once = ClientSettings(retry=RetryPolicy(max_attempts=1))
    with PredictClient.connect(["127.0.0.1:1", "127.0.0.1:2"], "m", settings=once) as client:
        asked_of(client)
    for _ in range(2):
        with pytest.raises(ValueError, match="closed channel"):
            client.status()
    with grpc.insecure_channel("127.0.0.1:1") as channel:
        with PredictClient(channel, "m", settings=once) as client:
            asked_of(client)
        asked_of(client)
