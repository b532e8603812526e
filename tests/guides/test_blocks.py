"""Guides are read as they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.guides.blocks import Block, Guide
from tests.guides.person import stable

WORDS = st.text(st.characters(exclude_characters="`~\r", exclude_categories=["C", "Zl", "Zp"]), max_size=20)
BLOCKS = st.builds(
    Block,
    line=st.just(0),
    language=st.sampled_from(["sh", "python", "toml", "text"]),
    needs=st.sampled_from(["", "docker", "a cluster"]),
    text=st.lists(WORDS).map(lambda lines: "".join(f"{line}\n" for line in lines)),
)


@given(st.lists(st.one_of(BLOCKS, WORDS)))
def test_what_was_written_as_blocks_and_prose_is_read_as_such(parts: list[Block | str]) -> None:
    text = "".join(
        f"{part}\n" if isinstance(part, str) else f"```{part.language} {part.needs}\n{part.text}```\n" for part in parts
    )
    guide = Guide("README.md", text)
    told = [(block.language, block.needs, block.text) for block in guide.blocks]
    assert told == [(part.language, part.needs, part.text) for part in parts if isinstance(part, Block)]
    assert guide.prose == "\n".join(part for part in parts if isinstance(part, str))
    for block in guide.blocks:
        assert "".join(text.splitlines(keepends=True)[block.line - 1 :]).startswith(block.text)


def test_a_block_without_an_end_is_refused() -> None:
    with pytest.raises(ValueError, match="line 2"):
        Guide("README.md", "text\n```sh\nslipline run\n")


@pytest.mark.parametrize(
    ("first", "named"),
    [("# mine/flow.py", "mine/flow.py"), ("# mine.toml", "mine.toml"), ("# what it does", None), ("x = 1", None)],
)
def test_a_first_line_that_is_a_comment_of_a_path_names_a_file(first: str, named: str | None) -> None:
    assert Block(1, "python", "", f"{first}\nx = 1\n").file == named


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        ("✓  train                 47.8 s  done", "train 1.2 s done"),
        ("report .slipline/reports/b0043bcc3524.html", "report .slipline/reports/0123456789ab.html"),
        ("released mnist version 1", "released mnist version 17"),
        ("60,000 records", "1500 records"),
    ],
)
def test_lines_that_differ_in_numbers_ids_and_marks_alone_are_the_same(shown: str, told: str) -> None:
    assert stable(shown) == stable(told)


def test_lines_that_differ_in_a_word_are_not_the_same() -> None:
    assert stable("train 1.2 s done") != stable("train 1.2 s failed")
