"""One training: what to learn from and how, where results go, and how it calls for workers in a home they all see."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from slipline.components.artifacts import Examples, Schema
from slipline.components.training.train_settings import TrainParams
from slipline.serving.folders.whole_file import replaced


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """What the step `train` was handed; see there."""

    examples: Examples
    schema: Schema
    params: TrainParams
    out: Path
    scratch: Path


FILE = "call.json"


@dataclass(frozen=True, kw_only=True)
class Call:
    """A training that waits for its workers.

    Attributes:
      id: Another one in each attempt.
      addresses: Of the workers it calls.
      job: What is trained.
    """

    id: str
    addresses: tuple[str, ...]
    job: TrainingJob


@contextmanager
def calling(job: TrainingJob, addresses: tuple[str, ...]) -> Iterator[None]:
    """Calls for the workers at these addresses as long as the block runs."""
    call = Call(id=uuid.uuid4().hex, addresses=addresses, job=job)
    file = job.scratch / FILE
    with replaced(file) as aside:
        aside.write_text(json.dumps(TypeAdapter(Call).dump_python(call, mode="json")))  # pydantic's own loses infinity
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def find_call(home: Path, addresses: tuple[str, ...]) -> Call | None:
    """The call for the workers at these addresses in a home; None if there is none, or none that can be read yet."""
    for file in home.glob(f"scratch/*/{FILE}"):
        try:
            call = TypeAdapter(Call).validate_json(file.read_bytes())
        except (OSError, ValueError):
            continue
        if call.addresses == addresses:
            return call
    return None
