from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from slipline.serving.errors import BadRequest, DataLoss, DeadlineExceeded, LoadFailed, ServingError
from slipline.serving.models.tensorflow.native import TensorFlowError
from slipline.serving.models.tensorflow.saved_model import SavedModel
from slipline.serving.server.versions.loading import Attempt, Loader, LoadPolicy, status_code

ROOT = Path(__file__).parents[4]


def failed_of(cause: BaseException | None) -> LoadFailed:
    error = LoadFailed("failed")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("cause", "code", "is_hopeless"),
    [
        (FileNotFoundError(errno.ENOENT, "missing"), 5, True),
        (KeyError("serve"), 5, True),
        (TensorFlowError(5, "Op type not registered"), 5, True),
        (TensorFlowError(3, "Cannot assign a device"), 3, True),
        (TensorFlowError(14, "storage is away"), 14, False),
        (TensorFlowError(8, "out of memory"), 8, True),
        (DecodeError("cut"), 15, True),
        (DataLoss("corrupt warm-up"), 15, True),
        (BadRequest("warm-up"), 3, True),
        (DeadlineExceeded("warm-up took too long"), 4, False),
        (PermissionError(errno.EACCES, "denied"), 7, False),
        (OSError(errno.EIO, "broken disk"), 14, False),
        (OSError(errno.ESTALE, "network file system"), 14, False),
        (MemoryError(), 8, True),
        (ZeroDivisionError(), 2, False),
        (None, 9, True),
    ],
)
def test_failure_says_whether_the_same_files_will_fail_again(
    cause: BaseException | None, code: int, is_hopeless: bool
) -> None:
    attempt = Attempt(code=status_code(failed_of(cause)))
    assert (attempt.code, attempt.is_hopeless) == (code, is_hopeless)


def test_error_that_is_no_failed_load_tells_by_itself() -> None:
    assert status_code(ZeroDivisionError()) == 2
    assert status_code(ServingError("of no particular kind")) == 2


@given(failures=st.integers(0, 10_000))
def test_pauses_after_giving_up_grow_to_a_limit(failures: int) -> None:
    policy = LoadPolicy(backoff_s=1, longest_backoff_s=300)
    pause_s = policy.pause_s(failures, gave_up=True)
    assert pause_s == min(300, 2.0 ** min(failures, 100))
    assert policy.pause_s(failures, gave_up=False) == policy.retry_interval_s


def test_attempt_measures_what_was_loaded(scalers: Path) -> None:
    told: list[Attempt] = []
    loader = Loader(SavedModel.load, LoadPolicy(), on_attempt=lambda folder, attempt: told.append(attempt))
    attempt = loader.attempt("m", 1, scalers / "1", lambda: None)
    assert attempt.model is not None
    attempt.model.close()
    assert (attempt.code, told) == (0, [attempt])
    assert attempt.figures.load_s > 0
    assert attempt.claimed_bytes == int(1.2 * attempt.figures.disk_bytes)


@pytest.mark.parametrize("low_priority", [True, False])
def test_loads_after_the_first_leave_the_processor_to_requests(scalers: Path, low_priority: bool) -> None:
    nice: list[int] = []

    def load(folder: Path) -> SavedModel:
        nice.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        return SavedModel.load(folder)

    loader = Loader(load, LoadPolicy(low_priority=low_priority))

    def attempt() -> None:
        model = loader.attempt("m", 1, scalers / "1", lambda: None).model
        assert model is not None
        model.close()

    for _ in range(2):
        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join()
    assert (nice[1] > nice[0]) == low_priority


def test_first_load_that_may_make_tensorflows_threads_keeps_its_priority(scalers: Path, tmp_path: Path) -> None:
    """In a process of its own, as TensorFlow's library stays in memory."""
    program = (
        "import os, sys, threading; from pathlib import Path\n"
        "from slipline.serving.models.tensorflow.saved_model import SavedModel\n"
        "from slipline.serving.server.versions.loading import Loader, LoadPolicy\n"
        "class Nothing:\n    pass\n"
        "def load(folder):\n"
        "    print(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))\n"
        "    return SavedModel.load(folder) if (folder / 'saved_model.pb').exists() else Nothing()\n"
        "loader = Loader(load, LoadPolicy())\n"
        "for folder in map(Path, sys.argv[1:]):\n"
        "    thread = threading.Thread(target=loader.attempt, args=('m', 1, folder, lambda: None))\n"
        "    thread.start(); thread.join()\n"
    )
    (tmp_path / "tflite").mkdir()
    folders = [tmp_path / "tflite", tmp_path / "tflite", scalers / "1", scalers / "1"]
    command = [sys.executable, "-c", program, *map(str, folders)]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    first, second, third, fourth = map(int, printed.split())
    assert first == third < second == fourth
