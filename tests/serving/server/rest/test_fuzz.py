"""Tens of thousands of broken requests to a real server process, over connections that are kept open."""

from __future__ import annotations

import gzip
import http.client
import json
import random
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.serving.conftest import until

CALLERS = 2
REQUESTS_EACH = 16_000
TIMEOUT_S = 30
GROWTH_BYTES = 48 * 2**20  # what allocators and caches may take after the warm-up

GOOD: list[tuple[str, Any]] = [
    ("forms:predict", {"instances": [1, 2.5]}),
    ("forms:predict", {"inputs": {"x": [1, 2]}}),
    ("forms/versions/5:predict", {"signature_name": "add", "instances": [{"a": [1, 2], "b": [3, 4]}]}),
    ("forms:predict", {"signature_name": "text", "instances": ["ä", {"b64": "aGk="}]}),
    ("forms:predict", {"signature_name": "int32", "inputs": [[1, 2], [3, 4]]}),
    ("forms:classify", {"signature_name": "classify", "context": {"name": "a"}, "examples": [{"x": 0.5}]}),
    ("forms:regress", {"signature_name": "regress", "examples": [{"x": 0.5}, {"x": 1.5}]}),
]
ODD = [None, True, -1, 0, 1.5, 1e308, 2**63, 10**30, "", "a\u0000", "é", [], [[]], {}, {"b64": "?"}, {"x": None}]
URLS = [
    "/", "/v1", "/v1/", "/v1/models", "/v1/models/", "/v1/models/forms/metadata", "/v1/models/forms/versions/1e9",
    "/v1/models/%00", "/v1/models/%ff:predict", "/v1/models/%zz:predict", "/v1/models/forms/labels/a:predict",
    "/v1/models/forms/versions/99999999999999999999:predict", "/v1/models/forms:PREDICT",
    "/v1/models/forms:predict?a=b",
    "//v1/models/forms", "/v1/../etc/passwd", "/v1/models/forms:predict/", "/healthz", "/readyz", "/v1/config", "*",
    "http://other/v1/models/forms", "/" + "a" * 5000, "/v1/models/" + "b" * 5000, "/v1/models/forms;x=1:predict",
]  # fmt: skip


@dataclass
class Sent:
    """One request, and what its answer's status must be one of."""

    method: str = "POST"
    url: str = "/v1/models/forms:predict"
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    allowed: range | tuple[int, ...] = (200, 400, 404, 413, 501)


def mutated(chance: random.Random) -> Sent:
    """A good request with some bytes changed, cut out or doubled."""
    call, good = chance.choice(GOOD)
    body = bytearray(json.dumps(good).encode())
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(body) + 1)
        kind = chance.randrange(4)
        if kind == 0 and at < len(body):
            body[at] = chance.randrange(256)
        elif kind == 1:
            body[at:at] = chance.choice([b"[", b"]", b"{", b"}", b'"', b",", b"\\", b"NaN", b"1e999", b"\xff", b"-"])
        elif kind == 2:
            del body[at : at + chance.randint(1, 8)]
        else:
            body[at:at] = body[at : at + 20]
    return Sent(url=f"/v1/models/{call}", body=bytes(body))


def value(chance: random.Random, depth: int) -> Any:
    if depth == 0 or chance.random() < 0.3:
        return chance.choice(ODD)
    if chance.random() < 0.5:
        return [value(chance, depth - 1) for _ in range(chance.randrange(4))]
    names = ["x", "a", "b", "b64", "instances", "inputs", "s", "steps", "é"]
    return {chance.choice(names): value(chance, depth - 1) for _ in range(chance.randrange(4))}


def odd_values(chance: random.Random) -> Sent:
    """A good request with one part replaced by JSON of any type."""
    call, good = chance.choice(GOOD)
    body = dict(good)
    body[chance.choice([*body, "instances", "inputs", "examples", "signature_name"])] = value(
        chance, chance.randrange(6)
    )
    return Sent(url=f"/v1/models/{call}", body=json.dumps(body).encode("utf-8", "replace"))


def deep(chance: random.Random) -> Sent:
    depth = chance.choice([64, 65, 99, 100, 101, 500, 990, 1100, 20_000])
    left, right = chance.choice([("[", "]"), ('{"a":', "}")])
    key = chance.choice(["instances", "inputs", "other"])
    body = f'{{"{key}": {left * depth}1{right * depth if chance.random() < 0.8 else ""}}}'
    return Sent(body=body.encode(), allowed=(400,)) if depth >= 100 else Sent(body=body.encode())


