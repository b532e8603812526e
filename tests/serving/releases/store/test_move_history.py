from hypothesis import given
from hypothesis import strategies as st

from slipline.serving.releases.compare.comparison import Comparison
from slipline.serving.releases.store.move_history import (
    canary_periods,
    canary_version,
    earlier_version,
    live_periods,
    live_version,
    loaded_versions,
    state_of,
)
from slipline.serving.releases.store.records import Move, MoveKind

FIGURES = Comparison(
    requests=40,
    stable_errors=0,
    errors=3,
    inputs=40,
    disagreements=1,
    stable_p50_ms=1.0,
    stable_p95_ms=2.0,
    p50_ms=1.5,
    p95_ms=2.5,
)


def moved(moves: tuple[Move, ...], kind: MoveKind, version: int) -> tuple[Move, ...]:
    number = len(moves) + 1
    move = Move(
        model="mnist",
        number=number,
        kind=kind,
        version=version,
        former=None if kind in ("canary", "withdrawn") else live_version(moves),
        at=f"2026-01-01T00:00:{number:02}",
        by="ada",
        reason=f"reason {number}",
        percent=5.0 if kind == "canary" else None,
        figures=FIGURES.to_json() if kind == "withdrawn" else None,
    )
    return (*moves, move)


def promoted(*versions: int) -> tuple[Move, ...]:
    moves: tuple[Move, ...] = ()
    for version in versions:
        moves = moved(moves, "promoted", version)
    return moves


@st.composite
def histories(draw: st.DrawFn) -> tuple[Move, ...]:
    moves: tuple[Move, ...] = ()
    kinds = st.sampled_from(["promoted", "promoted", "rolled_back", "failed", "canary", "withdrawn"])
    for kind in draw(st.lists(kinds, max_size=12)):
        earlier, live, on_trial = earlier_version(moves), live_version(moves), canary_version(moves)
        if kind == "rolled_back" and earlier is not None:
            moves = moved(moves, "rolled_back", earlier)
        elif kind == "canary" and live is not None and on_trial is None:
            moves = moved(moves, "canary", draw(st.sampled_from([v for v in range(1, 5) if v != live])))
        elif kind == "withdrawn" and on_trial is not None:
            moves = moved(moves, "withdrawn", on_trial)
        elif kind in ("promoted", "failed"):
            others = [version for version in range(1, 5) if version != live_version(moves)]
            moves = moved(moves, "promoted", draw(st.sampled_from(others)))
            if kind == "failed":
                moves = moved(moves, "undone", moves[-1].version)
    return moves


def test_nothing_is_live_before_the_first_promotion() -> None:
    assert live_version(()) is None
    assert loaded_versions(()) == ()
    assert earlier_version(()) is None


def test_replaced_version_is_superseded_and_stays_loaded() -> None:
    moves = promoted(1, 2)
    assert (state_of(1, moves), state_of(2, moves), state_of(3, moves)) == ("superseded", "live", "published")
    assert loaded_versions(moves) == (1, 2)


def test_version_rolled_back_from_is_withdrawn_and_unloaded() -> None:
    moves = moved(promoted(1, 2), "rolled_back", 1)
    assert (state_of(1, moves), state_of(2, moves)) == ("live", "withdrawn")
    assert loaded_versions(moves) == (1,)


def test_candidate_is_loaded_beside_the_live_version_only() -> None:
    assert loaded_versions(promoted(1, 2), beside=3) == (2, 3)
    assert loaded_versions((), beside=1) == (1,)


def test_promoting_an_older_version_unloads_the_higher_one() -> None:
    """Clients who ask by model name only get the highest number."""
    assert loaded_versions(promoted(1, 2, 1)) == (1,)


def test_rolling_back_again_passes_over_what_was_withdrawn() -> None:
    moves = promoted(1, 2, 3)
    moves = moved(moves, "rolled_back", 2)
    assert earlier_version(moves) == 1
    moves = moved(moves, "rolled_back", 1)
    assert earlier_version(moves) is None


