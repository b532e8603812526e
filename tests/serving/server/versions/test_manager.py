from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from slipline.serving.errors import BadRequest, DeadlineExceeded, LoadFailed, ModelNotFound, VersionNotReady
from slipline.serving.models.tensorflow.saved_model import SavedModel
from slipline.serving.server.versions.sources import ModelSource
from slipline.serving.wire import serving_pb2
from slipline.serving.wire.serving_pb2 import ModelSpec
from tests.serving.conftest import until
from tests.serving.managed import Manage, X, answer, source, states, wait_for_state


def test_request_gets_the_highest_version_the_named_one_or_the_labelled_one(manage: Manage, scalers: Path) -> None:
    manager = manage()
    manager.configure(source(scalers, 1, 2, stable=1))
    wait_for_state(manager, 1, "AVAILABLE")
    wait_for_state(manager, 2, "AVAILABLE")
    assert (answer(manager), answer(manager, version=1), answer(manager, label="stable")) == (20, 10, 10)
    with pytest.raises(VersionNotReady, match=r"Servable not found for request: Specific\(m, 3\)"):
        answer(manager, version=3)
    with pytest.raises(BadRequest, match="Unrecognized servable version label: nix"):
        answer(manager, label="nix")
    with (
        pytest.raises(ModelNotFound, match=r"Servable not found for request: Latest\(n\)"),
        manager.using(ModelSpec(name="n")),
    ):
        pass


def test_new_version_replaces_the_old_one_which_waits_for_its_last_request(
    manage: Manage, base: Path, publish: Callable[[int], Path]
) -> None:
    publish(1)
    manager = manage()
    manager.configure(source(base))
    wait_for_state(manager, 1, "AVAILABLE")
    with manager.using(ModelSpec(name="m")) as served:
        publish(2)
        manager.poll()
        wait_for_state(manager, 1, "UNLOADING")
        assert answer(manager) == 20
        assert served.model.run({"x": X})["y"] == 10
    wait_for_state(manager, 1, "END")


def test_rollback_by_removing_the_newest_folder_loads_the_one_before(
    manage: Manage, base: Path, publish: Callable[[int], Path]
) -> None:
    publish(1)
    newest = publish(2)
    manager = manage()
    manager.configure(source(base))
    wait_for_state(manager, 2, "AVAILABLE")
    newest.rename(base / "withdrawn")
    manager.poll()
    wait_for_state(manager, 1, "AVAILABLE")
    wait_for_state(manager, 2, "END")
    (base / "withdrawn").rename(newest)
    manager.poll()
    wait_for_state(manager, 2, "AVAILABLE")


@pytest.mark.parametrize("loss", ["folder", "base path"])
def test_emptied_storage_keeps_the_last_version_up(
    manage: Manage, base: Path, publish: Callable[[int], Path], loss: str
) -> None:
    folder = publish(1)
    manager = manage()
    manager.configure(source(base))
    wait_for_state(manager, 1, "AVAILABLE")
    (folder if loss == "folder" else base).rename(base.parent / "gone")
    manager.poll()
    assert answer(manager) == 10


def test_half_copied_version_is_given_up_while_the_old_one_stays_and_is_loaded_once_complete(
    manage: Manage, base: Path, publish: Callable[[int], Path]
) -> None:
    publish(1)
    manager = manage()
    manager.configure(source(base))
    wait_for_state(manager, 1, "AVAILABLE")
    variables = publish(2) / "variables"
    variables.rename(base / "not yet copied")
    manager.poll()
    status = wait_for_state(manager, 2, "END")
    assert "half-copied" in status.status.error_message
    assert status.status.error_code
    manager.poll()
    assert (answer(manager), states(manager)) == (10, {2: "END", 1: "AVAILABLE"})
    (base / "not yet copied").rename(variables)
    manager.poll()
    wait_for_state(manager, 2, "AVAILABLE")
    assert answer(manager) == 20


def test_label_is_held_until_its_version_is_up(manage: Manage, base: Path, publish: Callable[[int], Path]) -> None:
    """And the version that it points to until then is not unloaded, though no longer wanted."""
    publish(1)
    publish(2).rename(base / "3")
    manager = manage()
    manager.configure(source(base, 1, stable=1))
    wait_for_state(manager, 1, "AVAILABLE")
    manager.configure(source(base, 2, 3, stable=2))
    wait_for_state(manager, 3, "AVAILABLE")
    assert (answer(manager), answer(manager, label="stable")) == (20, 10)
    publish(2)
    manager.poll()
    wait_for_state(manager, 2, "AVAILABLE")
    assert answer(manager, label="stable") == 20
    wait_for_state(manager, 1, "END")


def test_label_without_any_version_names_the_one_it_waits_for(manage: Manage, base: Path) -> None:
    manager = manage()
    manager.configure(source(base, 7, stable=7))
    with pytest.raises(VersionNotReady, match=r"Specific\(m, 7\)"):
        answer(manager, label="stable")


def test_label_that_the_config_drops_is_gone_at_once(manage: Manage, scalers: Path) -> None:
    manager = manage()
    manager.configure(source(scalers, 1, stable=1))
    wait_for_state(manager, 1, "AVAILABLE")
    manager.configure(source(scalers, 1))
    with pytest.raises(BadRequest, match="Unrecognized"):
        answer(manager, label="stable")


