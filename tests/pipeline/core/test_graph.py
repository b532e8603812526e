import pytest

from slipline.pipeline.core.errors import GraphError
from slipline.pipeline.core.graph import Pipeline
from tests.pipeline.toy import CheckParams, SumParams, WriteParams, add_up, check, toy_pipeline, write


def test_steps_run_in_the_order_they_were_added() -> None:
    assert [step.name for step in toy_pipeline().steps] == ["write", "check", "add_up"]


def test_a_missing_binding_is_named() -> None:
    with pytest.raises(GraphError, match="add_up is missing words, params"):
        Pipeline("p").add(add_up)


def test_an_unknown_binding_is_named_with_those_there_are() -> None:
    with pytest.raises(GraphError, match="write does not take wrods; it takes params"):
        Pipeline("p").add(write, params=WriteParams(), wrods=1)


def test_an_artifact_of_the_wrong_class_is_refused_while_the_pipeline_is_built() -> None:
    flow = Pipeline("p")
    words = flow.add(write, params=WriteParams())
    verdict = flow.add(check, words=words, params=CheckParams())
    with pytest.raises(GraphError, match=r"add_up.words must be Words, got Check from step 'check'"):
        flow.add(add_up, words=verdict, params=SumParams())


def test_settings_of_the_wrong_class_are_refused() -> None:
    with pytest.raises(GraphError, match=r"write.params must be WriteParams, got CheckParams"):
        Pipeline("p").add(write, params=CheckParams())


def test_a_value_where_a_step_belongs_is_refused() -> None:
    with pytest.raises(GraphError, match=r"add_up.words must be Words from a step or given\(\), got 'words'"):
        Pipeline("p").add(add_up, words="words", params=SumParams())


def test_a_name_is_used_once() -> None:
    flow = toy_pipeline()
    with pytest.raises(GraphError, match="has a step 'write' already"):
        flow.add(write, params=WriteParams())
    assert flow.add(write, name="write_again", params=WriteParams()).name == "write_again"


def test_a_step_of_another_pipeline_is_refused() -> None:
    stranger = Pipeline("other").add(write, params=WriteParams())
    with pytest.raises(GraphError, match="add_up takes write, not a step of pipeline 'p'"):
        Pipeline("p").add(add_up, words=stranger, params=SumParams())


def test_only_a_verdict_can_be_a_gate() -> None:
    flow = Pipeline("p")
    words = flow.add(write, params=WriteParams())
    with pytest.raises(GraphError, match="a gate must make a Verdict, but it makes Words"):
        flow.add(add_up, words=words, params=SumParams(), only_if=[words])


def test_downstream_of_a_step_is_what_needs_it_directly_or_not() -> None:
    flow = toy_pipeline()
    first, second, third = flow.steps
    assert flow.downstream_of(first) == (second, third)
    assert flow.downstream_of(second) == (third,)
    assert flow.downstream_of(third) == ()
