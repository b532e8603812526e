from pathlib import Path

from pipeline.app.config import Home, TrainingSettings
from pipeline.app.training import training_pipeline


def test_nothing_is_trained_before_validation_nor_released_before_both_gates() -> None:
    flow = training_pipeline(TrainingSettings(), Home(Path("home")))
    gates = {step.name: [gate.name for gate in step.only_if] for step in flow.steps if step.only_if}
    assert gates == {"train": ["validate"], "push": ["evaluate", "infra_validate"]}


def test_the_schema_is_given_from_outside_and_not_made_of_the_data_it_judges() -> None:
    flow = training_pipeline(TrainingSettings(), Home(Path("home")))
    (validate,) = (step for step in flow.steps if step.name == "validate")
    assert validate.inputs["schema"] not in flow.steps
