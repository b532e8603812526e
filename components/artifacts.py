"""What the steps of Slipline hand to each other."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal

from slipline.pipeline.core.artifact import Artifact, Verdict

CLASSES_FILE = "classes.txt"
"""Has a line for the name of each label, in the folder of examples from class folders, and of their statistics."""

OFFENDERS = "offenders.tfrecord"
LISTING = "offenders.csv"


def _class_names(folder: Path) -> tuple[str, ...] | None:
    file = folder / CLASSES_FILE
    return tuple(file.read_text("utf-8").splitlines()) if file.is_file() else None


def _named(folder: Path, classes: int) -> tuple[str, ...]:
    given = _class_names(folder) or ()
    return given + tuple(map(str, range(len(given), classes)))


def copy_class_names(source: Path, target: Path) -> None:
    """Copies `classes.txt` from one folder to another, if there is one."""
    if (source / CLASSES_FILE).is_file():
        shutil.copy2(source / CLASSES_FILE, target / CLASSES_FILE)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _aside(records: int) -> str:
    return f", {records:,} set aside" if records else ""


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
        return {split.name: split for split in self.splits}[name]

    def files(self, name: str) -> tuple[Path, ...]:
        """The shard files of the split called `name`, in order."""
        return tuple(self.path / shard.file for shard in self.split(name).shards)

    def class_names(self, classes: int) -> tuple[str, ...]:
        """The name of each of so many classes: its folder's where `ingest` read such folders, else its number."""
        return _named(self.path, classes)

    def words(self) -> str:
        """How many there are."""
        return _counted(self.records, "record") + _aside(self.set_aside)

    def notes(self) -> tuple[str, ...]:
        """Files that were not read."""
        files = self.passed_over
        return (f"passed over {_counted(len(files), 'file')} of no known kind, such as {files[0]}",) if files else ()


@dataclass(frozen=True, kw_only=True)
class CopyCount:
    """How many records of a split have the content of another record.

    Attributes:
      split: Whose records they are.
      of: The split where their content stands, too: an earlier one, or the same.
      records: How many; within a split without the first of each content.
    """

    split: str
    of: str
    records: int


@dataclass(frozen=True, kw_only=True)
class Statistics(Artifact):
    """What the examples look like: one `DatasetFeatureStatisticsList`, a dataset for each split and each slice.

    Attributes:
      copies: Of each split those from each earlier split, and those within it; empty if they were not counted.
    """

    copies: tuple[CopyCount, ...] = ()

    @property
    def proto_path(self) -> Path:
        """The serialized `DatasetFeatureStatisticsList`."""
        return self.path / "statistics.binpb"

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The name of each label of images by class folder; None where labels have no names."""
        return _class_names(self.path)

    def notes(self) -> tuple[str, ...]:
        """Records that stand twice."""
        return tuple(
            f"{each.split}: {_counted(each.records, 'record')} {_copied(each)}, see the report"
            for each in self.copies
            if each.records
        )


def _copied(copies: CopyCount) -> str:
    if copies.split != copies.of:
        return f"{'is' if copies.records == 1 else 'are'} also in {copies.of}"
    return "is a copy of an earlier one" if copies.records == 1 else "are copies of earlier ones"


@dataclass(frozen=True, kw_only=True)
class Baseline(Statistics):
    """The statistics that new ones are held against; there is no file where there was no earlier run.

    Attributes:
      origin: Which run's they are, for people; None where there was none.
    """

    origin: str | None = None

    def words(self) -> str:
        """Which run's they are."""
        return self.origin or "no earlier run"

    def notes(self) -> tuple[str, ...]:
        """Nothing: what there was to say was said then."""
        return ()


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

    @property
    def offenders_path(self) -> Path:
        """TFRecord file with the offending examples, in the order of the shards; absent if none were checked."""
        return self.path / OFFENDERS

    @property
    def listing_path(self) -> Path:
        """CSV file with a line for each way in which one of them breaks the schema, in the same order."""
        return self.path / LISTING

    @property
    def distances_path(self) -> Path:
        """JSON: every distance that was measured; see `components/validation/anomalies_io.py`."""
        return self.path / "distances.json"

    def words(self) -> str:
        """Whether it passed, and how many records or reasons there are."""
        if not self.passed:
            return f"{super().words()}, {_counted(len(self.reasons), 'reason')}"
        return f"passed, {_counted(self.records, 'record')} checked{_aside(self.set_aside)}"

    def notes(self) -> tuple[str, ...]:
        """What is left out, and where it is listed."""
        if not self.set_aside:
            return ()
        return (f"set aside {self.set_aside:,} of {_counted(self.records, 'record')}, see {self.listing_path}",)


