"""Publishes a model as the next release and makes it the live one."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from slipline.components.artifacts import Examples, LiveModel, Release, ServableModel
from slipline.components.errors import PushFailed
from slipline.components.files.tfrecord_files import read_records
from slipline.components.steps.release_settings import ReleaseParams
from slipline.pipeline.core.component import Say, component

SAMPLE_SIGNATURE, SAMPLE_INPUT = "serving_examples", "examples"
SAMPLE_REQUESTS = 200


@component(cached=False)
def push(
    model: ServableModel, examples: Examples, live: LiveModel, params: ReleaseParams, out: Path, say: Say
) -> Release:
    """Publishes `model` and moves the label `stable` to it once every running server has it ready and answers by it.

    A model that is a release already is not published twice; one that was live before and is not now stays so. What it
    does shows outside its folder: so it is called in every run, and mends what a run that was killed left undone.

    Args:
      model: Becomes a version folder, unchanged.
      examples: Some of them are kept as requests, which this and later versions are compared by.
      live: What the model was compared with; if another is live by now, the comparison no longer holds.
      params: Where the ledger is, and the model's name in it.
      out: Takes a copy of the release's manifest.
      say: Told what is waited for.

    Returns:
      The release.

    Raises:
      PushFailed: It could not be published, a server would not serve it, it did worse there than the live release, or
        another one went live meanwhile; the live release is untouched.
    """
    from slipline.serving.errors import ServingError
    from slipline.serving.folders.version_folder import MANIFEST_NAME
    from slipline.serving.releases.compare.comparison import Limits, Replay
    from slipline.serving.releases.ledger import ExpectedLive, Ledger
    from slipline.serving.releases.store.records import current_person

    by = params.by or current_person()
    try:
        with Ledger(params.url, params.root) as ledger:
            say("publishing")
            release = ledger.publish(params.model, model.path, by=by, origin=model.path.name)
            if release.state == "published":
                _keep_sample(model, examples, params)
                say(f"waiting for servers to have version {release.version} ready")
                ledger.promote(
                    params.model,
                    release.version,
                    by=by,
                    reason="passed its gates",
                    timeout_s=params.ready_timeout_s,
                    only_if_live=ExpectedLive(live.version),
                    # Which answers are right, evaluation has judged by the labels of all records.
                    replay=Replay(limits=Limits(max_disagreement=1.0)),
                )
            elif release.state == "live":
                ledger.rewrite_config()
    except ServingError as error:
        raise PushFailed(str(error)) from error
    (out / MANIFEST_NAME).write_bytes((release.path / MANIFEST_NAME).read_bytes())
    return Release(path=out, model=params.model, version=release.version, digest=release.digest)


def _keep_sample(model: ServableModel, examples: Examples, params: ReleaseParams) -> None:
    """Writes the first records of a split as requests, where promotions and trials look for them."""
    if SAMPLE_SIGNATURE not in model.signatures:
        return
    import numpy as np

    from slipline.serving.folders.prediction_log import SAMPLE_NAME, write_predict_requests
    from slipline.serving.wire.serving_pb2 import PredictRequest
    from slipline.serving.wire.tensors import to_proto

    requests = []
    records = (record for file in examples.files(params.sample_split) for record in read_records(file))
    for record in islice(records, SAMPLE_REQUESTS):
        request = PredictRequest(inputs={SAMPLE_INPUT: to_proto(np.array([record], object))})
        request.model_spec.signature_name = SAMPLE_SIGNATURE
        requests.append(request)
    write_predict_requests(params.root / params.model / SAMPLE_NAME, requests)
