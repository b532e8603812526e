"""Text from outside does nothing when it is printed."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from slipline.pipeline.core.visible import MOST_CHARACTERS, told, visible


def test_controls_are_written_out() -> None:
    assert visible("a\x1b[31mred\n\t\x07\x9b") == r"a\x1b[31mred\n\t\x07\x9b"
    assert visible("\u202eabc\u2066\u2028") == r"\u202eabc\u2066\u2028"
    assert visible("\udcff") == r"\udcff"


def test_what_is_meant_stays() -> None:
    assert visible("a\nb\tc\r", keep="\n\t") == "a\nb\tc\\r"
    assert visible("[bold] 一 é \N{NARROW NO-BREAK SPACE}%") == "[bold] 一 é \N{NARROW NO-BREAK SPACE}%"


@given(st.text())
def test_no_control_is_left_and_all_else_is(text: str) -> None:
    shown = visible(text)
    assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in shown)
    assert all(character in shown for character in text if character.isprintable())
    shown.encode()


@given(st.text(st.characters(), max_size=MOST_CHARACTERS))
def test_a_message_that_can_be_read_goes_on_record_as_it_is(text: str) -> None:
    kept = told(text)
    assert kept == text if text.isascii() else kept.encode().decode() == kept


def test_an_endless_message_is_cut_off_and_says_how_much_is_missing() -> None:
    kept = told("x" * MOST_CHARACTERS + "y" * 1_234_567)
    assert kept == "x" * MOST_CHARACTERS + "... (1,234,567 more characters)"
    assert told("ab", most=1) == "a... (1 more characters)"


def test_half_a_character_is_written_out_on_record() -> None:
    assert told("no file \udcff") == r"no file \udcff"
