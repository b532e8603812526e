"""What servers are told, and what becomes of a move that one does not follow."""

import os
import subprocess
import sys
from typing import Any

import pytest

from slipline.serving.errors import PromotionFailed
from slipline.serving.releases.ledger import Ledger
from slipline.serving.releases.servers.rollout import Rollout
from tests.serving.releases.ledger_parts import (
    StrictServer,
    config,
    promote,
    publish,
    running,
    served,
    unused_target,
)


def in_turn(ledger: Ledger, targets: list[str], servers: list[StrictServer]) -> list[tuple[str, StrictServer]]:
    """Registers the servers; each with its target, in the order in which they are told."""
    for target in targets:
        ledger.register_server(target, os.getpid())
    return sorted(zip(targets, servers, strict=True), key=lambda each: each[0])


def test_promotion_loads_first_and_moves_the_label_second(ledger: Ledger) -> None:
    publish(ledger, "a")
    publish(ledger, "b")
    server = StrictServer()
    with running(server) as target:
        ledger.register_server(target, os.getpid())
        promote(ledger, 1, 2)
    assert server.configs == [((1,), None), ((1,), 1), ((1, 2), 1), ((1, 2), 2)]


def test_roll_back_to_a_loaded_version_is_one_call(ledger: Ledger) -> None:
    publish(ledger, "a")
    publish(ledger, "b")
    server = StrictServer()
    with running(server) as target:
        ledger.register_server(target, os.getpid())
        promote(ledger, 1, 2)
        calls = len(server.configs)
        ledger.roll_back("mnist", by="bob", reason="accuracy fell")
    assert server.configs[calls:] == [((1,), 1)]


def test_roll_back_to_an_unloaded_version_loads_it_first(ledger: Ledger) -> None:
    for content in "abc":
        publish(ledger, content)
    server = StrictServer()
    with running(server) as target:
        ledger.register_server(target, os.getpid())
        promote(ledger, 1, 2, 3)
        calls = len(server.configs)
        ledger.roll_back("mnist", to=1, by="bob", reason="both are bad")
    assert server.configs[calls:] == [((1, 3), 3), ((1,), 1)]


def test_version_that_does_not_load_leaves_the_live_one_untouched(ledger: Ledger) -> None:
    publish(ledger, "a")
    publish(ledger, "b")
    server = StrictServer(broken=frozenset({2}))
    with running(server) as target:
        ledger.register_server(target, os.getpid())
        promote(ledger, 1)
        releases, before = ledger.releases(), config(ledger)
        with pytest.raises(PromotionFailed, match=r"version 1 stays live: .* cannot load version 2 .* Op type not reg"):
            promote(ledger, 2)
    assert (ledger.releases(), config(ledger)) == (releases, before)
    assert server.configs[-1] == ((1,), 1)


def test_move_that_one_server_refuses_is_undone_at_all(ledger: Ledger) -> None:
    publish(ledger, "a")
    publish(ledger, "b")
    servers = [StrictServer(), StrictServer()]
    with running(servers[0]) as one, running(servers[1]) as other:
        (_, willing), (_, unwilling) = in_turn(ledger, [one, other], servers)
        unwilling.refuse_label = 2
        promote(ledger, 1)
        with pytest.raises(PromotionFailed, match=r"version 1 stays live: .* assign label to version 2"):
            promote(ledger, 2)
    assert willing.configs[-2:] == [((1, 2), 2), ((1,), 1)]
    assert unwilling.configs[-1] == ((1,), 1)
    assert config(ledger) == served(ledger, (1,), stable=1)
    assert len(ledger.release("mnist", 1).live_periods) == 1
    assert [row.state for row in ledger.releases("mnist")] == ["live", "published"]


@pytest.mark.parametrize("stage", ["load", "apply"])
def test_a_promotion_that_is_interrupted_leaves_no_version_loading(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    publish(ledger, "a")
    publish(ledger, "b")
    server = StrictServer()
    with running(server) as target:
        ledger.register_server(target, os.getpid())
        promote(ledger, 1)
        done = getattr(Rollout, stage)

        def interrupted(*arguments: Any) -> None:
            monkeypatch.undo()
            done(*arguments)
            raise KeyboardInterrupt

        monkeypatch.setattr(Rollout, stage, interrupted)
        with pytest.raises(KeyboardInterrupt):
            promote(ledger, 2)
    assert ((1, 2), 1) in server.configs
    assert server.configs[-1] == ((1,), 1)
    assert config(ledger) == served(ledger, (1,), stable=1)
    assert [row.state for row in ledger.releases("mnist")] == ["live", "published"]


def test_server_that_refuses_the_former_config_is_named_and_the_others_are_put_back(ledger: Ledger) -> None:
    publish(ledger, "a")
    publish(ledger, "b")
    servers = [StrictServer(), StrictServer(), StrictServer()]
    with running(servers[0]) as one, running(servers[1]) as another, running(servers[2]) as yet_another:
        told = in_turn(ledger, [one, another, yet_another], servers)
        (first, stuck), (second, willing), (third, unwilling) = told
        stuck.stuck_at, unwilling.refuse_label = 2, 2
        promote(ledger, 1)
        with pytest.raises(PromotionFailed, match="assign label to version 2") as caught:
            promote(ledger, 2)
    left = str(caught.value).partition("the former config could not be put back: ")[2]
    assert left.startswith(first)
    assert "stuck at 2" in left
    assert second not in left
    assert third not in left
    assert [server.configs[-1] for server in (stuck, willing, unwilling)] == [((1, 2), 2), ((1,), 1), ((1,), 1)]
    assert config(ledger) == served(ledger, (1,), stable=1)
    assert [row.state for row in ledger.releases("mnist")] == ["live", "published"]


def test_registered_server_that_does_not_answer_is_passed_over_with_a_warning(ledger: Ledger) -> None:
    publish(ledger, "a")
    target = unused_target()
    ledger.register_server(target, os.getpid())
    (warning,) = ledger.promote("mnist", 1, by="ada", reason="first").warnings
    assert warning.startswith(f"passed over {target}: nothing answers at {target}; start a server with")
    assert config(ledger) == served(ledger, (1,), stable=1)
    assert [server.target for server in ledger.servers()] == [target]


def test_server_whose_process_ended_is_forgotten(ledger: Ledger) -> None:
    """Another's server may listen at its port by now."""
    publish(ledger, "a")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    server = StrictServer()
    with running(server) as target:
        ledger.register_server(target, ended.pid)
        (warning,) = ledger.promote("mnist", 1, by="ada", reason="first").warnings
    assert warning == f"passed over {target}: its process {ended.pid} has ended"
    assert server.configs == []
    assert ledger.servers() == ()


def test_server_registered_again_is_one_server(ledger: Ledger) -> None:
    ledger.register_server("host:8500", 1)
    ledger.register_server("host:8500", None)
    (server,) = ledger.servers()
    assert (server.target, server.pid) == ("host:8500", None)
    ledger.unregister_server("host:8500")
    ledger.unregister_server("host:8500")
    assert ledger.servers() == ()
