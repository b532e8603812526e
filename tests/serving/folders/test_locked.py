"""One at a time in a folder, whoever holds the lock and however it ends."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from slipline.serving.errors import LedgerError
from slipline.serving.folders.whole_file import locked


def test_folder_is_made_and_may_be_entered_again(tmp_path: Path) -> None:
    for _ in range(2):
        with locked(tmp_path / "a" / "b"):
            assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == [".lock"]


def test_others_wait_until_the_block_ends(tmp_path: Path) -> None:
    inside = threading.Event()

    def enter() -> None:
        with locked(tmp_path):
            inside.set()

    other = threading.Thread(target=enter)
    with locked(tmp_path):
        other.start()
        assert not inside.wait(0.2)
    assert inside.wait(60)
    other.join()


def test_process_that_is_killed_leaves_nothing_locked(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from slipline.serving.folders.whole_file import locked\n"
        "with locked(Path(sys.argv[1])): print('in', flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    with holder.stdout:
        assert holder.stdout.readline() == b"in\n"
    holder.kill()
    holder.wait()
    with locked(tmp_path):
        pass


def test_folder_that_cannot_be_written_to_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(LedgerError, match=r"cannot work in .*file: .*; mend its permissions"),
        locked(tmp_path / "file"),
    ):
        pass
