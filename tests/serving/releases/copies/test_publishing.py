import subprocess
import sys
from pathlib import Path

import pytest

from slipline.serving.folders.version_folder import MANIFEST_NAME, numbered_versions, remove_leftovers, verify
from slipline.serving.releases.ledger import Ledger

ROOT = Path(__file__).parents[4]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph" * 1000)
    (folder / "variables" / "variables.index").write_bytes(b"index")
    return folder


def test_publisher_killed_at_any_step_leaves_nothing_half_done(model: Path, tmp_path: Path) -> None:
    """A server sees the whole version or none, and the next publisher carries on to the same release."""
    command = [sys.executable, "-m", "tests.serving.releases.killed_publisher", str(model), str(tmp_path)]
    killed = int(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    assert killed > 20
    seen = set()
    for step in range(1, killed + 1):
        root = tmp_path / str(step)
        visible = numbered_versions(root / "mnist")
        assert visible <= {1}
        assert all(verify(root / "mnist" / str(version)) == () for version in visible)
        with Ledger(None, root) as ledger:
            listed = {release.version for release in ledger.releases()}
            seen.add((bool(visible), bool(listed)))
            release = ledger.publish("mnist", model, by="bob", origin="execution")
            assert (release.version, verify(release.path)) == (1, ())
        remove_leftovers(root / "mnist")
        assert sorted(path.name for path in (root / "mnist").iterdir()) == [".lock", "1"]
    assert seen >= {(False, False), (True, False)}  # also between the rename and the row


def test_release_whose_files_and_manifest_were_both_exchanged_is_not_the_one_published(
    model: Path, tmp_path: Path
) -> None:
    with Ledger(None, tmp_path / "releases") as ledger:
        first = ledger.publish("mnist", model, by="ada", origin="execution")
        (model / "saved_model.pb").write_bytes(b"other")
        second = ledger.publish("mnist", model, by="ada", origin="execution")
        for name in ("saved_model.pb", MANIFEST_NAME):
            (first.path / name).write_bytes((second.path / name).read_bytes())
        assert verify(first.path) == ()
        (model / "saved_model.pb").write_bytes(b"graph" * 1000)
        assert ledger.publish("mnist", model, by="ada", origin="execution").version == 3
