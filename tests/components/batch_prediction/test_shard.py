"""One file of predictions: all answers of its blocks, once and in order, or a sentence on why there is none."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from slipline.components.batch_prediction.ask_block import AnsweredBlock
from slipline.components.batch_prediction.blocks import Failure, Record
from slipline.components.batch_prediction.contract import EXAMPLES
from slipline.components.batch_prediction.request import AskedRelease, BatchRequest
from slipline.components.batch_prediction.shard import Misplaced, PredictedShard, ShardWork, write_shard
from slipline.components.beam.jobs import Problem
from slipline.components.files.tfrecord_files import read_records
from slipline.serving.wire.example_pb2 import Example

NAMES = ("zero", "one")


def record(number, label=None, key=None):
    return Record(content=b"", file="in.tfrecord", number=number, key=key, label=label)


def answered(first, records, answers, failed=()):
    """A block that begins with a number, its records answered by these classes."""
    probabilities = np.float32([[1 - answer, answer] for answer in answers]).reshape(-1, 2)
    return AnsweredBlock(
        first=first,
        signature=EXAMPLES,
        records=tuple(records),
        probabilities=probabilities,
        failed=tuple(failed),
    )


def failure(number, reason="no example"):
    return Failure(file="in.tfrecord", record=number, key=None, reason=reason)


def settings(folder, *, file_format="tfrecord", stop=False):
    request = BatchRequest(
        release=AskedRelease(model="m", version=1, digest="", folder=folder),
        inputs=(),
        out=folder,
        format=file_format,
        on_bad_record="stop" if stop else "set-aside",
    )
    return ShardWork(request=request, folder=folder, class_names=NAMES, names=("other", "in.tfrecord"))


BLOCKS = [
    answered(102, [record(2, label=1, key="c"), record(4, label=0)], [1, 1], [failure(3)]),
    answered(100, [record(0, label=0, key="a"), record(1)], [0, 1]),
]


def test_rows_come_in_order_and_are_counted(tmp_path):
    written = write_shard((1, 0), BLOCKS, settings(tmp_path))
    assert isinstance(written, PredictedShard)
    assert (written.number, written.first, written.end) == (1, 100, 105)
    assert (written.predicted, written.failed, written.labelled, written.right) == (4, 1, 3, 2)
    assert sorted(tmp_path.iterdir()) == sorted([written.predictions, written.failures])
    assert [json.loads(line) for line in written.failures.read_text().splitlines()] == [
        {"file": "in.tfrecord", "record": 3, "key": None, "reason": "no example"}
    ]
    rows = [Example.FromString(each).features.feature for each in read_records(written.predictions)]
    assert [row["record"].int64_list.value[0] for row in rows] == [0, 1, 2, 4]
    assert [row["class"].int64_list.value[0] for row in rows] == [0, 1, 1, 1]
    assert [row["class_name"].bytes_list.value[0] for row in rows] == [b"zero", b"one", b"one", b"one"]
    assert [list(row["probabilities"].float_list.value) for row in rows] == [[1, 0], [0, 1], [0, 1], [0, 1]]
    assert {row["file"].bytes_list.value[0] for row in rows} == {b"in.tfrecord"}
    assert [row["label"].int64_list.value[0] if "label" in row else None for row in rows] == [0, None, 1, 0]
    assert [row["key"].bytes_list.value[0] if "key" in row else None for row in rows] == [b"a", None, b"c", None]


def test_a_table_has_the_same_rows(tmp_path):
    written = write_shard((1, 0), BLOCKS, settings(tmp_path, file_format="parquet"))
    assert pq.read_table(written.predictions).to_pydict() == {
        "file": ["in.tfrecord"] * 4,
        "record": [0, 1, 2, 4],
        "key": ["a", None, "c", None],
        "label": [0, None, 1, 0],
        "class": [0, 1, 1, 1],
        "class_name": ["zero", "one", "one", "one"],
        "probabilities": [[1, 0], [0, 1], [0, 1], [0, 1]],
    }


@pytest.mark.parametrize("file_format", ["tfrecord", "parquet"])
def test_a_shard_of_failures_alone_has_an_empty_file(tmp_path, file_format):
    written = write_shard((0, 0), [answered(7, [], [], [failure(7)])], settings(tmp_path, file_format=file_format))
    assert (written.first, written.predicted, written.failed, written.end) == (7, 0, 1, 8)
    assert written.predictions.exists()


def test_without_failures_there_is_no_file_of_them(tmp_path):
    assert write_shard((1, 0), BLOCKS[1:], settings(tmp_path)).failures is None


@pytest.mark.parametrize("blocks", [[BLOCKS[0], BLOCKS[0]], [BLOCKS[1], answered(103, [record(3)], [0])]])
def test_lost_or_repeated_work_is_told(tmp_path, blocks):
    found = write_shard((1, 0), blocks, settings(tmp_path))
    assert isinstance(found, Misplaced)
    wanted, got = (105, 102) if blocks[0] is blocks[1] else (102, 103)
    assert (
        f"in.tfrecord: wanted the answers to record {wanted} next, Beam brought those to record {got}" in found.message
    )
    assert list(tmp_path.iterdir()) == []


def test_a_problem_of_a_block_is_that_of_the_shard(tmp_path):
    found = write_shard((1, 0), [*BLOCKS, Problem("b"), Problem("a")], settings(tmp_path))
    assert found == Problem("a")


@pytest.mark.parametrize(
    ("more", "told"), [(0, ": bad; mend it"), (1, ": bad (and 1 more records of this input); mend it")]
)
def test_a_failure_may_stop_it_and_is_named(tmp_path, more, told):
    block = answered(7, [], [], [*[failure(9, "worse")] * more, failure(8, "bad")])
    found = write_shard((1, 0), [block], settings(tmp_path, stop=True))
    assert isinstance(found, Problem)
    assert found.message.startswith(f"in.tfrecord: record 8 (counted from 0){told}")
    assert isinstance(write_shard((1, 0), BLOCKS[1:], settings(tmp_path, stop=True)), PredictedShard)


@pytest.mark.parametrize("file_format", ["tfrecord", "parquet"])
def test_a_folder_that_cannot_be_written_is_a_problem_with_a_remedy(tmp_path, file_format):
    gone = tmp_path / "gone"
    found = write_shard((1, 0), BLOCKS, settings(gone, file_format=file_format))
    assert isinstance(found, Problem)
    assert found.message.startswith(f"{gone}: a worker cannot write there (No such file or directory); make room")
