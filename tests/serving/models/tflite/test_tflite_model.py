from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from slipline.serving.errors import BadRequest, LoadFailed
from slipline.serving.models.graph_traits import GraphTraits
from slipline.serving.models.loaded_model import SignatureNotFound
from slipline.serving.models.model_loader import Preferences, load_model
from slipline.serving.models.tensorflow.saved_model import SavedModel
from slipline.serving.models.tflite.tflite_model import TfliteModel
from tests.serving.models.tflite_models import CUSTOM, STRING, GraphSpec, counting_bytes, save, tflite_bytes

ROOT = Path(__file__).parents[4]
TWO = GraphSpec(signature="serving_default"), GraphSpec(signature="three", row=(3,))


def rows(*values: float, width: int = 2) -> Any:
    return np.repeat(np.array(values, "float32")[:, None], width, axis=1)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TfliteModel]:
    folder = save(tmp_path_factory.mktemp("tflite") / "1", tflite_bytes(*TWO))
    with TfliteModel.load(folder, interpreters=3) as model:
        yield model


def test_every_signature_runs(model: TfliteModel) -> None:
    assert model.run({"a": rows(1, 2), "b": rows(3, 4)})["sum"].tolist() == [[4, 4], [6, 6]]
    assert model.run({"a": rows(1, width=3), "b": rows(2, width=3)}, "three")["sum"].tolist() == [[3, 3, 3]]


def test_signatures_run_together_as_multi_inference_asks(model: TfliteModel) -> None:
    feeds, fetches = {}, []
    for name, width in (("serving_default", 2), ("three", 3)):
        planned = model.plan(name, ("a", "b")).run({"a": rows(1, width=width), "b": rows(width, width=width)})
        feeds.update(planned.feeds)
        fetches += planned.fetches
    assert sorted(array.tolist() for array in model.compute(feeds, fetches).values()) == [[[3, 3]], [[4, 4, 4]]]


def test_batches_of_any_size_follow_each_other(model: TfliteModel) -> None:
    for size in (1, 64, 8, 0, 1, 65, 3):
        x = np.random.default_rng(size).random((size, 2), "float32")
        assert np.array_equal(model.run({"a": x, "b": x})["sum"], 2 * x)


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (np.zeros((1, 3), "float32"), r"the model takes shape \[\?, 2\], got \[1, 3\]"),
        (np.zeros((1, 2, 1), "float32"), r"the model takes shape \[\?, 2\], got \[1, 2, 1\]"),
        (np.zeros(2, "float32"), r"the model takes shape \[\?, 2\], got \[2\]"),
        (np.float32(1), r"the model takes shape \[\?, 2\], got \[\]"),
        (np.zeros((1, 2)), r"Expects arg\[0\] to be float but double is provided"),
        (np.array([[b"1", b"2"]], object), "to be float but string is provided"),
        (np.zeros((5, 2), "float32"), r"does not run on inputs of shape \{.*: \[5, 2\], .*: \[2, 2\]\}"),
        (np.zeros((0, 2), "float32"), "only the batch may be empty, of every input alike"),
    ],
)
def test_wrong_inputs_are_refused_and_the_next_request_is_answered(
    tmp_path: Path, own: bool, wrong: Any, words: str
) -> None:
    spec = GraphSpec(signature="serving_default") if own else GraphSpec()
    first, second = ("a", "b") if own else ("left", "right")
    with TfliteModel.load(save(tmp_path / "1", tflite_bytes(spec))) as model:
        for _ in range(2):
            with pytest.raises(BadRequest, match=words):
                model.run({first: wrong, second: rows(1, 2)})
            (answer,) = model.run({first: rows(1, 2), second: rows(1, 2)}).values()
            assert answer.tolist() == [[2, 2], [4, 4]]


def test_requests_are_checked_against_the_signature_as_a_saved_models_are(model: TfliteModel) -> None:
    both = {"a": rows(1), "b": rows(1)}
    with pytest.raises(SignatureNotFound):
        model.run(both, "nix")
    with pytest.raises(BadRequest, match="input size does not match signature: 1!=2"):
        model.run({"a": rows(1)})
    with pytest.raises(BadRequest, match="output tensor alias not found in signature: nix"):
        model.run(both, outputs=["nix"])


def test_list_of_rows_of_one_number_is_a_batch(tmp_path: Path) -> None:
    """TensorFlow Serving takes shape [1] for [1, 1], and its own tests send that."""
    with TfliteModel.load(save(tmp_path / "1", tflite_bytes(GraphSpec(row=(1,))))) as model:
        x = np.array([1, 2, 3], "float32")
        assert model.run({"left": x, "right": x})["added"].tolist() == [[2], [4], [6]]


