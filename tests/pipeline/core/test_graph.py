from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipline.pipeline.core.artifact import RunOutcome
from slipline.pipeline.core.component import component
from slipline.pipeline.core.errors import GraphError
from slipline.pipeline.core.fingerprint import canonical
from slipline.pipeline.core.graph import Pipeline, Step
from tests.pipeline.toy import Check, CheckParams, SumParams, Words, WriteParams, add_up, check, toy_pipeline, write


def test_steps_run_in_the_order_they_were_added() -> None:
    assert [step.name for step in toy_pipeline().steps] == ["write", "check", "add_up"]


def test_a_missing_binding_is_named() -> None:
    with pytest.raises(GraphError, match="add_up is missing words;"):
        Pipeline("p").add(add_up)


def test_a_record_of_settings_that_all_have_defaults_may_be_left_out() -> None:
    assert Pipeline("p").add(write).settings == {"params": WriteParams()}


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
    with pytest.raises(GraphError, match=r"add_up.only_if must be of steps .* a Verdict, got Words from step 'write'"):
        flow.add(add_up, words=words, params=SumParams(), only_if=[words])


def test_downstream_of_a_step_is_what_needs_it_directly_or_not() -> None:
    flow = toy_pipeline()
    first, second, third = flow.steps
    assert flow.downstream_of(first) == (second, third)
    assert flow.downstream_of(second) == (third,)
    assert flow.downstream_of(third) == ()


@component
def gather(
    many: tuple[Words, ...], extra: Words | None = None, sizes: tuple[int, ...] = (), rate: float = 0.5
) -> Words:
    return many[0]


@component
def notify(outcome: RunOutcome, verdict: Check | None, many: tuple[Words, ...] = (), address: str = "") -> Words: ...


@component
def tell(outcome: RunOutcome, verdict: Check) -> Words: ...


def checked_words() -> tuple[Pipeline, Step, Step]:
    flow = Pipeline("p")
    words = flow.add(write, params=WriteParams())
    return flow, words, flow.add(check, words=words, params=CheckParams())


def test_several_sources_and_an_optional_one_can_be_bound() -> None:
    flow, words, _ = checked_words()
    outside = flow.given(Words(path=Path("w"), count=1))
    several = flow.add(gather, many=[words, outside, words], extra=outside)
    assert several.inputs == {"many": (words, outside, words), "extra": outside}
    assert several.sources == (words, outside, words, outside)
    assert several.upstream == (words,)


def test_what_has_a_default_can_be_left_out() -> None:
    flow, words, _ = checked_words()
    step = flow.add(gather, many=(words,))
    assert (step.inputs, step.settings) == ({"many": (words,), "extra": None}, {"sizes": (), "rate": 0.5})


def test_one_step_where_several_belong_is_refused() -> None:
    flow, words, verdict = checked_words()
    with pytest.raises(
        GraphError, match=r"gather.many must be tuple\[Words, \.\.\.\]: a list .* got Words from step 'w"
    ):
        flow.add(gather, many=words)
    with pytest.raises(GraphError, match=r"gather.many must be tuple\[Words, \.\.\.\], got Check from step 'check'"):
        flow.add(gather, many=[words, verdict])
    with pytest.raises(GraphError, match=r"gather.extra must be Words \| None, got Check from step 'check'"):
        flow.add(gather, many=[], extra=verdict)
    with pytest.raises(GraphError, match=r"add_up.words must be Words from a step or given\(\), got None"):
        flow.add(add_up, words=None, params=SumParams())


def test_what_is_given_must_be_an_artifact_that_lies_somewhere() -> None:
    for wrong in (3, "words", Words, Words(path="w", count=1)):  # type: ignore[arg-type]
        with pytest.raises(GraphError, match="what is given must be an artifact"):
            Pipeline("p").given(wrong)  # type: ignore[arg-type]


def test_a_plain_setting_has_the_form_of_its_annotation_however_it_is_given() -> None:
    listed, tupled = (Pipeline("p").add(gather, many=(), sizes=sizes, rate=1) for sizes in ([1, 2], (1, 2)))
    assert canonical(listed.settings) == canonical(tupled.settings)
    assert type(listed.settings["rate"]) is float