def test_model_left_out_of_the_config_is_unloaded_and_remembered(manage: Manage, scalers: Path) -> None:
    manager = manage()
    manager.configure(source(scalers, 1))
    wait_for_state(manager, 1, "AVAILABLE")
    manager.configure({})
    wait_for_state(manager, 1, "END")
    with pytest.raises(ModelNotFound):
        answer(manager)
    manager.configure(source(scalers, 1))
    wait_for_state(manager, 1, "AVAILABLE")


def test_policy_that_names_no_version_unloads_all(manage: Manage, scalers: Path) -> None:
    manager = manage()
    manager.configure(source(scalers, 1))
    wait_for_state(manager, 1, "AVAILABLE")
    manager.configure({"m": ModelSource(name="m", base_path=scalers, only=frozenset())})
    wait_for_state(manager, 1, "END")


def test_failing_load_is_tried_again_and_shows_its_error_meanwhile(manage: Manage, scalers: Path) -> None:
    attempts = []

    def load(folder: Path) -> SavedModel:
        attempts.append(folder)
        if len(attempts) == 2:
            status = manager.statuses("m", 1)[0]
            assert (status.state, status.status.error_message) == (serving_pb2.ModelVersionStatus.LOADING, "not yet")
        if len(attempts) < 3:
            raise LoadFailed("not yet") from OSError(errno.EIO, "passing fault")
        return SavedModel.load(folder)

    manager = manage(load, retries=2)
    manager.configure(source(scalers, 1))
    status = wait_for_state(manager, 1, "AVAILABLE")
    assert (len(attempts), status.status.error_code, status.status.error_message) == (3, 0, "")


def test_loader_that_breaks_in_an_unforeseen_way_ends_that_version_alone(manage: Manage, scalers: Path) -> None:
    def load(folder: Path) -> SavedModel:
        if folder.name == "2":
            raise ZeroDivisionError("unforeseen")
        return SavedModel.load(folder)

    manager = manage(load)
    manager.configure(source(scalers, 1, 2))
    assert wait_for_state(manager, 2, "END").status.error_message == "unforeseen"
    wait_for_state(manager, 1, "AVAILABLE")


def test_version_no_longer_wanted_when_its_load_is_done_is_cancelled(manage: Manage, scalers: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def load(folder: Path) -> SavedModel:
        begun.set()
        assert go_on.wait(30)
        return SavedModel.load(folder)

    manager = manage(load)
    manager.configure(source(scalers, 1))
    assert begun.wait(30)
    assert states(manager) == {1: "LOADING"}
    manager.configure({})
    go_on.set()
    status = wait_for_state(manager, 1, "END")
    assert (status.status.error_code, status.status.error_message) == (1, "Loading of servable cancelled")


def test_waiting_for_a_model_ends_when_it_is_up_or_given_up(manage: Manage, scalers: Path, tmp_path: Path) -> None:
    manager = manage()
    new = manager.configure(source(scalers, 1))
    manager.wait_for(new, timeout_s=30)
    assert answer(manager) == 10
    (tmp_path / "5").mkdir()
    new = manager.configure({**source(scalers, 1), "n": ModelSource(name="n", base_path=tmp_path)})
    assert new == {"n"}
    with pytest.raises(LoadFailed, match=r"1 model\(s\) did not become available: \{n: version 5 due to error: Could"):
        manager.wait_for(new, timeout_s=30)


def test_waiting_for_a_model_that_has_no_version_ends_in_time(manage: Manage, base: Path) -> None:
    manager = manage()
    with pytest.raises(DeadlineExceeded, match=r"no version of m was there after 0.05 s"):
        manager.wait_for(manager.configure(source(base)), timeout_s=0.05)


def test_config_that_leaves_a_model_out_ends_the_waiting_for_it(manage: Manage, base: Path) -> None:
    manager = manage()
    new = manager.configure(source(base))
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(manager.wait_for, new, timeout_s=30)
        manager.configure({})
        with pytest.raises(LoadFailed, match="a later config leaves it out"):
            waiting.result()


def test_status_of_what_was_never_seen_is_an_error(manage: Manage, scalers: Path) -> None:
    manager = manage()
    with pytest.raises(ModelNotFound, match="Could not find any versions of model m"):
        manager.statuses("m")
    manager.configure(source(scalers, 1))
    with pytest.raises(VersionNotReady, match="Could not find version 9 of model m"):
        manager.statuses("m", 9)


def test_models_are_listed_with_their_versions_labels_and_load_times(manage: Manage, scalers: Path) -> None:
    manager = manage()
    source = ModelSource(name="scaler", base_path=scalers, newest=None, labels={"old": 1})
    manager.configure({"scaler": source})
    until(lambda: [version.state for version in manager.models()[0].versions.values()] == [30, 30])
    (view,) = manager.models()
    assert (view.name, view.source, view.labels, view.is_ready) == ("scaler", source, {"old": 1}, True)
    assert list(view.versions) == [2, 1]
    assert all(version.figures.load_s for version in view.versions.values())
    manager.configure({})
    (view,) = manager.models()
    assert (view.source, view.is_ready) == (None, False)
