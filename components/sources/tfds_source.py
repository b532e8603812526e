"""Finds a data set as TensorFlow Datasets (TFDS) prepares it on disk, and has it prepared where it is not.

What is prepared is found without importing TFDS, which takes a second, wherever the name gives the version.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slipline.components.errors import BadData, DatasetNotFound
from slipline.components.sources.file_kinds import TfrecordFile

INFO_FILE = "dataset_info.json"
CONNECT_TIMEOUT_S = 10


def find_prepared(dataset: str, data_dir: Path) -> Path | None:
    """The folder of a prepared data set; None if it is not prepared.

    Args:
      dataset: A TFDS name: `name`, `name/config`, either with `:version`.
      data_dir: Where TFDS keeps its data sets.

    Raises:
      DatasetNotFound: TFDS does not know it either.
    """
    name, _, version = dataset.partition(":")
    exact = data_dir / name / version
    if version and (exact / INFO_FILE).is_file():
        return exact
    folder = Path(_builder(dataset, data_dir).data_dir)
    return folder if (folder / INFO_FILE).is_file() else None


def prepare(dataset: str, data_dir: Path) -> Path:
    """Has TFDS download and prepare a data set, which imports TensorFlow, and returns its folder.

    Raises:
      DatasetNotFound: TFDS does not know it, or could not download or prepare it.
    """
    import tensorflow_datasets as tfds

    builder = _builder(dataset, data_dir)
    try:
        if not (data_dir / "downloads").exists():
            _check_reachable(builder)
        tfds.disable_progress_bar()
        builder.download_and_prepare()
    except Exception as error:  # whatever the code of one of TFDS's thousand data sets may raise
        first_line = (str(error).splitlines() or [""])[0]
        raise DatasetNotFound(
            f"data set {dataset!r} is not in {data_dir}, and TFDS could not download and prepare it there: "
            f"{type(error).__name__}: {first_line}; check the network, copy a prepared {builder.data_dir} from another "
            f"machine, or put its original files in {data_dir / 'downloads' / 'manual'}"
        ) from error
    return Path(builder.data_dir)


def prepared_sources(folder: Path, splits: Sequence[str]) -> dict[str, list[TfrecordFile]]:
    """By split, the TFRecord files of a prepared data set, each with its stated number of records.

    Raises:
      BadData: A split or a file is missing, or the files are no TFRecords.
    """
    info = _read_info(folder / INFO_FILE)
    file_format = info.get("fileFormat", "tfrecord")
    if file_format != "tfrecord":
        raise BadData(f"{folder / INFO_FILE}: wanted files of format tfrecord, got {file_format}")
    known = {split["name"]: split for split in info["splits"]}
    missing = [split for split in splits if split not in known]
    if missing:
        raise BadData(f"{folder}: wanted split {missing[0]!r}, got {', '.join(known) or 'none'}; mend `splits`")
    return {split: _shards(folder, info["name"], known[split]) for split in splits}


def _read_info(file: Path) -> dict[str, Any]:
    try:
        info: dict[str, Any] = json.loads(file.read_text("utf-8"))
        for split in info["splits"]:
            [int(length) for length in split["shardLengths"]], str(split["name"])
        str(info["name"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadData(
            f"{file}: wanted the name, splits and shard lengths of a prepared TFDS data set, got "
            f"{type(error).__name__}: {error}; restore the file, or remove its folder to have the data prepared anew"
        ) from error
    return info


def _shards(folder: Path, name: str, split: dict[str, Any]) -> list[TfrecordFile]:
    lengths = [int(length) for length in split["shardLengths"]]
    template = split.get("filepathTemplate", "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}")
    shards: list[TfrecordFile] = []
    for number, length in enumerate(lengths):
        place = f"{number:05d}-of-{len(lengths):05d}"
        file_name = template.format(DATASET=name, SPLIT=split["name"], FILEFORMAT="tfrecord", SHARD_X_OF_Y=place)
        if not (folder / file_name).is_file():
            raise BadData(f"{folder / file_name}: {INFO_FILE} names this file, but it is missing; restore it")
        shards.append(TfrecordFile(path=str(folder / file_name), stated=length))
    return shards


def _builder(dataset: str, data_dir: Path) -> Any:
    import tensorflow_datasets as tfds

    try:
        return tfds.builder(dataset, data_dir=data_dir)
    except tfds.core.registered.DatasetNotFoundError:
        name = dataset.partition(":")[0].partition("/")[0]
        near = difflib.get_close_matches(name, tfds.list_builders(with_community_datasets=False), n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "`folder` reads a folder of your own"
        raise DatasetNotFound(
            f"data set {dataset!r}: nothing of that name in {data_dir}, and TFDS knows none; {hint}"
        ) from None
    except (AssertionError, ValueError) as error:  # a version, config or name that cannot be
        raise DatasetNotFound(f"data set {dataset!r}: not in {data_dir}, and TFDS says: {error}") from error


def _check_reachable(builder: Any) -> None:
    import urllib.error
    import urllib.request

    # TFDS itself repeats a download ten times, over three minutes, before it says that there is no network.
    for url in list(builder.url_infos)[:1]:
        try:
            request = urllib.request.Request(url, method="HEAD")
            urllib.request.urlopen(request, timeout=CONNECT_TIMEOUT_S).close()
        except urllib.error.HTTPError:
            return  # somebody answered
