"""Publishes a model as the next release and makes it the live one."""

from __future__ import annotations

from pathlib import Path

from components.release_settings import ReleaseParams
from pipeline.artifacts import Release, ServableModel
from pipeline.component import Say, component


@component(cached=False)
def push(model: ServableModel, params: ReleaseParams, out: Path, say: Say) -> Release:
    """Publishes `model` and moves the label `stable` to it once every running server has it ready.

    A model that is a release already is not published twice; one that was live before and is not now stays so. What it
    does shows outside its folder: so it is called in every run, and mends what a run that was killed left undone.

    Args:
      model: Becomes a version folder, unchanged.
      params: Where the ledger is, and the model's name in it.
      out: Takes a copy of the release's manifest.
      say: Told what is waited for.

    Returns:
      The release.

    Raises:
      PushFailed: It could not be published, or a server would not serve it; the live release is untouched.
    """
    from components.errors import PushFailed
    from serving.errors import ServingError
    from serving.ledger import Ledger
    from serving.person import current_person
    from serving.version_folder import MANIFEST_NAME

    by = params.by or current_person()
    try:
        with Ledger(params.url, params.root) as ledger:
            say("publishing")
            release = ledger.publish(params.model, model.path, by=by, origin=model.path.name)
            if release.state == "published":
                say(f"waiting for servers to have version {release.version} ready")
                ledger.promote(
                    params.model, release.version, by=by, reason="passed its gates", timeout_s=params.ready_timeout_s
                )
            elif release.state == "live":
                ledger.rewrite_config()
    except ServingError as error:
        raise PushFailed(str(error)) from error
    (out / MANIFEST_NAME).write_bytes((release.path / MANIFEST_NAME).read_bytes())
    return Release(path=out, model=params.model, version=release.version, digest=release.digest)
