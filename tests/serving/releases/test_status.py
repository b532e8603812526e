"""Wanted against served: every way in which the ledger, servers and folders disagree, and its repair."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from slipline.serving.releases.ledger import Ledger
from slipline.serving.releases.metrics import render_metrics
from slipline.serving.releases.reconcile import reconcile
from slipline.serving.releases.status import release_status, verify_releases
from tests.serving.releases.ledger_parts import (
    StrictServer,
    config,
    model_folder,
    promote,
    publish,
    running,
    served,
    unused_target,
)


@pytest.fixture
def ledger(ledger: Ledger) -> Ledger:
    """Version 2 is live, version 1 was before."""
    publish(ledger, "a")
    publish(ledger, "b")
    promote(ledger, 1, 2)
    return ledger


@pytest.fixture
def server() -> StrictServer:
    return StrictServer()


@pytest.fixture
def target(ledger: Ledger, server: StrictServer) -> Iterator[str]:
    """A registered server that serves what it should."""
    with running(server) as target:
        ledger.register_server(target, os.getpid())
        promote(ledger, 2)
        yield target


def problems(ledger: Ledger) -> tuple[str, ...]:
    """What is said of the one model at the one server."""
    (found,) = release_status(ledger).targets
    return found.models[0].problems


def assert_repaired(ledger: Ledger, server: StrictServer) -> None:
    outcome = reconcile(ledger)
    assert (outcome.failed, outcome.status.differs) == ((), False)
    assert (server.loaded, server.labels) == ({1, 2}, {"stable": 2, "canary": 2})


def test_server_that_serves_what_is_wanted_differs_in_nothing(ledger: Ledger, target: str) -> None:
    status = release_status(ledger)
    (found,) = status.targets
    assert (found.target, found.answers, found.differs, status.differs) == (target, True, False, False)
    assert found.models[0].served_versions == found.models[0].wanted_versions == (1, 2)
    assert found.models[0].served_labels == {"stable": 2, "canary": 2}


def test_nothing_is_done_where_nothing_differs(ledger: Ledger, server: StrictServer, target: str) -> None:
    calls = len(server.configs)
    assert reconcile(ledger).done == ()
    assert len(server.configs) == calls


def test_server_that_lost_its_config_gets_it_back(ledger: Ledger, server: StrictServer, target: str) -> None:
    server.loaded, server.labels = frozenset(), {}
    assert problems(ledger) == (
        "version 1 is not served, and the server was never told to",
        "version 2 is not served, and the server was never told to",
    )
    assert_repaired(ledger, server)


def test_version_that_nobody_wants_is_unloaded(ledger: Ledger, server: StrictServer, target: str) -> None:
    publish(ledger, "c")
    server.loaded |= {3, 9}
    assert problems(ledger) == (
        "version 3 is served, and is not to be",
        "version 9 is served, and is not known to the ledger",
    )
    assert_repaired(ledger, server)


def test_label_that_points_elsewhere_is_moved_back(ledger: Ledger, server: StrictServer, target: str) -> None:
    server.labels = {"stable": 1}
    assert problems(ledger) == (
        "label stable names version 1, not version 2",
        "label canary names nothing, not version 2",
    )
    assert_repaired(ledger, server)


def test_version_that_a_server_gave_up_is_tried_again(ledger: Ledger, server: StrictServer, target: str) -> None:
    """It would never do so by itself while the version stays wanted."""
    server.loaded, server.failed, server.labels = frozenset({1}), frozenset({2}), {}
    assert problems(ledger) == ("version 2 is not served, it is END: Op type not registered 'X'",)
    assert_repaired(ledger, server)


def test_version_that_still_does_not_load_is_said_with_the_servers_words(
    ledger: Ledger, server: StrictServer, target: str
) -> None:
    server.loaded, server.broken, server.labels = frozenset({1}), frozenset({2}), {}
    outcome = reconcile(ledger)
    (failure,) = outcome.failed
    assert failure.startswith(f"{target} was not brought in line: {target} cannot load version 2 of 'mnist': Op type")
    assert (outcome.status.differs, server.loaded) == (True, {1})


def test_config_file_altered_by_hand_is_written_anew(ledger: Ledger, target: str) -> None:
    ledger.config_path.write_text("")
    (found,) = release_status(ledger).targets
    assert found.problems == (
        f"{ledger.config_path}, which it reads when it starts, does not say what the ledger says",
    )
    reconcile(ledger)
    assert config(ledger) == served(ledger, (1, 2), stable=2)


def test_folder_deleted_by_hand_is_restored_from_where_it_was_made(ledger: Ledger, target: str) -> None:
    release = ledger.release("mnist", 2)
    shutil.rmtree(release.path)
    (found,) = [folder for folder in release_status(ledger).folders if folder.problems]
    assert (found.version, found.problems) == (2, (f"{release.path}: the folder is missing",))
    outcome = reconcile(ledger, origin=lambda release: model_folder(ledger.root, "b"))
    assert outcome.done[0] == f"{release.path}: restored from {ledger.root.parent / 'model-b'}"
    assert [one.problems for one in verify_releases(ledger)] == [(), ()]


def test_folder_that_is_nowhere_else_is_said_with_what_a_person_can_do(ledger: Ledger, target: str) -> None:
    """Another content is no replacement."""
    release = ledger.release("mnist", 2)
    (release.path / "saved_model.pb").unlink()
    (failure,) = reconcile(ledger, origin=lambda release: model_folder(ledger.root, "a")).failed
    assert failure == (
        f"{release.path / 'saved_model.pb'}: missing; no other copy of version 2 was found: restore it from a backup, "
        "or make another version live with `slipline promote` or `slipline rollback`"
    )


def test_server_that_does_not_answer_differs_and_stays_registered(ledger: Ledger) -> None:
    target = unused_target()
    ledger.register_server(target, os.getpid())
    (found,) = release_status(ledger).targets
    assert (found.answers, found.differs) == (False, True)
    assert found.problems[0].startswith(f"nothing answers at {target}; start a server with")
    assert reconcile(ledger).status.differs
    assert [server.target for server in ledger.servers()] == [target]


def test_server_whose_process_ended_is_forgotten(ledger: Ledger) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    ledger.register_server("127.0.0.1:1", ended.pid)
    (found,) = release_status(ledger).targets
    assert found.problems == (
        f"its process {ended.pid} has ended; start it again, or `slipline releases unregister 127.0.0.1:1`",
    )
    assert reconcile(ledger).done == (f"127.0.0.1:1: forgotten, as its process {ended.pid} has ended",)
    assert ledger.servers() == ()


def test_server_that_has_the_releases_elsewhere_follows_a_file_of_its_own(ledger: Ledger, server: StrictServer) -> None:
    with running(server) as target:
        ledger.register_server(target, None, "/models")
        promote(ledger, 2)
        assert server.base_paths[-1] == "/models/mnist"
        file = ledger.rewrite_config("/models")
        assert file.name == "models.models.config"
        assert 'base_path: "/models/mnist"' in file.read_text()
        assert not release_status(ledger).differs


def metrics(ledger: Ledger) -> dict[tuple[str, ...], float]:
    """By name and label values."""
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(render_metrics(ledger))
        for sample in family.samples
    }


def test_metrics_tell_wanted_from_served(ledger: Ledger, server: StrictServer, target: str) -> None:
    server.loaded, server.labels = frozenset({1}), {"stable": 1, "canary": 1}
    found = metrics(ledger)
    assert found["slipline_release_target_up", target] == 1
    assert found["slipline_release_differs", target] == 1
    assert found["slipline_release_wanted_version", "stable", "mnist", target] == 2
    assert found["slipline_release_served_version", "stable", "mnist", target] == 1
    assert found["slipline_release_loaded", "mnist", target, "1"] == 1
    assert found["slipline_release_folder_intact", "mnist", "2"] == 1
    reconcile(ledger)
    assert metrics(ledger)["slipline_release_differs", target] == 0


def test_metrics_count_the_moves_and_tell_the_trial(ledger: Ledger) -> None:
    publish(ledger, "c")
    ledger.start_canary("mnist", 3, percent=5.0, by="ada", reason="try it")
    assert metrics(ledger)["slipline_release_canary_percent", "mnist"] == 5
    ledger.roll_back("mnist", by="bob", reason="worse")
    found = metrics(ledger)
    assert found["slipline_release_canary_percent", "mnist"] == 0
    moves = ("promoted", "rolled_back", "canary", "withdrawn", "undone")
    assert [found["slipline_release_moves_total", kind, "mnist"] for kind in moves] == [2, 1, 1, 0, 0]


def test_alert_rules_name_metrics_that_there_are(ledger: Ledger, target: str) -> None:
    rules = (Path(__file__).parents[3] / "infra" / "alerts" / "releases.yml").read_text()
    known = {name for name, *_ in metrics(ledger)}
    named = set(re.findall(r"slipline_\w+", rules))
    assert named
    assert named <= known
