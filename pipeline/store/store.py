"""The store: folders for executions, and the rows that commit them."""

from __future__ import annotations

import json
import re
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import create_engine, event, select
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from slipline.pipeline.core.artifact import Artifact, class_name, find_class
from slipline.pipeline.core.errors import StoreError
from slipline.pipeline.core.fingerprint import CacheKey, artifact_digest, sha256_of
from slipline.pipeline.store.locks import is_free, locked
from slipline.pipeline.store.migrations import bring_up_to_date
from slipline.pipeline.store.tables import ExecutionInputRow, ExecutionRow, FileRow, RunRow, RunStepRow

A = TypeVar("A", bound=Artifact)

BUSY_TIMEOUT_S = 30.0
"""How long a writer waits for another process; commits take milliseconds."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """An artifact with its identity.

    Attributes:
      artifact: The artifact itself.
      digest: Its identity.
      execution_id: What made it, also the name of its folder; None if it was given from outside.
    """

    artifact: Artifact
    digest: str
    execution_id: str | None


@dataclass(frozen=True, kw_only=True)
class Committed(Known):
    """One whose execution is on record."""

    execution_id: str


def now() -> str:
    """The time in UTC, to the millisecond, as ISO 8601."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


REMEMBERED_FROM_BYTES = 100_000
"""Smaller files are read again sooner than their digest is looked up."""


class Store:
    """Everything below a home folder: `runs/<step>/<execution id>/`, `scratch/`, `logs/`, and the database.

    Safe to use from several processes at once.
    """

    def __init__(self, home: Path, engine: Engine) -> None:
        self.home = home
        self._engine = engine

    @classmethod
    @contextmanager
    def open(cls, home: Path) -> Iterator[Store]:
        """A store in the folder `home`, made if there is none.

        Raises:
          StoreError: The folder or the database cannot be used.
        """
        home = home.resolve()
        try:
            (home / "locks").mkdir(parents=True, exist_ok=True)
            engine = _engine(home / "slipline.db")
            with locked(home / "locks" / "database"):  # two first runs at once
                bring_up_to_date(engine)
        except (OSError, SQLAlchemyError) as error:
            raise StoreError(
                f"cannot use {home} as home: {_reason(error)}; choose another with SLIPLINE_HOME, or mend it"
            ) from error
        try:
            yield cls(home, engine)
        finally:
            engine.dispose()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A database session; what it has written is committed at the end of the block.

        Raises:
          StoreError: The database cannot be read or written.
        """
        try:
            with Session(self._engine, expire_on_commit=False) as session, session.begin():
                yield session
        except SQLAlchemyError as error:
            raise StoreError(
                f"the record of runs in {self.home} cannot be read or written: {_reason(error)}; "
                "free space or mend it, and run again"
            ) from error

    def begin_run(self, pipeline: str) -> str:
        """Puts a new run on record and returns its id."""
        run_id = uuid.uuid4().hex[:12]
        with self.session() as session:
            session.add(RunRow(id=run_id, pipeline=pipeline, started_at=now()))
        return run_id

    def end_run(self, run_id: str, *, passed: bool) -> None:
        """Puts the end of a run on record."""
        with self.session() as session:
            run = session.get_one(RunRow, run_id)
            run.ended_at, run.passed = now(), passed

    def record_step(self, row: RunStepRow) -> None:
        """Puts on record how one step of a run went."""
        with self.session() as session:
            session.add(row)

    def find(self, key: CacheKey, kind: type[Artifact]) -> Committed | None:
        """The latest artifact made under `key`, if it still lies there unchanged."""
        with self.session() as session:
            query = select(ExecutionRow).filter_by(cache_key=key.digest).order_by(ExecutionRow.ended_at.desc())
            committed = [self.committed(row, kind) for row in session.scalars(query)]
        return next((hit for hit in committed if hit and self._is_intact(hit)), None)

    def committed(self, row: ExecutionRow, declared: type[Artifact]) -> Committed | None:
        """What an execution's row stands for; None if its class is no longer `declared`, nor made from it."""
        kind = _class_of(row, declared)
        if kind is None:
            return None
        try:
            artifact = artifact_from_json(kind, row.facts, self.home / row.folder)
        except ValidationError:  # of an earlier version of its class
            return None
        return Committed(execution_id=row.id, artifact=artifact, digest=row.digest)

    def _is_intact(self, hit: Committed) -> bool:
        try:
            return artifact_digest(hit.artifact, self.sha256) == hit.digest
        except OSError:
            return False

    def commit(
        self,
        *,
        execution_id: str,
        step: str,
        component: str,
        key: CacheKey,
        inputs: Mapping[str, Known],
        gates: Mapping[str, Known],
        artifact: Artifact,
        seconds: float,
    ) -> Committed:
        """Makes an artifact count, with everything it came from."""
        digest = artifact_digest(artifact, self.sha256)
        row = ExecutionRow(
            id=execution_id,
            step=step,
            component=component,
            cache_key=key.digest,
            code=key.code,
            frameworks="\n".join(key.frameworks),
            settings=key.settings,
            files=key.files,
            ended_at=now(),
            seconds=seconds,
            artifact_type=type(artifact).__name__,
            artifact_class=class_name(type(artifact)),
            facts=artifact_to_json(artifact),
            folder=artifact.path.relative_to(self.home).as_posix(),
            digest=digest,
        )
        opened = {name: _input_row(execution_id, name, known, gate=True) for name, known in gates.items()}
        read = {name: _input_row(execution_id, name, known, gate=False) for name, known in inputs.items()}
        with self.session() as session:
            session.add(row)
            session.flush()
            session.add_all({**opened, **read}.values())
        return Committed(execution_id=execution_id, artifact=artifact, digest=digest)

    def new_folder(self, step: str) -> tuple[str, Path]:
        """The id of a new execution, and its empty folder."""
        execution_id = uuid.uuid4().hex[:12]
        folder = self.home / "runs" / step / execution_id
        folder.mkdir(parents=True)
        return execution_id, folder

    def strays(self, step: str) -> set[Path]:
        """What lies where the executions of a step do, and is none."""
        beside = (self.home / "runs" / step).glob("*")
        return {path for path in beside if not re.fullmatch("[0-9a-f]{12}", path.name)}

    def scratch(self, key: CacheKey) -> Path:
        """The folder where work under `key` may be left for its next execution."""
        folder = self.home / "scratch" / key.digest[:16]
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def drop_scratch(self, key: CacheKey) -> None:
        """Removes what was left for a next execution under `key`."""
        shutil.rmtree(self.home / "scratch" / key.digest[:16], ignore_errors=True)

    @contextmanager
    def lock(self, key: CacheKey, on_wait: Callable[[], None]) -> Iterator[None]:
        """Lets one at a time work under `key`; `on_wait` is called again and again while another does."""
        with locked(self.home / "locks" / key.digest[:16], on_wait=on_wait):
            yield

    @contextmanager
    def running(self, run_id: str) -> Iterator[None]:
        """Marks a run as under way, for as long as this process lives at most."""
        lock = self._run_lock(run_id)
        with locked(self.home / "locks" / "runs", shared=True), locked(lock):
            try:
                yield
            finally:
                lock.unlink()

    def is_running(self, run_id: str) -> bool:
        """Whether the process of a run still lives and works on it."""
        lock = self._run_lock(run_id)
        return lock.exists() and not is_free(lock)

    def _run_lock(self, run_id: str) -> Path:
        return self.home / "locks" / f"run-{run_id}"

    def sha256(self, file: Path) -> str:
        """The sha256 of a file in hex, computed anew only if it was touched: a copy that keeps its time is seen too."""
        stat = file.stat()
        if stat.st_size < REMEMBERED_FROM_BYTES:
            return sha256_of(file)
        seen = f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_ino}"
        path = str(file.resolve())
        with self.session() as session:
            row = session.get(FileRow, path)
            if row is not None and row.seen == seen:
                return row.sha256
        sha256 = sha256_of(file)
        with suppress(StoreError), self.session() as session:  # a run beside this one may write the same
            session.merge(FileRow(path=path, seen=seen, sha256=sha256))
        return sha256


