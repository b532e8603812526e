"""The settings of the trial by a real server; a trial itself is in test_release_steps.py."""

from __future__ import annotations

import pytest

from slipline.components.steps.infra_validate import InfraParams


@pytest.mark.parametrize("name", ["requests", "start_timeout_s"])
def test_a_model_is_tried_with_some_requests_in_some_time(name: str) -> None:
    InfraParams(**{name: 1})
    with pytest.raises(ValueError, match=f"{name} must be greater than 0, got 0"):
        InfraParams(**{name: 0})
