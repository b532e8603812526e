import threading
from pathlib import Path

import pytest

from slipline.serving.folders.whole_file import replaced, write_whole
from tests.conftest import Flushed


def test_the_file_has_its_name_only_when_the_block_ends(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    with replaced(file) as aside:
        aside.write_text("new")
        assert (file.read_text(), aside.parent) == ("old", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert file.read_text() == "new"


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_block_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path, error: type[BaseException]) -> None:
    file = tmp_path / "file"
    file.write_text("old")

    def fail() -> None:
        with replaced(file) as aside:
            aside.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "old")]


def test_a_file_may_be_on_disk_before_it_has_its_name(tmp_path: Path, flushed: list[Flushed]) -> None:
    for flush in (False, True):
        with replaced(tmp_path / "file", flush=flush) as aside:
            aside.write_text("new")
    assert flushed == [Flushed(aside, 3)]


def test_of_several_writers_at_once_one_wins_whole(tmp_path: Path) -> None:
    texts = [letter * 10_000 for letter in "abcd"]
    writers = [threading.Thread(target=write_whole, args=(tmp_path / "new" / "file", text)) for text in texts]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]
    assert (tmp_path / "new" / "file").read_text() in texts
