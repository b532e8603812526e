"""What servers are to serve, by the ledger, against what they do serve, and releases against their manifests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from slipline.serving.client.control import ServerControl
from slipline.serving.client.prediction import VersionStatus
from slipline.serving.errors import ServingError
from slipline.serving.folders.labels import CANARY, STABLE
from slipline.serving.folders.model_config import ServedModel, render
from slipline.serving.folders.version_folder import verify_sizes
from slipline.serving.releases.copies.publishing import release_problems, stores_among
from slipline.serving.releases.ledger import Ledger
from slipline.serving.releases.servers.rollout import every_address, process_ended
from slipline.serving.releases.servers.wanted_config import at_root, config_file
from slipline.serving.releases.store.move_history import earlier_version
from slipline.serving.releases.store.records import RegisteredServer

_TIMEOUT_S = 3.0
_TARGETS_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True)
class ModelStatus:
    """How one server stands to one model.

    Attributes:
      model: Its name.
      wanted_versions: Those to be loaded, ascending.
      served_versions: Those that requests can reach, ascending.
      wanted_labels: The version that each label is to name.
      served_labels: The version that each of these labels names; None where it names none.
      problems: How they differ, one sentence each; nothing if they agree.
    """

    model: str
    wanted_versions: tuple[int, ...]
    served_versions: tuple[int, ...]
    wanted_labels: Mapping[str, int]
    served_labels: Mapping[str, int | None]
    problems: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TargetStatus:
    """How one registered server stands.

    Attributes:
      target: `host:port` of its gRPC port.
      answers: Whether it does.
      problems: Why it does not, or that its config file differs from the ledger; nothing if all is well.
      models: Every model of the ledger that is live; none where it does not answer.
    """

    target: str
    answers: bool
    problems: tuple[str, ...]
    models: tuple[ModelStatus, ...]

    @property
    def differs(self) -> bool:
        """Whether it serves, or may soon serve, something else than is wanted."""
        return bool(self.problems) or any(model.problems for model in self.models)


@dataclass(frozen=True, kw_only=True)
class FolderStatus:
    """The version folder of a release that servers are to load, or that a roll-back goes to.

    Attributes:
      model: Its name.
      version: Its number.
      problems: What is missing or of another length, one sentence each; nothing if it looks as published.
    """

    model: str
    version: int
    problems: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ReleaseStatus:
    """How all that serves the ledger's releases stands.

    Attributes:
      targets: The registered servers.
      folders: Of the versions to be loaded, and of those that a roll-back goes to.
    """

    targets: tuple[TargetStatus, ...]
    folders: tuple[FolderStatus, ...]

    @property
    def differs(self) -> bool:
        """Whether anything is not as it is wanted."""
        return any(target.differs for target in self.targets) or any(folder.problems for folder in self.folders)


def release_status(ledger: Ledger) -> ReleaseStatus:
    """Asks every registered server, and looks at the folders of what they are to serve.

    Raises:
      LedgerError: The database cannot be read.
    """
    wanted, servers = ledger.wanted(), every_address(ledger.servers())
    known = {(release.model, release.version) for release in ledger.releases()}
    with ThreadPoolExecutor(_TARGETS_AT_ONCE) as pool:
        targets = tuple(pool.map(lambda server: _target_status(ledger, server, wanted, known), servers))
    folders = tuple(
        FolderStatus(model=model, version=version, problems=verify_sizes(ledger.root / model / str(version)))
        for model, version in sorted(_needed(ledger, wanted))
    )
    return ReleaseStatus(targets=targets, folders=folders)


def _needed(ledger: Ledger, wanted: Sequence[ServedModel]) -> set[tuple[str, int]]:
    loaded = {(model.name, version) for model in wanted for version in model.versions}
    earlier = {model: earlier_version(moves) for model, moves in ledger.moves().items()}
    return loaded | {(model, version) for model, version in earlier.items() if version is not None}


def _target_status(
    ledger: Ledger, server: RegisteredServer, wanted: Sequence[ServedModel], known: set[tuple[str, int]]
) -> TargetStatus:
    problems = _file_problems(ledger, server, wanted)
    if process_ended(server):
        ended = f"its process {server.pid} has ended; start it again, or `slipline releases unregister {server.target}`"
        return TargetStatus(target=server.target, answers=False, problems=(ended,), models=())
    try:
        with ServerControl(server.target, timeout_s=_TIMEOUT_S) as control:
            models = tuple(_model_status(control, model, known) for model in wanted)
    except ServingError as error:
        return TargetStatus(target=server.target, answers=False, problems=(str(error),), models=())
    return TargetStatus(target=server.target, answers=True, problems=problems, models=models)


def _file_problems(ledger: Ledger, server: RegisteredServer, wanted: Sequence[ServedModel]) -> tuple[str, ...]:
    file = config_file(ledger.root, server.root)
    try:
        text = file.read_text()
    except OSError as error:
        return (f"{file}, which it reads when it starts, cannot be read: {error.strerror}",)
    if text != render(at_root(wanted, server.root)):
        return (f"{file}, which it reads when it starts, does not say what the ledger says",)
    return ()


def _model_status(control: ServerControl, wanted: ServedModel, known: set[tuple[str, int]]) -> ModelStatus:
    found = {status.version: status for status in control.status(wanted.name)}
    served = tuple(sorted(version for version, status in found.items() if status.state == "AVAILABLE"))
    labels = {label: control.label(wanted.name, label) for label in (STABLE, CANARY)}
    problems = [
        *(_missing(found.get(version), version) for version in wanted.versions if version not in served),
        *(_surplus(wanted.name, version, known) for version in served if version not in wanted.versions),
        *(
            _label(label, labels[label], version)
            for label, version in wanted.labels.items()
            if labels[label] != version and version in served  # otherwise that is said already
        ),
    ]
    return ModelStatus(
        model=wanted.name,
        wanted_versions=wanted.versions,
        served_versions=served,
        wanted_labels=wanted.labels,
        served_labels=labels,
        problems=tuple(problems),
    )


def _missing(status: VersionStatus | None, version: int) -> str:
    if status is None:
        return f"version {version} is not served, and the server was never told to"
    why = f": {status.error_message}" if status.error_message else ""
    return f"version {version} is not served, it is {status.state}{why}"


def _surplus(model: str, version: int, known: set[tuple[str, int]]) -> str:
    whose = "is not to be" if (model, version) in known else "is not known to the ledger"
    return f"version {version} is served, and {whose}"


def _label(label: str, found: int | None, wanted: int) -> str:
    return f"label {label} names {'nothing' if found is None else f'version {found}'}, not version {wanted}"


@dataclass(frozen=True, kw_only=True)
class Verified(FolderStatus):
    """One copy of a release, every file of which was read.

    Attributes:
      place: The folder, or the copy's URL.
    """

    place: str


def verify_releases(ledger: Ledger, model: str | None = None) -> tuple[Verified, ...]:
    """Checks the folders of all releases, or of one model's, and the copies of those that servers are to load.

    Raises:
      LedgerError: The database cannot be read.
    """
    folders = (
        Verified(model=row.model, version=row.version, place=str(row.path), problems=release_problems(row))
        for row in ledger.releases(model)
    )
    return (*folders, *_copies(ledger, model))


def _copies(ledger: Ledger, model: str | None) -> Iterator[Verified]:
    for root in stores_among(server.root for server in ledger.servers()):
        from slipline.serving.releases.copies.object_store import verify_copy

        for wanted in ledger.wanted():
            for version in wanted.versions if model in (None, wanted.name) else ():
                url = f"{root}/{wanted.name}"
                problems = verify_copy(url, version)
                yield Verified(model=wanted.name, version=version, place=f"{url}/{version}", problems=problems)
