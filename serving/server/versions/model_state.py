"""What a server knows of each model and each version, and the rules of a switch between versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path

from slipline.serving.server.routing import Served
from slipline.serving.server.versions.sources import ModelSource
from slipline.serving.wire.serving_pb2 import ModelVersionStatus

START, LOADING, AVAILABLE = ModelVersionStatus.START, ModelVersionStatus.LOADING, ModelVersionStatus.AVAILABLE
UNLOADING, END = ModelVersionStatus.UNLOADING, ModelVersionStatus.END

# Versions that ended and are not wanted are history; more than these are forgotten, the oldest first.
HISTORY_OF_A_MODEL = 20
MODELS_REMEMBERED = 100

CANCELLED = 1

Stamp = frozenset[tuple[str, int, int]]


@dataclass(frozen=True, kw_only=True)
class LoadFigures:
    """What is known of a version that was loaded.

    Attributes:
      load_s: How long its last load took, warm-up included, in seconds; None before.
      disk_bytes: The length of its files.
      grown_bytes: By how much the process grew during its load; other loads at that time count, too.
      mlmd_uuid: What ML Metadata knows it by; empty if it does not say.
    """

    load_s: float | None = None
    disk_bytes: int = 0
    grown_bytes: int = 0
    mlmd_uuid: str = ""


@dataclass
class Version:
    """One version since it was last wanted; guarded by the lock of its manager.

    Attributes:
      code: A status code that is not 0 says that the last attempt to load it failed, and `message` why.
      stamp: Of its files, as the last attempt found them.
      failures: Attempts that failed since it was last ordered.
      gave_up: Whether its attempts failed for good, as its state then says, and go on behind that.
      is_tried: Whether an attempt is under way.
      is_due: Whether it is to be tried at once.
      claimed_bytes: The room taken for it.
      figures: Of its last load.
    """

    number: int
    path: Path
    state: ModelVersionStatus.State = START
    code: int = 0
    message: str = ""
    stamp: Stamp = frozenset()
    failures: int = 0
    gave_up: bool = False
    is_tried: bool = False
    is_due: bool = False
    served: Served | None = None
    claimed_bytes: int = 0
    figures: LoadFigures = field(default_factory=LoadFigures)

    def order(self) -> None:
        """Has it tried at once, as if for the first time."""
        self.is_due, self.gave_up, self.failures = True, False, 0
        if not self.is_tried:
            self.state, self.code, self.message = START, 0, ""

    def end(self) -> None:
        """Has it over, as it is no longer to be loaded; what it failed of stays known."""
        if not self.code:
            self.code, self.message = CANCELLED, "Loading of servable cancelled"
        self.state, self.gave_up = END, False


@dataclass
class Model:
    """One model since the server began; guarded by the lock of its manager, but for snapshots.

    Attributes:
      source: None once the config no longer has it.
      wanted: The folders of the versions that the config asks for and that exist.
      fallback: The version that gave way to the wanted one, to come back if that cannot be loaded.
      is_looked_at: Whether a look at its base path is under way.
      complaint: What was wrong with its base path at the last look.
    """

    name: str
    source: ModelSource | None = None
    wanted: Mapping[int, Path] = field(default_factory=dict)
    versions: dict[int, Version] = field(default_factory=dict)
    labels: Mapping[str, int] = field(default_factory=dict)
    fallback: Version | None = None
    is_looked_at: bool = False
    complaint: str = ""

    def available(self) -> dict[int, Served]:
        """The versions that are up."""
        return {v.number: v.served for v in self.versions.values() if v.state == AVAILABLE and v.served}

    def keeps(self, version: Version) -> bool:
        """Whether that version is to be up, as far as it can be."""
        is_current = self.versions.get(version.number) is version
        return is_current and (version.number in self.wanted or version is self.fallback)

    def coming(self) -> set[int]:
        """The wanted versions that are not up, and for which there is hope."""
        wanted = [self.versions[number] for number in self.wanted if number in self.versions]
        return {version.number for version in wanted if version.state != AVAILABLE and not version.gave_up}

    def given_up(self) -> list[Version]:
        """The wanted versions whose loads have failed for good, as it seems."""
        return [v for v in self.versions.values() if v.gave_up and v.number in self.wanted]

    def snapshot(self) -> Model:
        """A copy as it is now, the highest version first, without the models in memory."""
        versions = {
            number: replace(self.versions[number], served=None) for number in sorted(self.versions, reverse=True)
        }
        return replace(self, versions=versions)

    @property
    def is_ready(self) -> bool:
        """Whether a version is up."""
        return any(version.state == AVAILABLE for version in self.versions.values())

    @property
    def current(self) -> Sequence[Version]:
        """The versions that matter now: wanted, loaded, or on their way; what ended in good order is history."""
        return [v for v in self.versions.values() if v.number in self.wanted or v.state != END]

    @property
    def history(self) -> Sequence[Version]:
        """The versions that are over."""
        return [v for v in self.versions.values() if v.number not in self.wanted and v.state == END]

    @property
    def missing(self) -> Set[int]:
        """The versions that are wanted and not up."""
        return self.wanted.keys() - {v.number for v in self.versions.values() if v.state == AVAILABLE}

    @property
    def is_decided(self) -> bool:
        """Whether a wanted version is up, or all are given up, or the config no longer has the model."""
        states = [self.versions[number].state for number in self.wanted]
        return self.source is None or AVAILABLE in states or (bool(states) and set(states) == {END})

    @property
    def is_over(self) -> bool:
        """Whether the config no longer has it, and nothing of it is up or on its way."""
        return self.source is None and all(version.state == END for version in self.versions.values())

    def obstacle(self) -> str:
        """What keeps its versions from being up."""
        if self.source and (self.complaint or not self.wanted):
            complaint = self.complaint or "was not listed in time"
            return (
                f"base path {self.source.base_path} {complaint}; see that it is right and holds a folder named with a "
                "number"
            )
        versions = [self.versions[number] for number in sorted(self.wanted, reverse=True)]
        return ", ".join(
            f"version {version.number} is in state {ModelVersionStatus.State.Name(version.state)}"
            + (f": {version.message}" if version.message else "")
            for version in versions
        )

    def failures(self) -> str:
        """Of what its versions failed."""
        if self.source is None:
            return "a later config leaves it out"
        failed = [version for version in self.versions.values() if version.code]
        return "; ".join(f"version {version.number} due to error: {version.message}" for version in failed)

    def forget_history(self) -> None:
        """Drops the oldest of the versions that ended and are not wanted; the youngest lie last."""
        ended = [v.number for v in self.versions.values() if v.state == END and not self.keeps(v)]
        for number in ended[:-HISTORY_OF_A_MODEL]:
            del self.versions[number]


def status_of(version: Version) -> ModelVersionStatus:
    """What GetModelStatus says of a version."""
    status = ModelVersionStatus(version=version.number, state=version.state)
    status.status.error_code = version.code
    status.status.error_message = version.message
    return status


def labels_in_force(wanted: Mapping[str, int], current: Mapping[str, int], available: Set[int]) -> dict[str, int]:
    """Where each label points: to the version it is wanted for once that is up, until then where it pointed."""
    return {
        label: current[label] if number not in available and current.get(label) in available else number
        for label, number in wanted.items()
    }


def superfluous(
    available: Set[int],
    wanted: Set[int],
    held: Set[int],
    *,
    nothing_wanted: bool,
    coming: Set[int] = frozenset(),
) -> set[int]:
    """The versions to unload.

    Args:
      available: Those that are up.
      wanted: Those that are wanted and exist.
      held: Those to which a label points until its own version is up.
      nothing_wanted: Whether the config says that no version is to be up; an empty folder never says so.
      coming: Wanted versions for which others have to make room before they can be loaded; empty where old and new
        may be up side by side.
    """
    if nothing_wanted:
        return set(available)
    if coming - available:
        return set(available - wanted)
    if available & wanted:
        return set(available - wanted - held)
    return set()
