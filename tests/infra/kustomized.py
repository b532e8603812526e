"""The manifests as kustomize renders them."""

from __future__ import annotations

import subprocess
import sysconfig
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.infra.compose_file import INFRA

KUBECTL = Path(sysconfig.get_path("scripts")) / "kubectl"
OLDEST, NEWEST = "1.30", "1.37"
"""Versions of Kubernetes whose schemas the manifests are held to."""


@cache
def kustomized(folder: str) -> dict[tuple[str, str], Any]:
    """Every object of a folder below `infra/k8s`, by kind and name."""
    command = [str(KUBECTL), "kustomize", str(INFRA / "k8s" / folder)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = list(yaml.safe_load_all(text))
    by_name = {(item["kind"], item["metadata"]["name"]): item for item in found}
    assert len(by_name) == len(found)
    return by_name
