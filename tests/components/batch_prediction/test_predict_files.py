"""A release run over files: every record in is a prediction, as the server gives it, or a failure that is named."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slipline.components.batch_prediction.predict_files import predict_files
from slipline.components.batch_prediction.request import AskedRelease, BatchRequest
from slipline.components.beam.beam_options import BeamSettings
from slipline.components.errors import BadData, BeamFailed
from slipline.components.examples.example_records import encode_example
from slipline.components.files.tfrecord_files import read_records, write_records
from slipline.serving.client import PredictClient
from slipline.serving.releases.store.records import ReleaseRow
from slipline.serving.wire.example_pb2 import Example
from tests.embedded_server import embedded_server
from tests.small_mnist import first_records
from tests.untrained_release import release_untrained

pytestmark = pytest.mark.slow  # TensorFlow is imported to make the release

RECORDS = 600


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> ReleaseRow:
    return release_untrained(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def records() -> list[bytes]:
    return first_records("test", RECORDS)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def asked(release: ReleaseRow, *inputs: Path, **other: Any) -> BatchRequest:
    folder = AskedRelease(model=release.model, version=release.version, digest=release.digest, folder=release.path)
    settings = {"out": inputs[0].parents[1] / "out", **other}
    return BatchRequest(release=folder, inputs=tuple(map(str, inputs)), **settings)


def predicted(request: BatchRequest) -> Any:
    return predict_files(request, lambda line: None)


def rows(out: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pa.concat_tables(map(pq.read_table, sorted(out.glob("*.parquet")))).to_pylist()
    return found


def failures(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "_failed.jsonl").read_text().splitlines()]


def files(out: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in out.glob("predictions-*")}


def image(record: bytes) -> bytes:
    return Example.FromString(record).features.feature["image"].bytes_list.value[0]


def label(record: bytes) -> int:
    return Example.FromString(record).features.feature["label"].int64_list.value[0]


def write_parts(folder: Path, records: Sequence[bytes], count: int = 3) -> list[Path]:
    parts = [folder / f"{part}.tfrecord" for part in range(count)]
    for part, file in enumerate(parts):
        write_records(file, records[part::count])
    return parts


@pytest.fixture(scope="module")
def served(release: ReleaseRow, records: list[bytes]) -> Any:
    """What the embedded server answers over gRPC about the images of the records."""
    with (
        embedded_server(f"--model_base_path={release.path.parent}", "--model_name=digits") as server,
        PredictClient.connect(server.target, "digits", timeout_s=60.0) as client,
    ):
        client.wait_until_available()
        images = [image(record) for record in records]
        answers = [client.predict_images(images[start : start + 100]) for start in range(0, RECORDS, 100)]
    return np.concatenate([answer.outputs["probabilities"] for answer in answers])


def test_records_are_answered_in_order_as_the_server_answers(
    release: ReleaseRow, records: list[bytes], served: Any, source: Path
) -> None:
    file = source / "digits.tfrecord"
    write_records(file, records)
    manifest = predicted(asked(release, file))
    found = rows(source.parent / "out")
    np.testing.assert_allclose([row["probabilities"] for row in found], served, atol=1e-6, rtol=0)
    assert [row["record"] for row in found] == list(range(RECORDS))
    assert {row["file"] for row in found} == {str(file)}
    assert [row["label"] for row in found] == list(map(label, records))
    assert (
        [row["class"] for row in found] == [int(row["class_name"]) for row in found] == served.argmax(axis=1).tolist()
    )
    right = np.mean(served.argmax(axis=1) == list(map(label, records)))
    assert (manifest.records, manifest.predicted, manifest.failed, manifest.labelled) == (RECORDS, RECORDS, 0, RECORDS)
    assert manifest.accuracy == pytest.approx(right)
    assert (manifest.version, manifest.digest) == (1, release.digest)


def test_images_in_files_of_their_own_are_answered_alike_and_labelled_by_their_folders(
    release: ReleaseRow, records: list[bytes], served: Any, source: Path
) -> None:
    for number, record in enumerate(records[:50]):
        folder = source / str(label(record)) if number % 2 else source
        folder.mkdir(exist_ok=True)
        (folder / f"{number:03}.png").write_bytes(image(record))
    manifest = predicted(asked(release, source, out=source.parent / "out"))
    found = {int(Path(row["file"]).stem): row for row in rows(source.parent / "out")}
    np.testing.assert_allclose([found[n]["probabilities"] for n in range(50)], served[:50], atol=1e-6, rtol=0)
    assert [found[n]["label"] for n in range(50)] == [label(records[n]) if n % 2 else None for n in range(50)]
    assert manifest.labelled == 25
    assert sum(each.records for each in manifest.inputs) == sum(each.files for each in manifest.inputs) == 50


def test_rows_of_parquet_are_records_and_keep_their_keys(
    release: ReleaseRow, records: list[bytes], served: Any, source: Path
) -> None:
    table = pa.table({"image": [image(record) for record in records[:20]], "id": [f"r{n}" for n in range(20)]})
    pq.write_table(table, source / "digits.parquet")
    predicted(asked(release, source / "digits.parquet"))
    found = rows(source.parent / "out")
    np.testing.assert_allclose([row["probabilities"] for row in found], served[:20], atol=1e-6, rtol=0)
    assert [row["key"] for row in found] == [f"r{n}" for n in range(20)]


def test_both_formats_hold_the_same(release: ReleaseRow, records: list[bytes], source: Path) -> None:
    parts = write_parts(source, records[:90])
    predicted(asked(release, *parts))
    predicted(asked(release, *parts, out=source.parent / "examples", format="tfrecord"))
    examples = [
        Example.FromString(record).features.feature
        for file in sorted((source.parent / "examples").glob("*.tfrecord"))
        for record in read_records(file)
    ]
    for row, example in zip(rows(source.parent / "out"), examples, strict=True):
        assert (example["file"].bytes_list.value[0].decode(), example["record"].int64_list.value[0]) == (
            row["file"],
            row["record"],
        )
        assert (example["label"].int64_list.value[0], example["class"].int64_list.value[0]) == (
            row["label"],
            row["class"],
        )
        assert list(example["probabilities"].float_list.value) == row["probabilities"]
        assert "key" not in example


@pytest.mark.parametrize("beam", [BeamSettings(), BeamSettings(processes=2)], ids=["one process", "two processes"])
def test_the_same_input_makes_the_same_bytes(
    release: ReleaseRow, records: list[bytes], source: Path, beam: BeamSettings
) -> None:
    parts = write_parts(source, records)
    predicted(asked(release, *parts))
    predicted(asked(release, *parts, out=source.parent / "again", beam=beam))
    assert files(source.parent / "again") == files(source.parent / "out")


def test_each_bad_record_is_named_and_costs_no_other_its_answer(
    release: ReleaseRow, records: list[bytes], served: Any, source: Path, png: Any
) -> None:
    mixed = list(records)
    mixed[5] = encode_example(png(27, 28), 1)
    mixed[7] = b"no example"
    mixed[300] = encode_example(image(records[300])[:-20], 1)
    mixed[301] = Example().SerializeToString()
    write_records(source / "mixed.tfrecord", mixed)
    manifest = predicted(asked(release, source / "mixed.tfrecord"))
    found, failed = rows(source.parent / "out"), failures(source.parent / "out")
    assert [failure["record"] for failure in failed] == [5, 7, 300, 301]
    assert failed[0]["reason"] == "image: wanted 28 x 28 x 1 pixels, got 27 x 28 x 1"
    assert failed[1]["reason"] == "wanted a tf.Example, got other bytes"
    assert "cannot be decoded" in failed[2]["reason"]
    assert "image" in failed[3]["reason"]
    good = [n for n in range(RECORDS) if n not in (5, 7, 300, 301)]
    assert [row["record"] for row in found] == good
    np.testing.assert_allclose([row["probabilities"] for row in found], served[good], atol=1e-6, rtol=0)
    assert (manifest.records, manifest.predicted, manifest.failed) == (RECORDS, RECORDS - 4, 4)


def test_what_comes_before_the_damage_of_a_file_is_predicted(
    release: ReleaseRow, records: list[bytes], source: Path
) -> None:
    write_records(source / "cut.tfrecord", records[:30])
    (source / "cut.tfrecord").write_bytes((source / "cut.tfrecord").read_bytes()[:-10])
    predicted(asked(release, source / "cut.tfrecord"))
    assert [row["record"] for row in rows(source.parent / "out")] == list(range(29))
    (failed,) = failures(source.parent / "out")
    assert failed["record"] == 29
    assert "the file ends early" in failed["reason"]


def test_told_to_stop_at_a_bad_record_nothing_is_left_behind(
    release: ReleaseRow, records: list[bytes], source: Path
) -> None:
    write_records(source / "mixed.tfrecord", [*records[:3], b"no example"])
    with pytest.raises(BadData, match=r"mixed\.tfrecord: record 3 \(counted from 0\): wanted a tf\.Example"):
        predicted(asked(release, source / "mixed.tfrecord", on_bad_record="stop"))
    assert [path.name for path in source.parent.iterdir()] == ["in"]


def test_a_worker_that_cannot_load_the_release_says_so(release: ReleaseRow, records: list[bytes], source: Path) -> None:
    shutil.copytree(release.path, source.parent / "half", ignore=shutil.ignore_patterns("variables"))
    write_records(source / "digits.tfrecord", records[:3])
    half = dataclasses.replace(release, path=source.parent / "half")
    with pytest.raises(BadData, match=r"a Beam worker cannot load the release: .*let SLIPLINE_HOME lie where"):
        predicted(asked(half, source / "digits.tfrecord"))


@pytest.mark.parametrize("runner", ["LosingRunner", "RepeatingRunner", "SwappingRunner"])
def test_a_runner_that_loses_or_repeats_work_is_caught(
    release: ReleaseRow, records: list[bytes], source: Path, runner: str
) -> None:
    beam = BeamSettings(runner=f"tests.components.lossy_runner.{runner}")
    with pytest.raises(BeamFailed, match=r"Beam returned (no result|two results) for this"):
        predicted(asked(release, *write_parts(source, records[:30]), beam=beam))
    assert [path.name for path in source.parent.iterdir()] == ["in"]


def test_no_process_imports_tensorflow(release: ReleaseRow, records: list[bytes], source: Path) -> None:
    write_records(source / "digits.tfrecord", records[:3])
    request = asked(release, source / "digits.tfrecord")
    code = f"""
import sys
from pathlib import Path
from slipline.components.batch_prediction.predict_files import predict_files
from slipline.components.batch_prediction.request import AskedRelease, BatchRequest
release = AskedRelease(model="digits", version=1, digest="", folder=Path({str(request.release.folder)!r}))
predict_files(BatchRequest(release=release, inputs={request.inputs!r}, out=Path({str(request.out)!r})), print)
sys.exit("tensorflow" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
