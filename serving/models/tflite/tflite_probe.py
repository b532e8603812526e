"""Tries out a TFLite model in a process of its own, as LiteRT may crash on one whose bytes were altered."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

from slipline.serving.errors import LoadFailed, PublishFailed
from slipline.serving.folders.version_folder import read_manifest
from slipline.serving.models.tflite.tflite_pool import RuntimeRefused, open_model
from slipline.serving.program import program

TIME_LIMIT_S = 60


def probe(file: Path, content: bytes) -> None:
    """Returns if loading a model does not end the process.

    A published one needs no trial as long as it is what its folder's manifest says.

    Args:
      file: Of the model.
      content: What was read from it.

    Raises:
      LoadFailed: It does, or takes longer than a minute.
    """
    if _is_as_published(file, content):
        return
    command = program("slipline.serving.models.tflite.tflite_probe")
    try:
        ended = subprocess.run(command, input=content, capture_output=True, timeout=TIME_LIMIT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise LoadFailed(f"{file}: corrupt? loading it takes longer than {TIME_LIMIT_S} s; copy it again") from error
    if ended.returncode < 0:
        name = signal.Signals(-ended.returncode).name
        raise LoadFailed(f"{file}: corrupt? it ends the process that loads it with {name}; copy it again")
    if ended.returncode:
        raise LoadFailed(f"{file}: cannot be tried out: {ended.stderr.decode(errors='replace').strip()[-500:]}")


def _is_as_published(file: Path, content: bytes) -> bool:
    try:
        manifest = read_manifest(file.parent)
    except PublishFailed:
        return False
    digest = hashlib.sha256(content).hexdigest()
    return any(record.path == file.name and record.sha256 == digest for record in manifest.files)


def _try_out(content: bytes) -> None:
    """Loads the model as a server does. What LiteRT refuses in good order, a server may try itself."""
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        open_model(content, interpreters=1, threads=1)
    except (LoadFailed, RuntimeRefused):
        return


if __name__ == "__main__":
    _try_out(sys.stdin.buffer.read())
