import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipline.serving.errors import ConfigRefused
from slipline.serving.folders.labels import CanaryShares, label_for, write_shares

percents = st.floats(0.0, 100.0)


@pytest.mark.parametrize(("key", "place"), [("", 88.942), ("user-1", 77.641), ("löwe", 95.975), ("a" * 100, 15.659)])
def test_a_key_has_the_same_place_everywhere_and_at_any_time(key: str, place: float) -> None:
    """Or a new release of ours would move users between versions."""
    assert (label_for(key, place - 0.001), label_for(key, place + 0.001)) == ("stable", "canary")


@given(st.text(), percents, percents)
def test_raising_the_share_only_moves_keys_to_the_canary(key: str, a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert (label_for(key, low), label_for(key, high)) != ("canary", "stable")


@given(st.text())
def test_no_key_goes_to_a_canary_of_0_percent_and_every_key_to_one_of_100(key: str) -> None:
    assert (label_for(key, 0.0), label_for(key, 100.0)) == ("stable", "canary")


@pytest.mark.parametrize("percent", [1.0, 5.0, 50.0])
def test_the_canary_gets_its_share_of_the_keys(percent: float) -> None:
    """Of 20,000 keys, within four standard deviations of a fair draw."""
    keys = 20_000
    share = sum(label_for(f"user-{number}", percent) == "canary" for number in range(keys)) / keys
    deviation = (percent / 100 * (1 - percent / 100) / keys) ** 0.5
    assert abs(share - percent / 100) < 4 * deviation


@pytest.mark.parametrize("percent", [-0.1, 100.1, float("nan")])
def test_a_share_that_is_none_is_refused(percent: float) -> None:
    with pytest.raises(ValueError, match="percent must be from 0 to 100, got"):
        label_for("key", percent)


def test_shares_follow_what_the_ledger_writes(tmp_path: Path) -> None:
    shares = CanaryShares(tmp_path, reread_after_s=0.0)
    assert (shares.percent("mnist"), shares.label_for("mnist", "key")) == (0.0, "stable")
    write_shares(tmp_path, {"mnist": 100.0})
    assert (shares.percent("mnist"), shares.label_for("mnist", "key")) == (100.0, "canary")
    write_shares(tmp_path, {})
    assert shares.label_for("mnist", "key") == "stable"


def test_shares_are_read_again_only_after_a_while(tmp_path: Path) -> None:
    shares = CanaryShares(tmp_path, reread_after_s=1000.0)
    write_shares(tmp_path, {"mnist": 100.0})
    assert shares.percent("mnist") == 100.0
    write_shares(tmp_path, {"mnist": 5.0})
    assert shares.percent("mnist") == 100.0


@pytest.mark.parametrize(("written", "percent"), [(-3.0, 0.0), (250.0, 100.0)])
def test_a_share_out_of_range_counts_as_the_nearest_in_it(written: float, percent: float, tmp_path: Path) -> None:
    write_shares(tmp_path, {"mnist": written})
    assert CanaryShares(tmp_path).percent("mnist") == percent


@pytest.mark.parametrize("text", ["", "[1]", '{"mnist": "many"}', "null"])
def test_a_broken_file_of_shares_leaves_those_known_before(text: str, tmp_path: Path) -> None:
    shares = CanaryShares(tmp_path, reread_after_s=0.0)
    write_shares(tmp_path, {"mnist": 5.0})
    assert shares.percent("mnist") == 5.0
    (tmp_path / "canary.json").write_text(text)
    assert shares.percent("mnist") == 5.0


def test_a_file_of_shares_is_plain_json(tmp_path: Path) -> None:
    write_shares(tmp_path, {"mnist": 5.0})
    assert json.loads((tmp_path / "canary.json").read_text()) == {"mnist": 5.0}
    assert [path.name for path in tmp_path.iterdir()] == ["canary.json"]


def test_shares_that_cannot_be_written_are_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "nowhere").touch()
    with pytest.raises(ConfigRefused, match=r"canary.json cannot be written: .*; make room or mend the permissions"):
        write_shares(tmp_path / "nowhere", {})
