"""What a run came to, told on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from slipline.components.artifacts import Release
from slipline.pipeline.app.settings.home import Home
from slipline.pipeline.core.artifact import Artifact
from slipline.pipeline.runners.execute import Status
from slipline.pipeline.runners.run_report import RunReport, words_of
from slipline.serving.errors import ServingError
from slipline.serving.releases.ledger import Ledger


def result_words(run: RunReport, home: Home) -> list[str]:
    """A line or more each: why the run did not pass, what else to know of what it made, and its release."""
    lines = []
    if run.all_cached:
        unneeded = any(outcome.status is Status.NOT_NEEDED for outcome in run.outcomes)
        lines.append(f"Nothing to do: all {len(run.outcomes)} steps are cached{' or not needed' if unneeded else ''}.")
    lines += _problems(run)
    lines += [line for outcome in run.outcomes if outcome.made for line in _notes(outcome.made.artifact)]
    if standing := standing_words(run, home):
        lines.append(f"released {standing}")
    here = f"{Path.cwd()}/"
    return [line.replace(here, "") for line in lines]


def _problems(run: RunReport) -> Iterator[str]:
    for outcome in run.outcomes:
        if outcome.status is Status.FAILED:
            yield outcome.message
        elif outcome.status is Status.BLOCKED:
            yield f"{outcome.step} did not run, its gate is closed"
        elif outcome.closed:
            yield f"{outcome.step} did not pass:\n  " + words_of(outcome).replace("\n", "\n  ")


def _notes(artifact: Artifact) -> tuple[str, ...]:
    try:
        notes = artifact.notes()
        return (notes,) if isinstance(notes, str) else tuple(map(str, notes))
    except (Exception, SystemExit) as error:  # of a class of somebody's own
        return (f"{type(artifact).__name__}.notes() failed: {type(error).__name__}: {error}",)


def standing_words(run: RunReport, home: Home) -> str:
    """The release of a run, and whether it is live now; empty if the run came to none.

    A rerun does not bring back what a person withdrew.
    """
    release = run.last(Release)
    if release is None:
        return ""
    words = f"{release.model} version {release.version}"
    try:
        with Ledger(home.ledger_url, home.releases) as ledger:
            state, live = ledger.release(release.model, release.version).state, ledger.live(release.model)
    except ServingError as error:
        return f"{words} ({error})"
    if state == "live" or live is None:
        return words
    return f"{words} ({state}; version {live.version} is live, `slipline promote` changes that)"
