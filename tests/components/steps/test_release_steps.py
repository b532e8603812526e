"""Export, evaluation, the trial in a server, and the release, on one small trained model."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slipline.components.artifacts import Examples, LiveModel, Release, ServableModel, Shard, Split
from slipline.components.beam.beam_options import BeamSettings
from slipline.components.errors import BadData, BeamFailed, PushFailed, ReleaseDamaged, TrialFailed
from slipline.components.evaluation.evaluate_settings import EvaluateParams, Limit, RobustnessParams
from slipline.components.evaluation.results import read_results
from slipline.components.features.decode_images import decode_image
from slipline.components.steps.evaluate import evaluate
from slipline.components.steps.export import ExportParams, export
from slipline.components.steps.find_live import find_live
from slipline.components.steps.infra_validate import InfraParams, infra_validate
from slipline.components.steps.push import push
from slipline.components.steps.release_settings import ReleaseParams
from slipline.components.steps.train import TrainParams, train
from slipline.serving.errors import BadRequest
from slipline.serving.folders.prediction_log import read_predict_requests
from slipline.serving.folders.version_folder import verify
from slipline.serving.models.tensorflow.saved_model import SavedModel
from slipline.serving.releases.ledger import Ledger
from slipline.serving.wire.example_pb2 import Example
from slipline.serving.wire.tensors import to_array
from tests.serving.managed import warm_up
from tests.small_mnist import MNIST_SCHEMA, examples_in

pytestmark = pytest.mark.slow  # real processes, or whole steps, for each test


def folder(parent: Path, name: str) -> Path:
    made = parent / name
    made.mkdir()
    return made


def no_one(line: str) -> None:
    """Hears what a step says."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def examples(home: Path) -> Examples:
    return examples_in(home / "data", train=600, test=200)


@pytest.fixture(scope="module")
def model(home: Path, examples: Examples) -> ServableModel:
    params = TrainParams(epochs=2, batch_size=32)
    out, scratch = folder(home, "train"), folder(home, "scratch")
    trained = train(examples, MNIST_SCHEMA, params, out, scratch, no_one)
    return export(trained, MNIST_SCHEMA, ExportParams(), folder(home, "export"))


@pytest.fixture(scope="module")
def loaded(model: ServableModel) -> SavedModel:
    return SavedModel.load(model.path)


@pytest.fixture(scope="module")
def records(examples: Examples) -> list[bytes]:
    from slipline.components.files.tfrecord_files import read_records

    return list(read_records(examples.files("test")[0]))


def encoded_image(record: bytes) -> bytes:
    return Example.FromString(record).features.feature["image"].bytes_list.value[0]


def test_the_three_signatures_answer_alike_in_the_promised_types(loaded: SavedModel, records: list[bytes]) -> None:
    images = [encoded_image(record) for record in records[:50]]
    pixels = np.stack([decode_image(image) for image in images]).astype(np.float32) / np.float32(255)
    answers = [
        loaded.run({"images": pixels}),
        loaded.run({"examples": np.array(records[:50], object)}, "serving_examples"),
        loaded.run({"encoded": np.array(images, object)}, "serving_images"),
    ]
    for answer in answers:
        assert answer["probabilities"].shape == (50, 10)
        assert answer["probabilities"].dtype == np.float32
        assert answer["class"].dtype == np.int64
        np.testing.assert_array_equal(answer["class"], answer["probabilities"].argmax(axis=1))
        np.testing.assert_allclose(answer["probabilities"], answers[0]["probabilities"], atol=1e-5)


def test_a_jpeg_is_answered_too(loaded: SavedModel) -> None:
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.new("L", (28, 28), 128).save(file, "JPEG")
    answer = loaded.run({"encoded": np.array([file.getvalue()], object)}, "serving_images")
    assert answer["probabilities"].shape == (1, 10)


@pytest.mark.parametrize("shape", [(28, 28), (1, 28, 28), (1, 27, 28, 1), (1, 28, 28, 3), (1, 1, 28, 28, 1), (784,)])
def test_an_input_of_the_wrong_shape_is_refused_by_the_graph_itself(loaded: SavedModel, shape: tuple[int, ...]) -> None:
    with pytest.raises(BadRequest, match="28"):
        loaded.run({"images": np.zeros(shape, np.float32)})


def test_an_image_that_cannot_be_decoded_is_refused(loaded: SavedModel) -> None:
    with pytest.raises(BadRequest):
        loaded.run({"encoded": np.array([b"no image"], object)}, "serving_images")


