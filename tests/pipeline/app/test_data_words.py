"""What stopped nothing is still said at the end of a run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from slipline.components.files.tfrecord_files import write_records
from tests.small_mnist import ROOT, first_records, write_folder

SLIPLINE = (sys.executable, "-c", "from slipline.pipeline.app.cli.main import main; main(prog_name='slipline')")


def test_copies_leaks_and_files_passed_over_are_said_and_a_run_can_end_with_validation(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "digits", train=30, test=10)
    (folder / "train" / "notes.txt").write_text("not read")
    records = first_records("test", 10)
    write_records(folder / "test" / "more.tfrecord", [records[0], records[1], first_records("train", 1)[0]])
    command = [*SLIPLINE, "run", "test", f"--set=ingest.folder={folder}", "--until=validate"]
    environment = {"SLIPLINE_HOME": str(tmp_path / "home"), "PATH": "/usr/bin"}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert f"passed over 1 files of no known kind, such as {folder}/train/notes.txt" in run.stdout
    assert "test: 2 records are copies of earlier ones, see the report" in run.stdout
    assert "test: 1 records are also in train, see the report" in run.stdout
    assert "export" not in run.stdout


def test_an_unknown_step_to_end_with_is_refused_with_those_there_are(tmp_path: Path) -> None:
    command = [*SLIPLINE, "run", "test", "--until=validation"]
    environment = {"SLIPLINE_HOME": str(tmp_path / "home"), "PATH": "/usr/bin"}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "has no step 'validation'; it has ingest, compute_statistics" in run.stderr
