import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipline.serving.errors import PublishFailed
from slipline.serving.folders.version_folder import (
    FileRecord,
    Manifest,
    check_model_name,
    copy_folder,
    manifest_of,
    numbered_versions,
    publish_folder,
    read_manifest,
    remove_leftovers,
    verify,
    verify_sizes,
)
from slipline.serving.folders.whole_file import locked
from tests.conftest import Flushed


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_bytes(b"index")
    return folder


@pytest.fixture
def model_root(tmp_path: Path) -> Path:
    return tmp_path / "releases" / "mnist"


def test_published_folder_holds_the_source_and_its_manifest(source: Path, model_root: Path) -> None:
    manifest = publish_folder(source, model_root, 1)
    assert manifest == manifest_of(source) == read_manifest(model_root / "1")
    assert (model_root / "1" / "variables" / "variables.index").read_bytes() == b"index"
    assert verify(model_root / "1") == ()


def test_published_folder_is_all_that_is_left_in_the_model_root(source: Path, model_root: Path) -> None:
    publish_folder(source, model_root, 1)
    assert [path.name for path in model_root.iterdir()] == ["1"]


def test_version_has_its_number_only_once_all_of_it_is_on_disk(
    source: Path, model_root: Path, flushed: list[Flushed]
) -> None:
    """Files and folders are flushed while they lie aside, and then the folder that knows the new name."""
    publish_folder(source, model_root, 1)
    *aside, last = [each.path for each in flushed]
    assert last == model_root
    (folder,) = {model_root / path.relative_to(model_root).parts[0] for path in aside}
    assert folder.name.startswith(".publishing-1-")
    published = {path.relative_to(model_root / "1") for path in (model_root / "1").rglob("*")}
    assert {path.relative_to(folder) for path in aside} == {*published, Path()}


def test_copy_has_what_its_source_has(source: Path, tmp_path: Path) -> None:
    manifest = copy_folder(source, tmp_path / "to" / "copy")
    assert manifest == manifest_of(source) == read_manifest(tmp_path / "to" / "copy")
    assert verify(tmp_path / "to" / "copy") == ()


def test_manifest_of_a_published_folder_is_that_of_its_source(source: Path, model_root: Path) -> None:
    publish_folder(source, model_root, 1)
    assert manifest_of(model_root / "1").digest == manifest_of(source).digest


def test_manifest_differs_when_a_file_moves_or_changes(source: Path) -> None:
    before = manifest_of(source).digest
    (source / "saved_model.pb").rename(source / "moved.pb")
    moved = manifest_of(source).digest
    (source / "moved.pb").write_bytes(b"Graph")
    assert len({before, moved, manifest_of(source).digest}) == 3


records = st.builds(
    FileRecord, st.text(min_size=1), st.integers(0, 2**63), st.binary(min_size=32, max_size=32).map(bytes.hex)
)


@given(st.sets(records, max_size=4), st.sets(records, max_size=4))
def test_digests_are_equal_only_if_the_manifests_are(a: set[FileRecord], b: set[FileRecord]) -> None:
    first, second = Manifest(tuple(sorted(a))), Manifest(tuple(sorted(b)))
    assert (first.digest == second.digest) == (first == second)


@settings(max_examples=20)
@given(files=st.dictionaries(st.sampled_from(["a", "b", "d/a", "d/e/f"]), st.binary(max_size=50), min_size=1))
def test_any_folder_comes_out_as_it_went_in(files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("any")
    for name, content in files.items():
        (folder / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "in" / name).write_bytes(content)
    publish_folder(folder / "in", folder / "out", 7)
    assert {name: (folder / "out" / "7" / name).read_bytes() for name in files} == files
    assert verify(folder / "out" / "7") == ()


def test_existing_version_is_refused_and_left_alone(source: Path, model_root: Path) -> None:
    publish_folder(source, model_root, 1)
    (source / "saved_model.pb").write_bytes(b"other")
    with pytest.raises(PublishFailed, match="1 exists, and a published version is never changed"):
        publish_folder(source, model_root, 1)
    assert (model_root / "1" / "saved_model.pb").read_bytes() == b"graph"


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir])
def test_anything_under_the_number_counts_as_the_version(make: object, source: Path, model_root: Path) -> None:
    model_root.mkdir(parents=True)
    make(model_root / "1")  # type: ignore[operator]
    with pytest.raises(PublishFailed, match="exists"):
        publish_folder(source, model_root, 1)


def test_missing_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PublishFailed, match="there is none; export the model first"):
        publish_folder(tmp_path / "nowhere", tmp_path / "mnist", 1)


def test_empty_source_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(PublishFailed, match="it is empty; export the model first"):
        publish_folder(tmp_path / "empty", tmp_path / "mnist", 1)


def test_link_in_the_source_is_refused_by_name(source: Path, model_root: Path) -> None:
    (source / "link").symlink_to(source / "saved_model.pb")
    with pytest.raises(PublishFailed, match=r"source/link: a version holds files and folders only"):
        publish_folder(source, model_root, 1)


