"""The speed of training, in ratios measured side by side: `python -m tests.bench.training`, 20 minutes on 2 cores.

First pairs with a plain Keras script over the same digits, then what each setting costs or saves against the default.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from dataclasses import dataclass

from tests.small_mnist import ROOT

PAIRS = 3
EPOCHS = 5
SETTINGS = (
    ("batch_size=128",),
    ("batch_size=256",),
    ("precision=mixed_bfloat16",),
    ("workers=2",),
    ("schedule=cosine",),
    ("validation_fraction=0.1",),
    ("augment.shift_pixels=2", "augment.rotate_degrees=10"),
)


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """One training: seconds inside it, accuracy on the test images."""

    fit_s: float
    accuracy: float
    loss: float


def main() -> None:
    """Interleaves our training with the plain script, then with itself under other settings."""
    ratios = []
    for seed in range(1, PAIRS + 1):
        plain, own = _fitted("plain_keras", EPOCHS, seed), _fitted("own_fit", EPOCHS, seed)
        ratios.append(own.fit_s / plain.fit_s)
        print(
            f"seed {seed}: {own.fit_s:.1f} s against {plain.fit_s:.1f} s plain ({ratios[-1]:.2f} x), accuracy "
            f"{own.accuracy:.4f} against {plain.accuracy:.4f}",
            flush=True,
        )
    print(f"median of {PAIRS} pairs of {EPOCHS} epochs: {statistics.median(ratios):.2f} x the time of plain Keras")
    for settings in SETTINGS:
        pairs = [(_fitted("own_fit", 2, seed), _fitted("own_fit", 2, seed, *settings)) for seed in (1, 2)]
        ratio = statistics.median(changed.fit_s / default.fit_s for default, changed in pairs)
        default, changed = (statistics.mean(each.accuracy for each in side) for side in zip(*pairs, strict=True))
        print(
            f"{' '.join(settings)}: {ratio:.2f} x the default's time; accuracy after 2 epochs {changed:.4f} against "
            f"{default:.4f}",
            flush=True,
        )


def _fitted(program: str, epochs: int, seed: int, *settings: str) -> Fitted:
    command = [sys.executable, "-m", f"tests.bench.{program}", str(epochs), str(seed), *settings]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return Fitted(**json.loads(printed.splitlines()[-1]))


if __name__ == "__main__":
    main()
