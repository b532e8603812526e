"""Runs a release over files on Beam, with each record in accounted for."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

from slipline.components.batch_prediction.ask_block import release_handler
from slipline.components.batch_prediction.blocks import Block, InputRead, ReadJob, digest_of, read_blocks
from slipline.components.batch_prediction.contract import Contract, read_contract
from slipline.components.batch_prediction.find_inputs import FoundInputs, find_inputs
from slipline.components.batch_prediction.manifest import FAILURES, Manifest, ManifestFile, manifest_inputs
from slipline.components.batch_prediction.output_folder import check_free, made_whole
from slipline.components.batch_prediction.request import BatchRequest
from slipline.components.batch_prediction.shard import (
    RECORDS_IN_SHARD,
    Misplaced,
    PredictedShard,
    ShardWork,
    write_shard,
)
from slipline.components.beam.beam_options import IN_PROCESS
from slipline.components.beam.jobs import each_once, run_jobs
from slipline.components.errors import BadData, BeamFailed

PARTS = ".parts"
"""Where workers write until all are done."""


def predict_files(request: BatchRequest, say: Callable[[str], None]) -> Manifest:
    """Predicts every record of the inputs, and writes the folder `request.out`, whole or not at all.

    In it lie files of predictions in the order of the inputs, `_manifest.json`, `_SUCCESS`, and `_failed.jsonl` where
    records failed.

    Args:
      request: What is asked.
      say: Told what is read.

    Returns:
      What was done.

    Raises:
      DatasetNotFound: An input is not there.
      BadData: The folder may not be made, an input is of no known kind or has no records, or one failed and was to stop
        the work.
      BeamFailed: The runner lost or repeated work.
    """
    check_free(request.out, overwrite=request.overwrite)
    found = find_inputs(request.inputs, request.beam)
    contract = read_contract(request.release.folder, {job.signature for job in found.jobs})
    with made_whole(request.out, overwrite=request.overwrite) as folder:
        (folder / PARTS).mkdir()
        say(f"reading {found.files:,} file{'s' * (found.files > 1)}, {found.size_bytes / 1e6:,.1f} MB")
        results = run_jobs(
            request.beam, list(enumerate(found.jobs)), _stage(request, contract, found, folder / PARTS), folder / PARTS
        )
        manifest = _gathered(request, found, results, folder)
        shutil.rmtree(folder / PARTS)
        manifest.write(folder)
    return manifest


def _stage(request: BatchRequest, contract: Contract, found: FoundInputs, parts: Path) -> Callable[[Any], Any]:
    """From `(place, ReadJob)` to an `InputRead` for each job and a `PredictedShard`, or a `Problem`, for each shard."""
    read = partial(_read, request=request, class_names=contract.class_names)
    work = ShardWork(request=request, folder=parts, class_names=contract.class_names, names=found.names)

    def stage(jobs: Any) -> Any:
        import apache_beam as beam
        from apache_beam.ml.inference.base import RunInference

        blocks, told = jobs | "read" >> beam.FlatMap(read).with_outputs("told", main="blocks")
        if request.beam.runner != IN_PROCESS:
            # Lets many workers share a large file. In one process threads do, and its blocks would fill the memory.
            blocks = blocks | "share out" >> beam.Reshuffle()
        written = (
            blocks
            | RunInference(release_handler(request.release.folder, contract))
            | "shard of each" >> beam.Map(_shard_of).with_output_types(tuple[tuple[int, int], Any])
            | beam.GroupByKey()
            | "write" >> beam.MapTuple(partial(write_shard, work=work)).with_output_types(object)
        )
        return (told, written) | beam.Flatten()

    return stage


def _read(numbered: tuple[int, ReadJob], request: BatchRequest, class_names: Sequence[str]) -> Iterator[Any]:
    from apache_beam.pvalue import TaggedOutput

    place, job = numbered
    for found in read_blocks(place, job, request, class_names):
        if isinstance(found, Block):
            yield [((job.number, found.first), found)]  # one batch, of one block with its key
        else:
            yield TaggedOutput("told", found)


def _shard_of(keyed: tuple[tuple[int, int], Any]) -> tuple[tuple[int, int], Any]:
    (number, first), result = keyed
    return (number, first // RECORDS_IN_SHARD), result.inference


def _gathered(request: BatchRequest, found: FoundInputs, results: Sequence[Any], folder: Path) -> Manifest:
    """Gives all that was written its place in `folder`, once every record is found there."""
    told = [(result.job, result) for result in results if isinstance(result, InputRead)]
    read = each_once([job.source.path for job in found.jobs], told)
    if misplaced := [result.message for result in results if isinstance(result, Misplaced)]:
        raise BeamFailed(misplaced[0])
    shards = sorted(
        (result for result in results if isinstance(result, PredictedShard)),
        key=lambda shard: (shard.number, shard.first),
    )
    _check_all_there(found, read, shards)
    records = sum(job.records for job in read)
    if not records:
        raise BadData(f"no record in {', '.join(found.names)}; give files that have some")
    labelled = sum(shard.labelled for shard in shards)
    _gather_failures(shards, folder / FAILURES)
    return Manifest(
        model=request.release.model,
        version=request.release.version,
        digest=request.release.digest,
        at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        format=request.format,
        batch_size=request.batch_size,
        records=records,
        predicted=sum(shard.predicted for shard in shards),
        failed=sum(shard.failed for shard in shards),
        labelled=labelled,
        accuracy=sum(shard.right for shard in shards) / labelled if labelled else None,
        inputs=tuple(manifest_inputs(found.jobs, read)),
        files=tuple(_gather_predictions(shards, request.format, folder)),
    )


def _check_all_there(found: FoundInputs, read: Sequence[InputRead], shards: Sequence[PredictedShard]) -> None:
    """Returns if, of every input, the shards hold every record once."""
    for number, name in enumerate(found.names):
        records = sum(told.records for job, told in zip(found.jobs, read, strict=True) if job.number == number)
        written = [shard for shard in shards if shard.number == number]
        if [*(shard.first for shard in written), records] != [0, *(shard.end for shard in written)]:
            answers = sum(shard.end - shard.first for shard in written)
            raise BeamFailed(
                f"{name}: read {records:,} records, but wrote the answers to {answers:,}; Beam's runner lost or "
                "repeated work, choose another"
            )


def _gather_predictions(shards: Sequence[PredictedShard], suffix: str, folder: Path) -> Iterator[ManifestFile]:
    for place, shard in enumerate(shards):
        file = folder / f"predictions-{place:05d}-of-{len(shards):05d}.{suffix}"
        try:
            shard.predictions.replace(file)
        except FileNotFoundError:
            raise BeamFailed(
                f"{shard.predictions}: a Beam worker wrote this file, but it is not here; let --to lie where all "
                "workers reach it"
            ) from None
        yield ManifestFile(file=file.name, records=shard.predicted, sha256=digest_of(str(file)).sha256)


def _gather_failures(shards: Sequence[PredictedShard], file: Path) -> None:
    written = [shard.failures for shard in shards if shard.failures is not None]
    if not written:
        return
    with file.open("wb") as all_of_them:
        for part in written:
            all_of_them.write(part.read_bytes())
