"""Connections to servers, as settings say."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

import grpc

from slipline.serving.client.client_settings import ClientSettings
from slipline.serving.errors import AccessDenied

Options = list[tuple[str, str | int]]


def addresses_of(target: str | Sequence[str]) -> list[str]:
    """One target or several, as a list."""
    return [target] if isinstance(target, str) else list(target)


def opened_channel(kind: Any, address: str, settings: ClientSettings) -> Any:
    """A connection, made when first used.

    Args:
      kind: `grpc`, or `grpc.aio` for an event loop.
      address: `host:port` of a server.
      settings: How to connect.

    Raises:
      AccessDenied: As `check_token` says.
    """
    check_token(address, settings)
    credentials = channel_credentials(settings)
    if credentials is None:
        return kind.insecure_channel(address, channel_options(settings))
    return kind.secure_channel(address, credentials, channel_options(settings))


def channel_options(settings: ClientSettings) -> Options:
    """GRPC's channel arguments."""
    limit = -1 if settings.max_message_bytes is None else settings.max_message_bytes
    keep_alive, tls = settings.keep_alive, settings.tls
    options: Options = [
        ("grpc.max_receive_message_length", limit),
        ("grpc.max_send_message_length", limit),
        # Not the process-wide pool of connections: its back-off would outlive a server's restart.
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 500),
        ("grpc.enable_retries", 0),  # retries are ours, which know of other targets
        ("grpc.keepalive_time_ms", int(keep_alive.every_s * 1000)),
        ("grpc.keepalive_timeout_ms", int(keep_alive.timeout_s * 1000)),
        ("grpc.keepalive_permit_without_calls", int(keep_alive.when_idle)),
    ]
    if tls is not None and tls.server_name is not None:
        options.append(("grpc.ssl_target_name_override", tls.server_name))
    return options


def channel_credentials(settings: ClientSettings) -> grpc.ChannelCredentials | None:
    """For an encrypted channel; none for plain text."""
    if settings.tls is None:
        return None
    return grpc.ssl_channel_credentials(
        settings.tls.root_certificates, settings.tls.private_key, settings.tls.certificate
    )


def check_token(address: str, settings: ClientSettings) -> None:
    """Refuses to send a token where others on the way could read it.

    Raises:
      AccessDenied: The settings have a token, no TLS, and `address` is another machine.
    """
    if settings.bearer_token is None or settings.tls is not None or settings.plain_text_token or _is_here(address):
        return
    raise AccessDenied(
        f"the bearer token would go to {address} in plain text; give `tls`, or `plain_text_token=True` where the "
        "network itself encrypts"
    )


def _is_here(address: str) -> bool:
    host = address.rpartition(":")[0].rpartition("/")[2].strip("[]")
    if address.startswith("unix:") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