def test_tensorflows_own_loaders_take_the_model_as_well(model: ServableModel, records: list[bytes]) -> None:
    import tensorflow as tf

    images = [encoded_image(record) for record in records[:3]]
    new = tf.saved_model.load(str(model.path)).signatures["serving_images"](encoded=tf.constant(images))["class"]
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        graph = tf.compat.v1.saved_model.load(session, ["serve"], str(model.path))
        signature = graph.signature_def["serving_images"]
        feed = {signature.inputs["encoded"].name: images}
        old = session.run(signature.outputs["class"].name, feed)
    np.testing.assert_array_equal(new.numpy(), old)


def test_the_warm_up_requests_are_answered(loaded: SavedModel, model: ServableModel) -> None:
    assert (model.path / "assets.extra" / "tf_serving_warmup_requests").stat().st_size > 0
    warm_up(loaded)


@pytest.mark.parametrize("runner", ["LosingRunner", "RepeatingRunner", "SwappingRunner"])
def test_an_evaluation_whose_runner_loses_or_repeats_work_stops(
    model: ServableModel, examples: Examples, tmp_path: Path, runner: str
) -> None:
    (shard,) = examples.split("test").shards
    twice = Examples(path=examples.path, splits=(Split(name="test", shards=(shard, shard)),))
    live = LiveModel(path=folder(tmp_path, "live"), version=None)
    beam = BeamSettings(runner=f"tests.components.lossy_runner.{runner}")
    with pytest.raises(BeamFailed, match=r"digits.tfrecord: Beam returned (no result|two results) for this"):
        evaluate(model, twice, MNIST_SCHEMA, live, EvaluateParams(), beam, folder(tmp_path, "out"))


def test_a_shard_that_was_altered_stops_the_evaluation_with_its_name(
    model: ServableModel, examples: Examples, tmp_path: Path
) -> None:
    (shard,) = examples.split("test").shards
    more = Examples(path=examples.path, splits=(Split(name="test", shards=(replace(shard, records=201),)),))
    live = LiveModel(path=folder(tmp_path, "live"), version=None)
    with pytest.raises(BadData, match=r"digits.tfrecord: wanted the 201 records that were written to it, got 200"):
        evaluate(model, more, MNIST_SCHEMA, live, EvaluateParams(), BeamSettings(), folder(tmp_path, "out"))


def test_the_evaluation_is_what_the_model_answers(
    model: ServableModel, examples: Examples, loaded: SavedModel, records: list[bytes], tmp_path: Path
) -> None:
    params = EvaluateParams(min_accuracy=0.2, max_log_loss=5.0)
    live = LiveModel(path=tmp_path, version=None)
    evaluation = evaluate(model, examples, MNIST_SCHEMA, live, params, BeamSettings(), folder(tmp_path, "out"))
    labels = np.array([Example.FromString(r).features.feature["label"].int64_list.value[0] for r in records])
    answer = loaded.run({"examples": np.array(records, object)}, "serving_examples")
    assert evaluation.passed
    assert evaluation.split == "test"
    assert all(check.passed for check in evaluation.checks)
    assert evaluation.overall.records == 200
    assert evaluation.overall.accuracy == pytest.approx(float(np.mean(answer["class"] == labels)))
    assert evaluation.overall.log_loss == pytest.approx(
        float(-np.mean(np.log(answer["probabilities"][np.arange(200), labels]))), rel=1e-4
    )
    assert sum(piece.records for piece in evaluation.slices) == 200
    with np.load(evaluation.predictions_path) as kept:
        np.testing.assert_array_equal(kept["labels"], labels)
        np.testing.assert_allclose(kept["probabilities"], answer["probabilities"], atol=1e-5)


def test_a_model_beyond_its_limits_does_not_pass_and_the_reasons_give_value_and_limit(
    model: ServableModel, examples: Examples, tmp_path: Path
) -> None:
    params = EvaluateParams(min_accuracy=0.999, max_log_loss=0.001)
    live = LiveModel(path=tmp_path, version=None)
    evaluation = evaluate(model, examples, MNIST_SCHEMA, live, params, BeamSettings(), folder(tmp_path, "out"))
    assert not evaluation.passed
    accuracy, log_loss = evaluation.reasons
    assert accuracy.startswith(f"accuracy {evaluation.overall.accuracy:.4f} is below evaluate.min_accuracy 0.999 (95 %")
    assert log_loss.startswith(f"log loss {evaluation.overall.log_loss:.4f} is above evaluate.max_log_loss 0.001 (95 %")


