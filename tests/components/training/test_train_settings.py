from pathlib import Path
from typing import Any

import pytest

from slipline.components.steps.train import TrainParams
from slipline.components.training.train_settings import OPTIMIZERS, WITH_MOMENTUM, AugmentParams
from slipline.pipeline.app.settings.training_settings import load_settings
from slipline.pipeline.core.errors import SettingsError


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"optimizer": "adamm"}, "optimizer must be one of adadelta, .*, sgd, got 'adamm'"),
        ({"optimizer": "adamw"}, "adamw without weight decay is adam; set weight_decay, such as 0.004"),
        ({"momentum": 0.9}, "momentum goes with rmsprop and sgd, got 0.9 with adam"),
        ({"optimizer": "sgd", "momentum": 1.0}, "momentum must be from 0 to less than 1, got 1.0"),
        ({"weight_decay": -0.1}, "weight_decay must be at least 0, got -0.1"),
        ({"clip_norm": 0.0}, r"clip_norm must be greater than 0 \(inf: never clipped\), got 0.0"),
        ({"clip_norm": float("nan")}, "clip_norm must be greater than 0 .*, got nan"),
        ({"schedule": "linear"}, "schedule must be one of constant, cosine, exponential, step, got 'linear'"),
        ({"final_share": 0.0}, "final_share must be greater than 0 and at most 1, got 0.0"),
        ({"warmup_epochs": 6.0}, "warmup_epochs must be at most epochs, 5, got 6.0"),
        ({"validation_fraction": 1.0}, "validation_fraction must be from 0 to less than 1, got 1.0"),
        ({"stop_after_epochs": 2}, "stop_after_epochs=2 goes by the validation loss; set validation_fraction"),
        ({"min_improvement": 0.1}, "min_improvement=0.1 goes with stop_after_epochs, which is 0"),
        ({"precision": "float16"}, "precision must be one of float32, mixed_bfloat16, mixed_float16, got 'float16'"),
        ({"workers": 0}, "workers must be greater than 0, got 0"),
        ({"workers": 65}, "workers must be at most batch_size, 64, got 65"),
        ({"keep_every_steps": -1}, "keep_every_steps must be at least 0, got -1"),
    ],
)
def test_a_setting_that_means_nothing_is_refused_with_what_is_wanted(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainParams(**changed)


@pytest.mark.parametrize("name", ["epochs", "batch_size", "learning_rate", "workers"])
def test_what_must_be_there_is_refused_at_nothing_and_without_end(name: str) -> None:
    TrainParams(**{name: 1})
    for wrong in (0, -1, float("inf"), float("nan")):
        with pytest.raises(ValueError, match=f"{name} must be greater than 0, got {wrong}"):
            TrainParams(**{name: wrong})


@pytest.mark.parametrize(
    "name", ["weight_decay", "warmup_epochs", "stop_after_epochs", "min_improvement", "keep_every_steps", "seed"]
)
def test_what_may_be_left_out_is_refused_below_nothing(name: str) -> None:
    TrainParams(**{name: 0})
    with pytest.raises(ValueError, match=f"{name} must be at least 0, got -1"):
        TrainParams(**{name: -1})


@pytest.mark.parametrize(
    "changed",
    [
        {"validation_fraction": 0.99},
        {"final_share": 1.0},
        {"final_share": 1e-9},
        {"clip_norm": 1e-9},
        {"warmup_epochs": 5.0},
        {"workers": 64},
        {"optimizer": "sgd", "momentum": 0.99},
    ],
)
def test_a_setting_at_the_end_of_what_it_may_be_is_taken(changed: dict[str, Any]) -> None:
    TrainParams(**changed)


@pytest.mark.parametrize("name", ["shift_pixels", "rotate_degrees", "zoom", "flip"])
def test_pixels_change_places_by_any_of_what_moves_them(name: str) -> None:
    assert AugmentParams(**{name: True if name == "flip" else 0.01}).moves
    assert not AugmentParams(noise=0.5).moves


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"shift_pixels": -1.0}, r"augment\.shift_pixels must be at least 0, got -1\.0"),
        ({"rotate_degrees": -0.1}, r"augment\.rotate_degrees must be at least 0, got -0\.1"),
        ({"zoom": -0.1}, r"augment\.zoom must be from 0 to less than 1, got -0\.1"),
        ({"noise": float("nan")}, r"augment\.noise must be at least 0, got nan"),
        ({"zoom": 1.0}, r"augment\.zoom must be from 0 to less than 1, got 1\.0"),
    ],
)
def test_a_change_of_images_that_cannot_be_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AugmentParams(**changed)


def test_augmentation_is_reached_by_set_and_an_unknown_key_of_it_is_refused() -> None:
    settings = load_settings("mnist", ["train.augment.shift_pixels=2", "train.augment.flip=true"])
    assert settings.train.augment == AugmentParams(shift_pixels=2, flip=True)
    with pytest.raises(SettingsError, match=r"unknown key train\.augment\.shift"):
        load_settings("mnist", ["train.augment.shift=2"])


def test_a_settings_file_sets_optimizer_and_schedule(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[train]\noptimizer = "sgd"\nmomentum = 0.9\nschedule = "cosine"\nclip_norm = 1.0\n')
    assert load_settings(str(file)).train == TrainParams(
        optimizer="sgd", momentum=0.9, schedule="cosine", clip_norm=1.0
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_keras_has_every_optimizer_with_momentum_where_it_is_told_to_have_it(name: str) -> None:
    import inspect

    import keras

    optimizer = keras.optimizers.get(name)
    assert ("momentum" in inspect.signature(type(optimizer)).parameters) == (name in WITH_MOMENTUM)
    assert "weight_decay" in inspect.signature(type(optimizer)).parameters
