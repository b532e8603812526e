"""Memory comes back when a version is unloaded."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from slipline.serving.client import PredictClient
from slipline.serving.client.control import ServerControl
from slipline.serving.folders.model_config import ServedModel
from tests.serving.conftest import until

SIZE = 4 * 2**20  # numbers of 4 bytes: 16 MiB a version


def save_large(tf: Any, folder: Path, value: float) -> None:
    model = tf.Module()
    model.weights = tf.Variable(tf.fill([SIZE], value))
    spec = [tf.TensorSpec([None], tf.float32, name="x")]
    add = tf.function(lambda x: {"y": x + tf.reduce_mean(model.weights)}, input_signature=spec)
    tf.saved_model.save(model, str(folder), signatures={"serving_default": add})


def resident_mib(process_id: int) -> float:
    pages = int(Path(f"/proc/{process_id}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.slow
def test_memory_after_50_switches_is_within_a_tenth_of_that_after_5(
    tf: ModuleType, start_process: Callable[..., Any], connect: Callable[..., PredictClient], base: Path
) -> None:
    for version in (1, 2):
        save_large(tf, base / str(version), float(version))
    process = start_process("--model_name=m", f"--model_base_path={base}")
    after: dict[int, float] = {}
    with ServerControl(process.address) as control:
        client = connect(process.address, "m")
        for switch in range(1, 51):
            version, other = 1 + switch % 2, 2 - switch % 2
            control.reload([ServedModel(name="m", base_path=str(base), versions=(version,))])
            until(lambda: _states(control) == {version: "AVAILABLE", other: "END"})  # noqa: B023
            assert client.predict({"x": np.zeros(1, "float32")}).outputs["y"][0] == version
            after[switch] = resident_mib(process.process.pid)
    print({switch: round(after[switch]) for switch in (1, 5, 10, 20, 30, 40, 50)}, "MiB")
    assert after[50] <= 1.1 * after[5]


def _states(control: ServerControl) -> dict[int, str]:
    known = {status.version: status.state for status in control.status("m")}
    return {1: "END", 2: "END"} | known
