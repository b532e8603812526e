"""`slipline predict`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import click

from serving.client import PredictClient, Prediction
from serving.errors import BadRequest

DEFAULT_TARGET = "127.0.0.1:8500"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the model says of one image; `probability` in 0..1."""

    image: str
    label: int
    probability: float
    version: int


@click.command()
@click.argument("model")
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--target", default=DEFAULT_TARGET, show_default=True, metavar="HOST:PORT", help="The server's gRPC port."
)
@click.option("--version", type=click.IntRange(min=1), help="Ask this version.")
@click.option("--label", default=None, help="Ask the version with this label; stable unless a version is given.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0.001),
    default=10.0,
    show_default=True,
    help="Seconds to wait for the answer.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def predict(
    model: str,
    images: tuple[Path, ...],
    target: str,
    version: int | None,
    label: str | None,
    timeout_s: float,
    as_json: bool,
) -> None:
    """Ask MODEL which class each of IMAGES shows.

    IMAGES are PNG or JPEG files of the size that the model was trained on.
    """
    if version is not None and label is not None:
        raise click.UsageError("give --version or --label, not both")
    encoded = [_read(image) for image in images]
    wanted = label or ("stable" if version is None else None)
    with PredictClient.connect(target, model, timeout_s=timeout_s) as client:
        try:
            prediction = client.predict_images(encoded, version=version, label=wanted)
        except BadRequest as error:
            ask_one = partial(client.predict_images, version=version, label=wanted)
            raise _naming_the_image(images, encoded, ask_one) or error from error
    answers = _answers(images, prediction)
    if as_json:
        click.echo(json.dumps([asdict(answer) for answer in answers], indent=1))
    else:
        for answer in answers:
            click.echo(f"{answer.image}: {answer.label} ({answer.probability:.1%}, version {answer.version})")


def _read(image: Path) -> bytes:
    try:
        return image.read_bytes()
    except OSError as error:
        raise BadRequest(f"{image}: wanted a PNG or JPEG file, but it cannot be read ({error.strerror})") from error


def _naming_the_image(
    images: tuple[Path, ...], encoded: list[bytes], ask: Callable[[list[bytes]], Prediction]
) -> BadRequest | None:
    """The error of the first image that is refused on its own, without the names of the graph's nodes."""
    for image, content in zip(images, encoded, strict=True):
        try:
            ask([content])
        except BadRequest as error:
            words = str(error).partition("\n")[0]
            return BadRequest(f"{image}: {words} Give a PNG or JPEG file of the size the model was trained on")
    return None


def _answers(images: tuple[Path, ...], prediction: Prediction) -> list[Answer]:
    labels, probabilities = prediction.outputs["class"], prediction.outputs["probabilities"]
    return [
        Answer(image=str(image), label=int(label), probability=float(row[label]), version=prediction.version)
        for image, label, row in zip(images, labels, probabilities, strict=True)
    ]
