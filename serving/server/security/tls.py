"""Encryption for gRPC and REST alike, from one SSLConfig: PEM text in a text proto, as TensorFlow Serving has it."""

from __future__ import annotations

import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from slipline.serving.errors import ConfigRefused
from slipline.serving.wire import settings_pb2
from slipline.serving.wire.text_proto import read_text_proto


@dataclass(frozen=True, kw_only=True)
class TlsSettings:
    """A server's key and certificate, and whether clients must have one, too.

    Attributes:
      server_key: The private key; PEM.
      server_cert: The certificate, with those between it and its authority; PEM.
      custom_ca: Who signs clients' certificates; PEM, empty for none.
      client_verify: Whether only clients with such a certificate are let in.
    """

    server_key: str = field(repr=False)
    server_cert: str
    custom_ca: str = ""
    client_verify: bool = False

    @classmethod
    def read(cls, file: Path) -> TlsSettings:
        """Those of an SSLConfig in text form.

        Raises:
          ConfigRefused: The file cannot be read, or what it holds makes no server.
        """
        config = read_text_proto(file, settings_pb2.SSLConfig())
        if config.client_verify and not config.custom_ca:
            raise ConfigRefused(
                f"{file}: client_verify needs custom_ca, the PEM text of who signs clients' certificates"
            )
        settings = cls(
            server_key=config.server_key,
            server_cert=config.server_cert,
            custom_ca=config.custom_ca,
            client_verify=config.client_verify,
        )
        try:
            settings.ssl_context()
        except (ssl.SSLError, ValueError) as error:
            raise ConfigRefused(
                f"{file}: server_key, server_cert and custom_ca must be PEM text, not paths, and the key must be the "
                f"certificate's ({error})"
            ) from error
        return settings

    def grpc_credentials(self) -> grpc.ServerCredentials:
        """For `grpc.Server.add_secure_port`."""
        return grpc.ssl_server_credentials(
            [(self.server_key.encode(), self.server_cert.encode())],
            root_certificates=self.custom_ca.encode() or None,
            require_client_auth=self.client_verify,
        )

    def ssl_context(self) -> ssl.SSLContext:
        """For sockets of Python's own."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # Python reads keys from files only: one that only this user can open, gone at the end of the block.
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as pem:
            pem.write(f"{self.server_key}\n{self.server_cert}\n")
            pem.flush()
            context.load_cert_chain(pem.name)
        if self.custom_ca:
            context.load_verify_locations(cadata=self.custom_ca)
        if self.client_verify:
            context.verify_mode = ssl.CERT_REQUIRED
        return context