def test_a_plain_setting_of_the_wrong_type_is_refused_with_step_parameter_wanted_and_got() -> None:
    with pytest.raises(GraphError, match=r"again.sizes must be tuple\[int, \.\.\.\], got list \[1, 'two'\]"):
        Pipeline("p").add(gather, name="again", many=(), sizes=[1, "two"])


def test_a_condition_comes_before_its_step_and_must_be_a_verdict() -> None:
    flow, words, verdict = checked_words()
    assert flow.add(gather, many=[], unless=[verdict]).upstream == (verdict,)
    for wrong in (words, flow.given(Check(path=Path(), passed=True)), "check"):
        with pytest.raises(GraphError, match=r"other.unless must be of steps that make a Verdict, got "):
            flow.add(gather, name="other", many=[], unless=[wrong])  # type: ignore[list-item]
    with pytest.raises(GraphError, match=r"other.only_if must be a list of steps, got Check from step 'check'"):
        flow.add(gather, name="other", many=[], only_if=verdict)  # type: ignore[arg-type]


def test_a_step_that_waits_for_a_verdict_to_pass_and_not_to_is_refused() -> None:
    flow, _, verdict = checked_words()
    with pytest.raises(GraphError, match="gather never runs: check must have passed and must not have"):
        flow.add(gather, many=[], only_if=[verdict], unless=[verdict])


def test_retries_and_a_time_limit_are_kept_and_must_make_sense() -> None:
    step = Pipeline("p").add(gather, many=[], retries=2, timeout_s=0.5)
    assert (step.retries, step.timeout_s) == (2, 0.5)
    for retries in (-1, True, 1.0, "1"):
        with pytest.raises(GraphError, match=r"gather.retries must be"):
            Pipeline("p").add(gather, many=[], retries=retries)  # type: ignore[arg-type]
    for limit in (0, -1.0, float("nan"), "1"):
        with pytest.raises(GraphError, match=r"gather.timeout_s must be"):
            Pipeline("p").add(gather, many=[], timeout_s=limit)  # type: ignore[arg-type]


def test_a_name_that_fits_no_folder_or_table_is_refused() -> None:
    for name in ("..", ".hidden", "a/b", "/a", "a\nb", " ", "-a", "a" * 101):
        with pytest.raises(GraphError, match="folder of its name"):
            Pipeline("p").add(gather, name=name, many=[])
    for name in ("", "..", "a/b", "a\nb", "\x1b[31m", "\udc80", "a" * 101, None, 5):
        with pytest.raises(GraphError, match="name of a pipeline"):
            Pipeline(name)  # type: ignore[arg-type]
    for name in ("a", "Straße 2", "a.b-c_d", "a" * 100):
        assert Pipeline(f"{name[:91]}, trial 1").add(gather, name=name, many=[]).name == name


def test_a_function_that_is_no_component_is_refused_with_the_remedy() -> None:
    for add in (Pipeline("p").add, Pipeline("p").at_end):
        with pytest.raises(GraphError, match=r"a step runs a component, got <function _hidden .* put @component above"):
            add(_hidden)  # type: ignore[operator]


def test_one_step_runs_at_the_end_and_is_none_of_the_others() -> None:
    flow, words, verdict = checked_words()
    flow.at_end(notify, name="end", verdict=verdict, many=[words], address="a@b", timeout_s=1, retries=1)
    assert flow.last is not None
    assert flow.last not in flow.steps
    assert (flow.last.name, flow.last.timeout_s, flow.last.retries) == ("end", 1, 1)
    assert (flow.last.inputs, flow.last.settings) == ({"verdict": verdict, "many": (words,)}, {"address": "a@b"})


def test_the_end_is_kept_in_a_part_of_the_pipeline_without_what_is_not_in_it() -> None:
    flow, words, verdict = checked_words()
    outside = flow.given(Words(path=Path("w"), count=1))
    flow.at_end(notify, verdict=verdict, many=[words, outside])
    part = flow.until("write")
    assert part.last is not None
    assert part.last.inputs == {"verdict": None, "many": (words, outside)}
    assert flow.last is not None
    assert flow.last.inputs == {"verdict": verdict, "many": (words, outside)}
    assert checked_words()[0].until("write").last is None


