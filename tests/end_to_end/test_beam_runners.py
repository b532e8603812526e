"""Another Beam runner, by settings alone: a real job service and real workers, in processes of their own."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipline.components.beam.beam_options import BeamSettings
from tests.end_to_end.beam_clusters import portable_runner, run_data_plane, write_files

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def portable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BeamSettings]:
    with portable_runner(tmp_path_factory.mktemp("portable")) as settings:
        yield settings


def loopback(portable: BeamSettings) -> BeamSettings:
    """The same job service, with our own process as its worker."""
    return dataclasses.replace(portable, options=(portable.options[0], "--environment_type=LOOPBACK"))


@pytest.mark.parametrize("broken", [False, True], ids=["sound", "broken"])
def test_a_pool_of_worker_processes_makes_the_same_files_and_verdict_as_this_process(
    portable: BeamSettings, tmp_path: Path, broken: bool
) -> None:
    data = write_files(tmp_path / "digits", broken=broken)
    here = run_data_plane(data, BeamSettings(), tmp_path / "here")
    there = run_data_plane(data, portable, tmp_path / "there")
    assert there.files == here.files
    assert there.verdict.passed == here.verdict.passed == (not broken)


def test_a_job_service_that_works_in_our_process_makes_the_same_files(portable: BeamSettings, tmp_path: Path) -> None:
    data = write_files(tmp_path / "digits")
    here = run_data_plane(data, BeamSettings(), tmp_path / "here")
    assert run_data_plane(data, loopback(portable), tmp_path / "there").files == here.files
