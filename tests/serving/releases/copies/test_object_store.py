"""Copies in stores without rename: one in memory, and a real S3 server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]
import pytest

from slipline.serving.errors import PromotionFailed, PublishFailed
from slipline.serving.folders.version_folder import publish_folder, verify
from slipline.serving.releases.copies.object_store import ensure_copy, fetch_copy, renew_copy, verify_copy
from slipline.serving.releases.ledger import Ledger
from slipline.serving.releases.reconcile import reconcile
from slipline.serving.releases.status import verify_releases
from tests.serving.releases.ledger_parts import StrictServer, promote, publish, running

FILES = ["manifest.json", "saved_model.pb", "variables/variables.data", "variables/variables.index"]


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A version folder."""
    source = tmp_path / "model"
    (source / "variables").mkdir(parents=True)
    (source / "saved_model.pb").write_bytes(b"graph")
    (source / "variables" / "variables.index").write_bytes(b"index")
    (source / "variables" / "variables.data").write_bytes(b"data" * 1000)
    publish_folder(source, tmp_path / "mnist", 1)
    return tmp_path / "mnist" / "1"


@pytest.fixture
def memory() -> Iterator[Any]:
    """The store in memory, empty."""
    store = fsspec.filesystem("memory")
    store.rm("/", recursive=True) if store.ls("/") else None
    yield store
    store.rm("/", recursive=True) if store.ls("/") else None


URL = "memory://cellar/mnist"


def stored(memory: Any) -> list[str]:
    return sorted(name.removeprefix("/cellar/mnist/1/") for name in memory.find("/cellar"))


def test_copy_holds_every_file_and_the_manifest(release: Path, memory: Any) -> None:
    assert ensure_copy(release, URL, 1)
    assert stored(memory) == FILES
    assert verify_copy(URL, 1) == ()
    assert not ensure_copy(release, URL, 1)


def test_saved_model_is_written_last(release: Path, memory: Any) -> None:
    """No server loads a folder without it."""
    ensure_copy(release, URL, 1)
    made = {name: memory.info(f"/cellar/mnist/1/{name}")["created"] for name in FILES}
    assert max(made, key=lambda name: made[name]) == "saved_model.pb"


def test_interrupted_copy_is_completed_and_what_does_not_belong_there_goes(release: Path, memory: Any) -> None:
    memory.pipe_file("/cellar/mnist/1/variables/variables.index", b"half")
    memory.pipe_file("/cellar/mnist/1/left", b"over")
    assert ensure_copy(release, URL, 1)
    assert stored(memory) == FILES
    assert verify_copy(URL, 1) == ()


def test_complete_copy_of_other_content_is_refused_and_left_alone(release: Path, memory: Any) -> None:
    ensure_copy(release, URL, 1)
    memory.pipe_file("/cellar/mnist/1/saved_model.pb", b"GRAPH")
    with pytest.raises(
        PublishFailed, match=r"mnist/1 is not what was published: .*saved_model.pb: sha256 .* reconcile"
    ):
        ensure_copy(release, URL, 1)
    assert memory.cat_file("/cellar/mnist/1/saved_model.pb") == b"GRAPH"


def test_each_difference_of_a_copy_is_named(release: Path, memory: Any) -> None:
    assert verify_copy(URL, 1) == (f"{URL}/1: there is no copy",)
    ensure_copy(release, URL, 1)
    memory.pipe_file("/cellar/mnist/1/saved_model.pb", b"GRAPH")
    memory.rm_file("/cellar/mnist/1/variables/variables.data")
    memory.pipe_file("/cellar/mnist/1/extra", b"")
    extra, altered, missing = verify_copy(URL, 1)
    assert extra.endswith("extra: not in the manifest")
    assert "saved_model.pb: sha256" in altered
    assert missing.endswith("variables.data: missing")


def test_damaged_copy_is_made_anew_and_a_copy_brought_back_is_the_release(
    release: Path, memory: Any, tmp_path: Path
) -> None:
    ensure_copy(release, URL, 1)
    memory.pipe_file("/cellar/mnist/1/saved_model.pb", b"GRAPH")
    with pytest.raises(PublishFailed, match=r"saved_model.pb: sha256"):
        fetch_copy(URL, 1, tmp_path / "back")
    renew_copy(release, URL, 1)
    fetch_copy(URL, 1, tmp_path / "back")
    assert verify(tmp_path / "back") == ()


