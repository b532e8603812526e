"""The names of the labels, handed on from step to step."""

from __future__ import annotations

import shutil
from pathlib import Path

from slipline.components.artifacts import CLASSES_FILE


def copy_class_names(source: Path, target: Path) -> None:
    """Copies `classes.txt` from one folder to another, if there is one."""
    if (source / CLASSES_FILE).is_file():
        shutil.copy2(source / CLASSES_FILE, target / CLASSES_FILE)
