"""The TensorFlow.js model of a release, read whole, so that a browser gets nothing else of the version folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MODEL_FILE = "model.json"
FOLDER = Path("exports", "tfjs_layers")
LARGEST_BYTES = 64 * 2**20
"""Of all files together; a browser would not take up much more, and they are kept in memory."""


class Unusable(Exception):
    """There is no model for the page; the message says why, and what helps."""


@dataclass(frozen=True)
class WebModel:
    """A TensorFlow.js layers model.

    Attributes:
      files: By name, `model.json` first.
      digest: Of all files: a hexadecimal number that no other model has.
    """

    files: Mapping[str, bytes]
    digest: str

    @property
    def size_bytes(self) -> int:
        """Of all files together."""
        return sum(map(len, self.files.values()))


def read_web_model(version: Path) -> WebModel:
    """The TensorFlow.js model in a version folder.

    Raises:
      Unusable: There is none, or it cannot be used.
    """
    folder = version / FOLDER
    if not (folder / MODEL_FILE).is_file():
        raise Unusable(
            "This release has no TensorFlow.js model, so it runs on the server alone. A run with tfjs_layers among "
            "convert.formats, as by default, makes one."
        )
    try:
        names = [MODEL_FILE, *_weight_files(folder / MODEL_FILE)]
        size_bytes = sum((folder / name).stat().st_size for name in names)
        if size_bytes > LARGEST_BYTES:
            raise Unusable(f"The TensorFlow.js model has {size_bytes} bytes, more than the {LARGEST_BYTES} for a page.")
        files = {name: (folder / name).read_bytes() for name in names}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unusable(f"The TensorFlow.js model of this release cannot be read: {error}. Promote another.") from error
    digests = [hashlib.sha256(files[name]).digest() for name in names]
    return WebModel(files, hashlib.sha256(b"".join(digests)).hexdigest()[:32])


def _weight_files(model: Path) -> list[str]:
    """The names in `model.json`; each is a plain file beside it, whatever stands there."""
    groups = json.loads(model.read_text("utf-8"))["weightsManifest"]
    names = [str(name) for group in groups for name in group["paths"]]
    for name in names:
        if name in ("", "..") or "/" in name or (model.parent / name).resolve().parent != model.parent.resolve():
            raise ValueError(f"{MODEL_FILE} names {name!r}, which is no file beside it")
    return names
