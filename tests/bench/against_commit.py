"""The default job beside a commit of the past, in turns: `python -m tests.bench.against_commit --help`.

Each has a checkout, an environment and homes of its own. A pair takes about 4 minutes on 2 cores, the other commit's
environment as long once; `--folder` keeps that for the next time.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.bench.measured_process import Measured, run_measured
from tests.bench.slipline_run import fit_seconds
from tests.small_mnist import ROOT

COMMIT = "9cab53c"
RERUNS = 3
HELPS = 5
MIB = 2**20

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """A tree with its environment in `.venv`."""

    name: str
    tree: Path

    def slipline(self, *arguments: str, home: Path | None = None) -> Measured:
        """Runs its `slipline` in its tree."""
        environment = {"PYTHONDONTWRITEBYTECODE": ""}  # as people have it, even where containers do not
        if home is not None:
            environment["SLIPLINE_HOME"] = str(home)
        return run_measured([self.tree / ".venv/bin/slipline", *arguments], environment, self.tree)


@dataclass(frozen=True, kw_only=True)
class FirstRun:
    """A run in a fresh home.

    Attributes:
      whole: All of it.
      fit_s: What its history says that training took.
    """

    whole: Measured
    fit_s: float

    @property
    def beside_fit_s(self) -> float:
        """The rest."""
        return self.whole.seconds - self.fit_s


def main() -> None:
    """Prints each pair, and the medians of the ratios."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.against_commit", description=__doc__)
    parser.add_argument("commit", nargs="?", default=COMMIT, help=f"what to measure beside, {COMMIT} by default")
    parser.add_argument("--pairs", type=int, default=3, help="of first runs, each with reruns; 3 by default")
    parser.add_argument("--epochs", type=int, default=1, help="of each training; 1 by default")
    parser.add_argument("--set", action="append", default=[], help="a setting of each run", dest="settings")
    parser.add_argument("--folder", type=Path, help="keeps the other commit's environment")
    asked = parser.parse_args()
    settings = [f"train.epochs={asked.epochs}", *asked.settings]
    with tempfile.TemporaryDirectory() as scratch:
        theirs = _checked_out(asked.commit, (asked.folder or Path(scratch)) / asked.commit)
        here = Checkout(name="here", tree=ROOT)
        _compare_wheels(here, theirs, Path(scratch))
        _compare_helps(here, theirs)
        _compare_runs(here, theirs, Path(scratch), asked.pairs, [f"--set={setting}" for setting in settings])


def _checked_out(commit: str, tree: Path) -> Checkout:
    if not tree.exists():
        subprocess.run(["git", "clone", "--quiet", "--no-checkout", ROOT, tree], check=True)
        subprocess.run(["git", "checkout", "--quiet", commit], cwd=tree, check=True)
    python = sys._base_executable  # type: ignore[attr-defined]  # not the one of this environment
    subprocess.run(["make", "--silent", "setup", f"PYTHON={python}"], cwd=tree, check=True)
    return Checkout(name=commit, tree=tree)


def _compare_wheels(here: Checkout, theirs: Checkout, scratch: Path) -> None:
    sizes = {each.name: _wheel_bytes(each, scratch / f"wheel-{each.name}") for each in (here, theirs)}
    ours, other = sizes.values()
    print(f"wheel: {ours:,} bytes against {other:,}: {ours / other:.2f} x", flush=True)


def _wheel_bytes(checkout: Checkout, folder: Path) -> int:
    """Of the wheel of the committed files, as a build leaves traces in its tree."""
    (folder / "tree").mkdir(parents=True)
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=checkout.tree, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x"], input=archive, cwd=folder / "tree", check=True)
    pip = [sys._base_executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]  # type: ignore[attr-defined]
    subprocess.run([*pip, "--wheel-dir", folder, folder / "tree"], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel.stat().st_size


def _compare_helps(here: Checkout, theirs: Checkout) -> None:
    pairs = [(ours, other) for ours, other in _turns(lambda each: each.slipline("--help"), here, theirs, HELPS)]
    _print_ratio("slipline --help", [(ours.seconds, other.seconds) for ours, other in pairs])
    _print_ratio("slipline --help, CPU", [(ours.cpu_s, other.cpu_s) for ours, other in pairs])


def _compare_runs(here: Checkout, theirs: Checkout, scratch: Path, pairs: int, settings: Sequence[str]) -> None:
    firsts: list[tuple[FirstRun, FirstRun]] = []
    reruns: list[tuple[Measured, Measured]] = []
    for pair in range(pairs):

        def rerun(each: Checkout, pair: int = pair) -> Measured:
            return each.slipline("run", *settings, home=scratch / f"home-{each.name}-{pair}")

        def first(each: Checkout, pair: int = pair) -> FirstRun:
            whole = rerun(each)
            return FirstRun(whole=whole, fit_s=fit_seconds(scratch / f"home-{each.name}-{pair}"))

        firsts.extend(_turns(first, here, theirs, 1, begin=pair))
        reruns.extend(_turns(rerun, here, theirs, RERUNS))
        ours, other = firsts[-1]
        print(f"pair {pair + 1}: here {_words(ours)}; {theirs.name} {_words(other)}", flush=True)
    _print_ratio("first run beside fit", [(a.beside_fit_s, b.beside_fit_s) for a, b in firsts])
    _print_ratio("first run, CPU, fit included", [(a.whole.cpu_s, b.whole.cpu_s) for a, b in firsts])
    _print_ratio("fit", [(a.fit_s, b.fit_s) for a, b in firsts])
    _print_ratio("peak memory in MiB", [(a.whole.peak_bytes / MIB, b.whole.peak_bytes / MIB) for a, b in firsts])
    _print_ratio("cached rerun", [(a.seconds, b.seconds) for a, b in reruns])
    _print_ratio("cached rerun, CPU", [(a.cpu_s, b.cpu_s) for a, b in reruns])


def _turns(
    measure: Callable[[Checkout], T], here: Checkout, theirs: Checkout, times: int, begin: int = 0
) -> Iterator[tuple[T, T]]:
    """Pairs of measurements; who is measured first changes from pair to pair."""
    for turn in range(begin, begin + times):
        if turn % 2:
            other = measure(theirs)
            yield measure(here), other
        else:
            yield measure(here), measure(theirs)


def _words(run: FirstRun) -> str:
    whole = run.whole
    return (
        f"{whole.seconds:.1f} s, {run.beside_fit_s:.1f} s beside fit, {whole.cpu_s:.1f} s of CPU, "
        f"{whole.peak_bytes / MIB:.0f} MiB"
    )


def _print_ratio(what: str, pairs: Sequence[tuple[float, float]]) -> None:
    """The medians of both, the ratio of each pair, and the median of the ratios."""
    ours, theirs = zip(*pairs, strict=True)
    ratios = [a / b for a, b in pairs]
    each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    print(
        f"{what}: {statistics.median(ratios):.2f} x ({each}); medians {statistics.median(ours):.2f} against "
        f"{statistics.median(theirs):.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