def packed(chance: random.Random) -> Sent:
    """A gzip body, broken somehow, or a bomb."""
    body = gzip.compress(json.dumps(GOOD[0][1]).encode(), 1)
    kind = chance.randrange(4)
    if kind == 0:
        body = body[: chance.randrange(len(body))]
    elif kind == 1:
        at = chance.randrange(len(body))
        body = body[:at] + bytes([chance.randrange(256)]) + body[at + 1 :]
    elif kind == 2:
        body = chance.randbytes(chance.randrange(50))
    else:
        return Sent(body=BOMB, headers={"Content-Encoding": "gzip"}, allowed=(413,))
    return Sent(body=body, headers={"Content-Encoding": "gzip"})


def odd_url(chance: random.Random) -> Sent:
    url = chance.choice(URLS)
    if chance.random() < 0.3:
        url += "".join(chance.choice("/:%?#&=.~aZ09") for _ in range(chance.randrange(8)))
    return Sent(method=chance.choice(["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]), url=url, body=b"{}")


def odd_headers(chance: random.Random) -> Sent:
    headers = chance.choice(
        [
            {"Content-Type": "\xff\xfe"},
            {"Content-Encoding": "br"},
            {"Authorization": "Bearer " + "x" * 3000},
            {"Origin": "null"},
            {"Accept-Encoding": "gzip;q=nix"},
            {"Expect": "nothing"},
            {"Cookie": "a" * 8000},
            {f"X-{number}": "y" for number in range(90)},
        ]
    )
    return Sent(body=json.dumps(GOOD[0][1]).encode(), headers=headers, allowed=(200,))


def good(chance: random.Random) -> Sent:
    call, body = chance.choice(GOOD)
    return Sent(url=f"/v1/models/{call}", body=json.dumps(body).encode(), allowed=(200,))


BOMB = gzip.compress(b" " * (2 * 2**20))
KINDS = [(mutated, 40), (odd_values, 30), (deep, 4), (packed, 6), (odd_url, 10), (odd_headers, 6), (good, 4)]
# What is no HTTP at all: each ends its connection, with a 400 or without a word.
NO_HTTP = [
    b"\r\n\r\n\r\n",
    b"nix\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /\xff HTTP/1.1\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
    b"GET / HTTP/1.1\r\n: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00",
    b"\x00" * 100,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTP/1.1\r\nX: " + b"x" * 2**20,
]


def fuzz(port: int, seed: int, requests: int) -> Counter[int]:
    """How often each status came; raises where a wrong one did, or none."""
    chance = random.Random(seed)
    seen: Counter[int] = Counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    makers, weights = zip(*KINDS, strict=True)
    for _ in range(requests):
        sent = chance.choices(makers, weights)[0](chance)
        connection.request(sent.method, sent.url, sent.body, dict(sent.headers))
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status in sent.allowed, (sent, answer.status, content[:500])
        if answer.getheader("content-type") == "application/json" and answer.status not in (200, 503):
            assert not content or set(json.loads(content)) == {"error"}, (sent, content[:500])
        seen[answer.status] += 1
    connection.close()
    return seen


def send_no_http(port: int, seed: int) -> Iterator[bytes]:
    chance = random.Random(seed)
    for _ in range(150):
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as connection:
            try:
                connection.sendall(chance.choice(NO_HTTP))
                connection.shutdown(socket.SHUT_WR)
                yield connection.recv(4096)
            except TimeoutError:
                raise
            except OSError:  # cut off before all was sent
                yield b""


def resident_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the process has ended")


@pytest.mark.slow
def test_broken_requests_get_the_right_status_and_cost_no_memory(
    start_process: Callable[..., Any], free_port: int, forms: Path
) -> None:
    process = start_process(
        "--model_name=forms", f"--model_base_path={forms}", f"--rest_api_port={free_port}",
        "--rest_api_max_body_bytes=1000000", "--rest_api_timeout_in_ms=20000",
    )  # fmt: skip
    pid = process.process.pid
    until(lambda: b"true" in _get(free_port, "/readyz"))
    fuzz(free_port, 0, 3000)
    before = resident_bytes(pid)
    with ThreadPoolExecutor(CALLERS) as threads:
        callers = [threads.submit(fuzz, free_port, seed, REQUESTS_EACH) for seed in range(1, CALLERS + 1)]
        answers = list(send_no_http(free_port, 0))
        seen = sum((caller.result() for caller in callers), Counter[int]())
    assert {answer[:12] for answer in answers} <= {b"HTTP/1.1 400", b"HTTP/1.1 404", b""}
    assert seen.total() == CALLERS * REQUESTS_EACH
    assert {200, 400, 404, 413} <= seen.keys()
    assert resident_bytes(pid) - before < GROWTH_BYTES
    assert fuzz(free_port, 99, 20)
    status, log = process.end()
    assert (status, "Traceback" in log) == (0, False), log[-3000:]


def _get(port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()
