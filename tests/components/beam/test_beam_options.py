"""Where Beam runs, as settings say."""

from __future__ import annotations

import os

import pytest

from slipline.components.beam.beam_options import RUNNERS, BeamSettings, pipeline_options


def test_the_direct_runner_is_the_in_process_one_and_others_keep_their_name():
    """Beam's own DirectRunner would first try to download another runner."""
    assert pipeline_options(BeamSettings()).get_all_options()["runner"] == "FnApiRunner"
    settings = BeamSettings(runner="FlinkRunner", options=("--flink_master=localhost:8081",))
    assert pipeline_options(settings).get_all_options()["runner"] == "FlinkRunner"


def test_long_work_is_shared_among_the_cores_and_short_work_is_not():
    assert BeamSettings().processes_for(alone_s=1.0) == 1
    assert BeamSettings().processes_for(alone_s=60.0) == len(os.sched_getaffinity(0))
    assert BeamSettings(processes=3).processes_for(alone_s=60.0) == 3


def test_a_negative_number_of_processes_is_refused():
    with pytest.raises(ValueError, match="processes must be 0 or more, got -1"):
        BeamSettings(processes=-1)


def test_every_runner_that_beam_names_is_taken_and_no_other():
    from apache_beam.options.pipeline_options import StandardOptions

    assert sorted(RUNNERS) == sorted(StandardOptions.KNOWN_RUNNER_NAMES)
    with pytest.raises(ValueError, match=r"runner must be one of .* got FlinkRuner"):
        BeamSettings(runner="FlinkRuner")
    assert BeamSettings(runner="tests.components.lossy_runner.LosingRunner").runner.startswith("tests")