def test_strings_go_in_and_come_out_as_bytes(tmp_path: Path) -> None:
    echo = GraphSpec(operation=None, kind=STRING, inputs=("text",), row=())
    with TfliteModel.load(save(tmp_path / "1", tflite_bytes(echo))) as model:
        for sent in ([b"a", b"", b"ends in zeros\x00\x00", b"\x00\xff"], [b"x" * 100_000], []):
            array = np.empty(len(sent), object)
            array[:] = sent
            assert model.run({"text": array})["text"].tolist() == sent


@pytest.mark.parametrize("signatures", [[], ["serving_default"], ["serving_default", "again"]])
def test_no_state_goes_from_one_request_to_the_next(tmp_path: Path, signatures: list[str]) -> None:
    folder = save(tmp_path / "1", counting_bytes(*signatures))
    with TfliteModel.load(folder, interpreters=2) as model, model._pool.borrowed():  # the one that tried all out
        for signature in [name for name in reversed(signatures or ["serving_default"]) for _ in range(3)]:
            assert model.run({"x": rows(2, width=1)}, signature)["total"].tolist() == [[2]]


def test_callers_at_the_same_time_get_their_own_answers(model: TfliteModel) -> None:
    """More of them than interpreters, and with failing ones between."""

    def ask(number: int) -> bool:
        size = number % 5 + 2
        x = np.full((size, 2), number, "float32")
        if number % 7 == 0:
            with pytest.raises(BadRequest):
                model.run({"a": x, "b": x[:0] if number % 2 else np.tile(x, (3, 1))})
        return bool((model.run({"a": x, "b": x})["sum"] == 2 * number).all())

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(500)))


def test_interpreters_are_made_as_they_are_needed(tmp_path: Path) -> None:
    with TfliteModel.load(save(tmp_path / "1", tflite_bytes(GraphSpec())), interpreters=2) as model:
        pool, seen = model._pool, set()
        for _ in range(5):
            with pool.borrowed() as interpreter:
                seen.add(id(interpreter))
        assert len(seen) == 1
        with pool.borrowed() as one, pool.borrowed() as another:
            assert one is not another
            waiting = threading.Thread(target=lambda: model.run({"left": rows(1), "right": rows(1)}))
            waiting.start()
        waiting.join(10)
        assert not waiting.is_alive()


def test_unknown_operation_is_named_when_the_model_is_loaded(tmp_path: Path) -> None:
    folder = save(tmp_path / "1", tflite_bytes(GraphSpec(operation=CUSTOM)))
    with pytest.raises(LoadFailed, match="unresolved custom op: NoSuchOperation"):
        TfliteModel.load(folder)


@pytest.mark.parametrize("size", [0, 3, 100, -1])
def test_cut_off_model_is_refused(tmp_path: Path, size: int) -> None:
    folder = save(tmp_path / "1", tflite_bytes(*TWO)[:size], published=False)
    with pytest.raises(LoadFailed, match=r"model\.tflite"):
        TfliteModel.load(folder)


def test_missing_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadFailed, match="cannot be read: No such file"):
        TfliteModel.load(tmp_path)


FUZZING = """
import random, sys
from pathlib import Path
from slipline.serving.errors import LoadFailed
from slipline.serving.models.tflite.tflite_model import TfliteModel
folder = Path(sys.argv[1])
content = (folder / "model.tflite").read_bytes()
for seed in range(60):
    chance, altered = random.Random(seed), bytearray(content)
    for _ in range(chance.choice([1, 2, 8])):
        altered[chance.randrange(len(content))] = chance.randrange(256)
    (folder / "model.tflite").write_bytes(altered if seed % 3 else altered[: chance.randrange(len(content))])
    try:
        TfliteModel.load(folder).close()
    except LoadFailed as error:
        assert str(folder) in str(error)
print("alive")
"""


