"""Files by path or pattern: local ones without Beam, remote ones through it, and what hinders is one line."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from slipline.components.beam.beam_options import BeamSettings
from slipline.components.errors import BadData, DatasetNotFound
from slipline.components.files.file_systems import find_files, literal, opened

HERE = BeamSettings()


def test_local_files_are_found_by_pattern_sorted_and_without_folders(tmp_path):
    for name in ("b.csv", "a.csv", "c.txt"):
        (tmp_path / name).write_text(name)
    (tmp_path / "folder.csv").mkdir()
    found = find_files(f"{tmp_path}/*.csv", HERE)
    assert [(Path(file.path).name, file.size_bytes) for file in found] == [("a.csv", 5), ("b.csv", 5)]


def test_a_path_with_characters_of_patterns_can_be_meant_literally(tmp_path):
    folder = tmp_path / "wine [2020]"
    folder.mkdir()
    (folder / "a.csv").write_text("x")
    assert find_files(f"{folder}/*", HERE) == []
    assert [file.path for file in find_files(f"{literal(str(folder))}/*", HERE)] == [str(folder / "a.csv")]


def test_a_gz_file_is_opened_unpacked(tmp_path):
    file = tmp_path / "some.txt.gz"
    file.write_bytes(gzip.compress(b"some text"))
    with opened(str(file)) as stream:
        assert stream.read() == b"some text"


@pytest.mark.parametrize("damage", [lambda content: content[:-3], lambda content: b"no gzip", lambda content: b""])
def test_a_gz_file_that_is_broken_is_bad_data(tmp_path, damage):
    file = tmp_path / "some.txt.gz"
    file.write_bytes(damage(gzip.compress(b"some text")))
    if file.stat().st_size:
        with pytest.raises(BadData, match=r"some.txt.gz: the gzip stream is broken"), opened(str(file)) as stream:
            stream.read()


def test_a_file_that_cannot_be_opened_is_bad_data(tmp_path):
    with pytest.raises(BadData, match=r"missing.csv: cannot be opened \(No such file or directory\)"):
        opened(str(tmp_path / "missing.csv")).__enter__()


def test_a_remote_path_without_the_package_for_it_is_one_line_with_the_remedy():
    """Google's packages are large; whoever wants them installs them."""
    with pytest.raises(DatasetNotFound) as raised:
        find_files("gs://bucket/wine/*.csv", HERE)
    assert str(raised.value) == (
        "gs://bucket/wine/*.csv: wanted the Python package google.cloud.storage for gs:// paths, but it is not "
        "installed; pip install 'apache-beam[gcp]'"
    )


def test_a_remote_path_of_a_file_system_that_nobody_knows_is_one_line():
    with pytest.raises(DatasetNotFound, match=r"^ftp://host/\*.csv: cannot be listed: Unable to get filesystem"):
        find_files("ftp://host/*.csv", HERE)


def test_local_files_are_found_and_read_without_importing_beam(tmp_path):
    (tmp_path / "a.csv").write_text("x")
    program = (
        "import sys\n"
        "from slipline.components.beam.beam_options import BeamSettings\n"
        "from slipline.components.files.file_systems import find_files, opened\n"
        "(file,) = find_files(sys.argv[1] + '/*', BeamSettings())\n"
        "with opened(file.path) as stream: assert stream.read() == b'x'\n"
        "assert 'apache_beam' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=Path(__file__).parents[3], check=True)
