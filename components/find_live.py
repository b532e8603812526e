"""Looks up the release that a new model has to hold its own against."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from components.release_settings import ReleaseParams
from pipeline.artifacts import LiveModel, ServableModel
from pipeline.component import component


@component(cached=False)
def find_live(candidate: ServableModel, params: ReleaseParams, out: Path) -> LiveModel:
    """The live release; for a candidate that is itself released, the one that was live before it.

    So a rerun of a pipeline that released its model compares with what the first run compared with.

    Args:
      candidate: The model about to be judged.
      params: Where the ledger is, and the model's name in it.
      out: Takes the live model's files, as links where the file system allows.

    Returns:
      The live model; without a version where nothing was live.
    """
    from serving.ledger import Ledger
    from serving.version_folder import manifest_of

    with Ledger(params.url, params.root) as ledger:
        released = ledger.find_by_digest(params.model, manifest_of(candidate.path).digest)
        live = ledger.live(params.model)
        version = released.predecessor if released else live.version if live else None
    if version is not None:
        source = params.root / params.model / str(version)
        shutil.copytree(source, out / "model", copy_function=_link_or_copy)
    return LiveModel(path=out, version=version)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
