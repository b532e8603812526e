"""Remote files, by a real S3 server: read through Beam, known by what the server states of them."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from slipline.components.artifacts import Examples
from slipline.components.beam.beam_options import BeamSettings
from slipline.components.errors import BadData, DatasetNotFound
from slipline.components.files.tfrecord_files import read_records
from slipline.components.steps.ingest import IngestParams, ingest, source_files
from slipline.pipeline.core.fingerprint import files_digest
from tests.small_wine import wines, write_csv, write_parquet

pytestmark = pytest.mark.slow  # each runs Beam several times

BUCKET = "cellar"


@dataclass(frozen=True)
class Store:
    """An S3 server with one bucket, and the settings by which Beam reaches it."""

    client: Any
    beam: BeamSettings

    def put(self, name: str, content: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=name, Body=content)


def beam_for(endpoint: str) -> BeamSettings:
    return BeamSettings(
        options=(
            f"--s3_endpoint_url={endpoint}",
            "--s3_access_key_id=any",
            "--s3_secret_access_key=any",
            "--s3_region_name=us-east-1",
        )
    )


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def store(server) -> Iterator[Store]:
    import boto3

    client = boto3.client(
        "s3", endpoint_url=server, region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any"
    )
    client.create_bucket(Bucket=BUCKET)
    yield Store(client, beam_for(server))
    for found in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=found["Key"])
    client.delete_bucket(Bucket=BUCKET)


def ingested(params: IngestParams, beam: BeamSettings, out: Path) -> Examples:
    out.mkdir(exist_ok=True)
    return ingest(params, beam, out, lambda line: None)


def records_of(examples: Examples, split: str) -> list[bytes]:
    return [record for file in examples.files(split) for record in read_records(file)]


def test_remote_tables_by_pattern_give_the_records_that_local_ones_give(store, tmp_path):
    train = write_csv(tmp_path / "train/wine.csv", wines(30))
    test = write_parquet(tmp_path / "test/wine.parquet", wines(10, seed=2))
    store.put("wine/train-0.csv.gz", gzip.compress(train.read_bytes()))
    store.put("wine/test-0.parquet", test.read_bytes())
    files = {"train": f"s3://{BUCKET}/wine/train-*.csv.gz", "test": f"s3://{BUCKET}/wine/test-*"}
    remote = ingested(IngestParams(files=files), store.beam, tmp_path / "remote")
    local = ingested(IngestParams(folder=tmp_path), BeamSettings(), tmp_path / "local")
    for split in ("train", "test"):
        assert records_of(remote, split) == records_of(local, split)
    assert remote.split("train").shards[0].source == f"s3://{BUCKET}/wine/train-0.csv.gz"


def test_a_remote_folder_of_records_and_images_is_read_as_a_local_one_is(store, plane, digits, png, tmp_path):
    store.put("digits/train/a.tfrecord", plane.write("train", digits).read_bytes())
    records = ingested(
        IngestParams(folder=f"s3://{BUCKET}/digits", splits=("train",)), store.beam, tmp_path / "records"
    )
    assert records_of(records, "train") == digits
    for name in ("cat/1.png", "dog/2.png"):
        store.put(f"pets/train/{name}", png())
    pets = ingested(IngestParams(folder=f"s3://{BUCKET}/pets/", splits=("train",)), store.beam, tmp_path / "pets")
    assert (pets.path / "classes.txt").read_text() == "cat\ndog\n"
    assert [shard.source for shard in pets.split("train").shards] == [
        f"s3://{BUCKET}/pets/train/{name}" for name in ("cat", "dog")
    ]


def test_a_remote_file_is_known_by_address_size_and_time_of_change_without_reading_it(store):
    store.put("wine/a.csv", b"a\n1\n")
    params = IngestParams(splits=("train",), files={"train": f"s3://{BUCKET}/wine/*.csv"})
    before = source_files(params, store.beam)
    assert [stated.name for stated in before] == ["train", f"s3://{BUCKET}/wine/a.csv"]
    assert re.fullmatch(r"4 bytes, changed \d+\.\d+", before[1].facts)
    assert files_digest(before) == files_digest(source_files(params, store.beam))
    store.put("wine/a.csv", b"a\n10\n")
    assert files_digest(before) != files_digest(source_files(params, store.beam))


def test_a_pattern_that_matches_nothing_is_bad_data(store, tmp_path):
    params = IngestParams(splits=("train",), files={"train": f"s3://{BUCKET}/nothing/*.csv"})
    with pytest.raises(BadData, match=r"s3://cellar/nothing/\*.csv: no file matches this pattern of split 'train'"):
        ingested(params, store.beam, tmp_path / "out")


def test_a_damaged_remote_file_is_named(store, tmp_path):
    store.put("wine/a.csv", b"a,b\n1\n")
    params = IngestParams(splits=("train",), files={"train": f"s3://{BUCKET}/wine/a.csv"})
    with pytest.raises(BadData, match=r"^s3://cellar/wine/a.csv: line 2: wanted 2 cells, as the header has, got 1"):
        ingested(params, store.beam, tmp_path / "out")


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_soon_one_line(tmp_path):
    """Beam alone would try for ten minutes."""
    params = IngestParams(splits=("train",), files={"train": f"s3://{BUCKET}/wine/*.csv"})
    with pytest.raises(DatasetNotFound, match=r"^s3://cellar/wine/\*.csv: no answer within 20 s; .*options`$"):
        ingested(params, beam_for("http://127.0.0.1:9"), tmp_path / "out")


def test_nothing_is_read_from_where_no_file_can_be_listed():
    """A cached rerun asks this first; what is wrong, the step itself says."""
    params = IngestParams(splits=("train",), files={"train": "gs://cellar/wine/*.csv"})
    assert source_files(params, BeamSettings()) == []