def test_failed_copy_leaves_nothing_behind(source: Path, model_root: Path) -> None:
    """A disk that takes no more (here: a limit on the size of files) leaves no version and no copy aside."""
    (source / "large").write_bytes(bytes(200_000))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(PublishFailed, match=r"cannot copy .* File too large; nothing was published. Make room"):
            publish_folder(source, model_root, 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(model_root.iterdir()) == []


def test_source_changed_while_it_is_copied_is_refused(model_root: Path) -> None:
    """The kernel's `uuid` file reads differently each time."""
    with pytest.raises(PublishFailed, match=r"random changed while it was published: .*uuid: sha256 .* again"):
        publish_folder(Path("/proc/sys/kernel/random"), model_root, 1)
    assert list(model_root.iterdir()) == []


def test_killed_publisher_leaves_nothing_a_server_would_load(source: Path, model_root: Path) -> None:
    (source / "large").write_bytes(bytes(30_000_000))
    code = "import sys; from pathlib import Path; "
    code += "from slipline.serving.folders.version_folder import publish_folder as p; "
    code += "p(Path(sys.argv[1]), Path(sys.argv[2]), 1)"
    publisher = subprocess.Popen([sys.executable, "-c", code, source, model_root])
    try:
        while not any(model_root.glob(".publishing-*")) and publisher.poll() is None:
            pass
    finally:
        publisher.kill()
        publisher.wait()
    left = [path.name for path in model_root.iterdir()]
    assert left == ["1"] or (len(left) == 1 and left[0].startswith(".publishing-1-"))
    remove_leftovers(model_root)
    assert [path.name for path in model_root.iterdir() if path.name != ".lock"] == [
        name for name in left if name == "1"
    ]


def test_verify_names_each_difference(source: Path, model_root: Path) -> None:
    publish_folder(source, model_root, 1)
    folder = model_root / "1"
    (folder / "saved_model.pb").write_bytes(b"GRAPH")
    (folder / "variables" / "variables.index").unlink()
    (folder / "extra").touch()
    extra, altered, missing = verify(folder)
    assert extra == f"{folder / 'extra'}: not in the manifest"
    assert altered.startswith(f"{folder / 'saved_model.pb'}: sha256 ")
    assert missing == f"{folder / 'variables' / 'variables.index'}: missing"


def test_verify_tells_a_cut_file_by_its_length(source: Path, model_root: Path) -> None:
    publish_folder(source, model_root, 1)
    os.truncate(model_root / "1" / "saved_model.pb", 2)
    assert verify(model_root / "1") == (f"{model_root / '1' / 'saved_model.pb'}: 2 bytes, the manifest says 5",)


def test_sizes_tell_of_files_that_are_cut_or_missing_but_not_of_changed_ones(source: Path, model_root: Path) -> None:
    publish_folder(source, model_root, 1)
    folder = model_root / "1"
    (folder / "saved_model.pb").write_bytes(b"GRAPH")
    assert verify_sizes(folder) == ()
    os.truncate(folder / "saved_model.pb", 2)
    (folder / "variables" / "variables.index").unlink()
    assert verify_sizes(folder) == (
        f"{folder / 'saved_model.pb'}: 2 bytes, the manifest says 5",
        f"{folder / 'variables' / 'variables.index'}: missing",
    )
    (folder / "manifest.json").unlink()
    (problem,) = verify_sizes(folder)
    assert "wanted the manifest of a published version" in problem


@pytest.mark.parametrize("check", [verify, verify_sizes])
def test_version_that_is_not_there_is_a_problem(check: Callable[[Path], tuple[str, ...]], model_root: Path) -> None:
    assert check(model_root / "1") == (f"{model_root / '1'}: the folder is missing",)


@pytest.mark.parametrize("name", ["mnist", "7", "a.b-c_d"])
def test_model_may_be_called_what_a_folder_may(name: str) -> None:
    check_model_name(name)


@pytest.mark.parametrize(
    "name", ["", "-a", ".a", "a/b", "a b", "ä", "ledger.sqlite", "ledger.sqlite-wal", "a.config", "a.json"]
)
def test_model_may_not_be_called_what_another_file_there_is(name: str) -> None:
    with pytest.raises(PublishFailed, match="choose another"):
        check_model_name(name)


@pytest.mark.parametrize("text", ["", "[1]", '[{"path": "a"}]', '{"a": 1}'])
def test_verify_of_a_broken_manifest_is_a_problem_not_a_crash(text: str, source: Path, model_root: Path) -> None:
    publish_folder(source, model_root, 1)
    (model_root / "1" / "manifest.json").write_text(text)
    (problem,) = verify(model_root / "1")
    assert "wanted the manifest of a published version" in problem


def test_numbered_versions_are_what_a_server_would_see(model_root: Path) -> None:
    for name in ("1", "0012", "+5", "-1", "v2", "3.tmp", ".4", "1_000"):
        (model_root / name).mkdir(parents=True)
    assert numbered_versions(model_root) == {1, 12, 5, -1}


def test_leftovers_are_removed_and_versions_are_not(source: Path, model_root: Path) -> None:
    publish_folder(source, model_root, 1)
    leftovers = tuple(model_root / name for name in (".damaged-1", ".publishing-2-abc", ".restoring-3"))
    for leftover in leftovers:
        leftover.mkdir()
    assert remove_leftovers(model_root) == leftovers
    assert not any(leftover.exists() for leftover in leftovers)
    assert verify(model_root / "1") == ()


def test_leftovers_wait_for_the_one_who_is_publishing(model_root: Path) -> None:
    (model_root / ".publishing-2-abc").mkdir(parents=True)
    with locked(model_root):
        cleaner = threading.Thread(target=remove_leftovers, args=(model_root,))
        cleaner.start()
        cleaner.join(timeout=0.2)
        assert cleaner.is_alive()
        assert (model_root / ".publishing-2-abc").exists()
    cleaner.join()
    assert not (model_root / ".publishing-2-abc").exists()


def test_leftovers_of_a_model_never_published_are_none(tmp_path: Path) -> None:
    assert remove_leftovers(tmp_path / "unknown") == ()
