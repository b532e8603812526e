from __future__ import annotations

import math

from slipline.pipeline.app.settings.training_settings import load_settings
from slipline.pipeline.app.tuning.space import Space, Values, space_of


def space(*overrides: str) -> Space:
    """A space of the settings named, in place of the default one."""
    return space_of(load_settings("mnist", [f"tune.space={{{', '.join(overrides)}}}"]))


EPOCHS = '"train.epochs" = {low=1, high=7, step=3}'
BATCHES = '"train.batch_size" = {choices=[32, 128]}'
RATES = '"train.learning_rate" = {low=1e-4, high=1e-2, log=true}'


def test_the_settings_as_they_are_are_tried_first_where_the_space_holds_them() -> None:
    assert space(RATES).next_by_rule([], trials=10, seed=1) == {"train.learning_rate": 0.001}
    assert space(RATES, BATCHES).next_by_rule([], trials=10, seed=1) is None


def test_a_range_without_end_is_left_to_the_sampler() -> None:
    assert space(RATES).points == math.inf
    assert space(RATES).next_by_rule([{"train.learning_rate": 0.001}], trials=10, seed=1) is None


def test_a_space_of_no_more_points_than_trials_is_tried_whole_each_point_once() -> None:
    small = space(EPOCHS, BATCHES)
    assert small.points == 6
    tried: list[Values] = []
    while point := small.next_by_rule(tried, trials=6, seed=3):
        tried.append(point)
    assert sorted((point["train.epochs"], point["train.batch_size"]) for point in tried) == [
        (epochs, batch_size) for epochs in (1, 4, 7) for batch_size in (32, 128)
    ]


def test_a_space_of_more_points_than_trials_is_left_to_the_sampler() -> None:
    assert space(EPOCHS, BATCHES).next_by_rule([], trials=5, seed=1) is None


def test_whole_numbers_are_the_ends_of_a_range_without_end_where_the_setting_takes_any_number() -> None:
    assert space('"train.augment.noise" = {low=0, high=1}').points == math.inf