def test_slices_changed_images_and_the_live_model_are_measured_and_can_close_the_gate(
    model: ServableModel, examples: Examples, tmp_path: Path
) -> None:
    inverted = Limit(slice="inverted", metric="accuracy", at_least=0.99)
    weakest = Limit(slice="*", metric="accuracy", at_least=1.0, surely=True)
    params = EvaluateParams(
        min_accuracy=0.0,
        max_log_loss=9.0,
        slice_by=("label",),
        limits=(inverted, weakest),
        robustness=RobustnessParams(records=60),
    )
    (folder(tmp_path, "live") / "model").symlink_to(model.path)
    live = LiveModel(path=tmp_path / "live", version=7)
    evaluation = evaluate(model, examples, MNIST_SCHEMA, live, params, BeamSettings(), folder(tmp_path, "out"))
    results = read_results(evaluation.path)
    assert results is not None
    assert evaluation.reasons == tuple(check.sentence for check in evaluation.checks if not check.passed)
    assert any(reason.startswith("inverted: accuracy ") for reason in evaluation.reasons)
    assert any("evaluate.limits[1] 1.0 (95 % interval" in reason for reason in evaluation.reasons)
    assert not any("live model" in reason for reason in evaluation.reasons)
    assert sum(found.records for found in results.by_feature) == 200
    assert [found.name for found in results.by_feature] == [f"label {label}" for label in range(10)]
    assert {found.name: found.records for found in results.robustness} == dict.fromkeys(params.robustness.kinds, 60)
    against = results.overall.against_live
    assert against is not None
    assert (against.accuracy_change.value, against.accuracy_p, against.log_loss_p) == (0.0, 1.0, 1.0)
    assert evaluation.live is not None
    assert evaluation.live.accuracy == evaluation.overall.accuracy
    assert evaluation.live.log_loss == pytest.approx(evaluation.overall.log_loss)


def test_an_evaluation_is_the_same_however_the_records_are_cut_into_shards(
    model: ServableModel, examples: Examples, records: list[bytes], tmp_path: Path
) -> None:
    from slipline.components.files.tfrecord_files import write_records

    write_records(tmp_path / "a", records[:33])
    write_records(tmp_path / "b", records[33:])
    shards = (Shard(file="a", records=33, source="a"), Shard(file="b", records=167, source="b"))
    cut = Examples(path=tmp_path, splits=(Split(name="test", shards=shards),))
    params, live = EvaluateParams(robustness=RobustnessParams(records=40)), LiveModel(path=tmp_path, version=None)
    found = []
    for number, data in enumerate((examples, cut)):
        out = folder(tmp_path, f"out{number}")
        evaluate(model, data, MNIST_SCHEMA, live, params, BeamSettings(), out)
        found.append(read_results(out))
    whole, parts = found
    assert whole is not None
    assert parts is not None
    assert parts.overall.accuracy == whole.overall.accuracy
    assert parts.overall.classes == whole.overall.classes
    assert [each.accuracy for each in parts.robustness] == [each.accuracy for each in whole.robustness]
    assert parts.overall.log_loss.low == pytest.approx(whole.overall.log_loss.low, rel=1e-4)


def test_a_real_server_answers_for_a_sound_model(model: ServableModel, examples: Examples, tmp_path: Path) -> None:
    check = infra_validate(model, examples, MNIST_SCHEMA, InfraParams(requests=5), tmp_path, no_one)
    assert (check.passed, check.reasons, check.requests) == (True, (), 5)


def test_a_half_copied_model_does_not_pass_the_trial_in_a_server(
    model: ServableModel, examples: Examples, tmp_path: Path
) -> None:
    import shutil

    shutil.copytree(model.path, tmp_path / "half")
    shutil.rmtree(tmp_path / "half" / "variables")
    half = ServableModel(path=tmp_path / "half", signatures=model.signatures)
    check = infra_validate(half, examples, MNIST_SCHEMA, InfraParams(requests=5), folder(tmp_path, "out"), no_one)
    assert not check.passed
    assert "half-copied" in check.reasons[0]
    assert "Traceback" not in check.reasons[0]


@pytest.fixture
def release(tmp_path: Path) -> ReleaseParams:
    return ReleaseParams(model="digits", root=tmp_path / "releases", by="ann")


def pushed(model: ServableModel, examples: Examples, params: ReleaseParams, out: Path) -> Release:
    """Pushes a model that was compared with what is live at this moment."""
    with Ledger(params.url, params.root) as ledger:
        live = ledger.live(params.model)
    return push(model, examples, LiveModel(path=out, version=live.version if live else None), params, out, no_one)


def changed(model: ServableModel, parent: Path) -> ServableModel:
    """Another model: the same, with one file more."""
    import shutil

    shutil.copytree(model.path, parent / "changed")
    (parent / "changed" / "note").write_text("x")
    return ServableModel(path=parent / "changed", signatures=model.signatures)


def test_a_push_publishes_and_makes_live(
    model: ServableModel, examples: Examples, release: ReleaseParams, tmp_path: Path
) -> None:
    made = pushed(model, examples, release, folder(tmp_path, "out"))
    assert (made.model, made.version) == ("digits", 1)
    with Ledger(release.url, release.root) as ledger:
        live = ledger.live("digits")
    assert live is not None
    assert (live.version, live.digest, live.by) == (1, made.digest, "ann")
    assert verify(live.path) == ()


