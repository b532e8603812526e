from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from slipline.serving.client.known_models import Choice, KnownModels
from slipline.serving.wire.saved_model_pb2 import SignatureDef

LATEST, STABLE = Choice(), Choice(label="stable")


def test_a_choice_means_the_version_that_answered_last() -> None:
    known = KnownModels()
    assert known.get(LATEST) is None
    learnt = known.learn(LATEST, 1, {"double": SignatureDef(method_name="predict")})
    assert (learnt.version, learnt.signatures["double"].method) == (1, "predict")
    assert known.get(LATEST) is known.get(Choice(1)) is learnt
    assert known.get(STABLE) is None
    known.answered(LATEST, 2)  # which nobody has been asked about
    assert known.get(LATEST) is None
    assert known.get(Choice(1)) is learnt
    other = known.learn(LATEST, 2, {})
    known.answered(LATEST, 1)
    assert known.get(LATEST) is learnt
    known.answered(LATEST, 2)
    assert known.get(LATEST) is other


@given(
    st.lists(
        st.tuples(st.sampled_from(["learn", "answered"]), st.sampled_from([LATEST, STABLE]), st.integers(1, 3)),
        max_size=30,
    )
)
def test_what_is_known_is_never_another_version_than_answered_last(steps: list[tuple[str, Choice, int]]) -> None:
    known = KnownModels()
    asked: set[int] = set()
    meant: dict[Choice, int] = {}
    for what, choice, version in steps:
        if what == "learn":
            known.learn(choice, version, {})
            asked.add(version)
            meant[choice] = version
        else:
            known.answered(choice, version)
            if choice in meant:
                meant[choice] = version
                if version not in asked:
                    del meant[choice]
        found = {each: known.get(each) for each in (LATEST, STABLE)}
        assert {each: of.version for each, of in found.items() if of is not None} == meant
