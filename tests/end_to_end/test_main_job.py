"""From raw digits to a served, versioned model, and back."""

from __future__ import annotations

import itertools
import json
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from slipline.components.artifacts import Evaluation, Examples
from slipline.components.features.decode_images import decode_image
from slipline.pipeline.store.store import Store
from slipline.serving.client import PredictClient
from slipline.serving.wire.example_pb2 import Example
from tests.end_to_end.conftest import User, in_background, small_job
from tests.latest import latest
from tests.small_mnist import first_records

pytestmark = pytest.mark.slow

STEPS = [
    "ingest",
    "compute_statistics",
    "find_baseline",
    "validate",
    "train",
    "export",
    "convert",
    "find_live",
    "evaluate",
    "infra_validate",
    "push",
]
NOISE = ("WARNING", "I0000", "E0000", "oneDNN", "cuda", "absl", "Traceback", "apache_beam")


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory, digits_folder: Path) -> tuple[User, str]:
    """A user who has released version 1, and what the run printed."""
    user = small_job(tmp_path_factory.mktemp("released") / "home", digits_folder)
    run = user.run()
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stderr == ""
    return user, run.stdout


def digit(number: int) -> tuple[bytes, int]:
    """The PNG file and the label of one test digit."""
    features = Example.FromString(first_records("test", number + 1)[number]).features.feature
    return features["image"].bytes_list.value[0], features["label"].int64_list.value[0]


def statuses(printed: str) -> dict[str, str]:
    return {step["step"]: step["status"] for step in json.loads(printed)["steps"]}


def test_one_command_does_every_step_and_releases_the_model(released: tuple[User, str]) -> None:
    user, printed = released
    lines = printed.splitlines()
    assert sorted(line.split()[0] for line in lines if " done " in line) == sorted(STEPS)  # some run side by side
    assert "released mnist version 1" in lines
    assert any(line.startswith("test accuracy 0.") for line in lines)
    version = user.home / "releases" / "mnist" / "1"
    assert (version / "saved_model.pb").is_file()
    assert (version / "variables" / "variables.index").is_file()
    assert len(list((user.home / "reports").glob("*.html"))) == 1


def test_the_default_job_on_all_of_mnist_passes_its_gates_after_one_epoch(tmp_path: Path) -> None:
    run = User(tmp_path / "home").slipline("run", "test")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "released mnist-test version 1" in run.stdout
    with Store.open(tmp_path / "home") as store:
        evaluation, examples = latest(store, Evaluation), latest(store, Examples)
    assert evaluation is not None
    assert examples is not None
    assert [(split.name, split.records) for split in examples.splits] == [("train", 60_000), ("test", 10_000)]
    assert evaluation.overall.records == 10_000
    assert evaluation.overall.accuracy > 0.975


def test_no_noise_of_a_framework_reaches_the_terminal_and_the_runs_log_has_it(released: tuple[User, str]) -> None:
    user, printed = released
    assert not [noise for noise in NOISE if noise in printed]
    assert any(log.stat().st_size for log in (user.home / "logs").iterdir())


