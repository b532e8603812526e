"""Where Beam runs, and how work is handed to it."""

from __future__ import annotations

import logging
import os
import pickle
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slipline.components.beam.beam_workers import forked_workers, start_fork_server
from slipline.components.errors import BadData, BeamFailed
from slipline.pipeline.core.component import OUTSIDE_CACHE_KEY, params
from slipline.serving.folders.whole_file import replaced

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


@dataclass(frozen=True)
class Problem:
    """What a worker found wrong with the data; a value, because Beam buries exceptions in tracebacks."""

    message: str


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
    level = logging.root.manager.disable
    # Beam warns of cloud extras that nobody asked for, already when it is imported.
    logging.disable(logging.WARNING)
    try:
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
    finally:
        logging.disable(level)


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


def run_jobs(
    settings: BeamSettings,
    jobs: Sequence[Any],
    stage: Callable[[Any], Any],
    folder: Path,
    *,
    alone_s: float = 0.0,
) -> list[Any]:
    """Runs `jobs` through `stage` on Beam and returns what comes out, in any order.

    Args:
      settings: Where Beam runs.
      jobs: Few large elements, such as one for each file: Beam takes some 15 microseconds for every element and stage.
      stage: Applies Beam transforms to the collection of jobs.
      folder: A folder that every worker can write; the results come back through a file there.
      alone_s: How long one process would take, roughly; decides in how many processes the `DirectRunner` works.

    Raises:
      BadData: A worker returned a `Problem`; the first by its message is raised. Or no result came back at all.
    """
    results = folder / f".results-{uuid.uuid4().hex}"
    with open_pipeline(settings, alone_s) as pipeline:
        import apache_beam as beam

        # Reshuffling lets a runner with many workers share the jobs out.
        outputs = stage(pipeline | beam.Create(list(jobs)) | beam.Reshuffle())
        outputs | beam.combiners.ToList() | beam.Map(_save, file=results)
    if not results.is_file():
        raise BadData(f"wanted results of {len(jobs)} jobs, Beam's runner {settings.runner} ended without any")
    found = pickle.loads(results.read_bytes())
    results.unlink()
    problems = sorted(result.message for result in found if isinstance(result, Problem))
    if problems:
        more = f" (and {len(problems) - 1} more such files)" if len(problems) > 1 else ""
        raise BadData(problems[0] + more)
    return list(found)


def _save(found: list[Any], file: Path) -> None:
    with replaced(file) as aside:  # a bundle that is tried again writes the same again
        aside.write_bytes(pickle.dumps(found))
