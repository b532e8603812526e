"""A real PostgreSQL server for the length of a test."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

USERS = ("postgres", "nobody")


def postgres_programs() -> Path | None:
    """The folder of initdb and postgres; Debian keeps them off the PATH."""
    found = shutil.which("postgres")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


@contextmanager
def running_postgres() -> Iterator[str]:
    """A new, empty database's SQLAlchemy URL.

    The test is skipped where PostgreSQL is not installed, but never in CI.
    """
    programs = postgres_programs()
    if programs is None:
        assert not os.environ.get("CI"), "PostgreSQL is not installed here: apt-get install postgresql"
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="slipline-postgres-"))
    as_user = _without_root(folder)
    data = str(folder / "data")
    try:
        initdb = [*as_user, str(programs / "initdb"), "--pgdata", data, "--auth", "trust", "--username", "ledger"]
        subprocess.run([*initdb, "--no-sync"], check=True, capture_output=True, cwd=folder)
        port = _free_port()
        options = ["-p", str(port), "-h", "127.0.0.1", "-k", str(folder), "-F"]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [*as_user, str(programs / "postgres"), "-D", data, *options], cwd=folder, stdout=log, stderr=log
            )
        try:
            _wait_until_open(port, server, folder / "log")
            yield f"postgresql://ledger@127.0.0.1:{port}/postgres"
        finally:
            server.terminate()
            server.wait(timeout=30)
    finally:
        shutil.rmtree(folder)


def _without_root(folder: Path) -> list[str]:
    """How to start a program as somebody else than root, as whom PostgreSQL refuses to run."""
    if os.getuid():
        return []
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = next(known[name] for name in USERS if name in known)
    os.chown(folder, user.pw_uid, user.pw_gid)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def _free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port


def _wait_until_open(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg

    while True:
        assert server.poll() is None, log.read_text()
        try:
            psycopg.connect(host="127.0.0.1", port=port, user="ledger", dbname="postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