def test_a_rerun_does_nothing_says_so_and_imports_no_framework(released: tuple[User, str]) -> None:
    user, _ = released
    code = (
        "import sys; from slipline.pipeline.app.cli.main import main; main(sys.argv[1:], standalone_mode=False);"
        "print(sorted({'tensorflow', 'keras', 'apache_beam', 'matplotlib', 'numpy', 'grpc'} & set(sys.modules)))"
    )
    import subprocess

    from tests.small_mnist import ROOT

    done = subprocess.run(
        [sys.executable, "-c", code, *user.run_command()],
        cwd=ROOT,
        env=user.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"Nothing to do: all {len(STEPS)} steps are cached." in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
    assert len(list((user.home / "releases" / "mnist").glob("[0-9]*"))) == 1


def test_a_changed_setting_reruns_exactly_the_steps_it_touches(released: tuple[User, str]) -> None:
    user, _ = released
    run = user.slipline(*user.run_command(evaluate__min_accuracy=0.71), "--json")
    assert statuses(run.stdout) == {**dict.fromkeys(STEPS, "cached"), "evaluate": "done"}


def test_a_digit_is_asked_for_by_command_and_by_the_official_stubs(released: tuple[User, str], tmp_path: Path) -> None:
    user, _ = released
    png, label = digit(0)
    (tmp_path / "some.png").write_bytes(png)
    with user.serving() as target:
        with PredictClient.connect(target, "mnist") as client:
            client.wait_until_available(timeout_s=60)
        asked = user.slipline("predict", "mnist", str(tmp_path / "some.png"), "--target", target)
        assert asked.stdout.startswith(f"{tmp_path / 'some.png'}: {label} ("), asked.stdout + asked.stderr
        assert asked.stdout.endswith("%, version 1)\n")
        _ask_with_official_stubs(target, png, label)


def _ask_with_official_stubs(target: str, png: bytes, label: int) -> None:
    import grpc
    import tensorflow as tf
    from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2, prediction_service_pb2_grpc

    pixels = decode_image(png).astype(np.float32)[np.newaxis] / 255
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "mnist"
    request.inputs["images"].CopyFrom(tf.make_tensor_proto(pixels))
    with grpc.insecure_channel(target) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        response = stub.Predict(request, timeout=10)
        assert tf.make_ndarray(response.outputs["class"]).tolist() == [label]
        assert response.model_spec.version.value == 1
        metadata = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        metadata.model_spec.name = "mnist"
        signatures = get_model_metadata_pb2.SignatureDefMap()
        stub.GetModelMetadata(metadata, timeout=10).metadata["signature_def"].Unpack(signatures)
    assert {"serving_default", "serving_examples", "serving_images"} <= set(signatures.signature_def)
    # The converted model answers where it can: it is the quicker one.
    assert signatures.signature_def["serving_default"].inputs["images"].name.startswith("tflite/")


def test_a_second_release_and_the_way_back_cost_a_running_client_not_one_request(
    tmp_path: Path, digits_folder: Path
) -> None:
    user = small_job(tmp_path / "home", digits_folder)
    assert user.run().returncode == 0
    png, _ = digit(1)
    answered: list[int] = []
    with user.serving() as target:

        def ask_without_pause(stop: threading.Event) -> None:
            with PredictClient.connect(target, "mnist") as client:
                client.wait_until_available(timeout_s=60)
                while not stop.is_set():
                    answered.append(client.predict_images([png], label="stable").version)
                    time.sleep(0.002)  # leaves the machine's cores to the training beside it

        with in_background(ask_without_pause):
            second = user.run(train__seed=2)
            assert "released mnist version 2" in second.stdout, second.stdout + second.stderr
            _wait_for(lambda: answered[-1:] == [2])
            back = user.slipline("rollback", "mnist", "--reason", "worse on sevens", "--by", "ann")
            assert back.stdout == "mnist: version 1 is live again\n", back.stderr
            _wait_for(lambda: answered[-1:] == [1])
    switches = [b for a, b in itertools.pairwise(answered) if a != b]
    assert switches == [2, 1]
    assert Counter(answered).total() > 100
    _the_ledger_tells_who_was_live_when_and_why(user)
    _the_lineage_goes_back_to_the_data(user)
    _a_rerun_leaves_the_withdrawn_release_withdrawn(user)


def _wait_for(condition: object, timeout_s: float = 30) -> None:
    assert callable(condition)
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def _the_ledger_tells_who_was_live_when_and_why(user: User) -> None:
    listed = user.slipline("releases").stdout
    assert "worse on sevens" in listed
    first, second = json.loads(user.slipline("releases", "mnist", "--json").stdout)
    assert (first["version"], first["state"]) == (1, "live")
    assert (second["version"], second["state"]) == (2, "withdrawn")
    assert second["predecessor"] == 1
    assert [period["by"] for period in first["live_periods"]][-1] == "ann"
    assert second["live_periods"][0]["until_reason"] == "worse on sevens"


def _the_lineage_goes_back_to_the_data(user: User) -> None:
    executions = json.loads(user.slipline("lineage", "mnist@2", "--json").stdout)
    by_step = {made["step"]: made for made in executions}
    assert list(by_step) == [step for step in STEPS if step in by_step]
    assert set(by_step) == set(STEPS)
    assert by_step["train"]["settings"]["params"]["seed"] == 2
    assert by_step["ingest"]["files"]
    assert {taken["name"] for taken in by_step["push"]["taken"] if taken["gate"]} == {"evaluate", "infra_validate"}
    dot = user.slipline("lineage", "mnist@2", "--dot").stdout
    assert dot.startswith("digraph")
    words = user.slipline("lineage", "mnist@2").stdout
    assert "seed=2" in words


def _a_rerun_leaves_the_withdrawn_release_withdrawn(user: User) -> None:
    again = user.run(train__seed=2)
    assert "Nothing to do" in again.stdout
    releases = json.loads(user.slipline("releases", "--json").stdout)
    assert [release["state"] for release in releases] == ["live", "withdrawn"]


def test_a_training_killed_in_the_middle_is_taken_up_and_ends_at_the_same_weights(
    user: User, released: tuple[User, str]
) -> None:
    undisturbed, _ = released
    process = user.start_run()
    _wait_for(lambda: list(user.home.glob("scratch/*/kept-1-*.npz")), timeout_s=120)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (user.home / "releases" / "mnist").exists()
    resumed = user.slipline(*user.run_command(), "--json")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    done = statuses(resumed.stdout)
    assert [done[step] for step in STEPS[:3]] == ["cached"] * 3
    assert done["train"] == "done"
    assert _weights(user) == _weights(undisturbed)
    assert "removed" in user.slipline("clean").stdout


def _weights(user: User) -> list[bytes]:
    import keras

    from slipline.components.artifacts import TrainedModel

    with Store.open(user.home) as store:
        trained = latest(store, TrainedModel)
    assert trained is not None
    return [array.tobytes() for array in keras.models.load_model(trained.keras_path).get_weights()]


def test_runs_are_listed_with_how_they_ended(released: tuple[User, str]) -> None:
    user, _ = released
    runs = json.loads(user.slipline("runs", "--json").stdout)
    assert runs[-1]["outcome"] == "passed"
    assert [step["step"] for step in runs[-1]["steps"]] == STEPS
    assert runs[-1]["run_id"] in user.slipline("runs").stdout


def test_a_schema_is_proposed_from_the_statistics_for_review(released: tuple[User, str], tmp_path: Path) -> None:
    user, _ = released
    target = tmp_path / "proposed.pbtxt"
    assert "review it" in user.slipline("schema", "infer", "--to", str(target)).stdout
    assert "decoded_shape:28,28,1" in target.read_text()
    shown = user.slipline("schema", "show", str(target)).stdout
    assert "28 x 28 x 1" in shown
    assert "0 to 9, class numbers" in shown
    again = user.slipline("schema", "infer", "--to", str(target))
    assert again.returncode == 1
    assert "a reviewed schema is not overwritten" in again.stderr
