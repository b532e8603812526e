"""What an app has to know of the formats in a version folder: `exports/contract.json`, where any was made."""

from __future__ import annotations

import json
from pathlib import Path

CONTRACT = Path("exports", "contract.json")


def class_names(version: Path, classes: int) -> tuple[str, ...]:
    """What each of so many classes is called, as the contract of a version folder says; else its number."""
    try:
        labels = json.loads((version / CONTRACT).read_text("utf-8"))["labels"]
    except (OSError, ValueError, KeyError, TypeError):
        labels = None
    known = isinstance(labels, list) and len(labels) == classes
    return tuple(map(str, labels if known else range(classes)))
