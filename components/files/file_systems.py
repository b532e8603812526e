"""Files by path or pattern, on this machine or on any remote file system that Beam knows (`gs://`, `s3://`, ...).

Local files are read without Beam, which takes seconds to import.
"""

from __future__ import annotations

import glob
import gzip
import importlib.util
import io
import logging
import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from threading import Thread
from typing import Any, BinaryIO

from slipline.components.beam.beam_options import BeamSettings, pipeline_options, quiet
from slipline.components.errors import BadData, DatasetNotFound

GZIP_ERRORS = (EOFError, zlib.error, gzip.BadGzipFile)
"""What reading a gzip stream that is cut off or corrupt raises."""

BUFFER_BYTES = 1 << 20
ANSWER_TIMEOUT_S = 20
CHECK = "check the address, the network, and the credentials, which come from the environment or `beam.options`"

NEEDS = {"gs": ("google.cloud.storage", "gcp"), "s3": ("boto3", "aws"), "azfs": ("azure.storage.blob", "azure")}
"""By scheme, the package that Beam's file system imports, and the extra of apache-beam that brings it."""


@dataclass(frozen=True, kw_only=True)
class FoundFile:
    """A file that exists.

    Attributes:
      path: Where it lies.
      size_bytes: How large it is, as its file system states.
      changed_s: When it last changed, in seconds since 1970, as its file system states.
    """

    path: str
    size_bytes: int
    changed_s: float


def is_remote(path: str) -> bool:
    """Whether the path has a scheme, such as `s3://`."""
    return "://" in path


def find_files(pattern: str, beam: BeamSettings) -> list[FoundFile]:
    """The files that match a path or glob pattern, sorted by path; none if nothing does.

    Args:
      pattern: `*` and `?` stand for characters within a name, `**` for any folders.
      beam: Its options say how remote file systems are reached.

    Raises:
      DatasetNotFound: The remote file system cannot be reached, or the package for it is not installed.
    """
    if is_remote(pattern):
        return sorted(_match(pattern, beam), key=lambda file: file.path)
    paths = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207  # Path.glob takes no absolute pattern
    return [file for path in paths if (file := _local(path)) is not None]


def is_one_line(path: str) -> bool:
    """Whether a name can stand in a listing, a line for each: it is UTF-8 and has no line break."""
    return path.encode("utf-8", "ignore").decode().splitlines() == [path]


def literal(path: str) -> str:
    """A pattern that only this path matches; of a remote path, which Beam gives no way to quote, itself."""
    return path if is_remote(path) else glob.escape(path)


def set_options(beam: BeamSettings) -> None:
    """Has this process reach remote file systems as the options say, until it is told otherwise."""
    from apache_beam.io.filesystems import FileSystems

    FileSystems.set_options(pipeline_options(beam))


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked if its name ends in `.gz`.

    Raises:
      BadData: The file cannot be opened, or its gzip stream is broken.
    """
    with opened_raw(path) as raw:
        if not path.endswith(".gz"):
            yield raw
            return
        try:
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield io.BufferedReader(unpacked, BUFFER_BYTES)
        except GZIP_ERRORS as error:
            raise broken_gzip(path, error) from error


def opened_raw(path: str) -> BinaryIO:
    """The bytes of a file as they lie there, to be closed by the caller.

    Raises:
      BadData: The file cannot be opened.
    """
    try:
        if is_remote(path):
            return _open_remote(path)
        return Path(path).open("rb", buffering=BUFFER_BYTES)
    except OSError as error:
        raise BadData(f"{path}: cannot be opened ({error.strerror or error})") from error


def link_or_copy(source: Path | str, target: Path | str) -> None:
    """Gives a local file another name too, as a link where the file system allows."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def broken_gzip(path: str, error: Exception) -> BadData:
    """What is said of a file whose gzip stream raised one of `GZIP_ERRORS`."""
    return BadData(f"{path}: the gzip stream is broken ({error}); restore the file from where it came")


def _local(path: str) -> FoundFile | None:
    """The file of that path; None if it is a folder or a link to nothing."""
    try:
        facts = Path(path).stat()
    except FileNotFoundError:
        return None
    return FoundFile(path=path, size_bytes=facts.st_size, changed_s=facts.st_mtime) if S_ISREG(facts.st_mode) else None


def _open_remote(path: str) -> BinaryIO:
    from apache_beam.io.filesystem import CompressionTypes
    from apache_beam.io.filesystems import FileSystems

    stream: BinaryIO = FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
    return stream


def _match(pattern: str, beam: BeamSettings) -> Iterator[FoundFile]:
    _check_installed(pattern)
    with quiet(logging.ERROR):
        from apache_beam.io.filesystem import BeamIOError
        from apache_beam.io.filesystems import FileSystems

        set_options(beam)
        _check_reachable(pattern)
        try:
            (result,) = FileSystems.match([pattern])
        except (BeamIOError, ValueError) as error:
            raise DatasetNotFound(f"{pattern}: cannot be listed: {_first_line(error)}; {CHECK}") from error
    for found in result.metadata_list:
        yield FoundFile(path=found.path, size_bytes=found.size_in_bytes, changed_s=float(found.last_updated_in_seconds))


def _check_reachable(pattern: str) -> None:
    # Beam itself repeats a listing for ten minutes before it says that nobody answers, or that credentials are missing.
    probe = Thread(target=_list_one, args=(pattern,), daemon=True)
    probe.start()
    probe.join(ANSWER_TIMEOUT_S)
    if probe.is_alive():
        raise DatasetNotFound(f"{pattern}: no answer within {ANSWER_TIMEOUT_S} s; {CHECK}")


def _list_one(pattern: str) -> None:
    from apache_beam.io.filesystem import BeamIOError
    from apache_beam.io.filesystems import FileSystems

    with suppress(BeamIOError, ValueError):  # which the listing itself will say
        FileSystems.match([pattern], limits=[1])


def _check_installed(path: str) -> None:
    scheme = path.partition("://")[0]
    package, extra = NEEDS.get(scheme, ("apache_beam", ""))
    try:
        missing = importlib.util.find_spec(package) is None
    except ModuleNotFoundError:  # not even the package it lies in
        missing = True
    if missing:
        raise DatasetNotFound(
            f"{path}: wanted the Python package {package} for {scheme}:// paths, but it is not installed; "
            f"pip install 'apache-beam[{extra}]'"
        )


def _first_line(error: Any) -> str:
    causes = [str(cause) for cause in (getattr(error, "exception_details", None) or {}).values()]
    return ((causes or [str(error)])[0].splitlines() or [type(error).__name__])[0]
