"""What somebody edits while a run is under way."""

from importlib import import_module
from pathlib import Path

import pytest

from slipline.pipeline.core.graph import Pipeline
from slipline.pipeline.runners.local import LocalRunner
from slipline.pipeline.store.store import Store
from tests.pipeline.recorder import Recorder

HEAD = """
from pathlib import Path
from slipline.pipeline.core.component import component
from tests.pipeline.toy import Words
"""
EDIT = """
@component
def edit(words: Words, file: Path, text: str, out: Path) -> Words:
    file.write_text(text)
    return Words(path=out, count=0)
"""
COUNT = """
from edited_part import COUNTED

@component
def count(out: Path, words: Words | None = None) -> Words:
    return Words(path=out, count=COUNTED)
"""


def test_nothing_that_was_made_by_code_as_it_was_before_an_edit_is_taken_for_made_by_it_after(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    part = tmp_path / "edited_part.py"
    part.write_text("COUNTED = 1\n")
    (tmp_path / "edited_edit.py").write_text(HEAD + EDIT)
    (tmp_path / "edited_count.py").write_text(HEAD + COUNT)
    edit, count = import_module("edited_edit").edit, import_module("edited_count").count
    flow = Pipeline("edited")
    edited = flow.add(edit, words=flow.add(count), file=part, text="COUNTED = 2\n")
    flow.add(count, name="again", words=edited)
    during, after = (LocalRunner(store=store, display=Recorder()).run(flow) for _ in range(2))
    assert [outcome.status.value for outcome in during.outcomes] == ["done", "done", "failed"]
    assert "its source code changed while it ran" in during.outcomes[-1].message
    assert [getattr(outcome.made.artifact, "count", None) for outcome in after.outcomes if outcome.made] == [2, 0, 2]
