from __future__ import annotations

import pytest

from slipline.serving.releases.servers.rollout import every_address, ipv4_addresses
from slipline.serving.releases.store.records import RegisteredServer

PODS = ("10.0.0.7", "10.0.0.9")


def server(target: str) -> RegisteredServer:
    return RegisteredServer(target=target, pid=None, host="here", since="2026-01-01", root="/releases")


def targets(target: str, *addresses: str) -> list[str]:
    return [one.target for one in every_address([server(target)], lambda host: addresses)]


def test_name_of_several_addresses_stands_for_a_server_at_each() -> None:
    assert targets("pods:8500", *PODS) == ["10.0.0.7:8500", "10.0.0.9:8500"]


def test_each_of_them_finds_the_releases_where_the_name_was_registered_to() -> None:
    assert {one.root for one in every_address([server("pods:8500")], lambda host: PODS)} == {"/releases"}


@pytest.mark.parametrize("addresses", [(), ("10.0.0.7",)])
def test_name_of_one_address_or_none_stays_as_it_is(addresses: tuple[str, ...]) -> None:
    assert targets("one:8500", *addresses) == ["one:8500"]


def test_resolver_of_this_machine_knows_itself_and_no_name_that_cannot_be() -> None:
    assert ipv4_addresses("localhost") == ("127.0.0.1",)
    assert ipv4_addresses("no such host") == ipv4_addresses("x" * 300) == ()
