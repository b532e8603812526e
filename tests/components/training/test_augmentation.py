from __future__ import annotations

import numpy as np
import pytest

from slipline.components.training.augmentation import noisy, projected, projections
from slipline.components.training.train_settings import AugmentParams

pytestmark = pytest.mark.slow

IMAGES = np.random.default_rng(1).random((50, 9, 7, 2), np.float32)


def changed(augment: AugmentParams, images: np.ndarray = IMAGES) -> np.ndarray:
    return np.asarray(projected(images, projections(augment, len(images), images.shape[1:3], (1, 2))))


def test_without_a_move_images_stay_as_they_are() -> None:
    np.testing.assert_allclose(changed(AugmentParams()), IMAGES, atol=1e-6)


def test_half_of_the_images_are_mirrored_and_the_others_are_not() -> None:
    mirrored = changed(AugmentParams(flip=True))
    flipped = [np.allclose(after, before[:, ::-1], atol=1e-6) for after, before in zip(mirrored, IMAGES, strict=True)]
    alike = [np.allclose(after, before, atol=1e-6) for after, before in zip(mirrored, IMAGES, strict=True)]
    assert all(a != b for a, b in zip(flipped, alike, strict=True))
    assert 10 < sum(flipped) < 40


@pytest.mark.parametrize(
    ("augment", "furthest"),
    [
        (AugmentParams(shift_pixels=3.0), 3.0 * 2**0.5),
        (AugmentParams(rotate_degrees=30.0), 4 * np.radians(30)),
        (AugmentParams(zoom=0.5), 2.0),
    ],
)
def test_what_lies_above_the_middle_moves_no_further_than_it_may(augment: AugmentParams, furthest: float) -> None:
    images = np.zeros((200, 31, 31, 1), np.float32)
    images[:, 10:13, 14:17] = 1  # about (11, 15), 4 above the middle
    moved = changed(augment, images)[..., 0]
    rows, columns = np.mgrid[:31, :31]
    mass = moved.sum(axis=(1, 2))
    down, right = (moved * rows).sum(axis=(1, 2)) / mass - 11, (moved * columns).sum(axis=(1, 2)) / mass - 15
    distances = np.hypot(down, right)
    assert furthest * 0.5 < distances.max() < furthest + 0.1
    assert distances.std() > 0.1


def test_noise_has_its_deviation_and_is_decided_by_the_place_alone() -> None:
    grey = np.full((20, 28, 28, 1), 0.5, np.float32)
    places = np.arange(20)
    noise = np.asarray(noisy(grey, places, 0.1, 7)) - grey
    assert noise.std() == pytest.approx(0.1, rel=0.05)
    np.testing.assert_array_equal(np.asarray(noisy(grey[:5], places[5:10], 0.1, 7)), noise[5:10] + grey[:5])
    assert not np.array_equal(noise[0], noise[1])
