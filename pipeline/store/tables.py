"""The tables of the store. A row in `execution` is the commit of an artifact: without it the folder does not count."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Float, ForeignKey, String, Text, false
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    """The tables of the store; a row is a record that stays readable after its session."""

    def to_plain(self) -> dict[str, Any]:
        """Its columns, by name."""
        return {column.key: getattr(self, column.key) for column in self.__table__.columns}


class VersionRow(Base):
    """Which version the tables are of; one row. See `migrations.py`."""

    __tablename__ = "store_version"

    number: Mapped[int] = mapped_column(primary_key=True)


class RunRow(Base):
    """One run of a pipeline, from its start; `ended_at` is empty while it lasts, and for ever if it was killed."""

    __tablename__ = "run"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    pipeline: Mapped[str] = mapped_column(String(200))
    started_at: Mapped[str] = mapped_column(String(32))
    ended_at: Mapped[str | None] = mapped_column(String(32))
    passed: Mapped[bool | None] = mapped_column()


class RunStepRow(Base):
    """How one step of a run went.

    Attributes:
      run_id: The run.
      position: Its place in run order.
      step: Its name.
      status: The value of its `Status`.
      seconds: Wall time.
      message: Why it did not run, or failed, or did not pass; a line for each reason.
      closed: Whether its verdict did not pass.
      execution_id: What it made; None if it made nothing.
    """

    __tablename__ = "run_step"

    run_id: Mapped[str] = mapped_column(ForeignKey("run.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    step: Mapped[str] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(20))
    seconds: Mapped[float] = mapped_column(Float)
    message: Mapped[str] = mapped_column(Text)
    closed: Mapped[bool] = mapped_column(server_default=false())
    execution_id: Mapped[str | None] = mapped_column(ForeignKey("execution.id"))


class ExecutionRow(Base):
    """One committed execution: its key and what the key was made of, and the artifact it made.

    Attributes:
      id: Also the name of its folder.
      step: The step's name.
      component: The component's.
      cache_key: What it is found by.
      code: Digest of the component's source and of the project modules it imports.
      frameworks: `name==version` of the installed packages these import, a line each.
      settings: Canonical JSON of its settings.
      files: Digest of the outside files it read; empty if none.
      ended_at: When, in UTC.
      seconds: How long it took.
      artifact_type: The class of what it made.
      artifact_class: Where that class is found; empty in rows of an earlier version.
      facts: JSON of the facts of what it made.
      folder: Where that lies, relative to the home.
      digest: The identity of what it made.
      taken: What it took.
    """

    __tablename__ = "execution"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    step: Mapped[str] = mapped_column(String(200))
    component: Mapped[str] = mapped_column(String(200))
    cache_key: Mapped[str] = mapped_column(String(64), index=True)
    code: Mapped[str] = mapped_column(String(64))
    frameworks: Mapped[str] = mapped_column(Text)
    settings: Mapped[str] = mapped_column(Text)
    files: Mapped[str] = mapped_column(String(64))
    ended_at: Mapped[str] = mapped_column(String(32))
    seconds: Mapped[float] = mapped_column(Float)
    artifact_type: Mapped[str] = mapped_column(String(100))
    artifact_class: Mapped[str] = mapped_column(Text, server_default="")
    facts: Mapped[str] = mapped_column(Text)
    folder: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(String(64), index=True)
    taken: Mapped[list[ExecutionInputRow]] = relationship(
        foreign_keys=lambda: ExecutionInputRow.execution_id, viewonly=True
    )


class ExecutionInputRow(Base):
    """One artifact that an execution took.

    Attributes:
      execution_id: What took it.
      name: The parameter it was bound to; for a gate, the step whose verdict it is.
      gate: Whether it is a verdict that let the execution run.
      source_id: The execution that made it; None if it was given from outside.
      artifact_type: Its class.
      place: Where it lay then.
      digest: Its identity.
    """

    __tablename__ = "execution_input"

    execution_id: Mapped[str] = mapped_column(ForeignKey("execution.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    gate: Mapped[bool] = mapped_column()
    source_id: Mapped[str | None] = mapped_column(ForeignKey("execution.id"))
    artifact_type: Mapped[str] = mapped_column(String(100))
    place: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(String(64))


class FileRow(Base):
    """The digest of a file as it was when `seen` was its size, times of change and inode."""

    __tablename__ = "file"

    path: Mapped[str] = mapped_column(Text, primary_key=True)
    seen: Mapped[str] = mapped_column(String(100))
    sha256: Mapped[str] = mapped_column(String(64))
