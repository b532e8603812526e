"""A folder that is there whole or not at all."""

from __future__ import annotations

import pytest

from slipline.components.batch_prediction.output_folder import made_whole
from slipline.components.errors import BadData


def make(out, content="new", *, overwrite=False, then=lambda: None):
    with made_whole(out, overwrite=overwrite) as folder:
        (folder / "file").write_text(content)
        then()


def interrupt():
    raise KeyboardInterrupt


def test_it_appears_with_all_that_was_written_and_the_mark_of_success(tmp_path):
    make(tmp_path / "deep" / "out")
    assert sorted(file.name for file in (tmp_path / "deep" / "out").iterdir()) == ["_SUCCESS", "file"]


def test_an_error_leaves_nothing_and_an_earlier_one_as_it_was(tmp_path):
    make(tmp_path / "out", "old")
    for out, overwrite in ((tmp_path / "other", False), (tmp_path / "out", True)):
        with pytest.raises(KeyboardInterrupt):
            make(out, overwrite=overwrite, then=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out" / "file").read_text() == "old"


def test_one_that_exists_is_refused_unless_it_is_to_be_replaced(tmp_path):
    make(tmp_path / "out", "old")
    with pytest.raises(BadData, match="out: exists already; choose another --to, or replace it with --overwrite"):
        make(tmp_path / "out")
    make(tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / "file").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_of_another_kind_is_never_replaced(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").touch()
    with pytest.raises(BadData, match="not an earlier batch prediction, as it has no _SUCCESS; remove it yourself"):
        make(tmp_path / "out", overwrite=True)


def test_one_that_appeared_meanwhile_is_kept(tmp_path):
    with pytest.raises(BadData, match="exists already"):
        make(tmp_path / "out", then=lambda: make(tmp_path / "out", "mine"))
    assert (tmp_path / "out" / "file").read_text() == "mine"


def test_a_place_where_no_folder_can_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BadData, match=r"file/out: cannot be made \(Not a directory\); choose another --to"):
        make(tmp_path / "file" / "out")
