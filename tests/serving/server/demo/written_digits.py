"""The ten digits as people write them: strokes of points in a square of side 1, the origin at the upper left."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import cos, radians, sin

Point = tuple[float, float]
Stroke = list[Point]


def arc(x: float, y: float, wide: float, high: float, start: float, end: float) -> Stroke:
    """Part of an ellipse, by its centre, half its width and height, and angles in degrees: 0 right, 90 below."""
    steps = max(2, round(abs(end - start) / 18))
    angles = [radians(start + (end - start) * step / steps) for step in range(steps + 1)]
    return [(x + wide * cos(angle), y + high * sin(angle)) for angle in angles]


def line(*corners: Point) -> Stroke:
    """Through the corners, with points between, as a moving pen leaves them."""
    return [corners[0], *(point for ends in pairwise(corners) for point in _between(*ends))]


def _between(begin: Point, end: Point) -> Iterator[Point]:
    for step in range(1, 6):
        yield tuple(a + (b - a) * step / 5 for a, b in zip(begin, end, strict=True))  # type: ignore[misc]


WRITTEN: dict[int, list[Stroke]] = {
    0: [arc(0.5, 0.5, 0.22, 0.34, -90, -450)],
    1: [line((0.52, 0.16), (0.49, 0.84))],
    2: [[*arc(0.5, 0.35, 0.2, 0.19, -170, 40), *line((0.62, 0.52), (0.29, 0.82), (0.74, 0.81))]],
    3: [[*arc(0.47, 0.33, 0.19, 0.17, -150, 90), *arc(0.47, 0.67, 0.22, 0.18, -90, 150)]],
    4: [line((0.35, 0.18), (0.28, 0.52), (0.7, 0.52)), line((0.64, 0.2), (0.6, 0.85))],
    5: [[*line((0.38, 0.18), (0.34, 0.47)), *arc(0.48, 0.63, 0.2, 0.2, -130, 140)], line((0.38, 0.18), (0.69, 0.17))],
    6: [[*line((0.62, 0.15), (0.43, 0.36), (0.34, 0.6)), *arc(0.5, 0.66, 0.17, 0.18, 190, -170)]],
    7: [line((0.28, 0.21), (0.7, 0.2), (0.56, 0.48), (0.45, 0.85))],
    8: [
        [
            *arc(0.5, 0.33, 0.16, 0.16, -60, -270),
            *arc(0.5, 0.67, 0.18, 0.18, -90, 270),
            *arc(0.5, 0.33, 0.16, 0.16, 90, -60),
        ]
    ],
    9: [[*arc(0.5, 0.35, 0.17, 0.17, -20, -360), *line((0.67, 0.35), (0.64, 0.6), (0.58, 0.85))]],
}
