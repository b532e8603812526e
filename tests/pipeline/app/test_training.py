from pathlib import Path

import pytest

from slipline.components.steps.find_baseline import BaselineParams
from slipline.components.validation.validate_settings import ValidateParams
from slipline.pipeline.app.settings.training_settings import Home, TrainingSettings
from slipline.pipeline.app.training import training_pipeline
from slipline.pipeline.core.graph import Pipeline, Step


def pipeline_of(settings: TrainingSettings) -> Pipeline:
    return training_pipeline(settings, Home(Path("home")), BaselineParams())


def step(flow: Pipeline, name: str) -> Step:
    (found,) = (step for step in flow.steps if step.name == name)
    return found


def test_nothing_is_trained_before_validation_nor_released_before_both_gates() -> None:
    flow = pipeline_of(TrainingSettings())
    gates = {step.name: [gate.name for gate in step.only_if] for step in flow.steps if step.only_if}
    assert gates == {"train": ["validate"], "push": ["evaluate", "infra_validate"]}


def test_the_schema_is_given_from_outside_and_not_made_of_the_data_it_judges() -> None:
    flow = pipeline_of(TrainingSettings())
    assert step(flow, "validate").inputs["schema"] not in flow.steps


@pytest.mark.parametrize("later", ["train", "convert", "evaluate", "infra_validate"])
def test_what_was_set_aside_reaches_no_later_step(later: str) -> None:
    settings = TrainingSettings(validate=ValidateParams(policy="set_aside"))
    flow = pipeline_of(settings)
    assert step(flow, later).inputs["examples"] is step(flow, "set_aside")


def test_records_asked_in_production_are_a_gate_of_training() -> None:
    flow = pipeline_of(TrainingSettings(serving_data=("asked/*.tfrecord",)))
    assert [gate.name for gate in step(flow, "train").only_if] == ["validate", "compare_serving"]
    assert step(flow, "compare_serving").inputs["serving"] is step(flow, "compute_serving_statistics")
