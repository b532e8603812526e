"""What the steps of Slipline hand to each other."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from slipline.pipeline.core.artifact import Artifact, Verdict

CLASSES_FILE = "classes.txt"
"""Has a line for the name of each label, in the folder of examples from class folders, and of their statistics."""


def _class_names(folder: Path) -> tuple[str, ...] | None:
    file = folder / CLASSES_FILE
    return tuple(file.read_text("utf-8").splitlines()) if file.is_file() else None


def copy_class_names(source: Path, target: Path) -> None:
    """Copies `classes.txt` from one folder to another, if there is one."""
    if (source / CLASSES_FILE).is_file():
        shutil.copy2(source / CLASSES_FILE, target / CLASSES_FILE)


@dataclass(frozen=True, kw_only=True)
class Shard:
    """One TFRecord file of examples.

    Attributes:
      file: Path relative to the artifact's folder.
      records: How many examples it holds.
      source: The file it was read from, as its owner knows it.
      first: Number in its source of its first record; the others follow it, unless a file beside the shard says
        otherwise (see `components/examples/record_places.py`).
    """

    file: str
    records: int
    source: str
    first: int = 0


@dataclass(frozen=True, kw_only=True)
class Split:
    """A named part of the examples, such as `train`."""

    name: str
    shards: tuple[Shard, ...]

    @property
    def records(self) -> int:
        """Examples in all shards."""
        return sum(shard.records for shard in self.shards)


@dataclass(frozen=True, kw_only=True)
class Examples(Artifact):
    """TFRecord files of `tf.Example`, by split.

    Attributes:
      splits: In the order they were asked for.
      set_aside: Records left out because they broke the schema.
      passed_over: The first of the files beside those read that are of no known kind.
    """

    splits: tuple[Split, ...]
    set_aside: int = 0
    passed_over: tuple[str, ...] = ()

    @property
    def records(self) -> int:
        """Examples in all splits."""
        return sum(split.records for split in self.splits)

    def split(self, name: str) -> Split:
        """The split called `name`.

        Raises:
          KeyError: There is none.
        """
        for split in self.splits:
            if split.name == name:
                return split
        raise KeyError(name)

    def files(self, name: str) -> tuple[Path, ...]:
        """The shard files of the split called `name`, in order."""
        return tuple(self.path / shard.file for shard in self.split(name).shards)

    def class_names(self, classes: int) -> tuple[str, ...]:
        """The name of each of so many classes: its folder's where `ingest` read such folders, else its number."""
        given = _class_names(self.path) or ()
        return given + tuple(map(str, range(len(given), classes)))


@dataclass(frozen=True, kw_only=True)
class Statistics(Artifact):
    """What the examples look like: one `DatasetFeatureStatisticsList`, a dataset for each split and each slice."""

    @property
    def proto_path(self) -> Path:
        """The serialized `DatasetFeatureStatisticsList`."""
        return self.path / "statistics.binpb"

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The name of each label of images by class folder; None where labels have no names."""
        return _class_names(self.path)


@dataclass(frozen=True, kw_only=True)
class Baseline(Statistics):
    """The statistics that new ones are held against; there is no file where there was no earlier run.

    Attributes:
      origin: Which run's they are, for people; None where there was none.
    """

    origin: str | None = None


@dataclass(frozen=True, kw_only=True)
class Schema(Artifact):
    """What the examples must look like: a `tensorflow.metadata.v0.Schema` in text form."""

    @property
    def proto_path(self) -> Path:
        """The text proto: the artifact itself if a person's file was given, else the file within."""
        return self.path if self.path.is_file() else self.path / "schema.pbtxt"


@dataclass(frozen=True, kw_only=True)
class Anomalies(Verdict):
    """Where the examples break the schema; the offending records lie beside the findings.

    Attributes:
      records: Examples checked.
      offending: Examples with at least one anomaly.
      set_aside: Examples that are to be left out, so that the rest passes.
      remarks: If so, one sentence for each kind of anomaly among them.
    """

    records: int
    offending: int
    set_aside: int = 0
    remarks: tuple[str, ...] = ()

    @property
    def proto_path(self) -> Path:
        """The serialized `tensorflow.metadata.v0.Anomalies`."""
        return self.path / "anomalies.binpb"

    def offending_numbers(self, shard: Shard) -> Path:
        """NumPy file with the numbers of the offending examples of a shard, int64; absent if there are none."""
        return self.path / "offending" / f"{shard.file}.npy"