@dataclass(frozen=True, kw_only=True)
class TrainedModel(Artifact):
    """A Keras model as it left training, with its history and TensorBoard log.

    Attributes:
      split: The split learnt from.
      records: Examples learnt from, in each epoch all of them.
      parameters: Trainable numbers in the network.
      loss: Mean training loss of the epoch whose weights are kept, in nats per example.
      accuracy: Mean training accuracy of that epoch, in 0..1.
      validation_loss: Of the weights that are kept, on the examples held out; None if none were.
      validation_accuracy: The same, in 0..1.
      validation_records: Examples held out.
      epoch: Number of the epoch whose weights are kept, from 1.
      epochs: How many were run.
      stopped_early: Whether fewer than were asked for, as the validation loss no longer fell.
      optimizer: The class of the optimizer that was used.
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
    split: str = ""
    epochs: int = 0
    stopped_early: bool = False
    optimizer: str = ""

    @property
    def keras_path(self) -> Path:
        """The model, optimizer state included."""
        return self.path / "model.keras"

    def import_layers(self) -> None:
        """Imports the module that built the network, which registers layers of its own with Keras."""
        if self.network:
            import_module(self.network.partition(":")[0])

    @property
    def history_path(self) -> Path:
        """JSON: one object an epoch; see `components/training/epoch_history.py`."""
        return self.path / "history.json"

    def words(self) -> str:
        """What it learnt from, and how well it knows that."""
        return f"{_counted(self.records, 'record')}, training accuracy {self.accuracy:.2%}"


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

    def words(self) -> str:
        """How many signatures and formats it has."""
        told = _counted(len(self.signatures), "signature")
        if self.exports:
            withheld = sum(bool(made.withheld) for made in self.exports)
            told += f", {_counted(len(self.exports) - withheld, 'format')}"
            told += f", {withheld} withheld" if withheld else ""
        return told

    def notes(self) -> tuple[str, ...]:
        """Formats that are not released, and why."""
        return tuple(f"{made.format} was withheld: {made.withheld}" for made in self.exports if made.withheld)


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

    def words(self) -> str:
        """Which one it was."""
        return "nothing was live" if self.version is None else f"version {self.version} was live"


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


Relation = Literal["at least", "at most", "worse by at most"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One limit, and what was measured against it.

    Attributes:
      setting: What sets the limit, such as `evaluate.min_accuracy`.
      metric: What was measured, such as `accuracy` or `recall of class 3`.
      slice: On which records, such as `all` or `label 7`.
      relation: How the measured value must stand to the limit.
      limit: The limit.
      surely: Whether it takes certainty to break it.
      measured: The value; of `worse by at most`, by how much it is worse than the live model's; None: not defined.
      evidence: What else there is to know of the value, such as its interval; empty for nothing.
      passed: Whether the model keeps to the limit.
    """

    setting: str
    metric: str
    slice: str
    relation: Relation
    limit: float
    surely: bool = False
    measured: float | None
    evidence: str = ""
    passed: bool

    @property
    def wanted(self) -> str:
        """The limit in words, such as `at least 0.97`."""
        return f"{self.relation} {self.limit}" + (", surely" if self.surely else "")

    @property
    def sentence(self) -> str:
        """What was measured, and the limit that it is beyond."""
        about = self.metric if self.slice == "all" else f"{self.slice}: {self.metric}"
        evidence = f" ({self.evidence})" if self.evidence else ""
        if self.measured is None:
            return f"{about} is not defined, where {self.setting} wants {self.wanted}{evidence}"
        if self.relation == "worse by at most":
            return (
                f"{about} is {self.measured:.4f} worse than the live model's, more than {self.setting} {self.limit} "
                f"and than chance explains{evidence}"
            )
        side = "below" if self.relation == "at least" else "above"
        return f"{about} {self.measured:.4f} is {side} {self.setting} {self.limit}{evidence}"


@dataclass(frozen=True, kw_only=True)
class Evaluation(Verdict):
    """How good the exported model is, alone and against the live one.

    Attributes:
      split: The split it was measured on.
      overall: All records.
      slices: By label.
      live_version: The release compared with; None where there was none.
      live: How that one did on the same records.
      checks: Every limit; those that were not kept are the reasons.
    """

    overall: SliceMetrics
    slices: tuple[SliceMetrics, ...]
    live_version: int | None = None
    live: SliceMetrics | None = None
    split: str = ""
    checks: tuple[Check, ...] = ()

    @property
    def predictions_path(self) -> Path:
        """NumPy archive: `probabilities` float32 [N, classes], `labels` int64 [N], in record order."""
        return self.path / "predictions.npz"

    def class_names(self, classes: int) -> tuple[str, ...]:
        """The name of each of so many classes, as the examples have it."""
        return _named(self.path, classes)

    def words(self) -> str:
        """Whether it passed, and the accuracy."""
        return f"{super().words()}, accuracy {self.overall.accuracy:.2%}"

    def notes(self) -> tuple[str, ...]:
        """Accuracy and log loss."""
        return (f"{self.split} accuracy {self.overall.accuracy:.4f}, log loss {self.overall.log_loss:.4f}",)


@dataclass(frozen=True, kw_only=True)
class InfraCheck(Verdict):
    """Whether a real server process loaded the model and answered real requests.

    Attributes:
      requests: Requests answered as they should be.
    """

    requests: int

    def words(self) -> str:
        """Whether it passed, and how many requests were answered."""
        return f"{super().words()}, {_counted(self.requests, 'request')} answered"


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

    def words(self) -> str:
        """Its number."""
        return f"version {self.version}"