def remove(place: Path) -> None:
    """Removes a folder, a file or a link, if there is one."""
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def _class_of(row: ExecutionRow, declared: type[A]) -> type[A] | None:
    if row.artifact_class:
        return find_class(row.artifact_class, declared)
    return declared if row.artifact_type == declared.__name__ else None


def _input_row(execution_id: str, name: str, known: Known, *, gate: bool) -> ExecutionInputRow:
    return ExecutionInputRow(
        execution_id=execution_id,
        name=name,
        gate=gate,
        source_id=known.execution_id,
        artifact_type=type(known.artifact).__name__,
        place=str(known.artifact.path),
        digest=known.digest,
    )


def artifact_to_json(artifact: Artifact) -> str:
    """The facts of an artifact, all but its path, as JSON."""
    adapter: TypeAdapter[Any] = TypeAdapter(type(artifact))
    plain = adapter.dump_python(artifact, mode="json", exclude={"path"}, warnings=False)
    return json.dumps(plain)  # unlike pydantic's own JSON, keeps NaN


def artifact_from_json(kind: type[A], facts: str, path: Path) -> A:
    """The artifact of class `kind` with these facts, lying at `path`."""
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    artifact: A = adapter.validate_python({**json.loads(facts), "path": path})
    return artifact


def _reason(error: Exception) -> str:
    """What the database or the file system says, without the library's advice."""
    return str(getattr(error, "orig", None) or getattr(error, "strerror", None) or error)


def _engine(file: Path) -> Engine:
    engine = create_engine(f"sqlite:///{file}", connect_args={"timeout": BUSY_TIMEOUT_S})
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA journal_mode=WAL")  # readers do not wait for a writer
    connection.execute("PRAGMA foreign_keys=ON")
