"""`slipline clean`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import click
from sqlalchemy import select

from slipline.pipeline.app.cli.runs import print_runs
from slipline.pipeline.app.cli.terminal import say
from slipline.pipeline.app.settings.home import Home, home_from_environment
from slipline.pipeline.store.removal import OldRuns, old_runs, remove_leftovers, remove_old_runs
from slipline.pipeline.store.store import Store
from slipline.pipeline.store.tables import ExecutionRow
from slipline.serving.folders import version_folder
from slipline.serving.releases.ledger import Ledger


@click.command()
@click.option("--keep", type=click.IntRange(min=1), metavar="N", help="Keep the latest N runs of each pipeline only.")
@click.option("--yes", is_flag=True, help="Remove old runs without asking.")
def clean(keep: int | None, yes: bool) -> None:
    """Remove what a crash left, and with --keep old runs.

    A crash leaves folders that no committed step owns. An old run goes with its report, its log, and what it made. A
    run that a release came from stays, and so does all that a release or a run that stays was made of. What would go is
    said first. Refused while a run is under way.
    """
    home = home_from_environment()
    with Store.open(home.path) as store:
        gone = 0 if keep is None else _clean_runs(store, home, keep, yes)
        removed = remove_leftovers(store)
    for model_root in sorted(home.releases.glob("*/")):
        removed += version_folder.remove_leftovers(model_root)
    for folder in removed:
        say(f"removed {folder}")
    if not removed and not gone:
        say("nothing to remove")


def _clean_runs(store: Store, home: Home, keep: int, yes: bool) -> int:
    """Removes old runs if the person agrees; gives how many runs, files and results there were."""
    old = old_runs(store, keep, _released(store, home))
    files = (*old.files, *_pages(old, home))
    count = len(old.runs) + len(old.executions) + len(files)
    if not count:
        return 0
    if old.runs:
        print_runs(old.runs)
    size = sum(_sizes([*old.executions.values(), *files]).values())
    say(
        f"runs that go: {len(old.runs)} ({len(old.kept)} stay); with them results: {len(old.executions)}, "
        f"reports, logs and the like: {len(files)}; together {size / 1e6:,.1f} MB"
    )
    if not yes and not sys.stdin.isatty():
        raise click.ClickException(
            "nothing is removed, as there is nobody to ask; `slipline clean --keep N --yes` does not ask"
        )
    if not yes:
        click.confirm("Remove them?", abort=True)
    remove_old_runs(store, old, files)
    return count


def _released(store: Store, home: Home) -> set[str]:
    """The executions that made releases: models, by the ledger, and what put them in it."""
    with store.session() as session:
        pushed = set(session.scalars(select(ExecutionRow.id).filter_by(artifact_type="Release")))
    if not home.ledger_url and not home.releases.is_dir():  # opening the ledger would make them
        return pushed
    with Ledger(home.ledger_url, home.releases) as ledger:
        return pushed | {release.origin for release in ledger.releases()}


def _pages(old: OldRuns, home: Home) -> list[Path]:
    """Reports of the runs that go, and cards of models that were not released, but for those of runs that stay, too."""
    pages = {run.page for run in old.runs} - {run.page for run in old.kept}
    found = [file for page in pages for file in (home.reports / f"{page}.html", *home.cards.glob(f"*-{page}.*"))]
    return sorted(file for file in found if file.exists())


def _sizes(paths: Iterable[Path]) -> dict[int, int]:
    """The size in bytes of every file below, by its inode: some are hard links to others."""
    files = [file for path in paths for file in (path, *path.rglob("*"))]
    return {stat.st_ino: stat.st_size for stat in (file.lstat() for file in files if file.is_file())}
