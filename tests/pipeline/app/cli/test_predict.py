from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from click.testing import CliRunner, Result

from slipline.pipeline.app.cli.main import main
from tests.serving.client.doubling import DoublingServer
from tests.small_mnist import ROOT

PNG = b"\x89PNG...\x07"
JPEG = b"\xff\xd8\xff...\x03"


@pytest.fixture
def server() -> Iterator[DoublingServer]:
    server = DoublingServer()
    yield server
    server.stop()


def asked(server: DoublingServer, *arguments: str | Path, stdin: bytes | None = None) -> Result:
    command = ["predict", "double", *map(str, arguments), "--target", server.address]
    return CliRunner().invoke(main, command, input=stdin)


def answers(server: DoublingServer, *arguments: str | Path, stdin: bytes | None = None) -> Any:
    result = asked(server, *arguments, "--json", stdin=stdin)
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_images_of_several_kinds_are_asked_about_together(server: DoublingServer, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    (tmp_path / "b.jpg").write_bytes(JPEG)
    np.save(tmp_path / "c.npy", np.zeros((28, 28), "uint8"))
    result = asked(server, *(tmp_path / name for name in ("a.png", "b.jpg", "c.npy")))
    assert result.output.splitlines()[:2] == [
        f"{tmp_path}/a.png: 7 (100.0%, version 1)",
        f"{tmp_path}/b.jpg: 3 (100.0%, version 1)",
    ]
    assert server.count() == 1


def test_json_tells_class_and_probability(server: DoublingServer) -> None:
    (answer,) = answers(server, "-", stdin=PNG)
    assert (answer["input"], answer["label"], answer["probability"], answer["version"]) == ("standard input", 7, 1.0, 1)
    assert answer["outputs"]["class"] == 7


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [1, 2.5]},
        {"instances": [{"x": 1}, {"x": 2.5}]},
        {"inputs": [1, 2.5]},
        {"inputs": {"x": [1, 2.5]}},
        {"x": [1, 2.5]},
        [1, 2.5],
    ],
    ids=str,
)
def test_json_of_any_usual_form_gets_an_answer_a_row(body: object, server: DoublingServer) -> None:
    found = answers(server, stdin=json.dumps(body).encode())
    assert [(answer["row"], answer["outputs"]) for answer in found] == [(0, {"y": 2.0}), (1, {"y": 5.0})]


def test_json_may_hold_bytes_and_name_a_signature(server: DoublingServer) -> None:
    row = {"b64": base64.b64encode(PNG).decode()}
    (answer,) = answers(server, stdin=json.dumps({"signature_name": "serving_images", "instances": [row]}).encode())
    assert answer["outputs"]["class"] == 7


def test_array_is_sent_as_it_is_and_answered_with_a_table(server: DoublingServer, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([1, 2], "float32"))
    lines = asked(server, tmp_path / "x.npy").output.splitlines()
    assert [line.split() for line in lines] == [
        ["input", "version", "y"],
        [f"{tmp_path}/x.npy", "1", "2"],
        [f"{tmp_path}/x.npy[1]", "1", "4"],
    ]


def test_server_without_labels_answers_with_its_newest_version(server: DoublingServer) -> None:
    def refuse_labels(method: str, request: Any, context: grpc.ServicerContext) -> None:
        if request.model_spec.version_label:
            words = "Unrecognized servable version label: stable"
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, words)

    server.behave = refuse_labels
    assert answers(server, stdin=b"[1]")[0]["outputs"] == {"y": 2.0}
    assert asked(server, "--label", "stable", stdin=b"[1]").exit_code == 1


def test_what_cannot_be_asked_is_one_line_that_names_the_file(server: DoublingServer, tmp_path: Path) -> None:
    (tmp_path / "some.txt").write_text("seven")
    pickled = io.BytesIO()
    np.save(pickled, np.array([{}], object))
    for arguments, stdin, words in (
        ([tmp_path / "some.txt"], None, "some.txt: wanted a PNG, JPEG, .npy or JSON file; it is none of these"),
        ([tmp_path / "none.png"], None, "none.png: wanted a PNG, JPEG, .npy or JSON file, but it cannot be read"),
        ([], b'{"x": ["a"]}', "standard input: 127.0.0.1:"),
        ([], b'{"instances": []}', "at least one row"),
        ([], b'{"instances": [{"x": 1}, {}]}', "row 1 differs"),
        ([], b'{"instances": [{"b64": "?"}]}', "wanted base64"),
        ([], pickled.getvalue(), "without objects"),
    ):
        result = asked(server, *arguments, stdin=stdin)
        assert (result.exit_code, words in result.output, result.output.count("\n")) == (1, True, 1), result.output


def test_version_and_label_together_are_a_usage_error(server: DoublingServer) -> None:
    assert asked(server, "--version", "1", "--label", "stable", stdin=b"[1]").exit_code == 2


def test_asking_imports_nothing_slow(server: DoublingServer) -> None:
    code = (
        "import sys; from slipline.pipeline.app.cli.main import main; main(sys.argv[1:], standalone_mode=False);"
        "slow = 'tensorflow apache_beam pandas pydantic sqlalchemy PIL rich matplotlib'.split();"
        "print(sorted(set(slow) & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, "predict", "double", "-", "--target", server.address]
    done = subprocess.run(command, cwd=ROOT, input=PNG, capture_output=True, check=True)
    assert done.stdout.decode().splitlines() == ["standard input: 7 (100.0%, version 1)", "[]"]
