from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from slipline.serving.server.versions.model_state import labels_in_force, superfluous

numbers = st.sets(st.integers(1, 5))
labels = st.dictionaries(st.sampled_from("abc"), st.integers(1, 5))


@given(wanted=labels, current=labels, available=numbers)
def test_label_points_to_what_it_is_wanted_for_once_that_is_up(
    wanted: dict[str, int], current: dict[str, int], available: set[int]
) -> None:
    in_force = labels_in_force(wanted, current, available)
    assert in_force.keys() == wanted.keys()
    for label, number in in_force.items():
        if wanted[label] in available:
            assert number == wanted[label]
        elif current.get(label) in available:
            assert number == current[label]


@given(available=numbers, wanted=numbers, held=numbers)
def test_last_version_is_unloaded_only_on_an_explicit_order(
    available: set[int], wanted: set[int], held: set[int]
) -> None:
    leaving = superfluous(available, wanted, held, nothing_wanted=False)
    assert leaving <= available - wanted - held
    assert not available or available - leaving
    assert superfluous(available, wanted, held, nothing_wanted=True) == available


@given(available=numbers, wanted=numbers, held=numbers, coming=numbers)
def test_what_is_to_make_room_goes_before_the_new_version_comes(
    available: set[int], wanted: set[int], held: set[int], coming: set[int]
) -> None:
    leaving = superfluous(available, wanted, held, nothing_wanted=False, coming=coming)
    assert leaving.isdisjoint(wanted)
    if coming - available:
        assert leaving == available - wanted
