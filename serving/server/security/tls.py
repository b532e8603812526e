"""Encryption for gRPC and REST alike, from one SSLConfig: PEM text in a text proto, as TensorFlow Serving has it."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

import grpc

from slipline.serving.errors import ConfigRefused
from slipline.serving.wire.settings_pb2 import SSLConfig
from slipline.serving.wire.text_proto import read_text_proto


def read_ssl_config(file: Path) -> SSLConfig:
    """The SSLConfig in a file.

    Raises:
      ConfigRefused: The file cannot be read, or what it holds makes no server.
    """
    config = read_text_proto(file, SSLConfig())
    if config.client_verify and not config.custom_ca:
        raise ConfigRefused(f"{file}: client_verify needs custom_ca, the PEM text of who signs clients' certificates")
    try:
        ssl_context(config)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigRefused(
            f"{file}: server_key, server_cert and custom_ca must be PEM text, not paths, and the key must be the "
            f"certificate's ({error})"
        ) from error
    return config


def grpc_credentials(config: SSLConfig) -> grpc.ServerCredentials:
    """For `grpc.Server.add_secure_port`."""
    return grpc.ssl_server_credentials(
        [(config.server_key.encode(), config.server_cert.encode())],
        root_certificates=config.custom_ca.encode() or None,
        require_client_auth=config.client_verify,
    )


def ssl_context(config: SSLConfig) -> ssl.SSLContext:
    """For sockets of Python's own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Python reads keys from files only: one that only this user can open, gone at the end of the block.
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as pem:
        pem.write(f"{config.server_key}\n{config.server_cert}\n")
        pem.flush()
        context.load_cert_chain(pem.name)
    if config.custom_ca:
        context.load_verify_locations(cadata=config.custom_ca)
    if config.client_verify:
        context.verify_mode = ssl.CERT_REQUIRED
    return context
