"""What becomes of versions that cannot be loaded, for now or for good, and of those that they were to replace."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from slipline.serving.errors import DeadlineExceeded, LoadFailed
from slipline.serving.folders.version_folder import find_versions
from slipline.serving.models.tensorflow.saved_model import SavedModel
from slipline.serving.server.versions.loading import LoadPolicy
from slipline.serving.server.versions.manager import VersionManager
from slipline.serving.server.versions.model_state import HISTORY_OF_A_MODEL, MODELS_REMEMBERED
from slipline.serving.server.versions.sources import ModelSource
from slipline.serving.wire import serving_pb2
from tests.serving.managed import Manage, answer, bytes_on_disk, source, states, wait_for_state


def test_version_given_up_is_tried_again_for_ever(manage: Manage, scalers: Path) -> None:
    attempts = []

    def load(folder: Path) -> SavedModel:
        attempts.append(folder)
        if len(attempts) < 8:
            raise LoadFailed("passing fault") from OSError(errno.EIO, "passing fault")
        return SavedModel.load(folder)

    manager = manage(load, retries=1, backoff_s=1e-3, longest_backoff_s=2e-3)
    manager.configure(source(scalers, 1))
    wait_for_state(manager, 1, "AVAILABLE")
    assert len(attempts) == 8


def test_state_of_a_version_given_up_stays_end_while_it_is_tried_again(manage: Manage, scalers: Path) -> None:
    """Only attempts before that, and those that somebody ordered, are shown as LOADING."""
    seen = []

    def load(folder: Path) -> SavedModel:
        seen.append(states(manager)[1])
        if len(seen) < 4:
            raise LoadFailed("passing fault") from OSError(errno.EIO, "passing fault")
        return SavedModel.load(folder)

    manager = manage(load, retries=1, backoff_s=1e-3)
    manager.configure(source(scalers, 1))
    wait_for_state(manager, 1, "AVAILABLE")
    assert seen == ["LOADING", "LOADING", "END", "END"]


def cut(folder: Path) -> None:
    pb = folder / "saved_model.pb"
    pb.write_bytes(pb.read_bytes()[:-100])


def without_model(folder: Path) -> None:
    (folder / "saved_model.pb").unlink()


@pytest.mark.parametrize(("spoil", "code"), [(cut, 15), (without_model, 5)])
def test_failure_that_the_same_files_repeat_is_shown_at_once(
    manage: Manage, publish: Callable[[int], Path], base: Path, spoil: Callable[[Path], None], code: int
) -> None:
    spoil(publish(1))
    manager = manage(retries=5, retry_interval_s=1000)
    manager.configure(source(base))
    assert wait_for_state(manager, 1, "END").status.error_code == code


def test_same_config_sent_again_retries_what_was_given_up(manage: Manage, scalers: Path) -> None:
    attempts = []

    def load(folder: Path) -> SavedModel:
        attempts.append(states(manager)[1])
        if len(attempts) == 1:
            raise LoadFailed("passing fault") from OSError(errno.EIO, "passing fault")
        return SavedModel.load(folder)

    manager = manage(load)
    manager.configure(source(scalers, 1))
    wait_for_state(manager, 1, "END")
    assert manager.configure(source(scalers, 1)) == set()
    wait_for_state(manager, 1, "AVAILABLE")
    assert attempts == ["LOADING", "LOADING"]


def test_load_that_hangs_holds_up_no_other_model_and_not_the_end(manage: Manage, scalers: Path, base: Path) -> None:
    (base / "1").mkdir()
    pipe = base / "1" / "saved_model.pb"
    os.mkfifo(pipe)  # whoever reads it waits for a writer
    manager = manage(load_threads=2)
    hung = ModelSource(name="hung", base_path=base)
    manager.configure({"hung": hung})
    manager.configure({"hung": hung, **source(scalers, 1)})
    wait_for_state(manager, 1, "AVAILABLE")
    assert manager.statuses("hung")[0].state == serving_pb2.ModelVersionStatus.LOADING
    assert not manager.stop(timeout_s=0.1)
    with pipe.open("wb"):
        pipe.unlink()


def test_base_path_that_hangs_holds_up_no_other_model(scalers: Path, tmp_path: Path) -> None:
    go_on = threading.Event()

    def find(base_path: Path) -> Mapping[int, Path]:
        if base_path == tmp_path:
            go_on.wait(60)
        return find_versions(base_path)

    manager = VersionManager(SavedModel.load, LoadPolicy(poll_wait_s=0, look_wait_s=0.01), find=find)
    hung = {"hung": ModelSource(name="hung", base_path=tmp_path)}
    manager.configure({**hung, **source(scalers, 1)})
    wait_for_state(manager, 1, "AVAILABLE")
    with pytest.raises(
        DeadlineExceeded, match=f"no version of hung was .* base path {tmp_path} was not listed in time"
    ):
        manager.wait_for(["m", "hung"], timeout_s=0.01)
    go_on.set()
    assert manager.stop(timeout_s=60)


class Diary:
    """Loads models, and writes down which were in memory whenever one was loaded."""

    def __init__(self, failing: int | None = None) -> None:
        self.failing = failing
        self.in_memory: list[int] = []
        self.pages: list[list[int]] = []

    def load(self, folder: Path) -> SavedModel:
        version, diary = int(folder.name), self
        if version == self.failing:
            self.pages.append([*self.in_memory, -version])
            raise LoadFailed("it is broken")
        model = SavedModel.load(folder)
        self.in_memory.append(version)
        self.pages.append(list(self.in_memory))

        class Noted(SavedModel):
            def close(self) -> None:
                super().close()
                diary.in_memory.remove(version)

        model.__class__ = Noted
        return model


@pytest.mark.parametrize(("unload_first", "together"), [(False, [[1], [1, 2]]), (True, [[1], [2]])])
def test_old_and_new_version_are_in_memory_together_unless_the_old_one_is_to_go_first(
    manage: Manage, scalers: Path, unload_first: bool, together: list[list[int]]
) -> None:
    diary = Diary()
    manager = manage(diary.load, unload_first_models=frozenset({"m"} if unload_first else ()))
    for version in (1, 2):
        manager.configure(source(scalers, version))
        wait_for_state(manager, version, "AVAILABLE")
    wait_for_state(manager, 1, "END")
    assert diary.pages == together


def test_old_version_that_went_first_comes_back_if_the_new_one_cannot_be_loaded(manage: Manage, scalers: Path) -> None:
    diary = Diary(failing=2)
    manager = manage(diary.load, unload_first=True, retries=5, retry_interval_s=1000)
    manager.configure(source(scalers, 1))
    wait_for_state(manager, 1, "AVAILABLE")
    manager.configure(source(scalers, 2))
    wait_for_state(manager, 2, "END")
    wait_for_state(manager, 1, "AVAILABLE")
    assert answer(manager) == 10
    diary.failing = None
    manager.retry()
    wait_for_state(manager, 2, "AVAILABLE")
    wait_for_state(manager, 1, "END")
    assert diary.pages == [[1], [-2], [1], [2]]


def test_version_beside_one_that_made_its_switch_has_all_its_attempts(
    manage: Manage, scalers: Path, base: Path
) -> None:
    """Only one for which another gave way is given up at the first failure, so that the gap is filled at once."""
    attempts = []

    def load(folder: Path) -> SavedModel:
        attempts.append(folder.name)
        if attempts == ["1", "2", "3"]:
            raise LoadFailed("passing fault") from OSError(errno.EIO, "passing fault")
        return SavedModel.load(scalers / "2")

    manager = manage(load, unload_first=True, retries=1)
    for wanted in ([1], [2], [2, 3]):
        (base / str(wanted[-1])).mkdir()
        manager.configure(source(base, *wanted))
        wait_for_state(manager, wanted[-1], "AVAILABLE")
    assert attempts == ["1", "2", "3", "3"]


def test_version_for_which_there_is_no_room_is_refused_and_the_old_one_stays(manage: Manage, scalers: Path) -> None:
    one_model = int(1.5 * bytes_on_disk(scalers / "1"))
    manager = manage(memory_limit_bytes=one_model)
    manager.configure(source(scalers, 1))
    wait_for_state(manager, 1, "AVAILABLE")
    manager.configure(source(scalers, 2))
    status = wait_for_state(manager, 2, "END").status
    assert status.error_code == 8
    assert "Error while attempting to reserve resources to load servable {name: m version: 2}" in status.error_message
    assert answer(manager) == 10


def test_room_of_a_version_that_is_unloaded_is_free_again(manage: Manage, scalers: Path) -> None:
    manager = manage(memory_limit_bytes=int(1.5 * bytes_on_disk(scalers / "1")), unload_first=True)
    for version in (1, 2, 1, 2):
        manager.configure(source(scalers, version))
        wait_for_state(manager, version, "AVAILABLE")


def test_history_of_versions_and_models_ends_somewhere(manage: Manage, base: Path) -> None:
    manager = manage()
    for number in range(1, HISTORY_OF_A_MODEL + 10):
        folder = base / str(number)
        folder.mkdir()
        manager.configure(source(base, number))
        wait_for_state(manager, number, "END")
        folder.rmdir()
    kept = [status.version for status in manager.statuses("m")]
    assert kept[0] == HISTORY_OF_A_MODEL + 9
    assert len(kept) <= HISTORY_OF_A_MODEL + 2  # the one wanted now, and perhaps the one before, on its way
    for number in range(MODELS_REMEMBERED + 10):
        manager.configure({f"n{number}": ModelSource(name="n", base_path=base / "missing")})
    assert len(manager.models()) <= MODELS_REMEMBERED + 2


def test_what_is_wanted_and_what_is_up_are_told_apart(
    manage: Manage, base: Path, publish: Callable[[int], Path]
) -> None:
    publish(1)
    manager = manage()
    manager.configure(source(base))
    wait_for_state(manager, 1, "AVAILABLE")
    without_model(publish(2))
    manager.poll()
    wait_for_state(manager, 2, "END")
    (view,) = manager.models()
    assert (view.wanted.keys(), view.missing, [version.number for version in view.current]) == ({2}, {2}, [2, 1])