@dataclass(frozen=True, kw_only=True)
class TrainedModel(Artifact):
    """A Keras model as it left training, with its history and TensorBoard log.

    Attributes:
      records: Examples learnt from, in each epoch all of them.
      parameters: Trainable numbers in the network.
      loss: Mean training loss of the epoch whose weights are kept, in nats per example.
      accuracy: Mean training accuracy of that epoch, in 0..1.
      validation_loss: Of the weights that are kept, on the examples held out; None if none were.
      validation_accuracy: The same, in 0..1.
      validation_records: Examples held out.
      epoch: Number of the epoch whose weights are kept, from 1.
      device: What the training ran on, for people.
      network: `package.module:function` that built the network, and whose module knows its layers.
    """

    records: int
    parameters: int
    loss: float
    accuracy: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None
    validation_records: int = 0
    epoch: int | None = None
    device: str = ""
    network: str = ""

    @property
    def keras_path(self) -> Path:
        """The model, optimizer state included."""
        return self.path / "model.keras"

    @property
    def history_path(self) -> Path:
        """JSON: one object an epoch; see `components/training/epoch_history.py`."""
        return self.path / "history.json"


@dataclass(frozen=True, kw_only=True)
class ExportedFile:
    """A model in one format, as it answered the images of a split beside the SavedModel.

    Attributes:
      format: Such as `tflite`.
      file: Path below the version folder.
      size_bytes: Of all that belongs to it; None if it could not be made.
      agreement: Share of the images with the same likeliest class as the SavedModel's, in 0..1; None if not asked.
      largest_difference: Of a probability; None if not asked, or if one was no number.
      latency_ms: Median time for one image where it was made; None if it cannot be run there.
      withheld: Why it is not released, what was measured and the limit; empty if it is.
    """

    format: str
    file: str
    size_bytes: int | None = None
    agreement: float | None = None
    largest_difference: float | None = None
    latency_ms: float | None = None
    withheld: str = ""


@dataclass(frozen=True, kw_only=True)
class ServableModel(Artifact):
    """A SavedModel at the root of its folder, ready to be a version folder of a model server.

    Attributes:
      signatures: Names of its signatures, the default first.
      exports: The formats asked for beside it, the SavedModel itself first; empty if none was.
    """

    signatures: tuple[str, ...]
    exports: tuple[ExportedFile, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LiveModel(Artifact):
    """The model that a candidate has to hold its own against.

    Attributes:
      version: Its release number; None where nothing was live before the candidate.
    """

    version: int | None

    @property
    def model_path(self) -> Path:
        """Its SavedModel; absent where `version` is None."""
        return self.path / "model"


@dataclass(frozen=True, kw_only=True)
class SliceMetrics:
    """How a model did on one slice of the records.

    Attributes:
      name: What the slice holds, such as `label 7`.
      records: How many.
      accuracy: Share of right answers, in 0..1.
      log_loss: Mean of -log(probability of the true label), in nats.
    """

    name: str
    records: int
    accuracy: float
    log_loss: float


@dataclass(frozen=True, kw_only=True)
class Evaluation(Verdict):
    """How good the exported model is, alone and against the live one.

    Attributes:
      overall: All records.
      slices: By label.
      live_version: The release compared with; None where there was none.
      live: How that one did on the same records.
    """

    overall: SliceMetrics
    slices: tuple[SliceMetrics, ...]
    live_version: int | None = None
    live: SliceMetrics | None = None

    @property
    def predictions_path(self) -> Path:
        """NumPy archive: `probabilities` float32 [N, classes], `labels` int64 [N], in record order."""
        return self.path / "predictions.npz"


@dataclass(frozen=True, kw_only=True)
class InfraCheck(Verdict):
    """Whether a real server process loaded the model and answered real requests.

    Attributes:
      requests: Requests answered as they should be.
    """

    requests: int


@dataclass(frozen=True, kw_only=True)
class Release(Artifact):
    """A published version of a model.

    Attributes:
      model: The model's name.
      version: Its release number, from 1.
      digest: sha256 of its manifest, in hex.
    """

    model: str
    version: int
    digest: str
