"""Publishes a model as the next release and makes it the live one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from components.errors import PushFailed
from components.release_settings import ReleaseParams
from pipeline.artifacts import LiveModel, Release, ServableModel
from pipeline.component import Say, component

if TYPE_CHECKING:
    from serving.ledger import Ledger


@component(cached=False)
def push(model: ServableModel, live: LiveModel, params: ReleaseParams, out: Path, say: Say) -> Release:
    """Publishes `model` and moves the label `stable` to it once every running server has it ready.

    A model that is a release already is not published twice; one that was live before and is not now stays so. What it
    does shows outside its folder: so it is called in every run, and mends what a run that was killed left undone.

    Args:
      model: Becomes a version folder, unchanged.
      live: What the model was compared with; if another is live by now, the comparison no longer holds.
      params: Where the ledger is, and the model's name in it.
      out: Takes a copy of the release's manifest.
      say: Told what is waited for.

    Returns:
      The release.

    Raises:
      PushFailed: It could not be published, or a server would not serve it; the live release is untouched.
    """
    from serving.errors import ServingError
    from serving.ledger import Ledger
    from serving.person import current_person
    from serving.version_folder import MANIFEST_NAME

    by = params.by or current_person()
    try:
        with Ledger(params.url, params.root) as ledger:
            say("publishing")
            _is_still_live(live, model, params, ledger)
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


def _is_still_live(compared: LiveModel, model: ServableModel, params: ReleaseParams, ledger: Ledger) -> None:
    """Refuses a new model if another release went live since it was compared with the one before."""
    from serving.version_folder import manifest_of

    known = ledger.find_by_digest(params.model, manifest_of(model.path).digest)
    now = ledger.live(params.model)
    version = now.version if now else None
    if (known is None or known.state == "published") and version != compared.version:
        raise PushFailed(
            f"{params.model} version {version} went live since the new model was compared with "
            f"{'none' if compared.version is None else f'version {compared.version}'}; run again to compare with that"
        )
