"""Components that do what none should; each is called in a real worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slipline.pipeline.core.artifact import Artifact
from slipline.pipeline.core.component import ComponentError, Say, component, params
from tests.pipeline.toy import Total, Words


@dataclass(frozen=True, kw_only=True)
class Plain(Artifact):
    """Has no facts: only what it wrote."""


class Unsayable(Exception):
    """Cannot be told to another process, nor in words."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()

    def __str__(self) -> str:
        raise RuntimeError("no words")


@params
class Outside:
    place: Path


def returns_another_class(out: Path, outside: Path, say: Say) -> object:
    return Total(path=out, value=1)


def returns_nothing(out: Path, outside: Path, say: Say) -> object:
    (out / "file").touch()
    return None


def lies_elsewhere(out: Path, outside: Path, say: Say) -> object:
    outside.mkdir(exist_ok=True)
    return Words(path=outside, count=1)


def lies_nowhere(out: Path, outside: Path, say: Say) -> object:
    return Words(path=out / "missing", count=1)


def links_out(out: Path, outside: Path, say: Say) -> object:
    (out / "deep").mkdir()
    (out / "deep" / "data").symlink_to(outside)
    return Words(path=out, count=1)


def is_a_link(out: Path, outside: Path, say: Say) -> object:
    outside.mkdir(exist_ok=True)
    (out / "all").symlink_to(outside)
    return Words(path=out / "all", count=1)


def leaves_the_interpreter(out: Path, outside: Path, say: Say) -> object:
    sys.exit("enough")


def raises_what_cannot_be_told(out: Path, outside: Path, say: Say) -> object:
    raise Unsayable


def raises_half_characters(out: Path, outside: Path, say: Say) -> object:
    raise ValueError("no file \udcff\udc80")


def raises_without_end(out: Path, outside: Path, say: Say) -> object:
    raise ValueError("x" * 10_000_000)


def foresees_without_words(out: Path, outside: Path, say: Say) -> object:
    raise ComponentError("")


def raises_an_interrupt(out: Path, outside: Path, say: Say) -> object:
    raise KeyboardInterrupt


def writes_beside(out: Path, outside: Path, say: Say) -> object:
    (out.parent / "sibling").mkdir()
    (out.parent / "sibling.too").touch()
    return Words(path=out, count=1)


def makes_a_pipe(out: Path, outside: Path, say: Say) -> object:
    os.mkfifo(out / "pipe")
    return Words(path=out, count=1)


def has_a_fact_that_cannot_be_told(out: Path, outside: Path, say: Say) -> object:
    return Words(path=out, count=threading.Lock())  # type: ignore[arg-type]


def has_a_fact_of_no_plain_kind(out: Path, outside: Path, say: Say) -> object:
    return Words(path=out, count={1, 2})  # type: ignore[arg-type]


def has_a_fact_of_another_type(out: Path, outside: Path, say: Say) -> object:
    return Words(path=out, count="1")  # type: ignore[arg-type]


def ends_its_process(out: Path, outside: Path, say: Say) -> object:
    os._exit(7)


def is_killed(out: Path, outside: Path, say: Say) -> object:
    os.kill(os.getpid(), signal.SIGKILL)
    return None


def breaks_memory(out: Path, outside: Path, say: Say) -> object:
    os.kill(os.getpid(), signal.SIGSEGV)
    return None


def hangs(out: Path, outside: Path, say: Say) -> object:
    time.sleep(600)
    return None


def hangs_and_talks(out: Path, outside: Path, say: Say) -> object:
    while True:
        say("still at it")


def talks_from_many_threads(out: Path, outside: Path, say: Say) -> object:
    threads = [threading.Thread(target=lambda: [say("x" * 10_000) for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Words(path=out, count=1)


def leaves_a_child(out: Path, outside: Path, say: Say) -> object:
    child = subprocess.Popen(["sleep", "600"])
    (out / "pid").write_text(str(child.pid))
    return Words(path=out, count=1)


def answers_twice(out: Path, outside: Path, say: Say) -> object:
    """Makes a copy of its process that comes to the same end."""
    return Words(path=out, count=1 if os.fork() else 2)


def prints_without_end(out: Path, outside: Path, say: Say) -> object:
    for _ in range(200):
        os.write(1, b"x" * 100_000)
    return Words(path=out, count=1)


@component
def misbehave(how: str, outside: Outside, out: Path, say: Say) -> Words:
    does: Callable[[Path, Path, Say], Words] = globals()[how]
    return does(out, outside.place, say)


@component
def write_nothing(out: Path) -> Plain:
    return Plain(path=out)