def test_a_push_keeps_a_sample_of_requests_that_the_model_answers(
    model: ServableModel, examples: Examples, release: ReleaseParams, loaded: SavedModel, tmp_path: Path
) -> None:
    pushed(model, examples, release, folder(tmp_path, "out"))
    requests = read_predict_requests(release.root / "digits" / "requests.tfrecord")
    assert len(requests) == 200
    assert requests[0].model_spec.signature_name == "serving_examples"
    answer = loaded.run({"examples": to_array(requests[0].inputs["examples"])}, "serving_examples")
    assert answer["probabilities"].shape == (1, 10)


def test_a_model_is_published_once(
    model: ServableModel, examples: Examples, release: ReleaseParams, tmp_path: Path
) -> None:
    assert pushed(model, examples, release, folder(tmp_path, "a")).version == 1
    assert pushed(model, examples, release, folder(tmp_path, "b")).version == 1


def test_a_withdrawn_model_is_not_made_live_by_pushing_it_again(
    model: ServableModel, examples: Examples, release: ReleaseParams, tmp_path: Path
) -> None:
    pushed(model, examples, release, folder(tmp_path, "a"))
    second = changed(model, tmp_path)
    pushed(second, examples, release, folder(tmp_path, "b"))
    with Ledger(release.url, release.root) as ledger:
        ledger.roll_back("digits", by="bob", reason="worse")
        pushed(second, examples, release, folder(tmp_path, "c"))
        live = ledger.live("digits")
    assert live is not None
    assert live.version == 1


def test_a_candidate_is_compared_with_what_is_live_and_a_released_one_with_what_was(
    model: ServableModel, examples: Examples, release: ReleaseParams, tmp_path: Path
) -> None:
    assert find_live(model, release, folder(tmp_path, "a")).version is None
    pushed(model, examples, release, folder(tmp_path, "b"))
    assert find_live(model, release, folder(tmp_path, "c")).version is None
    second = changed(model, tmp_path)
    before = find_live(second, release, folder(tmp_path, "d"))
    assert before.version == 1
    assert verify(before.model_path) == ()
    pushed(second, examples, release, folder(tmp_path, "e"))
    assert find_live(second, release, folder(tmp_path, "f")).version == 1


def test_a_candidate_that_was_never_live_is_compared_with_what_is_live_now(
    model: ServableModel, examples: Examples, release: ReleaseParams, tmp_path: Path
) -> None:
    second = changed(model, tmp_path)
    with Ledger(release.url, release.root) as ledger:
        ledger.publish("digits", second.path, by="ann", origin="x")
    pushed(model, examples, release, folder(tmp_path, "a"))
    assert find_live(second, release, folder(tmp_path, "b")).version == 2


def test_what_a_killed_promotion_left_undone_is_mended_by_the_next_run(
    model: ServableModel, examples: Examples, release: ReleaseParams, tmp_path: Path
) -> None:
    pushed(model, examples, release, folder(tmp_path, "a"))
    config = release.root / "models.config"
    in_force = config.read_text()
    config.write_text("")
    pushed(model, examples, release, folder(tmp_path, "b"))
    assert config.read_text() == in_force


def test_a_damaged_live_release_is_named_with_what_to_do(
    model: ServableModel, examples: Examples, release: ReleaseParams, tmp_path: Path
) -> None:
    import shutil

    pushed(model, examples, release, folder(tmp_path, "a"))
    shutil.rmtree(release.root / "digits" / "1" / "variables")
    with pytest.raises(ReleaseDamaged, match=r"digits version 1, .*is damaged: .*variables.*; restore .*promote"):
        find_live(changed(model, tmp_path), release, folder(tmp_path, "b"))


def test_a_trial_in_which_the_server_never_answers_is_no_verdict_on_the_model(
    model: ServableModel, examples: Examples, tmp_path: Path
) -> None:
    with pytest.raises(TrialFailed, match=r"ended, or did not answer within 0\.01 s; run again"):
        infra_validate(model, examples, MNIST_SCHEMA, InfraParams(start_timeout_s=0.01), tmp_path, no_one)


def test_a_model_compared_with_one_that_is_no_longer_live_is_not_released(
    model: ServableModel, examples: Examples, release: ReleaseParams, tmp_path: Path
) -> None:
    before = find_live(model, release, folder(tmp_path, "a"))
    pushed(changed(model, tmp_path), examples, release, folder(tmp_path, "b"))
    with pytest.raises(PushFailed, match=r"digits version 1 went live since .*compared with none; run again"):
        push(model, examples, before, release, folder(tmp_path, "c"), no_one)
    with Ledger(release.url, release.root) as ledger:
        assert [row.state for row in ledger.releases()] == ["live", "published"]
