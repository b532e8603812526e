"""What makes two executions the same: digests of files, artifacts, settings and code, and the cache key over them.

Nothing here depends on a path, a time or an id.
"""

from __future__ import annotations

import dataclasses
import enum
import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipline.pipeline.core.artifact import Artifact
from slipline.pipeline.core.component import Component, Stated
from slipline.pipeline.core.plain_values import in_cache_key
from slipline.pipeline.core.source_code import Sources

Sha256 = Callable[[Path], str]
"""The sha256 of a file, in hex; may remember those of files that have not changed since."""

BLOCK_SIZE_BYTES = 1 << 20


def sha256_of(file: Path) -> str:
    """The sha256 of a file's bytes, in hex."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(BLOCK_SIZE_BYTES):
            digest.update(block)
    return digest.hexdigest()


def content_digest(path: Path, sha256: Sha256 = sha256_of) -> str:
    """The sha256 over the names and contents of all files below `path`, or of the one file it is.

    Raises:
      FileNotFoundError: Nothing lies there.
    """
    if path.is_file():
        return _digest([("", sha256(path))])
    if not path.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return _digest((file.relative_to(path).as_posix(), sha256(file)) for file in files)


def files_digest(files: Sequence[Path | Stated], sha256: Sha256 = sha256_of) -> str:
    """The sha256 over each file in the order given.

    Of one on this machine its content counts, and its path from the folder they all lie in; of others what is stated.
    """
    folders = [file.parent for file in files if isinstance(file, Path)]
    common = Path(os.path.commonpath(folders)) if folders else Path()
    return _digest(
        (f"{file.name}\0", file.facts)  # no path holds the zero byte
        if isinstance(file, Stated)
        else (file.relative_to(common).as_posix(), sha256(file))
        for file in files
    )


def artifact_digest(artifact: Artifact, sha256: Sha256 = sha256_of) -> str:
    """The identity of an artifact: its class, its facts and its content, wherever it lies."""
    facts = {
        field.name: canonical(getattr(artifact, field.name))
        for field in dataclasses.fields(artifact)
        if field.name != "path"
    }
    return _digest([(type(artifact).__name__, json.dumps(facts)), ("", content_digest(artifact.path, sha256))])


def canonical(value: object, sources: Sources | None = None) -> Any:
    """A JSON value that differs wherever `value` differs in type or content.

    Settings marked OUTSIDE_CACHE_KEY are left out; settings marked NAMES_CODE bring the digest of the code they name.

    Args:
      value: A setting.
      sources: Where code is found; as it is now by default.

    Raises:
      TypeError: A value of a kind that settings must not hold.
    """
    if value is None or isinstance(value, bool | int | str):
        return [type(value).__name__, value]
    if isinstance(value, float):
        return ["float", value.hex()]
    if isinstance(value, Path):
        return ["path", value.as_posix()]
    if isinstance(value, enum.Enum):
        return [type(value).__name__, value.name]
    if isinstance(value, tuple | list):
        return [type(value).__name__, [canonical(item, sources) for item in value]]
    if isinstance(value, Mapping):
        pairs = [[canonical(key, sources), canonical(item, sources)] for key, item in value.items()]
        return ["mapping", sorted(pairs, key=json.dumps)]
    if dataclasses.is_dataclass(value):
        return [type(value).__name__, {field.name: _field(value, field, sources) for field in in_cache_key(value)}]
    raise TypeError(f"a setting must be made of plain values, tuples, paths and records, got {type(value).__name__}")


def _field(record: object, field: dataclasses.Field[Any], sources: Sources | None) -> Any:
    value = getattr(record, field.name)
    if not field.metadata.get("names_code"):
        return canonical(value, sources)
    code = (sources or Sources()).code_named(str(value).partition(":")[0])
    return [canonical(value), [code.digest, *code.frameworks]]


@dataclass(frozen=True)
class CacheKey:
    """Why an execution is what it is.

    Attributes:
      digest: sha256 in hex over all the rest: the key itself.
      code: Digest of the component's source and of the project modules it imports.
      frameworks: `name==version` of the installed packages these import.
      settings: Canonical JSON of the settings.
      files: Digest of the outside files read; empty if it reads none.
    """

    digest: str
    code: str
    frameworks: tuple[str, ...]
    settings: str
    files: str


def cache_key(
    component: Component[Any, Any],
    inputs: Mapping[str, str | tuple[str, ...] | None],
    settings: Mapping[str, object],
    sha256: Sha256 = sha256_of,
    sources: Sources | None = None,
) -> CacheKey:
    """The key under which an execution is found again.

    Args:
      component: What runs.
      inputs: For each artifact parameter, the digest of the artifact, or of each of several, or None.
      settings: For each settings parameter, its value.
      sha256: Digests one file.
      sources: Where code is found; as it is now by default.

    Returns:
      The key and the parts it was made of.
    """
    sources = sources or Sources()
    code = sources.code_of(component.module, *component.runs, function=component.name)
    plain = json.dumps({name: canonical(value, sources) for name, value in sorted(settings.items())})
    outside = component.outside_files(settings)
    files = files_digest(outside, sha256) if outside else ""
    parts = [
        ("component", component.name),
        ("code", code.digest),
        ("frameworks", "\n".join(code.frameworks)),
        ("settings", plain),
        ("files", files),
        *((f"input {name}", json.dumps(digest)) for name, digest in sorted(inputs.items())),
    ]
    return CacheKey(_digest(parts), code.digest, code.frameworks, plain, files)


def _digest(parts: Iterable[tuple[str, str]]) -> str:
    return hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()
