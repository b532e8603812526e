"""A person who does what a guide says, block by block, in a folder of their own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from tests.guides.blocks import PROGRAMS, Block, Guide

PORTS = ("8099", "8500", "8501", "8600", "8601", "9109", "50000")
"""Ports that guides name; each stands for a free one."""

SMALL = ("--set=train.epochs=3", "--set=evaluate.min_accuracy=0.5", "--set=evaluate.max_log_loss=2.0")
"""What makes a job for all of MNIST fit the few digits here."""

BEGUN = ("--set=ingest.data_dir=../data", "--until=check_balance")
"""How far a project that `slipline init` wrote is run; end_to_end/test_own_project.py runs all of it."""

LAUNCHER = f"""\
import sys
from slipline.pipeline.app.cli.main import main
asked = sys.argv[1:]
if asked[:2] == ["run", "shapes.toml"]:
    asked += {list(BEGUN)!r}
elif asked[:1] == ["run"] and not any(word.endswith(".toml") or ":" in word for word in asked):
    asked += {list(SMALL)!r}
main(asked, prog_name="slipline", auto_envvar_prefix="SLIPLINE")
"""
"""`slipline` as it is, but that the environment gives its options other defaults, and what is for MNIST is small."""

BLOCK_LIMIT_S = 300
READY_LIMIT_S = 60
END_LIMIT_S = 20
IN_BACKGROUND = re.compile(r"&[ ]*(#.*)?$", re.MULTILINE)
EXPECTED_EXIT = re.compile(r"^(?P<command>.*\S)\s+# exit (?P<status>\d+)\b.*$", re.MULTILINE)


@dataclass
class Person:
    """Someone in a folder with their data, where `slipline`, `python` and `make` mean those of this tree.

    Attributes:
      folder: Where they work.
      ports: A free port for each that guides name.
    """

    folder: Path
    ports: Mapping[str, int]
    _groups: list[int] = field(default_factory=list)
    _output: str | None = None

    def follow(self, guide: Guide) -> None:
        """Does what all blocks say, in order.

        Raises:
          AssertionError: A command ended otherwise than the guide says, or its output was another.
        """
        for block in guide.blocks:
            where = f"{guide.name}:{block.line}"
            if block.needs and not (block.needs in PROGRAMS and shutil.which(block.needs)):
                self._output = None
            elif block.language == "text":
                self._compare(block, where)
            elif block.file is not None and block.language != "sh":
                file = self.folder / block.file
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(block.text, "utf-8")
            elif block.language == "sh":
                self._output = self._call(["bash", "-euo", "pipefail", "-c", self._script(block.text)], block, where)
            elif block.language == "python":
                program = self.folder / "block.py"
                program.write_text(self._with_ports(block.text), "utf-8")
                self._output = self._call(["python", program.name], block, where)

    def output_of(self, command: str) -> str:
        """What a command puts out that no guide has."""
        return subprocess.run(
            command, shell=True, cwd=self.folder, env=self._environment(), capture_output=True, text=True, check=True
        ).stdout

    def _script(self, text: str) -> str:
        def checked(line: re.Match[str]) -> str:
            command, status = line["command"], line["status"]
            return f'ended=0; {command} || ended=$?; [ $ended = {status} ] || {{ echo "exit $ended"; exit 1; }}'

        return EXPECTED_EXIT.sub(checked, self._with_ports(text))

    def _with_ports(self, text: str) -> str:
        for named, free in self.ports.items():
            text = re.sub(rf"\b{named}\b", str(free), text)
        return text

    def _call(self, command: list[str], block: Block, where: str) -> str:
        log = self.folder.parent / f"{where.replace('/', '-')}.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self._environment(), stdout=output, stderr=output, start_new_session=True
            )
        self._groups.append(process.pid)
        status = process.wait(BLOCK_LIMIT_S)
        assert status == 0, f"{where} ended with {status}:\n{block.text}\n{log.read_text()}"
        if IN_BACKGROUND.search(block.text):
            self._wait_for_servers(block, log, where)
        return log.read_text("utf-8")

    def _wait_for_servers(self, block: Block, log: Path, where: str) -> None:
        """Waits, as a person does, until what was started in the background listens, and has loaded its models."""
        begin_s = time.monotonic()
        named = [port for name, port in self.ports.items() if re.search(rf"\b{name}\b", block.text)]
        while not (all(map(_listens, named)) and (named or re.search(r"127\.0\.0\.1:\d+.*\n", log.read_text()))):
            assert time.monotonic() - begin_s < READY_LIMIT_S, f"{where} does not listen:\n{log.read_text()}"
            time.sleep(0.05)
        for port in ("8501", "8601"):
            _wait_for_models(self.ports[port])

    def _environment(self) -> dict[str, str]:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("SLIPLINE_", "PYTEST"))
        }
        tools = self.folder.parent / "bin"
        return {
            **environment,
            "PATH": f"{tools}:{Path(sys.executable).parent}:{environment['PATH']}",
            "COLUMNS": "160",
            "SLIPLINE_SERVE_PORT": str(self.ports["8500"]),
            "SLIPLINE_SERVE_REST_PORT": str(self.ports["8501"]),
            "SLIPLINE_RELEASES_EXPORTER_PORT": str(self.ports["9109"]),
            "SLIPLINE_PREDICT_TARGET": f"127.0.0.1:{self.ports['8500']}",
            "SLIPLINE_LOAD_TEST_TARGET": f"127.0.0.1:{self.ports['8500']}",
        }

    def _compare(self, block: Block, where: str) -> None:
        """Each line shown is among those that the last block put out, up to numbers and ids."""
        if self._output is None:
            return
        told = {stable(line) for line in self._output.splitlines()}
        missing = [line for line in block.text.splitlines() if line.strip(" .") and stable(line) not in told]
        assert not missing, f"{where} shows {missing}, but this was put out:\n{self._output}"

    def end(self) -> None:
        """Ends what was left running in the background."""
        for group in self._groups:
            for sent in (signal.SIGTERM, signal.SIGKILL):
                with suppress(ProcessLookupError):
                    os.killpg(group, sent)
                    _wait_for_end(group)


def stable(line: str) -> str:
    """The words of a line of output, sorted, without what differs from run to run: numbers, ids, marks of progress."""
    line = re.sub(r"\b(?=[a-f]*\d)[0-9a-f]{12}\b", "ID", line)
    return " ".join(sorted(re.sub(r"\d+([.,]\d+)*", "N", line.lstrip("✓✗- ")).split()))


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("localhost", port), 1).close()
    except OSError:
        return False
    return True


def _wait_for_models(rest_port: int) -> None:
    """Waits while a model server there, if there is one, has not loaded all that it is to serve."""
    begin_s = time.monotonic()
    while time.monotonic() - begin_s < READY_LIMIT_S:
        try:
            urlopen(f"http://127.0.0.1:{rest_port}/readyz").close()
        except HTTPError:
            time.sleep(0.05)
        except URLError:
            return
        else:
            return
    raise AssertionError(f"the server at port {rest_port} did not load its models")


def _wait_for_end(group: int) -> None:
    begin_s = time.monotonic()
    while time.monotonic() - begin_s < END_LIMIT_S:
        os.killpg(group, 0)
        time.sleep(0.05)


@contextmanager
def person_in(folder: Path) -> Iterator[Person]:
    """A person in that folder, beside which their tools and logs are kept."""
    tools = folder.parent / "bin"
    tools.mkdir()
    (folder.parent / "launcher.py").write_text(LAUNCHER)
    _tool(tools / "slipline", f'exec "{sys.executable}" "{folder.parent}/launcher.py" "$@"')
    _tool(tools / "python", f'exec "{sys.executable}" "$@"')
    _tool(tools / "make", 'case "$1" in run) exec slipline run ;; test) ;; *) echo "no $1 here"; exit 1 ;; esac')
    with _free_ports() as ports:
        person = Person(folder, ports)
    try:
        yield person
    finally:
        person.end()


def _tool(file: Path, command: str) -> None:
    file.write_text(f"#!/bin/sh\n{command}\n")
    file.chmod(0o755)


@contextmanager
def _free_ports() -> Iterator[Mapping[str, int]]:
    held = [socket.socket() for _ in PORTS]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        yield {named: each.getsockname()[1] for named, each in zip(PORTS, held, strict=True)}
    finally:
        for each in held:
            each.close()
