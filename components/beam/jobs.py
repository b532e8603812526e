"""Work handed to Beam, as jobs of which each is done once."""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from slipline.components.beam.beam_options import BeamSettings, open_pipeline
from slipline.components.errors import BadData, BeamFailed
from slipline.serving.folders.whole_file import replaced

J = TypeVar("J")
R = TypeVar("R")


@dataclass(frozen=True)
class Problem:
    """What a worker found wrong with the data; a value, because Beam buries exceptions in tracebacks."""

    message: str


def map_jobs(
    settings: BeamSettings,
    jobs: Sequence[J],
    work: Callable[[J], R],
    folder: Path,
    *,
    names: Sequence[str],
    alone_s: float = 0.0,
) -> list[R]:
    """What `work` makes of each job, in the order of the jobs.

    Args:
      settings: As for `run_jobs`; `folder` and `alone_s`, too.
      jobs: Few and large, such as one for each file.
      work: A function that every worker can import.
      folder: For the results.
      names: What messages call the jobs.
      alone_s: How long one process would take, roughly.

    Raises:
      BadData: `work` did so; of several the first by its message. Or no result came back at all.
      BeamFailed: The runner lost a job or did one twice; names it.
    """

    def stage(numbered: Any) -> Any:
        import apache_beam as beam

        return numbered | beam.Map(partial(_numbered, work=work)).with_output_types(object)

    return each_once(names, run_jobs(settings, list(enumerate(jobs)), stage, folder, alone_s=alone_s))


def _numbered(job: tuple[int, J], work: Callable[[J], R]) -> tuple[int, R] | Problem:
    try:
        return job[0], work(job[1])
    except BadData as error:
        return Problem(str(error))


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


def each_once(names: Sequence[str], results: Iterable[tuple[int, R]]) -> list[R]:
    """The result of each job, in the order of the jobs.

    Args:
      names: What messages call the jobs.
      results: For each job its place among `names` and its result, in any order.

    Raises:
      BeamFailed: The runner lost a job or did one twice; names it.
    """
    found: dict[int, R] = {}
    for number, result in results:
        if number in found:
            raise BeamFailed(
                f"{names[number]}: Beam returned two results for this; its runner doubles work, choose another"
            )
        found[number] = result
    if lost := [name for number, name in enumerate(names) if number not in found]:
        raise BeamFailed(f"{', '.join(lost)}: Beam returned no result for this; its runner lost work, choose another")
    return [found[number] for number in range(len(names))]
