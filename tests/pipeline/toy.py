"""A small pipeline of real components that need no framework: words, their lengths, a gate, a sum."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from slipline.pipeline.core.artifact import Artifact, Verdict
from slipline.pipeline.core.component import OUTSIDE_CACHE_KEY, ComponentError, Say, component, params
from slipline.pipeline.core.graph import Pipeline, Step


@dataclass(frozen=True, kw_only=True)
class Words(Artifact):
    count: int


@dataclass(frozen=True, kw_only=True)
class Total(Artifact):
    value: int


@dataclass(frozen=True, kw_only=True)
class Check(Verdict):
    pass


@params
class WriteParams:
    words: tuple[str, ...] = ("pipe", "liner")
    where: Path = field(default=Path(), metadata=OUTSIDE_CACHE_KEY)


@params
class CheckParams:
    most: int = 100


@params
class SumParams:
    factor: int = 1
    trouble: str = ""
    calls: Path | None = field(default=None, metadata=OUTSIDE_CACHE_KEY)


@component
def write(params: WriteParams, out: Path) -> Words:
    (out / "words.txt").write_text("\n".join(params.words))
    return Words(path=out, count=len(params.words))


@component
def check(words: Words, params: CheckParams, out: Path) -> Check:
    passed = words.count <= params.most
    return Check(path=out, passed=passed, reasons=() if passed else (f"{words.count} words, at most {params.most}",))


@component
def add_up(words: Words, params: SumParams, out: Path, scratch: Path, say: Say) -> Total:
    if params.calls is not None:
        with params.calls.open("a") as calls:
            calls.write("called\n")
    say("adding")
    (out / "half").write_text("half-written")
    make_trouble(params.trouble, scratch)
    value = sum(len(word) for word in (words.path / "words.txt").read_text().split()) * params.factor
    (out / "total.txt").write_text(str(value))
    return Total(path=out, value=value)


@params
class CopyParams:
    source: Path = field(default=Path(), metadata=OUTSIDE_CACHE_KEY)
    meanwhile: str = field(default="", metadata=OUTSIDE_CACHE_KEY)


def copied_files(params: CopyParams) -> list[Path]:
    return [params.source] if params.source.exists() else []


@component(reads=copied_files)
def copy(params: CopyParams, out: Path) -> Words:
    """Copies a file, which somebody may write (`meanwhile`) while it does."""
    words = params.source.read_text() if params.source.exists() else "fetched"
    if params.meanwhile:
        params.source.write_text(params.meanwhile)
    (out / "words.txt").write_text(words)
    return Words(path=out, count=len(words.split()))


def make_trouble(kind: str, scratch: Path) -> None:
    if kind == "foreseen":
        raise ComponentError("words.txt: record 3: wanted a word, got nothing; remove it")
    if kind == "unforeseen":
        raise KeyError("oops")
    if kind == "full disk":
        raise RuntimeError("OSError: [Errno 28] No space left on device [while running 'Write']")
    if kind == "full disk far down":
        raise RuntimeError("a long trace\n" * 1_000 + "OSError: [Errno 28] No space left on device")
    if kind == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "noise":
        os.write(1, b"noise on stdout\n")
        os.write(2, b"noise on stderr\n")
    if kind == "hang":
        (scratch / "pid").write_text(str(os.getpid()))
        time.sleep(600)


def toy_pipeline(
    written: WriteParams | None = None, checked: CheckParams | None = None, added: SumParams | None = None
) -> Pipeline:
    flow = Pipeline("toy")
    words = flow.add(write, params=written or WriteParams())
    verdict = flow.add(check, words=words, params=checked or CheckParams())
    flow.add(add_up, words=words, params=added or SumParams(), only_if=[verdict])
    return flow


def last(flow: Pipeline) -> Step:
    return flow.steps[-1]
