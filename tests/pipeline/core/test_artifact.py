from slipline.pipeline.core.artifact import Artifact, Verdict, class_name, find_class
from tests.pipeline.toy import Check, Words


class Outer:
    class Inner(Words):
        pass


def test_a_class_is_found_again_by_its_name() -> None:
    for kind in (Words, Outer.Inner):
        assert find_class(class_name(kind), Words) is kind


def test_a_name_finds_only_what_is_made_from_the_declared_class() -> None:
    assert find_class(class_name(Check), Verdict) is Check
    assert find_class(class_name(Check), Words) is None
    assert find_class(f"{__name__}:Outer", Artifact) is None


def test_a_name_that_leads_nowhere_finds_nothing() -> None:
    class Local(Words):
        pass

    for name in ("", "Words", "no.such.module:Words", f"{__name__}:Nothing", ".relative:Words", class_name(Local)):
        assert find_class(name, Words) is None, name