def test_a_wrong_end_is_refused() -> None:
    flow, _, verdict = checked_words()
    with pytest.raises(GraphError, match=r"tell.verdict must be Check \| None: .* where step 'check' made nothing"):
        flow.at_end(tell, verdict=verdict)
    with pytest.raises(GraphError, match="gather runs at the end, so it must have a parameter annotated RunOutcome"):
        flow.at_end(gather, many=[])
    with pytest.raises(GraphError, match=r"notify.outcome is how the run ended, .* at_end\(\)"):
        flow.add(notify, verdict=None)
    with pytest.raises(GraphError, match="notify does not take outcome; it takes verdict, many, address"):
        flow.at_end(notify, verdict=None, outcome=1)
    assert flow.last is None
    flow.at_end(notify, verdict=None)
    with pytest.raises(GraphError, match="'p' ends with 'notify' already, so not with 'again'"):
        flow.at_end(notify, name="again", verdict=None)
    with pytest.raises(GraphError, match="has a step 'notify' already"):
        flow.add(gather, name="notify", many=[])


def test_until_an_unknown_step_names_those_there_are() -> None:
    with pytest.raises(GraphError, match="'p' has no step 'chekc'; it has write, check"):
        checked_words()[0].until("chekc")


def _hidden(count: int = 0) -> Words: ...


under_another_name = component(_hidden)


@component
def twice_defined(count: int = 0) -> Words: ...


first_defined = twice_defined


@component  # type: ignore[no-redef]
def twice_defined(count: int = 0) -> Words: ...


def test_a_component_that_another_process_would_not_find_by_name_is_refused() -> None:
    for lost in (under_another_name, first_defined):
        with pytest.raises(GraphError, match=rf"step: .* as {__name__}.{lost.name} is not it; put @component above"):
            Pipeline("p").add(lost, name="step")
    assert Pipeline("p").add(replace(twice_defined, cached=False)).name == "twice_defined"


@st.composite
def built(draw: st.DrawFn) -> Pipeline:
    """A pipeline of up to ten steps, each bound to some of those before it in every way there is."""
    flow = Pipeline("drawn")
    outside = flow.given(Words(path=Path("w"), count=1))
    made: list[Step] = []
    verdicts: list[Step] = []
    for number in range(draw(st.integers(1, 10))):
        some = st.lists(st.sampled_from([outside, *made]), max_size=3)
        gates = st.lists(st.sampled_from(verdicts), max_size=2) if verdicts else st.just([])
        only_if = draw(gates)
        unless = [gate for gate in draw(gates) if gate not in only_if]
        if draw(st.booleans()) and made:
            bindings: dict[str, Any] = {"words": draw(st.sampled_from(made)), "params": CheckParams()}
            verdicts.append(flow.add(check, name=str(number), only_if=only_if, unless=unless, **bindings))
        else:
            extra = draw(st.sampled_from([None, outside, *made]))
            bindings = {"many": draw(some), "extra": extra}
            made.append(flow.add(gather, name=str(number), only_if=only_if, unless=unless, **bindings))
    if draw(st.booleans()):
        flow.at_end(notify, verdict=draw(st.sampled_from([None, *verdicts])), many=draw(some))
    return flow


def ancestors(step: Step) -> set[Step]:
    return {step}.union(*(ancestors(other) for other in step.upstream))


@settings(max_examples=40)
@given(built())
def test_every_step_comes_after_all_that_it_takes(flow: Pipeline) -> None:
    for place, step in enumerate(flow.steps):
        assert set(step.upstream) <= set(flow.steps[:place])
        assert {source for source in step.sources if isinstance(source, Step)} <= set(step.upstream)
        assert {*step.only_if, *step.unless} <= set(step.upstream)


@settings(max_examples=40)
@given(built(), st.data())
def test_a_part_holds_a_step_and_all_it_needs_and_nothing_else_in_the_same_order(
    flow: Pipeline, data: st.DataObject
) -> None:
    step = data.draw(st.sampled_from(flow.steps))
    part = flow.until(step.name)
    assert part.steps == [each for each in flow.steps if each in ancestors(step)]
    assert (part.last is None) == (flow.last is None)
    assert part.last is None or set(part.last.upstream) <= set(part.steps)


@settings(max_examples=40)
@given(built(), st.data())
def test_downstream_of_a_step_is_whatever_has_it_among_all_it_needs(flow: Pipeline, data: st.DataObject) -> None:
    step = data.draw(st.sampled_from(flow.steps))
    assert flow.downstream_of(step) == tuple(
        each for each in flow.steps if each is not step and step in ancestors(each)
    )
