"""Where Beam runs, and how work is handed to it."""

from __future__ import annotations

import logging
import pickle
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from components.errors import BadData
from pipeline.component import OUTSIDE_CACHE_KEY, params

IN_PROCESS = "DirectRunner"


@params
class BeamSettings:
    """Where Beam runs; what comes out is the same everywhere.

    Attributes:
      runner: `DirectRunner` for this process, or any other runner that Beam knows by name.
      options: Beam's own command-line options, such as `--flink_master=localhost:8081`.
    """

    runner: str = field(default=IN_PROCESS, metadata=OUTSIDE_CACHE_KEY)
    options: tuple[str, ...] = field(default=(), metadata=OUTSIDE_CACHE_KEY)


@dataclass(frozen=True)
class Problem:
    """What a worker found wrong with the data; a value, because Beam buries exceptions in tracebacks."""

    message: str


def pipeline_options(settings: BeamSettings) -> Any:
    """The `PipelineOptions` that `settings` stand for."""
    from apache_beam.options.pipeline_options import PipelineOptions

    # Beam's own DirectRunner would first try to download another runner's binary.
    runner = "FnApiRunner" if settings.runner == IN_PROCESS else settings.runner
    return PipelineOptions([f"--runner={runner}", *settings.options])


@contextmanager
def open_pipeline(settings: BeamSettings) -> Iterator[Any]:
    """A Beam pipeline, which runs when the block ends; meanwhile nothing below an error is logged."""
    level = logging.root.manager.disable
    # Beam warns of cloud extras that nobody asked for, already when it is imported.
    logging.disable(logging.WARNING)
    try:
        import apache_beam as beam

        with beam.Pipeline(options=pipeline_options(settings)) as pipeline:
            yield pipeline
    finally:
        logging.disable(level)


def run_jobs(settings: BeamSettings, jobs: Sequence[Any], stage: Callable[[Any], Any], folder: Path) -> list[Any]:
    """Runs `jobs` through `stage` on Beam and returns what comes out, in any order.

    Args:
      settings: Where Beam runs.
      jobs: Few large elements, such as one for each file: Beam takes some 15 microseconds for every element and stage.
      stage: Applies Beam transforms to the collection of jobs.
      folder: A folder that every worker can write; the results come back through a file there.

    Raises:
      BadData: A worker returned a `Problem`; the first by its message is raised.
    """
    results = folder / f".results-{uuid.uuid4().hex}"
    with open_pipeline(settings) as pipeline:
        import apache_beam as beam

        # Reshuffling lets a runner with many workers share the jobs out.
        outputs = stage(pipeline | beam.Create(list(jobs)) | beam.Reshuffle())
        outputs | beam.combiners.ToList() | beam.Map(_save, file=results)
    found = pickle.loads(results.read_bytes())
    results.unlink()
    problems = sorted(result.message for result in found if isinstance(result, Problem))
    if problems:
        more = f" (and {len(problems) - 1} more such files)" if len(problems) > 1 else ""
        raise BadData(problems[0] + more)
    return list(found)


def _save(found: list[Any], file: Path) -> None:
    # A retried bundle writes the same again, under a name of its own, and renames over it.
    aside = file.with_name(f"{file.name}.{uuid.uuid4().hex}")
    aside.write_bytes(pickle.dumps(found))
    aside.replace(file)
