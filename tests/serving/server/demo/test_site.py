"""The routes of the demo page, over HTTP, of servers in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from slipline.serving.folders.model_config import ServedModel, write_config
from slipline.serving.server.demo.site import STATIC
from slipline.serving.server.flags.options import BadFlag, ServerOptions
from slipline.serving.server.process import Server
from tests.embedded_server import free_port
from tests.serving.conftest import until
from tests.serving.server.demo.picture_model import add_web_model, save_picture_model

Site = Callable[..., httpx.Client]


@pytest.fixture
def site(start: Callable[..., Server]) -> Site:
    """Starts a server with the page, and gives a client of it."""

    def begin(**options: Any) -> httpx.Client:
        server = start(rest_api_port=free_port(), **{"enable_demo_page": True, **options})
        assert server.rest_address is not None
        return httpx.Client(base_url=server.rest_address, timeout=60, trust_env=False)

    return begin


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """The base path of a model with one version, 3, that has files for the page."""
    add_web_model(save_picture_model(tmp_path / "digits" / "3"))
    return tmp_path / "digits"


def live(client: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/demo/live.json").json()["models"]
    return found


def up(client: httpx.Client) -> dict[str, Any]:
    """What is said of the only model, once it is up."""
    until(lambda: live(client) and live(client)[0]["version"] is not None)
    return live(client)[0]


def of(base: Path) -> dict[str, str]:
    return {"model_name": "digits", "model_base_path": str(base)}


def test_every_file_comes_with_its_type_and_may_load_nothing_from_elsewhere(site: Site, digits: Path) -> None:
    client = site(**of(digits))
    types = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
    paths = client.get("/demo/files.json").json()
    assert set(paths) == {f"/demo/{file.name}" for file in STATIC.iterdir() if file.name != "index.html"} | {"/demo"}
    for path in paths:
        answer = client.get(path)
        suffix = Path(path).suffix or ".html"
        assert answer.headers["content-type"].startswith(types.get(suffix, "text/plain")), path
        assert answer.headers["content-security-policy"].startswith("default-src 'self';")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.content == (STATIC / (Path(path).name if path != "/demo" else "index.html")).read_bytes()


def test_the_page_is_at_demo_and_the_root_leads_there(site: Site, digits: Path) -> None:
    client = site(**of(digits))
    assert client.get("/", follow_redirects=True).content == client.get("/demo").content == client.get("/demo/").content


def test_without_the_option_there_is_no_page(site: Site, digits: Path) -> None:
    client = site(enable_demo_page=False, **of(digits))
    assert [client.get(path).status_code for path in ("/", "/demo", "/demo/live.json")] == [404] * 3


def test_a_reload_sends_nothing_that_the_browser_has(site: Site, digits: Path) -> None:
    client = site(**of(digits))
    first = client.get("/demo/tfjs.js")
    again = client.get("/demo/tfjs.js", headers={"if-none-match": first.headers["etag"]})
    assert (first.headers["cache-control"], again.status_code, again.content) == ("no-cache", 304, b"")


def test_only_get_and_head_are_answered(site: Site, digits: Path) -> None:
    client = site(**of(digits))
    refused = client.post("/demo/live.json", content=b"{}")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
    assert (client.head("/demo").status_code, client.head("/demo").content) == (200, b"")


def test_live_model_is_described_with_its_files_for_the_page(site: Site, digits: Path) -> None:
    client = site(**of(digits))
    found = up(client)
    assert found["version"] == "3"
    assert found["ask"] == "/v1/models/digits:predict"
    assert (found["problem"], found["inPageProblem"], found["input"]) == ("", "", "images")
    assert found["labels"] == list("0123456789")
    sizes = [len(client.get(file).content) for file in found["files"]]
    assert [Path(file).name for file in found["files"]] == ["model.json", "group1-shard1of1.bin"]
    assert sum(sizes) == found["sizeBytes"]
    weights = client.get(found["files"][1])
    assert weights.content == b"\0\0\0\0"
    assert "immutable" in weights.headers["cache-control"]
    body = {"instances": [{found["input"]: [[[0.5]] * 28] * 28}]}
    assert client.post(found["ask"], json=body).json() == {"predictions": [[0.5] * 10]}


def test_the_label_stable_is_asked_and_a_new_version_is_told_under_other_urls(
    site: Site, digits: Path, tmp_path: Path
) -> None:
    add_web_model(save_picture_model(digits / "4"), weights=b"\1\2\3\4")

    def point(version: int) -> None:
        model = ServedModel(name="a b", base_path=str(digits), versions=(3, 4), labels={"stable": version})
        write_config(tmp_path / "models.config", [model])

    point(3)
    options = {"model_config_file": str(tmp_path / "models.config"), "model_config_file_poll_wait_seconds": 0.05}
    client = site(**options)
    before = up(client)
    assert (before["ask"], before["version"]) == ("/v1/models/a%20b/labels/stable:predict", "3")
    point(4)
    until(lambda: live(client)[0]["version"] == "4")
    after = live(client)[0]
    assert after["digest"] != before["digest"]
    assert client.get(before["files"][0]).status_code == 404
    assert client.get(after["files"][1]).content == b"\1\2\3\4"


def test_nothing_else_of_a_release_or_of_the_machine_is_given_out(site: Site, digits: Path) -> None:
    (digits / "3" / "exports" / "contract.json").write_text("{}")
    client = site(**of(digits))
    models = up(client)["files"][0].removesuffix("model.json")
    assert client.get(f"{models}model.json").status_code == 200
    for path in (
        f"{models}../../saved_model.pb",
        f"{models}..%2F..%2Fsaved_model.pb",
        f"{models}%2e%2e/contract.json",
        f"{models}contract.json",
        f"{models}",
        "/demo/models/",
        "/demo/../pyproject.toml",
        "/demo/..%2fsite.py",
        "/demo/%2e%2e/site.py",
        "/demo//etc/passwd",
        "/demo/static/page.js",
        "/demo/%00",
        "/demo/%ff",
    ):
        request = client.build_request("GET", "/")
        request.extensions["target"] = path.encode()  # as it is, where a client would tidy it up
        assert client.send(request).status_code == 404, path


def test_without_files_for_the_page_the_model_is_served_alone_and_the_page_says_how_to_get_them(
    site: Site, tmp_path: Path
) -> None:
    save_picture_model(tmp_path / "digits" / "1")
    found = up(site(**of(tmp_path / "digits")))
    assert (found["problem"], found["files"]) == ("", [])
    assert "tfjs_layers" in found["inPageProblem"]


def test_classes_are_called_as_the_contract_says(site: Site, tmp_path: Path) -> None:
    folder = add_web_model(save_picture_model(tmp_path / "digits" / "1", classes=3))
    folder.with_name("contract.json").write_text(json.dumps({"labels": ["a", "b", "c"]}))
    assert up(site(**of(tmp_path / "digits")))["labels"] == ["a", "b", "c"]


def test_a_model_of_other_pictures_is_refused_in_words(site: Site, tmp_path: Path) -> None:
    add_web_model(save_picture_model(tmp_path / "digits" / "1", shape=(32, 32, 3)))
    found = up(site(**of(tmp_path / "digits")))
    assert found["problem"] == (
        "It takes pictures of 32 x 32 x 3 in float; this page draws digits of 28 x 28 x 1 in float, as MNIST has them."
    )
    assert found["files"] == []


def test_a_model_that_is_not_up_says_so(site: Site, tmp_path: Path) -> None:
    (tmp_path / "digits").mkdir()
    (found,) = live(site(**of(tmp_path / "digits")))
    assert (found["version"], found["problem"].startswith("No version of it is up yet")) == (None, True)


def test_a_server_without_models_has_a_page_and_nothing_live(site: Site, tmp_path: Path) -> None:
    write_config(tmp_path / "models.config", [])
    client = site(model_config_file=str(tmp_path / "models.config"))
    assert (live(client), client.get("/demo").status_code) == ([], 200)


def test_the_page_needs_rest_and_cannot_send_tokens() -> None:
    with pytest.raises(BadFlag, match="add --rest_api_port"):
        ServerOptions(enable_demo_page=True)
    with pytest.raises(BadFlag, match="no way to send a token"):
        ServerOptions(enable_demo_page=True, rest_api_port=8501, auth_token_file="tokens")
