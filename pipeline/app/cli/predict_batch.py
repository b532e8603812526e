"""`slipline predict-batch`."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slipline.components.batch_prediction.request import AskedRelease, BatchRequest
from slipline.components.errors import ReleaseDamaged
from slipline.pipeline.app.cli.client_options import check_choice
from slipline.pipeline.app.cli.release_options import open_ledger
from slipline.pipeline.app.cli.terminal import say
from slipline.serving.errors import ReleaseNotFound
from slipline.serving.folders.labels import CANARY, STABLE
from slipline.serving.folders.version_folder import verify
from slipline.serving.releases.ledger import Ledger
from slipline.serving.releases.store.records import ReleaseRow

if TYPE_CHECKING:
    from slipline.components.batch_prediction.manifest import Manifest
    from slipline.components.beam.beam_options import BeamSettings

BEAM = "beam."


@click.command("predict-batch")
@click.argument("model")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("--to", "out", required=True, type=click.Path(path_type=Path), help="The folder to make.")
@click.option("--version", type=click.IntRange(min=1), help="Ask this version.  [default: the live one]")
@click.option("--label", type=click.Choice([STABLE, CANARY]), help="Ask the version with this label.")
@click.option("--format", type=click.Choice(["parquet", "tfrecord"]), default="parquet")
@click.option(
    "--on-bad-record",
    type=click.Choice(["set-aside", "stop"]),
    default="set-aside",
    help="Name records that cannot be predicted in _failed.jsonl, or write nothing if there is one.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=BatchRequest.batch_size,
    help="How many records the model is asked about at once.",
)
@click.option("--label-feature", default=BatchRequest.label_feature, help="Holds the right class, if any.")
@click.option("--key-feature", default=BatchRequest.key_feature, help="Tells records apart, if there.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier batch prediction at --to.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Where Beam runs: beam.processes=2.")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON.")
@click.pass_context
def predict_batch(
    ctx: click.Context,
    /,
    model: str,
    out: Path,
    version: int | None,
    label: str | None,
    overrides: tuple[str, ...],
    as_json: bool,
    **request_options: Any,
) -> None:
    """Ask MODEL about whole files, without a server.

    INPUT are TFRecord files of tf.Example, Parquet files whose columns are features, a pair of IDX files, PNG or JPEG
    images, folders of them, or glob patterns, local or remote. The live version answers unless another is named.

    The folder --to gets predictions-*.parquet, or .tfrecord of tf.Example: file, record (its number there), key, label,
    class, class_name and probabilities of each; _failed.jsonl with each record that could not be predicted and why;
    _manifest.json; and _SUCCESS. It appears whole or not at all. The exit status is 1 if any record failed.
    """
    check_choice(version, label)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # what goes wrong comes out as an error
    request = BatchRequest(
        release=_asked(model, version, label), out=out.absolute(), beam=_beam(overrides), **request_options
    )
    from slipline.components.batch_prediction.predict_files import predict_files

    try:
        manifest = predict_files(request, lambda line: say(line, err=True))
    except (KeyboardInterrupt, RuntimeError) as error:
        # Beam makes one of the other where it is at work in this process.
        if "KeyboardInterrupt" not in (type(error).__name__, str(error).partition(" ")[0]):
            raise
        raise click.ClickException(f"interrupted; {out} was not written") from None
    say(json.dumps({"out": str(out), **asdict(manifest)}, indent=1) if as_json else _in_words(manifest, out))
    if manifest.failed:
        ctx.exit(1)


def _asked(model: str, version: int | None, label: str | None) -> AskedRelease:
    with open_ledger() as ledger:
        release = _release(ledger, model, version, label)
    if problems := verify(release.path):
        raise ReleaseDamaged(
            f"{model} version {release.version} is damaged: {problems[0]}; `slipline releases reconcile` restores "
            "it, or name another --version"
        )
    return AskedRelease(model=model, version=release.version, digest=release.digest, folder=release.path)


def _release(ledger: Ledger, model: str, version: int | None, label: str | None) -> ReleaseRow:
    if not ledger.releases(model):
        known = sorted({release.model for release in ledger.releases()})
        some = f"there are some of {', '.join(known)}" if known else "`slipline run` makes one"
        raise ReleaseNotFound(f"no releases of {model!r} under {ledger.root}; {some}")
    if version is not None:
        return ledger.release(model, version)
    found = ledger.canary(model) if label == CANARY else ledger.live(model)
    if found is None:
        raise ReleaseNotFound(
            f"no version of {model!r} has the label {label or STABLE}; name a --version, of those that `slipline "
            f"releases {model}` lists"
        )
    return found


def _beam(overrides: tuple[str, ...]) -> BeamSettings:
    for override in overrides:
        if not override.startswith(BEAM):
            raise click.UsageError(f"--set {override}: wanted a setting of beam, such as beam.runner=FlinkRunner")
    from slipline.pipeline.app.settings.training_settings import load_settings

    return load_settings(overrides=overrides).beam


def _in_words(manifest: Manifest, out: Path) -> str:
    asked = f"{manifest.model} version {manifest.version}"
    lines = [
        f"{manifest.records:,} records in: {manifest.predicted:,} predicted with {asked}, {manifest.failed:,} failed"
    ]
    if manifest.accuracy is not None:
        lines.append(f"accuracy {manifest.accuracy:.4f} of {manifest.labelled:,} labelled records")
    if manifest.failed:
        lines.append(f"failed {out / '_failed.jsonl'}")
    lines.append(f"predictions {out} ({len(manifest.files):,} {manifest.format} file{'s' * (len(manifest.files) > 1)})")
    return "\n".join(lines)
