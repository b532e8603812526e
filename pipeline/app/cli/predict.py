"""`slipline predict`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import click
import numpy as np

from slipline.pipeline.app.cli.client_options import AskedServer, client_options
from slipline.pipeline.app.cli.model_inputs import ArrayRequest, ImageRequest, Request, ask, read_requests
from slipline.pipeline.app.cli.terminal import print_table, say, say_json
from slipline.serving.client import PredictClient, Prediction
from slipline.serving.errors import BadRequest, VersionNotReady

DEFAULT_LABEL = "stable"
SHOWN_VALUES = 10


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the model says of one row of a request.

    Attributes:
      input: The file, or standard input.
      row: Its place in that file, from 0.
      version: Which version answered.
      outputs: By name: numbers, text, or lists of them.
      label: The class, where the model gives one.
      probability: Of that class, 0..1, where the model gives it.
    """

    input: str
    row: int
    version: int
    outputs: dict[str, Any]
    label: int | None
    probability: float | None


@click.command()
@click.argument("model")
@click.argument("files", nargs=-1)
@client_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def predict(model: str, files: tuple[str, ...], asked: AskedServer, as_json: bool) -> None:
    """Ask MODEL about images, arrays or JSON.

    FILES are PNG or JPEG images, arrays saved by NumPy (.npy), or JSON as TensorFlow Serving's REST API takes it:
    {"instances": [...]} or {"inputs": ...}. Without FILES, or for -, standard input is read.

    Unless a version or label is given, the version with the label "stable" answers, or the newest where no version has
    that label.
    """
    requests = read_requests(files)
    with PredictClient.connect(asked.targets, model, timeout_s=asked.timeout_s, settings=asked.settings) as client:
        answers = [answer for request in requests for answer in _answers(request, _asked(client, request, asked))]
    if as_json:
        say_json([asdict(answer) for answer in answers])
    else:
        _show(answers)


def _asked(client: PredictClient, request: Request, asked: AskedServer) -> Prediction:
    """The answer; a model whose versions have no label "stable" answers with its newest."""
    if asked.version is not None or asked.label is not None:
        return _named(client, request, asked, asked.label)
    try:
        return _named(client, request, asked, DEFAULT_LABEL)
    except VersionNotReady:
        return _named(client, request, asked, None)


def _named(client: PredictClient, request: Request, asked: AskedServer, label: str | None) -> Prediction:
    """The answer, or an error that names the file at fault."""
    try:
        prediction: Prediction = ask(client, request, asked, label)
    except BadRequest as error:
        if isinstance(request, ArrayRequest):
            raise BadRequest(f"{request.name}: {error}") from error
        for name, image in zip(request.names, request.images, strict=True):
            try:
                ask(client, ImageRequest(names=(name,), images=(image,)), asked, label)
            except BadRequest as own:
                # Without the names of the graph's nodes, which follow on further lines.
                words = str(own).partition("\n")[0]
                raise BadRequest(f"{name}: {words} Give images of the size the model was trained on") from error
        raise
    return prediction


def _answers(request: Request, prediction: Prediction) -> Iterator[Answer]:
    """One for each row, or one in all where the outputs have no common first axis."""
    outputs = {name: prediction.outputs[name] for name in sorted(prediction.outputs)}
    counts = {output.shape[:1] for output in outputs.values()}
    rows = counts.pop()[0] if len(counts) == 1 and counts != {()} else None
    for row in range(1 if rows is None else rows):
        values = {name: output if rows is None else output[row] for name, output in outputs.items()}
        label, probability = _best(values) if rows is not None else (None, None)
        yield Answer(
            input=request.name if isinstance(request, ArrayRequest) else request.names[row if rows else 0],
            row=row if isinstance(request, ArrayRequest) else 0,
            version=prediction.version,
            outputs={name: _plain(value) for name, value in values.items()},
            label=label,
            probability=probability,
        )


def _best(values: dict[str, Any]) -> tuple[int | None, float | None]:
    """The class and its probability, by the names that our own models give their outputs."""
    best, probabilities = values.get("class"), values.get("probabilities")
    if not isinstance(best, np.integer) or not isinstance(probabilities, np.ndarray) or probabilities.ndim != 1:
        return None, None
    return int(best), float(probabilities[best])


def _plain(value: Any) -> Any:
    """As JSON has it; bytes are text, or base64 where they are none, as TensorFlow Serving's REST API has them."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            from base64 import b64encode

            return {"b64": b64encode(value).decode()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return _plain(value.tolist()) if hasattr(value, "tolist") else value


def _show(answers: list[Answer]) -> None:
    if all(answer.label is not None for answer in answers):
        for answer in answers:
            say(f"{_name(answer)}: {answer.label} ({answer.probability:.1%}, version {answer.version})")
        return

    names = sorted({name for answer in answers for name in answer.outputs})
    rows = [
        (_name(answer), str(answer.version), *(_text(answer.outputs.get(name)) for name in names)) for answer in answers
    ]
    print_table(("input", "version", *names), rows)


def _name(answer: Answer) -> str:
    return f"{answer.input}[{answer.row}]" if answer.row else answer.input


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if not isinstance(value, list):
        return str(value)
    shown = ", ".join(_text(each) for each in value[:SHOWN_VALUES])
    return f"[{shown}{', ...' if len(value) > SHOWN_VALUES else ''}]"
