from pathlib import Path

import pytest

from slipline.components.validation.validate_settings import ValidateParams
from slipline.pipeline.app.settings.home import Home
from slipline.pipeline.app.settings.training_settings import TrainingSettings
from slipline.pipeline.app.training import training_pipeline
from slipline.pipeline.core.graph import Pipeline, Step


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def step(flow: Pipeline, name: str) -> Step:
    (found,) = (step for step in flow.steps if step.name == name)
    return found


def test_nothing_is_trained_before_validation_nor_released_before_both_gates(home: Home) -> None:
    flow = training_pipeline(TrainingSettings(), home)
    gates = {step.name: [gate.name for gate in step.only_if] for step in flow.steps if step.only_if}
    assert gates == {"train": ["validate"], "push": ["evaluate", "infra_validate"]}


def test_the_schema_is_given_from_outside_and_not_made_of_the_data_it_judges(home: Home) -> None:
    flow = training_pipeline(TrainingSettings(), home)
    assert step(flow, "validate").inputs["schema"] not in flow.steps


@pytest.mark.parametrize("later", ["train", "convert", "evaluate", "infra_validate"])
def test_what_was_set_aside_reaches_no_later_step(later: str, home: Home) -> None:
    settings = TrainingSettings(validate=ValidateParams(policy="set_aside"))
    flow = training_pipeline(settings, home)
    assert step(flow, later).inputs["examples"] is step(flow, "set_aside")


def test_records_asked_in_production_are_a_gate_of_training(home: Home) -> None:
    flow = training_pipeline(TrainingSettings(serving_data=("asked/*.tfrecord",)), home)
    assert [gate.name for gate in step(flow, "train").only_if] == ["validate", "compare_serving"]
    assert step(flow, "compare_serving").inputs["serving"] is step(flow, "compute_serving_statistics")
