"""Where Beam runs."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field
from typing import Any

from slipline.components.beam.beam_workers import forked_workers, start_fork_server
from slipline.components.errors import BeamFailed
from slipline.pipeline.core.component import OUTSIDE_CACHE_KEY, params

IN_PROCESS = "DirectRunner"
RUNNERS = (
    *("BundleBasedDirectRunner", "DataflowRunner", "DirectRunner", "FlinkRunner", "FnApiRunner", "InteractiveRunner"),
    *("KafkaStreamsRunner", "PortableRunner", "PrismRunner", "SparkRunner", "SwitchingDirectRunner"),
    *("TestDataflowRunner", "TestDirectRunner"),
)
"""Those that Beam knows by name."""


@params
class BeamSettings:
    """Where Beam runs; what comes out is the same everywhere.

    Attributes:
      runner: `DirectRunner` for this machine, or any other of `RUNNERS`, or the path of a runner's class.
      processes: How many the `DirectRunner` works in; 0 for one on each core where there is enough to read, else only
        this one.
      options: Beam's own command-line options, such as `--flink_master=localhost:8081`.
    """

    runner: str = field(default=IN_PROCESS, metadata=OUTSIDE_CACHE_KEY)
    processes: int = field(default=0, metadata=OUTSIDE_CACHE_KEY)
    options: tuple[str, ...] = field(default=(), metadata=OUTSIDE_CACHE_KEY)

    def __post_init__(self) -> None:
        if self.processes < 0:
            raise ValueError(f"processes must be 0 or more, got {self.processes}")
        if "." not in self.runner and self.runner not in RUNNERS:
            raise ValueError(f"runner must be one of {', '.join(RUNNERS)}, or package.module.Class; got {self.runner}")

    def processes_for(self, alone_s: float) -> int:
        """How many processes the `DirectRunner` works in where one would take that long."""
        if self.processes or alone_s < ALONE_UP_TO_S:
            return self.processes or 1
        return len(os.sched_getaffinity(0))


ALONE_UP_TO_S = 3.0
"""Below this, starting processes, which import Beam once, takes about as much time as it saves."""


def pipeline_options(settings: BeamSettings, processes: int = 1) -> Any:
    """The `PipelineOptions` that `settings` stand for, with so many workers of the in-process runner."""
    from apache_beam.options.pipeline_options import PipelineOptions

    # Beam's own DirectRunner would first try to download another runner's binary.
    runner = "FnApiRunner" if settings.runner == IN_PROCESS else settings.runner
    return PipelineOptions([f"--runner={runner}", f"--direct_num_workers={processes}", *settings.options])


@contextmanager
def open_pipeline(settings: BeamSettings, alone_s: float = 0.0) -> Iterator[Any]:
    """A Beam pipeline, which runs when the block ends; meanwhile nothing below an error is logged.

    Args:
      settings: Where Beam runs.
      alone_s: How long one process would take, roughly.

    Raises:
      BeamFailed: A runner other than the one in process could not do the job.
    """
    try:
        with quiet(logging.WARNING):
            import apache_beam as beam

            processes = settings.processes_for(alone_s) if settings.runner == IN_PROCESS else 1
            if settings.runner == IN_PROCESS and settings.processes_for(2 * alone_s) > 1:
                start_fork_server()  # the next step takes longer yet
            options = pipeline_options(settings, processes)
            with _runner(processes) as runner, beam.Pipeline(runner=runner, options=options) as pipeline:
                yield pipeline
    except (RuntimeError, OSError) as error:
        if settings.runner == IN_PROCESS:
            raise
        raise BeamFailed(
            f"{settings.runner}: {_innermost_cause(str(error))}; is every worker there? The run's log has the rest"
        ) from error


@contextmanager
def quiet(level: int) -> Iterator[None]:
    """Has nothing logged in the block up to a level: Beam warns, when it is imported, of extras nobody asked for."""
    before = logging.root.manager.disable
    logging.disable(level)
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def _runner(processes: int) -> Iterator[Any]:
    """The in-process runner with worker processes, or None for the runner that the options name."""
    if processes == 1:
        yield None
        return
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    with forked_workers() as environment:
        yield FnApiRunner(default_environment=environment)


def _innermost_cause(text: str) -> str:
    """The last error in a trace of Python's or Java's."""
    causes = re.findall(r"^(?:Caused by: )?(?:[\w$]+\.)*(\w*(?:Error|Exception): .*[^:\s])\s*$", text, re.MULTILINE)
    return str(causes[-1]) if causes else text.partition("\n")[0]
