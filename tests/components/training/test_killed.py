"""A training that is really killed, again and again, against one that nobody disturbed."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from slipline.components.artifacts import TrainedModel
from tests.components.training.killed_training import EVERYTHING, RECORDS, fit
from tests.small_mnist import ROOT, write_folder

MOMENTS = (
    ("say", "epoch 2/5  step 1/"),  # within an epoch
    ("os.rename", "kept-1-5.npz"),  # what was kept is complete, but does not count yet
    ("os.remove", "kept-1-10.npz"),  # both the last and the one before count
)


def facts(model: TrainedModel) -> list[bytes]:
    """All that training made, but for how long it took."""
    import keras

    loaded = keras.models.load_model(model.keras_path)
    history = [{**epoch, "seconds": 0} for epoch in json.loads(model.history_path.read_text())]
    variables = [*loaded.weights, *loaded.optimizer.variables]
    return [np.asarray(keras.ops.convert_to_numpy(v)).tobytes() for v in variables] + [json.dumps(history).encode()]


@pytest.mark.slow
def test_a_training_killed_at_any_moment_goes_on_to_the_weights_of_an_undisturbed_one(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data", train=RECORDS, test=1)
    for event, text in MOMENTS:
        command = [sys.executable, "-m", "tests.components.training.killed_training", data, tmp_path / "cut"]
        killed = subprocess.run([*command, event, text], cwd=ROOT, capture_output=True, check=False)
        assert killed.returncode == -signal.SIGKILL, (event, text, killed.stderr.decode()[-2000:])
    lines: list[str] = []
    resumed = fit(data, tmp_path / "cut", lines.append)
    undisturbed = fit(data, tmp_path / "undisturbed", print)
    assert not [line for line in lines if line.startswith(("epoch 1/", "epoch 2/"))]
    assert undisturbed.epoch is not None
    assert undisturbed.epoch < len(json.loads(undisturbed.history_path.read_text())) < EVERYTHING.epochs
    assert facts(resumed) == facts(undisturbed)
