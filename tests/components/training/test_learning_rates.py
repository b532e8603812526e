from __future__ import annotations

import numpy as np
import pytest

from slipline.components.training.build import learning_rates
from slipline.components.training.train_settings import TrainParams

pytestmark = pytest.mark.slow


def rates(schedule: str, warmup_epochs: float = 0.0) -> np.ndarray:
    params = TrainParams(epochs=4, learning_rate=0.1, schedule=schedule, warmup_epochs=warmup_epochs, final_share=0.01)
    return learning_rates(params, 10)


def test_a_constant_rate_is_the_same_in_every_step() -> None:
    np.testing.assert_array_equal(rates("constant"), np.full(40, 0.1, np.float32))


@pytest.mark.parametrize("warmup_epochs", [0.0, 1.0, 1.5])
@pytest.mark.parametrize("schedule", ["cosine", "exponential", "step"])
def test_a_rate_rises_evenly_in_the_warm_up_and_falls_to_its_last_share(schedule: str, warmup_epochs: float) -> None:
    found = rates(schedule, warmup_epochs)
    warm = round(10 * warmup_epochs)
    assert len(found) == 40
    np.testing.assert_allclose(found[:warm], 0.1 * np.arange(1, warm + 1) / max(warm, 1), rtol=1e-5)
    assert found[warm] == pytest.approx(0.1)
    assert all(np.diff(found[warm:]) <= 0)
    assert found[-1] == pytest.approx(0.001, rel=1e-3)


def test_a_rate_in_steps_changes_between_epochs_only() -> None:
    assert [len(np.unique(epoch)) for epoch in rates("step").reshape(4, 10)] == [1, 1, 1, 1]
