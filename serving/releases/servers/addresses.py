"""Registered servers behind one name, such as the pods of a headless Kubernetes service: a server at each address."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from dataclasses import replace

from slipline.serving.releases.store.records import RegisteredServer

Resolve = Callable[[str], tuple[str, ...]]


def every_address(servers: Iterable[RegisteredServer], resolve: Resolve | None = None) -> tuple[RegisteredServer, ...]:
    """The servers, one whose name stands for several addresses replaced by one for each, in order of address.

    A name that stands for one address or none stays as it is: connecting says what is wrong.

    Args:
      servers: As they were registered.
      resolve: From a host's name to its IPv4 addresses; None for the system's resolver.
    """
    resolve = resolve or ipv4_addresses
    return tuple(one for server in servers for one in _each(server, resolve))


def ipv4_addresses(host: str) -> tuple[str, ...]:
    """The IPv4 addresses of a host, ascending; none if its name is not known.

    IPv6 is left out, as most hosts have one address of each kind, and those are one server.
    """
    try:
        found = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(sorted({str(address[0]) for *_, address in found}))


def _each(server: RegisteredServer, resolve: Resolve) -> list[RegisteredServer]:
    host, _, port = server.target.rpartition(":")
    addresses = resolve(host)
    if len(addresses) < 2:
        return [server]
    return [replace(server, target=f"{address}:{port}") for address in addresses]