def test_server_that_reads_a_store_gets_a_verified_copy_before_it_is_asked_to_load(tmp_path: Path, memory: Any) -> None:
    server = StrictServer()
    with Ledger(None, tmp_path / "releases") as ledger, running(server) as target:
        ledger.register_server(target, None, "memory://cellar")
        publish(ledger, "a")
        publish(ledger, "b")
        assert stored(memory) == ["/cellar/mnist/2/manifest.json", "/cellar/mnist/2/saved_model.pb", *FILES[:2]]
        promote(ledger, 1)
        assert server.base_paths[-1] == "memory://cellar/mnist"
        memory.pipe_file("/cellar/mnist/2/saved_model.pb", b"B")
        with pytest.raises(PromotionFailed, match="version 1 stays live: memory://cellar/mnist/2 is not what was publ"):
            promote(ledger, 2)
        assert server.configs[-1] == ((1,), 1)


def test_reconcile_makes_a_damaged_copy_anew_and_brings_a_lost_folder_back(tmp_path: Path, memory: Any) -> None:
    server = StrictServer()
    with Ledger(None, tmp_path / "releases") as ledger, running(server) as target:
        ledger.register_server(target, None, "memory://cellar")
        release = publish(ledger, "a")
        promote(ledger, 1)
        memory.pipe_file("/cellar/mnist/1/saved_model.pb", b"A")
        assert [bool(one.problems) for one in verify_releases(ledger)] == [False, True]
        assert reconcile(ledger).done == (f"memory://cellar/mnist/1: copied from {release.path}",)
        (release.path / "saved_model.pb").unlink()
        assert reconcile(ledger).done == (f"{release.path}: restored from memory://cellar",)
        assert [bool(one.problems) for one in verify_releases(ledger)] == [False, False]


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """A client of an S3 server with the bucket `cellar`; other processes find it by their environment."""
    import boto3
    from moto.server import ThreadedMotoServer

    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    own = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in own.items():
            patch.setenv(name, value)
        client = boto3.client("s3")
        client.create_bucket(Bucket="cellar")
        yield client
    running.stop()


def keys(s3: Any, prefix: str) -> list[str]:
    """The files there; a store's marks of folders end in a slash."""
    found = s3.list_objects_v2(Bucket="cellar", Prefix=prefix).get("Contents", [])
    return sorted(name for one in found if not (name := one["Key"].removeprefix(prefix)).endswith("/") and name)


@pytest.mark.slow
def test_a_copy_in_s3_is_that_of_a_local_folder(s3: Any, release: Path, tmp_path: Path) -> None:
    url = "s3://cellar/releases/mnist"
    assert ensure_copy(release, url, 1)
    assert keys(s3, "releases/mnist/1/") == FILES
    written = {name: s3.head_object(Bucket="cellar", Key=f"releases/mnist/1/{name}")["LastModified"] for name in FILES}
    assert written["saved_model.pb"] == max(written.values())
    assert (verify_copy(url, 1), ensure_copy(release, url, 1)) == ((), False)
    fetch_copy(url, 1, tmp_path / "back")
    assert verify(tmp_path / "back") == ()
    s3.put_object(Bucket="cellar", Key="releases/mnist/1/saved_model.pb", Body=b"other")
    with pytest.raises(PublishFailed, match=r"saved_model.pb: sha256 .*, the manifest says"):
        ensure_copy(release, url, 1)


@pytest.mark.slow
def test_a_copy_to_s3_killed_at_any_file_is_nothing_that_a_server_loads(s3: Any, release: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from slipline.serving.releases.copies.object_store import ensure_copy; "
    )
    code += "ensure_copy(Path(sys.argv[1]), sys.argv[2], 1)"
    for files in range(len(FILES)):
        prefix = f"killed-{files}/1/"
        copier = subprocess.Popen([sys.executable, "-c", code, str(release), f"s3://cellar/killed-{files}"])
        while len(keys(s3, prefix)) < files and copier.poll() is None:
            pass
        copier.kill()
        copier.wait()
        if "saved_model.pb" in keys(s3, prefix):
            assert verify_copy(f"s3://cellar/killed-{files}", 1) == ()
        ensure_copy(release, f"s3://cellar/killed-{files}", 1)
        assert keys(s3, prefix) == FILES


@pytest.mark.slow
def test_a_bucket_that_is_not_there_is_an_error_with_a_remedy(s3: Any, release: Path) -> None:
    assert os.environ["AWS_ENDPOINT_URL"]
    with pytest.raises(PublishFailed, match=r"s3://none/mnist/1 cannot be read or written: .*; check its address, the"):
        ensure_copy(release, "s3://none/mnist", 1)
