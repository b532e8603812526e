"""Looks up the release that a new model has to hold its own against."""

from __future__ import annotations

import shutil
from pathlib import Path

from slipline.components.artifacts import LiveModel, ServableModel
from slipline.components.errors import ReleaseDamaged
from slipline.components.steps.release_settings import ReleaseParams
from slipline.pipeline.core.component import component


@component(cached=False)
def find_live(candidate: ServableModel, params: ReleaseParams, out: Path) -> LiveModel:
    """The live release; for a candidate that has been live itself, the one that was live before it.

    So a rerun of a pipeline that released its model compares with what the first run compared with.

    Args:
      candidate: The model about to be judged.
      params: Where the ledger is, and the model's name in it.
      out: Takes the live model's files, as links where the file system allows.

    Returns:
      The live model; without a version where nothing was live.

    Raises:
      ReleaseDamaged: Its version folder is not what was published.
    """
    from slipline.components.files.file_systems import link_or_copy
    from slipline.serving.folders.version_folder import manifest_of, verify
    from slipline.serving.releases.ledger import Ledger

    with Ledger(params.url, params.root) as ledger:
        released = ledger.find_by_digest(params.model, manifest_of(candidate.path).digest)
        live = ledger.live(params.model)
        version = live.version if live else None
        if released and released.live_periods:
            version = released.predecessor
    if version is not None:
        source = params.root / params.model / str(version)
        if problems := verify(source):
            raise ReleaseDamaged(
                f"{params.model} version {version}, which the new model is to be compared with, is damaged: "
                f"{problems[0]}; restore {source}, or `slipline promote` another release"
            )
        shutil.copytree(source, out / "model", copy_function=link_or_copy)
    return LiveModel(path=out, version=version)
