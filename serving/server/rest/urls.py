"""What a request's method and URL ask for, by TensorFlow Serving's two patterns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from urllib.parse import unquote

from slipline.serving.errors import BadRequest
from slipline.serving.wire import serving_pb2

_MODEL = r"/([^/:]+)"
_VERSION = r"(?:/versions/(\d+)|/labels/([^/:]+))?"
_POST = re.compile(rf"/v1/models{_MODEL}{_VERSION}:(classify|regress|predict)", re.IGNORECASE | re.ASCII)
_GET = re.compile(rf"/v1/models(?:{_MODEL})?{_VERSION}(?:/(metadata))?", re.IGNORECASE | re.ASCII)
_BROKEN_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")
_MAX_VERSION = 2**63 - 1


class Verb(Enum):
    """The calls of the API; the first three as they end a URL."""

    PREDICT = "predict"
    CLASSIFY = "classify"
    REGRESS = "regress"
    STATUS = "status"
    METADATA = "metadata"
    LIST_MODELS = "models"
    SHOW_CONFIG = "config"


class UnreadableName(BadRequest):
    """A version number or an escape is none; TensorFlow Serving answers that with an empty body."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """What is asked for, of which model."""

    verb: Verb
    spec: serving_pb2.ModelSpec


def parse_call(method: str, target: str) -> Call:
    """The call that a request makes.

    Args:
      method: `GET`, `POST`, ...
      target: Path and query string, escaped as they came; a query string is no part of any call.

    Raises:
      UnreadableName: A version number does not fit into 64 bits, or an escape is no two hexadecimal digits.
      BadRequest: There is no such call.
    """
    malformed = BadRequest(f"Malformed request: {method} {target}")
    if method == "POST" and (match := _POST.fullmatch(target)):
        name, version, label, verb = match.groups()
        if verb not in (Verb.PREDICT.value, Verb.CLASSIFY.value, Verb.REGRESS.value):
            raise malformed
        return Call(verb=Verb(verb), spec=_spec(name, version, label))
    if method == "GET" and target.lower() == "/v1/models":
        return Call(verb=Verb.LIST_MODELS, spec=serving_pb2.ModelSpec())
    if method == "GET" and target.lower() == "/v1/config":
        return Call(verb=Verb.SHOW_CONFIG, spec=serving_pb2.ModelSpec())
    if method == "GET" and (match := _GET.fullmatch(target)):
        name, version, label, metadata = match.groups()
        if not name:
            raise BadRequest("Missing model name in request.")
        return Call(verb=Verb.METADATA if metadata else Verb.STATUS, spec=_spec(name, version, label))
    raise malformed


def _spec(name: str, version: str | None, label: str | None) -> serving_pb2.ModelSpec:
    spec = serving_pb2.ModelSpec(name=_decoded(name))
    if version is not None:
        digits = version.lstrip("0") or "0"
        if len(digits) > 19 or int(digits) > _MAX_VERSION:
            raise UnreadableName(f"a version number must fit into 64 bits, got {version}")
        spec.version.value = int(digits)
    elif label is not None:
        spec.version_label = _decoded(label)
    return spec


def _decoded(text: str) -> str:
    if _BROKEN_ESCAPE.search(text):
        raise UnreadableName(f"an escape in a URL is % and two hexadecimal digits, got {text}")
    return unquote(text, errors="replace")
