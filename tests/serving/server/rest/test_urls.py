from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipline.serving.errors import BadRequest
from slipline.serving.server.rest.urls import UnreadableName, Verb, parse_call


@pytest.mark.parametrize(
    ("method", "target", "verb", "name", "version", "label"),
    [
        ("POST", "/v1/models/m:predict", Verb.PREDICT, "m", None, None),
        ("POST", "/v1/models/m/versions/7:classify", Verb.CLASSIFY, "m", 7, None),
        ("POST", "/V1/MODELS/M/LABELS/a.b:regress", Verb.REGRESS, "M", None, "a.b"),
        ("POST", "/v1/models/a%2Fb%3A:predict", Verb.PREDICT, "a/b:", None, None),
        ("POST", "/v1/models/m/versions/009223372036854775807:predict", Verb.PREDICT, "m", 2**63 - 1, None),
        ("GET", "/v1/models/m", Verb.STATUS, "m", None, None),
        ("GET", "/v1/models/m/versions/1", Verb.STATUS, "m", 1, None),
        ("GET", "/v1/models/m/labels/123", Verb.STATUS, "m", None, "123"),
        ("GET", "/v1/models/m/metadata", Verb.METADATA, "m", None, None),
        ("GET", "/v1/models/m/versions/1/METADATA", Verb.METADATA, "m", 1, None),
        ("GET", "/v1/models/m?x=1", Verb.STATUS, "m?x=1", None, None),
        ("GET", "/v1/models/caf%C3%A9", Verb.STATUS, "café", None, None),
        ("GET", "/v1/models", Verb.LIST_MODELS, "", None, None),
        ("GET", "/v1/config", Verb.SHOW_CONFIG, "", None, None),
    ],
)
def test_url_names_the_call_and_the_model(
    method: str, target: str, verb: Verb, name: str, version: int | None, label: str | None
) -> None:
    call = parse_call(method, target)
    spec = call.spec
    found_version = spec.version.value if spec.HasField("version") else None
    found_label = spec.version_label if spec.WhichOneof("version_choice") == "version_label" else None
    assert (call.verb, spec.name, found_version, found_label) == (verb, name, version, label)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/v1/models/m:PREDICT"),
        ("POST", "/v1/models/m:predict?x=1"),
        ("POST", "/v1/models/m:predict/"),
        ("POST", "/v1/models/m"),
        ("POST", "/v1/models"),
        ("POST", "/v1/models/a:b:predict"),
        ("GET", "/v1/models/m:predict"),
        ("GET", "/v1/models/"),
        ("GET", "/v1/models/m/"),
        ("GET", "/v1/models/m/versions/x"),
        ("GET", "/v1/models/m/versions/-1"),
        ("GET", "/v1/models/m/versions/1/labels/a"),
        ("GET", "/v1/"),
        ("DELETE", "/v1/models/m"),
        ("HEAD", "/v1/models/m"),
    ],
)
def test_anything_else_is_malformed(method: str, target: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse_call(method, target)
    assert str(refused.value) == f"Malformed request: {method} {target}"


def test_version_without_a_model_is_said_to_lack_the_name() -> None:
    with pytest.raises(BadRequest, match="Missing model name in request"):
        parse_call("GET", "/v1/models/versions/1")


@pytest.mark.parametrize(
    "target",
    ["/v1/models/%zz", "/v1/models/a%2", "/v1/models/m/labels/%", f"/v1/models/m/versions/{2**63}",
     "/v1/models/m/versions/" + "9" * 10_000],
)  # fmt: skip
def test_version_or_escape_that_is_none_cannot_be_read(target: str) -> None:
    with pytest.raises(UnreadableName):
        parse_call("GET", target)


@given(name=st.text(min_size=1), label=st.text(min_size=1))
def test_escaped_names_come_back(name: str, label: str) -> None:
    spec = parse_call("POST", f"/v1/models/{quote(name, safe='')}/labels/{quote(label, safe='')}:predict").spec
    assert (spec.name, spec.version_label) == (name, label)
