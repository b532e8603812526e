"""The REST API as its clients see it, over real sockets."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from slipline.serving.folders.model_config import ServedModel, write_config
from tests.serving.conftest import until
from tests.serving.server.rest.conftest import once_there_is_room

StartRest = Callable[..., httpx.Client]
PREDICT = "/v1/models/forms:predict"


def ask(rest: httpx.Client, body: Any, url: str = PREDICT) -> httpx.Response:
    return rest.post(url, content=body if isinstance(body, (str, bytes)) else json.dumps(body))


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"instances": [1, 2.5]}, '{\n    "predictions": [2.0, 5.0]\n}'),
        ({"inputs": [1e39, 3e6]}, '{\n    "outputs": [Infinity, 6e+06]\n}'),
        ('{"instances": [NaN, -Inf]} and more', '{\n    "predictions": [NaN, -Infinity]\n}'),
        (
            {"signature_name": "add", "instances": [{"a": [1, 2], "b": [3, 4]}]},
            '{\n    "predictions": [{"a": [1.0, 2.0], "sum": [4.0, 6.0]}]\n}',
        ),
        (
            {"signature_name": "add", "inputs": {"a": [[1, 2]], "b": [[3, 4]]}},
            '{\n    "outputs": {"a": [[1.0, 2.0]], "sum": [[4.0, 6.0]]}\n}',
        ),
        (
            {"signature_name": "text", "instances": ["ä", {"b64": "aGk="}]},
            '{\n    "predictions": [{"s": "ä", "s_bytes": {"b64": "w6Q="}}, {"s": "hi", "s_bytes": {"b64": "aGk="}}]'
            "\n}",
        ),
        ({"signature_name": "size", "inputs": [1, 2]}, '{\n    "outputs": {"size": 2, "y": [1.0, 2.0]}\n}'),
        ({"signature_name": "uint8", "inputs": [[300], [1]]}, '{\n    "outputs": [[44], [1]]\n}'),
        ({"signature_name": "int64", "inputs": 9007199254740993}, '{\n    "outputs": 9007199254740993\n}'),
        ({"signature_name": "bool", "instances": [True, False]}, '{\n    "predictions": [true, false]\n}'),
    ],
)
def test_predict_answers_in_the_form_of_the_request(rest: httpx.Client, body: Any, wanted: str) -> None:
    answer = ask(rest, body)
    assert (answer.status_code, answer.text) == (200, wanted)
    assert answer.headers["content-type"] == "application/json"


def test_answer_says_which_model_and_version_answered(start_rest: StartRest, scalers: Path, tmp_path: Path) -> None:
    config = tmp_path / "models.config"
    write_config(config, [ServedModel(name="a é", base_path=str(scalers), versions=(1, 2), labels={"old": 1})])
    rest = start_rest(model_config_file=str(config))
    until(lambda: rest.get("/v1/models/a%20%C3%A9").text.count("AVAILABLE") == 2)
    versions = []
    for place in ("", "/versions/1", "/labels/old", "/versions/2"):
        answer = ask(rest, {"inputs": [1]}, f"/v1/models/a%20%C3%A9{place}:predict")
        versions.append(answer.headers["x-model-version"])
        assert answer.json()["outputs"]["y"] == [10.0 * int(versions[-1])]
        assert answer.headers["x-model-name"] == "a%20%C3%A9"
    assert versions == ["2", "1", "1", "2"]


def test_classify_and_regress_take_examples_with_a_context(rest: httpx.Client) -> None:
    body = {"signature_name": "classify", "context": {"name": "cat"}, "examples": [{"x": 0.5}, {"x": 1.0, "name": "é"}]}
    answer = ask(rest, body, "/v1/models/forms:classify")
    assert answer.json() == {"results": [[["cat", 0.5], ["cat!", 1.0]], [["é", 1.0], ["é!", 2.0]]]}
    answer = ask(rest, {"signature_name": "regress", "examples": [{"x": 0.5}]}, "/v1/models/forms/versions/5:regress")
    assert (answer.text, answer.headers["x-model-version"]) == ('{\n    "results": [1.0]\n}', "5")


@pytest.mark.parametrize(
    ("url", "body", "code", "text"),
    [
        (PREDICT, "", 400, "JSON Parse error: The document is empty"),
        (PREDICT, "{]", 400, "JSON Parse error: "),
        (PREDICT, {}, 400, "Missing 'inputs' or 'instances' key"),
        (PREDICT, {"signature_name": "nix", "inputs": 1}, 400, 'Serving signature name: "nix" not found in signature'),
        (PREDICT, {"signature_name": 1, "inputs": 1}, 400, "'signature_name' key must be a string value."),
        (
            PREDICT,
            {"instances": ["a"]},
            400,
            "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT",
        ),
        (PREDICT, {"signature_name": "half", "inputs": [1]}, 501, "half"),
        (PREDICT, {"signature_name": "half", "instances": [1]}, 400, "Error: UNIMPLEMENTED"),
        (
            PREDICT,
            {"signature_name": "to_half", "inputs": [1]},
            400,
            "Failed to write JSON value for tensor type: half",
        ),
        (PREDICT, {"signature_name": "size", "instances": [1]}, 400, "has no shape information"),
        (PREDICT, {"signature_name": "int32", "inputs": 1.0}, 400, "is not of expected type: int32"),
        ("/v1/models/nix:predict", {"inputs": "?"}, 404, "Servable not found for request: Latest(nix)"),
        ("/v1/models/nix:predict", "{]", 400, "JSON Parse error: "),
        (
            "/v1/models/forms/versions/6:predict",
            {"inputs": 1},
            404,
            "Servable not found for request: Specific(forms, 6)",
        ),
        ("/v1/models/forms/labels/no:predict", {"inputs": 1}, 400, "Unrecognized servable version label: no"),
        ("/v1/models/forms:classify", {"examples": []}, 400, "'examples' value array is empty"),
        ("/v1/models/forms:classify", {"examples": [{"x": 1.0}]}, 400, "No classification inputs found"),
        (
            "/v1/models/forms:regress",
            {"signature_name": "regress", "examples": [{"x": 2}]},
            400,
            "Data types don't match",
        ),
        ("/v1/models/forms:regress", {"signature_name": "regress", "examples": [{}]}, 400, "could not be found"),
        ("/v1/models/forms:PREDICT", {"inputs": 1}, 400, "Malformed request: POST /v1/models/forms:PREDICT"),
        ("/v1/models/forms:predict?a=1", {"inputs": 1}, 400, "Malformed request: POST /v1/models/forms:predict?a=1"),
        ("/v1/other", {}, 400, "Malformed request: POST /v1/other"),
    ],
)
def test_request_that_cannot_be_answered_says_why(
    rest: httpx.Client, url: str, body: Any, code: int, text: str
) -> None:
    answer = ask(rest, body, url)
    assert (answer.status_code, answer.headers["content-type"]) == (code, "application/json")
    assert text in answer.json()["error"]


@pytest.mark.parametrize("path", ["/v1/models/%zz", "/v1/models/forms/versions/9223372036854775808"])
def test_unreadable_version_or_escape_gets_an_empty_body(rest: httpx.Client, path: str) -> None:
    connection = socket.create_connection((rest.base_url.host, rest.base_url.port or 0), timeout=60)
    with connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert (answer[:12], answer.partition(b"\r\n\r\n")[2]) == (b"HTTP/1.1 400", b"")


def test_status_lists_versions_as_protobuf_json_has_them(rest: httpx.Client) -> None:
    status = {"version": "5", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    for path in ("", "/versions/5", "/labels/whatever"):
        assert rest.get(f"/v1/models/forms{path}").json() == {"model_version_status": [status]}
    answer = rest.get("/v1/models/forms/versions/6")
    assert (answer.status_code, answer.json()) == (404, {"error": "Could not find version 6 of model forms"})
    answer = rest.get("/v1/models/nix?a=1")
    assert answer.json() == {"error": "Could not find any versions of model nix?a=1"}


def test_metadata_prints_every_signature_with_its_empty_fields(rest: httpx.Client) -> None:
    metadata = rest.get("/v1/models/forms/metadata").json()
    assert metadata["model_spec"] == {"name": "forms", "signature_name": "", "version": "5"}
    signatures = metadata["metadata"]["signature_def"]["signature_def"]
    assert {"serving_default", "add", "__saved_model_init_op"} <= signatures.keys()
    add = signatures["add"]
    assert add["defaults"] == {}
    assert add["method_name"] == "tensorflow/serving/predict"
    assert add["inputs"]["a"]["dtype"] == "DT_FLOAT"
    dims = [{"size": "-1", "name": ""}, {"size": "2", "name": ""}]
    assert add["inputs"]["a"]["tensor_shape"] == {"dim": dims, "unknown_rank": False}


def test_models_and_the_config_in_force_can_be_listed(start_rest: StartRest, scalers: Path, tmp_path: Path) -> None:
    config = tmp_path / "models.config"
    missing = ServedModel(name="missing", base_path=str(tmp_path / "nowhere"), versions=(1,))
    write_config(config, [ServedModel(name="s", base_path=str(scalers), versions=(2,), labels={"stable": 2}), missing])
    rest = start_rest(model_config_file=str(config), ready=False)
    until(lambda: "AVAILABLE" in rest.get("/v1/models").text)
    first, second = rest.get("/v1/models").json()["models"]
    assert first.pop("complaint").startswith(f"base path {tmp_path / 'nowhere'} cannot be read")
    assert first == {
        "name": "missing",
        "ready": False,
        "version_labels": {},
        "versions_missing": [],
        "model_version_status": [],
        "history": [],
    }
    assert (second["name"], second["ready"], second["version_labels"]) == ("s", True, {"stable": "2"})
    assert [version["state"] for version in second["model_version_status"]] == ["AVAILABLE"]
    assert rest.get("/v1/config").json()["model_config_list"]["config"][1] == {
        "name": "s",
        "base_path": str(scalers),
        "model_platform": "tensorflow",
        "model_version_policy": {"specific": {"versions": ["2"]}},
        "version_labels": {"stable": "2"},
    }
    answer = rest.get("/readyz")
    assert (answer.status_code, answer.json()["ready"], list(answer.json()["missing"])) == (503, False, ["missing"])
    reason = f"no version was found in {tmp_path / 'nowhere'}: it cannot be read: "
    assert answer.json()["missing"]["missing"].startswith(reason)
    assert rest.get("/healthz").text == "ok\n"


def test_readiness_says_why_a_version_failed(start_rest: StartRest, base: Path) -> None:
    base.joinpath("1").mkdir()
    rest = start_rest(model_name="m", model_base_path=str(base), ready=False)
    until(lambda: "END" in rest.get("/readyz").text)
    text = rest.get("/readyz").text
    assert "version 1 is in state END" in text
    assert "Could not find SavedModel" in text


def test_gzip_body_is_unpacked_and_a_bomb_is_refused(start_rest: StartRest, forms: Path) -> None:
    rest = start_rest(model_name="forms", model_base_path=str(forms), rest_api_max_body_bytes=100_000)
    headers = {"content-encoding": "gzip"}

    def send(body: bytes) -> httpx.Response:
        return rest.post(PREDICT, content=body, headers=headers)

    packed = gzip.compress(b'{"instances": [1]}')
    assert send(packed).json() == {"predictions": [2.0]}
    assert send(gzip.compress(b" " * 10**8)).status_code == 413
    assert send(packed[:-3]).json() == {"error": "the gzip body is cut off; send all of it"}
    assert "but the body is none" in send(b"{}").json()["error"]
    assert rest.post(PREDICT, content=b'{"instances": [1]' + b" " * 10**5 + b"}").status_code == 413
    assert ask(rest, {"instances": [3]}).json() == {"predictions": [6.0]}


def test_json_deeper_than_the_limit_is_refused(start_rest: StartRest, forms: Path) -> None:
    rest = start_rest(model_name="forms", model_base_path=str(forms), rest_api_max_json_depth=3)
    assert ask(rest, {"inputs": [1], "extra": [[]]}).status_code == 200
    assert "deeper than the 3 levels" in ask(rest, {"inputs": [1], "extra": [[[]]]}).json()["error"]


def test_cors_headers_come_only_if_asked_for(start_rest: StartRest, forms: Path) -> None:
    for cors in (False, True):
        rest = start_rest(model_name="forms", model_base_path=str(forms), rest_api_enable_cors_support=cors)
        for answer in (ask(rest, {"inputs": 1}), ask(rest, "")):
            assert answer.headers.get("access-control-allow-origin") == ("*" if cors else None)
        assert rest.options(PREDICT, headers={"origin": "https://a.example"}).status_code == 200
        refused = rest.options(PREDICT, headers={"origin": "file"})
        assert (refused.status_code, refused.content) == (400, b"")
        assert refused.headers.get("access-control-allow-methods") == ("POST, GET" if cors else None)
        assert refused.headers.get("access-control-allow-headers") == ("Content-Type" if cors else None)


def test_anything_outside_v1_is_a_page_that_is_not_found(rest: httpx.Client) -> None:
    for path in ("/", "/v2/models", "/monitoring/prometheus/metrics"):
        answer = rest.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html")


def test_request_that_takes_too_long_gets_504_and_the_server_goes_on(start_rest: StartRest, forms: Path) -> None:
    rest = start_rest(model_name="forms", model_base_path=str(forms), rest_api_timeout_in_ms=300)
    answer = ask(rest, {"signature_name": "count", "inputs": 300_000})
    assert (answer.status_code, "Timed out" in answer.json()["error"]) == (504, True)
    assert ask(rest, {"inputs": 1}).status_code == 200


def test_requests_beyond_the_limit_get_429_and_health_none(start_rest: StartRest, forms: Path) -> None:
    rest = start_rest(model_name="forms", model_base_path=str(forms), max_concurrent_requests=1)
    with ThreadPoolExecutor(1) as threads:
        done = threading.Event()
        body = {"signature_name": "count", "inputs": 200_000}
        long = threads.submit(once_there_is_room, lambda: ask(rest, body))
        long.add_done_callback(lambda _: done.set())
        answers = (ask(rest, {"inputs": 1}) for _ in range(10_000))
        refused = next(answer for answer in answers if answer.status_code != 200)
        assert (refused.status_code, "try again" in refused.json()["error"]) == (429, True)
        assert rest.get("/healthz").status_code == 200
        assert (done.wait(60), long.result().json()) == (True, {"outputs": 200_000})
    assert ask(rest, {"inputs": 1}).status_code == 200


def test_head_without_end_is_cut_off(rest: httpx.Client) -> None:
    with socket.create_connection((rest.base_url.host, rest.base_url.port or 0), timeout=60) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 70_000)
        assert connection.recv(4096).startswith(b"HTTP/1.1 400")
    long = b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 40_000 + b"\r\n"  # counted anew for each request of a connection
    answer = exchange(rest, (long + b"\r\n") * 2 + long + b"Connection: close\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200") == 3


def exchange(rest: httpx.Client, sent: bytes) -> bytes:
    """All that a server answers to raw bytes, until it closes the connection."""
    with socket.create_connection((rest.base_url.host, rest.base_url.port or 0), timeout=60) as connection:
        connection.sendall(sent)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def raw(body: bytes, *headers: str) -> bytes:
    lines = [f"POST {PREDICT} HTTP/1.1", "Host: a", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def test_body_that_does_not_come_gets_504(start_rest: StartRest, forms: Path) -> None:
    rest = start_rest(model_name="forms", model_base_path=str(forms), rest_api_timeout_in_ms=200)
    answer = exchange(rest, raw(b"{", "Connection: close").replace(b"Content-Length: 1", b"Content-Length: 9"))
    assert answer.startswith(b"HTTP/1.1 504")


def test_pipelined_chunked_and_old_requests_are_answered(rest: httpx.Client) -> None:
    body = b'{"instances": [4]}'
    answer = exchange(rest, raw(body) * 3 + raw(body, "Connection: close"))
    assert answer.count(b'"predictions": [8.0]') == 4
    chunked = raw(b"", "Transfer-Encoding: chunked", "Connection: close").replace(b"Content-Length: 0\r\n", b"")
    assert b"[8.0]" in exchange(rest, chunked + b"12\r\n" + body + b"\r\n0\r\n\r\n")
    assert b"[8.0]" in exchange(rest, raw(body).replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert b"HTTP/1.1 100" in exchange(rest, raw(body, "Expect: 100-continue", "Connection: close"))


def test_client_that_offers_http2_gets_its_answer_over_http1(rest: httpx.Client) -> None:
    """Java's client offers an upgrade with its first request."""
    headers = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAAB")
    with socket.create_connection((rest.base_url.host, rest.base_url.port or 0), timeout=60) as connection:
        connection.sendall(raw(b'{"instances": [4]}', *headers))
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