@pytest.mark.slow
def test_altered_models_do_not_end_the_process_that_loads_them(tmp_path: Path) -> None:
    folder = save(tmp_path / "1", tflite_bytes(*TWO), published=False)
    command = [sys.executable, "-c", FUZZING, str(folder)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.stdout == "alive\n", ended.stderr[-2000:]


RECURRENT = ["LSTM", "RNN", "SVDF", "UNIDIRECTIONAL_SEQUENCE_RNN", "UNIDIRECTIONAL_SEQUENCE_LSTM"]
RECURRENT += ["BIDIRECTIONAL_SEQUENCE_RNN", "BIDIRECTIONAL_SEQUENCE_LSTM"]
WRITING = ["HASHTABLE_IMPORT", "ASSIGN_VARIABLE"]
DRAWING = ["RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM", "MULTINOMIAL", "STABLEHLO_RNG_BIT_GENERATOR"]


@pytest.mark.parametrize(
    ("operations", "state_free", "loops"),
    [
        ([], True, False),
        (["MUL", "CONV_2D", "HASHTABLE_FIND", "READ_VARIABLE", "IF"], True, False),
        *(([name], False, False) for name in (*RECURRENT, *WRITING, *DRAWING)),
        (["WHILE"], True, True),
        (["CUSTOM"], False, True),
    ],
)
def test_what_may_be_done_with_its_runs_follows_from_its_operations(
    tmp_path: Path, operations: list[str], state_free: bool, loops: bool
) -> None:
    with TfliteModel.load(save(tmp_path / "1", tflite_bytes(GraphSpec(), listed=operations))) as model:
        assert model.traits() == {"serving_default": GraphTraits(is_state_free=state_free, has_loops=loops)}


@pytest.mark.parametrize("operation", ["STABLEHLO_CUSTOM_CALL", "STABLEHLO_WHILE", "DELEGATE"])
def test_model_of_an_opaque_operation_that_litert_lacks_is_refused(tmp_path: Path, operation: str) -> None:
    """Once LiteRT has one, `STATEFUL` or `LOOPS` must name it."""
    folder = save(tmp_path / "1", tflite_bytes(GraphSpec(), listed=[operation]))
    with pytest.raises(LoadFailed, match=f"Didn't find op for builtin opcode '{operation}'"):
        TfliteModel.load(folder)


def test_tflite_model_is_loaded_where_it_is_preferred(scalers: Path, tmp_path: Path) -> None:
    folder = save(tmp_path / "1", tflite_bytes(GraphSpec()))
    with load_model(folder, Preferences(tflite=True)) as preferred:
        assert isinstance(preferred, TfliteModel)
    with load_model(scalers / "1", Preferences(tflite=True)) as other:
        assert isinstance(other, SavedModel)
    with pytest.raises(LoadFailed, match=r"Could not find SavedModel.*start with --prefer_tflite_model"):
        load_model(folder, Preferences())


def convolving(tf: Any, folder: Path) -> None:
    """A small convolutional network, as a SavedModel with its TFLite twin beside it."""
    chance = np.random.default_rng(7)
    module = tf.Module()
    module.kernel = tf.Variable(chance.normal(size=(3, 3, 1, 4)).astype("float32"))
    module.dense = tf.Variable(chance.normal(size=(26 * 26 * 4, 10)).astype("float32") / 50)

    @tf.function(input_signature=[tf.TensorSpec([None, 28, 28, 1], tf.float32, name="images")])
    def serve(images: Any) -> Any:
        hidden = tf.nn.relu(tf.nn.conv2d(images, module.kernel, 1, "VALID"))
        scores = tf.nn.softmax(tf.reshape(hidden, [-1, 26 * 26 * 4]) @ module.dense)
        return {"probabilities": scores, "class": tf.argmax(scores, -1)}

    tf.saved_model.save(module, str(folder), signatures={"serving_default": serve})
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
    (folder / "model.tflite").write_bytes(converter.convert())


@pytest.mark.slow
def test_converted_model_gives_the_saved_models_answers(tf: ModuleType, tmp_path: Path) -> None:
    convolving(tf, tmp_path / "1")
    images = np.random.default_rng(1).random((33, 28, 28, 1), "float32")
    with load_model(tmp_path / "1", Preferences(tflite=True)) as lite, SavedModel.load(tmp_path / "1") as saved:
        assert isinstance(lite, TfliteModel)
        for batch in (images, images[:1], images[:0]):
            ours, theirs = lite.run({"images": batch}), saved.run({"images": batch})
            assert ours["class"].tolist() == theirs["class"].tolist()
            assert ours["class"].dtype == theirs["class"].dtype
            np.testing.assert_allclose(ours["probabilities"], theirs["probabilities"], atol=1e-5)
        with pytest.raises(BadRequest, match=r"takes shape \[\?, 28, 28, 1\], got \[1, 27, 28, 1\]"):
            lite.run({"images": images[:1, 1:]})


def test_model_that_was_not_published_is_tried_out_and_loaded(tmp_path: Path) -> None:
    folder = save(tmp_path / "1", tflite_bytes(GraphSpec()), published=False)
    with TfliteModel.load(folder) as model:
        assert model.run({"left": rows(1), "right": rows(2)})["added"].tolist() == [[3, 3]]


def test_published_model_whose_bytes_were_altered_later_is_tried_out(tmp_path: Path) -> None:
    folder = save(tmp_path / "1", tflite_bytes(GraphSpec()))
    file = folder / "model.tflite"
    file.write_bytes(file.read_bytes()[:-50])
    with pytest.raises(LoadFailed, match="cut off or corrupt"):
        TfliteModel.load(folder)
