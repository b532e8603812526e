"""What `centring.js` is to do, in NumPy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float64]


def averaged(picture: Picture, length: int) -> Picture:
    """The rows in `length` rows, each the mean of what it covers: differences of the running sum between the edges."""
    running = np.concatenate([np.zeros((1, picture.shape[1])), picture.cumsum(axis=0)])
    edges = np.linspace(0, len(picture), length + 1)
    at = np.stack([np.interp(edges, np.arange(len(running)), column) for column in running.T], axis=1)
    return np.diff(at, axis=0) * length / len(picture)


def centred(picture: Picture) -> Picture:
    """Ink of 0..1 in any size, as MNIST has its digits; 0..255 of [28, 28]."""
    rows, columns = np.nonzero(picture.any(axis=1))[0], np.nonzero(picture.any(axis=0))[0]
    box = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = (max(1, int(side * 20 / max(box.shape) + 0.5)) for side in box.shape)
    small = averaged(averaged(box, height).T, width).T
    starts = []
    for axis, side in ((1, height), (0, width)):
        centre = (small.sum(axis=axis) * np.arange(side)).sum() / small.sum()
        starts.append(int(np.clip(np.floor(14 - centre + 0.5), 0, 28 - side)))
    field = np.zeros((28, 28))
    field[starts[0] : starts[0] + height, starts[1] : starts[1] + width] = 255 * small
    return field
