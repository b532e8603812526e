"""Changed images."""

from dataclasses import replace

import numpy as np
import pytest

from slipline.components.evaluation.evaluate_settings import ROBUSTNESS_KINDS, RobustnessParams
from slipline.components.evaluation.perturbations import perturbed

PARAMS = RobustnessParams()


def images(count=5, channels=1):
    return np.random.default_rng(1).random((count, 12, 16, channels), np.float32)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ROBUSTNESS_KINDS)
def test_images_keep_shape_type_and_range_and_are_changed(kind, channels):
    before = images(channels=channels)
    after = perturbed(kind, before, np.arange(5), PARAMS)
    assert (after.shape, after.dtype) == (before.shape, np.float32)
    assert after.min() >= 0
    assert after.max() <= 1
    assert np.abs(after - before).max() > 0.01


@pytest.mark.parametrize("kind", ROBUSTNESS_KINDS)
def test_a_record_is_changed_alike_whatever_records_are_beside_it(kind):
    together = perturbed(kind, images(), np.arange(100, 105), PARAMS)
    alone = perturbed(kind, images()[3:4], np.array([103]), PARAMS)
    np.testing.assert_allclose(together[3:4], alone, atol=1e-6)


@pytest.mark.parametrize("kind", ["shifted", "rotated", "noisy"])
def test_another_seed_and_another_record_change_an_image_otherwise(kind):
    same = np.repeat(images(1), 2, axis=0)
    first, second = perturbed(kind, same, np.arange(2), PARAMS)
    assert np.abs(first - second).max() > 0.01
    other = perturbed(kind, same, np.arange(2), replace(PARAMS, seed=2))
    assert np.abs(first - other[0]).max() > 0.01


@pytest.mark.parametrize("kind", ["shifted", "rotated", "blurred"])
def test_an_even_image_stays_as_it_is_because_its_edge_goes_on(kind):
    even = np.full((2, 12, 16, 1), 0.7, np.float32)
    np.testing.assert_allclose(perturbed(kind, even, np.arange(2), PARAMS), even, atol=1e-6)


def test_a_shift_moves_a_point_by_whole_pixels_and_no_further_than_it_may():
    point = np.zeros((50, 21, 21, 1), np.float32)
    point[:, 10, 10] = 1
    places = np.argwhere(perturbed("shifted", point, np.arange(50), replace(PARAMS, shift=0.1))[..., 0] == 1)
    assert places[:, 0].tolist() == list(range(50))
    moves = places[:, 1:] - 10
    assert np.abs(moves).max() == 2
    assert len(np.unique(moves, axis=0)) > 10


def test_a_rotation_by_nearly_nothing_changes_nothing():
    square = np.random.default_rng(2).random((1, 9, 9, 1), np.float32)
    found = perturbed("rotated", np.repeat(square, 40, axis=0), np.arange(40), replace(PARAMS, rotation_degrees=1e-9))
    np.testing.assert_allclose(found, np.repeat(square, 40, axis=0), atol=1e-6)


def test_an_inverted_image_inverted_is_the_image():
    twice = perturbed("inverted", perturbed("inverted", images(), np.arange(5), PARAMS), np.arange(5), PARAMS)
    np.testing.assert_allclose(twice, images(), atol=1e-6)


def test_noise_is_as_strong_as_it_is_asked_to_be():
    grey = np.full((20, 28, 28, 1), 0.5, np.float32)
    noise = perturbed("noisy", grey, np.arange(20), replace(PARAMS, noise=0.1)) - grey
    assert noise.std() == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize("wrong", [{"kinds": ("upside_down",)}, {"noise": 0.0}, {"records": 0}, {"blur": float("nan")}])
def test_settings_that_cannot_be_carried_out_are_refused(wrong):
    with pytest.raises(ValueError, match=r"robustness\.(kinds|noise|records|blur) must be"):
        RobustnessParams(**wrong)
