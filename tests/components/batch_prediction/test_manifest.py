import hashlib
import json
from dataclasses import asdict

from slipline.components.batch_prediction.blocks import ImageFiles, InputRead, ReadJob
from slipline.components.batch_prediction.manifest import Manifest, ManifestFile, ManifestInput, manifest_inputs
from slipline.components.sources.file_kinds import TfrecordFile
from slipline.components.sources.idx_source import IdxPair
from slipline.serving.folders.version_folder import FileRecord


def digest(path, size_bytes=10):
    return FileRecord(path=path, size_bytes=size_bytes, sha256=hashlib.sha256(path.encode()).hexdigest())


def sha_of(*paths):
    return hashlib.sha256("".join(f"{digest(path).sha256}\n" for path in paths).encode()).hexdigest()


def test_inputs_are_files_pairs_and_folders_of_images_with_their_digests():
    jobs = [
        ReadJob(source=TfrecordFile(path="/in/a.tfrecord"), number=0),
        ReadJob(source=IdxPair(first="/in/images", second="/in/labels"), number=1),
        ReadJob(source=ImageFiles(path="images", images=("/in/two/1.png", "/in/one/2.png")), number=2),
        ReadJob(source=ImageFiles(path="images", images=("/in/one/1.png", "/in/none/1.png")), number=2, first=2),
    ]
    read = [
        InputRead(job=0, records=5, files=(digest("/in/a.tfrecord", 7),)),
        InputRead(job=1, records=6, files=(digest("/in/labels", 2), digest("/in/images", 3))),
        InputRead(job=2, records=2, files=(digest("/in/one/2.png"), digest("/in/two/1.png"))),
        InputRead(job=3, records=2, files=()),
    ]
    assert list(manifest_inputs(jobs, read)) == [
        ManifestInput(path="/in/a.tfrecord", files=1, records=5, size_bytes=7, sha256=digest("/in/a.tfrecord").sha256),
        ManifestInput(
            path="/in/images + labels", files=2, records=6, size_bytes=5, sha256=sha_of("/in/images", "/in/labels")
        ),
        ManifestInput(path="/in/none", files=0, records=1, size_bytes=0, sha256=sha_of()),
        ManifestInput(path="/in/one", files=1, records=2, size_bytes=10, sha256=digest("/in/one/2.png").sha256),
        ManifestInput(path="/in/two", files=1, records=1, size_bytes=10, sha256=digest("/in/two/1.png").sha256),
    ]


def test_the_manifest_is_a_file_that_tools_pass_over(tmp_path):
    manifest = Manifest(
        model="mnist",
        version=3,
        digest="d",
        at="2026-01-01T00:00:00Z",
        format="parquet",
        batch_size=64,
        records=3,
        predicted=2,
        failed=1,
        labelled=2,
        accuracy=0.5,
        inputs=(),
        files=(ManifestFile(file="0.parquet", records=2, sha256="s"),),
    )
    manifest.write(tmp_path)
    (file,) = tmp_path.iterdir()
    assert file.name.startswith("_")
    assert json.loads(file.read_text()) == json.loads(json.dumps(asdict(manifest)))
    assert file.read_text().endswith("}\n")
