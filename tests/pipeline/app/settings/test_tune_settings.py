from __future__ import annotations

import pytest

from slipline.pipeline.app.settings.training_settings import load_settings
from slipline.pipeline.app.settings.tune_settings import Searched, TuneSettings
from slipline.pipeline.app.tuning.space import space_of
from slipline.pipeline.core.errors import SettingsError


def read(*overrides: str) -> None:
    """As `slipline tune` reads settings."""
    space_of(load_settings("mnist", overrides), "mnist")


def test_a_setting_to_search_is_added_by_its_dotted_name_or_by_its_quoted_one() -> None:
    dotted = load_settings("mnist", ["tune.space.train.augment.zoom={low=0, high=0.2}"]).tune.space
    quoted = load_settings("mnist", ['tune.space={"train.augment.zoom" = {low=0, high=0.2}}']).tune.space
    assert quoted == {"train.augment.zoom": Searched(low=0, high=0.2)}
    assert dotted == {**load_settings("mnist").tune.space, **quoted}


def test_a_search_that_is_told_nothing_tries_ten_and_measures_them_on_a_tenth_of_the_records() -> None:
    assert (TuneSettings().trials, TuneSettings().held_out) == (10, 0.1)


def test_values_that_only_go_together_with_others_searched_are_accepted() -> None:
    momentum = "tune.space.train.momentum={low=0.1, high=0.9}"
    with pytest.raises(SettingsError, match="momentum goes with rmsprop and sgd"):
        read(momentum)
    read(momentum, 'tune.space.train.optimizer={choices=["adam", "sgd"]}')


def test_early_stopping_is_searched_although_only_trials_hold_records_out() -> None:
    read("tune.space.train.stop_after_epochs={low=1, high=2}")


def test_a_space_does_not_keep_settings_that_it_does_not_fit_from_being_run() -> None:
    load_settings("mnist", ["train.workers=40", "train.batch_size=80"])  # the default space has batches of 32
    with pytest.raises(SettingsError, match="workers must be at most batch_size, 32, got 40"):
        read("train.workers=40", "train.batch_size=80")


@pytest.mark.parametrize(
    ("name", "searched", "message"),
    [
        ("train.epoch", "{low=1, high=3}", r"tune\.space: unknown key train\.epoch; did you mean epochs\?"),
        ("train.epochs.x", "{low=1, high=3}", r"tune\.space\.train\.epochs\.x: epochs is a value, not a section"),
        ("ingest.dataset", '{choices=["a"]}', r"ingest\.dataset: only settings of the training are searched"),
        ("train.epochs", "3", r"tune\.space\.train\.epochs: input should be a valid dictionary .*, got 3"),
        ("train.epochs", "{lo=1, high=3}", r"unknown key tune\.space\.train\.epochs\.lo; did you mean low\?"),
        ("train.epochs", "{low=1}", r"train\.epochs: give low and high, or choices"),
        ("train.epochs", "{choices=[]}", r"train\.epochs: give low and high, or choices"),
        ("train.epochs", "{low=1, high=2, choices=[1]}", r"train\.epochs: give either choices, or low and high"),
        ("train.epochs", "{low=3, high=1}", r"low must be at most high, and both finite, got low=3, high=1"),
        ("train.epochs", '{low="a", high=1}', r"train\.epochs\.low: must be a number, got 'a'"),
        ("train.epochs", "{low=1.0, high=3}", r"train\.epochs: takes whole numbers, got \[1\.0, 3\]"),
        ("train.epochs", "{low=0, high=3}", r"tune\.space: train: epochs must be greater than 0, got 0"),
        ("train.epochs", "{choices=[1, [2]]}", r"choices: must be a list of numbers, texts, true or false, got"),
        ("train.epochs", "{choices=[1, 1]}", r"choices must differ, got \[1, 1\]"),
        ("train.batch_size", '{choices=[32, "x"]}', r"train\.batch_size: input should be a valid integer, .*got 'x'"),
        ("train.learning_rate", "{low=0, high=1, log=true}", r"log wants low greater than 0 and no step, got low=0"),
        ("train.learning_rate", "{low=1, high=2, step=1}", r"a step is for whole numbers; give choices"),
        ("train.network", '{choices=["no.such:f"]}', r"network=no\.such:f: no module 'no\.such'"),
    ],
)
def test_a_wrong_space_is_refused_before_anything_is_done(name: str, searched: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read(f"tune.space.{name}={searched}")
