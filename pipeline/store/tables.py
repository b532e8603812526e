"""The tables of the store. A row in `execution` is the commit of an artifact: without it the folder does not count."""

from __future__ import annotations

from sqlalchemy import Float, ForeignKey, String, Text, false
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The tables of the store."""


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
    """How one step of a run went; `closed` if it made a verdict that did not pass."""

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

    `artifact_class` says where its class is found; it is empty in rows of an earlier version.
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


class ExecutionInputRow(Base):
    """One artifact that an execution took, from another or from outside, or (`gate`) a verdict that let it run."""

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
