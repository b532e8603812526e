"""Bad input stops before training, with one message for a person; nothing is published, and the store stays sound."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from slipline.components.examples.example_records import encode_example
from slipline.components.files.tfrecord_files import read_records, write_records
from slipline.serving.wire.example_pb2 import Example
from tests.end_to_end.conftest import SLIPLINE, User, small_job
from tests.small_mnist import ROOT, write_folder

pytestmark = pytest.mark.slow


@pytest.fixture
def user(tmp_path: Path) -> User:
    return small_job(tmp_path / "home", write_folder(tmp_path / "digits", train=60, test=20))


@pytest.fixture
def train_file(user: User) -> Path:
    return Path(str(user.settings["ingest.folder"])) / "train" / "digits.tfrecord"


def replace_record(file: Path, number: int, record: bytes) -> None:
    records = list(read_records(file))
    records[number] = record
    write_records(file, records)


def image_of(file: Path, number: int) -> bytes:
    return Example.FromString(list(read_records(file))[number]).features.feature["image"].bytes_list.value[0]


def stopped(user: User, **changes: object) -> str:
    """What a run that must stop before training printed, on either stream."""
    run = user.run(**changes)
    printed = run.stdout + run.stderr
    assert run.returncode == 1, printed
    assert "Traceback" not in printed
    assert not list(user.home.glob("runs/train/*"))
    assert not list(user.home.glob("releases/*/[0-9]*"))
    assert user.slipline("runs").returncode == 0
    return printed


def test_a_truncated_file_is_named_with_record_and_offset(user: User, train_file: Path) -> None:
    train_file.write_bytes(train_file.read_bytes()[:-7])
    printed = stopped(user)
    assert f"{train_file}: record 59" in printed
    assert "at byte" in printed
    assert "restore the file" in printed


def test_a_corrupt_png_is_named_by_file_record_and_feature(user: User, train_file: Path) -> None:
    png = bytearray(image_of(train_file, 17))
    png[len(png) // 2] ^= 0xFF
    replace_record(train_file, 17, encode_example(bytes(png), 3))
    printed = stopped(user)
    assert "train: image: wanted a whole PNG" in printed
    assert f"{train_file} record 17" in printed


def test_a_record_without_a_label_is_named(user: User, train_file: Path) -> None:
    record = Example.FromString(list(read_records(train_file))[5])
    del record.features.feature["label"]
    replace_record(train_file, 5, record.SerializeToString())
    printed = stopped(user)
    assert "train: label: wanted a value in every record" in printed
    assert f"{train_file} record 5" in printed


def test_a_label_out_of_range_is_named_with_value_and_range(user: User, train_file: Path) -> None:
    replace_record(train_file, 8, encode_example(image_of(train_file, 8), 10))
    printed = stopped(user)
    assert "train: label: wanted 0 to 9, got 10 in 1 of 60 records" in printed
    assert f"{train_file} record 8" in printed


def test_an_image_of_27_by_28_is_named_with_both_sizes(user: User, train_file: Path) -> None:
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.new("L", (28, 27)).save(file, "PNG")
    replace_record(train_file, 33, encode_example(file.getvalue(), 1))
    printed = stopped(user)
    assert "wanted 28 x 28 x 1 pixels, got 27 x 28 x 1" in printed
    assert f"{train_file} record 33" in printed


def test_an_empty_split_is_named(user: User, train_file: Path) -> None:
    test_file = train_file.parents[1] / "test" / train_file.name
    write_records(test_file, [])
    assert f"split 'test' is empty: no record in {test_file}" in stopped(user)


def test_a_missing_folder_is_named(user: User, tmp_path: Path) -> None:
    assert f"ingest: {tmp_path / 'nowhere'}: wanted a folder" in stopped(user, ingest__folder=tmp_path / "nowhere")


def test_an_unknown_dataset_is_named_with_what_to_do(user: User, tmp_path: Path) -> None:
    plain = User(user.home)
    printed = stopped(plain, ingest__dataset="no_such_digits", ingest__data_dir=tmp_path)
    assert f"data set 'no_such_digits': nothing of that name in {tmp_path}" in printed
    assert "did you mean" in printed


def test_a_schema_that_is_not_there_is_named(user: User, tmp_path: Path) -> None:
    assert f"schema: wanted Schema at {tmp_path / 'nowhere.pbtxt'}" in stopped(user, schema=tmp_path / "nowhere.pbtxt")


def test_an_unknown_key_in_a_settings_file_is_named_with_the_nearest(user: User, tmp_path: Path) -> None:
    settings = tmp_path / "mine.toml"
    settings.write_text("[train]\nepoch = 3\n")
    run = user.slipline("run", str(settings))
    assert run.returncode == 1
    assert run.stderr.startswith(f"Error: {settings}: unknown key train.epoch; did you mean epochs?")
    assert not user.home.exists()


def _can_mount() -> bool:
    command = ["unshare", "--user", "--map-root-user", "--mount", "true"]
    return shutil.which("unshare") is not None and subprocess.run(command, check=False).returncode == 0


@pytest.mark.skipif(not _can_mount(), reason="this machine lets nobody mount a small disk")
@pytest.mark.parametrize("size", ["96k", "400k"])
def test_a_full_disk_says_so_and_leaves_nothing_half_written(user: User, tmp_path: Path, size: str) -> None:
    """The folder of runs is a disk of its own, too small for the examples or for what comes after them."""
    folder = write_folder(tmp_path / "more", train=1200, test=20)
    (user.home / "runs").mkdir(parents=True)
    command = " ".join([f"'{part}'" for part in (*SLIPLINE[:2], SLIPLINE[2].replace("'", '"'))])
    arguments = " ".join(user.run_command(ingest__folder=folder))
    script = (
        f"mount -t tmpfs -o size={size} tmpfs {user.home}/runs && {command} {arguments}; status=$?; "
        f"find {user.home}/runs -mindepth 2 -maxdepth 2; exit $status"
    )
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
        cwd=ROOT,
        env=user.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "no space left to write its result; nothing half-written was kept" in done.stdout
    left = [line for line in done.stdout.splitlines() if line.startswith(str(user.home / "runs"))]
    committed = [line for line in done.stdout.splitlines() if " done " in line]
    assert len(left) == len(committed)
    assert user.run(train__epochs=1, evaluate__min_accuracy=0.0, evaluate__max_log_loss=9.0).returncode == 0