def test_withdrawn_version_that_is_promoted_again_is_withdrawn_no_more() -> None:
    moves = moved(moved(promoted(1, 2), "rolled_back", 1), "promoted", 2)
    assert (state_of(2, moves), state_of(1, moves)) == ("live", "superseded")


def test_live_periods_say_from_when_to_when_and_why() -> None:
    moves = moved(promoted(1, 2), "rolled_back", 1)
    first, second = live_periods(1, moves)
    assert (first.since, first.until, first.reason, first.until_reason) == (
        "2026-01-01T00:00:01",
        "2026-01-01T00:00:02",
        "reason 1",
        "reason 2",
    )
    assert (second.since, second.until, second.until_reason) == ("2026-01-01T00:00:03", None, None)


def test_version_on_trial_is_loaded_beside_the_live_one_and_what_a_roll_back_needs() -> None:
    moves = moved(promoted(1, 2), "canary", 3)
    assert (live_version(moves), canary_version(moves)) == (2, 3)
    assert (state_of(2, moves), state_of(3, moves)) == ("live", "canary")
    assert loaded_versions(moves) == (1, 2, 3)


def test_withdrawn_trial_leaves_the_live_version_and_is_no_place_to_roll_back_to() -> None:
    moves = moved(moved(promoted(1, 2), "canary", 3), "withdrawn", 3)
    assert (live_version(moves), canary_version(moves), state_of(3, moves)) == (2, None, "withdrawn")
    assert loaded_versions(moves) == (1, 2)
    assert earlier_version(moves) == 1


def test_roll_back_ends_a_trial() -> None:
    moves = moved(moved(promoted(1, 2), "canary", 3), "rolled_back", 1)
    assert (state_of(1, moves), state_of(2, moves), state_of(3, moves)) == ("live", "withdrawn", "withdrawn")
    assert loaded_versions(moves) == (1,)


def test_canary_periods_say_the_share_who_ended_it_and_what_was_measured() -> None:
    (period,) = canary_periods(3, moved(moved(promoted(1, 2), "canary", 3), "withdrawn", 3))
    assert (period.percent, period.reason, period.until_reason, period.until_by) == (5.0, "reason 3", "reason 4", "ada")
    assert period.figures == FIGURES


@given(histories())
def test_what_is_live_is_loaded_and_only_the_canary_may_be_higher(moves: tuple[Move, ...]) -> None:
    live, on_trial = live_version(moves), canary_version(moves)
    loaded = loaded_versions(moves)
    assert [v for v in (live, on_trial) if v is not None and v not in loaded] == []
    assert max((v for v in loaded if v != on_trial), default=None) == live


@given(histories())
def test_one_version_at_most_is_live(moves: tuple[Move, ...]) -> None:
    live = [version for version in range(1, 5) if state_of(version, moves) == "live"]
    assert live == ([] if live_version(moves) is None else [live_version(moves)])


@given(histories())
def test_a_roll_back_goes_to_a_version_that_a_promotion_replaced(moves: tuple[Move, ...]) -> None:
    """It may be on trial again by now."""
    earlier = earlier_version(moves)
    assert earlier is None or state_of(earlier, moves) in ("superseded", "canary")


@given(histories(), st.integers(1, 4))
def test_a_move_undone_leaves_no_trace_in_what_is_served(moves: tuple[Move, ...], version: int) -> None:
    undone = moved(moved(moves, "promoted", version), "undone", version)
    assert (live_version(undone), loaded_versions(undone)) == (live_version(moves), loaded_versions(moves))
    assert [state_of(v, undone) for v in range(1, 5)] == [state_of(v, moves) for v in range(1, 5)]


@given(histories())
def test_live_periods_of_all_versions_follow_each_other_without_gap(moves: tuple[Move, ...]) -> None:
    periods = sorted((p for v in range(1, 5) for p in live_periods(v, moves)), key=lambda period: period.since)
    assert [period.until for period in periods[:-1]] == [period.since for period in periods[1:]]
    assert all(period.until is None for period in periods[-1:])
