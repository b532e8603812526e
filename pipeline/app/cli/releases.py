"""`slipline releases`: what was released, and whether servers agree."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slipline.pipeline.app.cli.release_options import open_ledger
from slipline.pipeline.app.cli.terminal import print_table, say, say_json
from slipline.pipeline.app.settings.home import home_from_environment
from slipline.pipeline.core.errors import SettingsError
from slipline.serving.errors import LedgerError, ReleaseNotFound
from slipline.serving.folders.labels import CANARY, STABLE
from slipline.serving.releases.store.records import ReleaseRow

if TYPE_CHECKING:
    from slipline.serving.releases.status import ReleaseStatus, TargetStatus

COLUMNS = ("model", "version", "state", "as", "from (UTC)", "until", "by", "why")
STATUS_COLUMNS = ("server", "model", "wanted", "served", "differs")


class _ListByDefault(click.Group):
    """Takes a first word that is no subcommand for the name of a model to list."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Puts `list` in front of arguments that name no subcommand."""
        names_one = bool(args) and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if names_one else ["list", *args])


@click.group(cls=_ListByDefault)
def releases() -> None:
    """List the releases: who was live when, and why.

    `slipline releases` and `slipline releases MODEL` list them; the commands below look further.
    """


@releases.command("list")
@click.argument("model", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_releases(model: str | None, as_json: bool) -> None:
    """List the releases, or those of one MODEL: who was live when, and why."""
    with open_ledger() as ledger:
        found = ledger.releases(model)
        known = sorted({release.model for release in ledger.releases()})
    if model is not None and not found and known:
        raise ReleaseNotFound(f"no releases of {model!r}; there are some of {', '.join(known)}")
    if as_json:
        say_json([{**asdict(release), "path": str(release.path)} for release in found])
    elif not found:
        say("no releases yet; `slipline run` makes one")
    else:
        print_table(COLUMNS, (row for release in found for row in _rows(release)))


@releases.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--prometheus", is_flag=True, help="Print metrics in Prometheus' text format; exit status 0 in any case.")
def status(as_json: bool, prometheus: bool) -> None:
    """Hold what servers serve against what the ledger wants.

    The exit status is 1 if anything differs.
    """
    from slipline.serving.releases.status import release_status

    with open_ledger() as ledger:
        if prometheus:
            from slipline.serving.releases.metrics import render_metrics

            say(render_metrics(ledger), end="")
            return
        found = release_status(ledger)
    if as_json:
        say_json({"differs": found.differs, **asdict(found)})
    else:
        _print_status(found)
    if found.differs:
        raise click.exceptions.Exit(1)


def _print_status(found: ReleaseStatus) -> None:
    if not found.targets:
        say("no server is registered; `slipline serve` starts one")
    rows = [row for target in found.targets for row in _status_rows(target)]
    if rows:
        print_table(STATUS_COLUMNS, rows)
    for problem in _problems(found):
        say(problem)
    if found.differs:
        say("`slipline releases reconcile` repairs what can be repaired")


def _status_rows(target: TargetStatus) -> Iterator[tuple[str, ...]]:
    if not target.answers:
        yield target.target, "", "", "", "does not answer"
    for model in target.models:
        wanted = _served_words(model.wanted_labels, model.wanted_versions)
        served = _served_words(model.served_labels, model.served_versions)
        yield target.target, model.model, wanted, served, "yes" if model.problems else "no"


def _served_words(labels: Mapping[str, int | None], versions: Sequence[int]) -> str:
    """Such as `stable 2, canary 3 (loaded: 1, 2, 3)`; a canary that is the stable version is none."""
    stable, canary = labels.get(STABLE), labels.get(CANARY)
    words = f"{STABLE} {'-' if stable is None else stable}"
    if canary != stable:
        words += f", {CANARY} {'-' if canary is None else canary}"
    return f"{words} (loaded: {', '.join(map(str, versions)) or 'none'})"


def _problems(found: ReleaseStatus) -> Iterator[str]:
    for target in found.targets:
        yield from (f"{target.target}: {problem}" for problem in target.problems)
        for model in target.models:
            yield from (f"{target.target}: {model.model}: {problem}" for problem in model.problems)
    for folder in found.folders:
        yield from folder.problems


@releases.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def reconcile(as_json: bool) -> None:
    """Bring servers, config files and folders back to what the ledger says.

    The exit status is 1 if something still differs.
    """
    from slipline.serving.releases.reconcile import reconcile as bring_in_line

    with open_ledger() as ledger:
        outcome = bring_in_line(ledger, origin=_exported)
    if as_json:
        say_json({"differs": outcome.status.differs, **asdict(outcome)})
    else:
        for sentence in outcome.done:
            say(sentence)
        if not outcome.done and not outcome.failed and not outcome.status.differs:
            say("nothing differs")
    if outcome.failed or outcome.status.differs:
        problems = outcome.failed or tuple(_problems(outcome.status))
        raise LedgerError("\n".join(problems))


def _exported(release: ReleaseRow) -> Path | None:
    """The run's folder that a release was published from, if it is still there."""
    found = sorted((home_from_environment().path / "runs").glob(f"*/{release.origin}"))
    return found[0] if found else None


@releases.command()
@click.argument("model", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(model: str | None, as_json: bool) -> None:
    """Read every file of every release, or of MODEL's, and hold it against its manifest; stores' copies, too.

    The exit status is 1 if a release is damaged.
    """
    from slipline.serving.releases.status import verify_releases

    with open_ledger() as ledger:
        checked = verify_releases(ledger, model)
    if as_json:
        say_json([asdict(one) for one in checked])
    else:
        for one in checked:
            say(f"{one.place}: {'; '.join(one.problems) or 'intact'}")
        if not checked:
            say("no releases to verify")
    damaged = sum(bool(one.problems) for one in checked)
    if damaged:
        raise LedgerError(
            f"{damaged} of {len(checked)} are damaged; `slipline releases reconcile` restores what servers are to load "
            "where another copy is intact"
        )


@releases.command()
@click.argument("target", metavar="HOST:PORT")
@click.option("--root", help="Where it finds the releases, if not here: a container's mount, or s3://bucket/releases.")
def register(target: str, root: str | None) -> None:
    """Have promotions and roll-backs tell the server at HOST:PORT, its gRPC port.

    `slipline serve` registers itself. A server that finds the releases elsewhere follows a config file of its own,
    whose path is printed; one that reads an object store gets a copy of each release there before it is to load it.
    """
    host, _, port = target.rpartition(":")
    if not host or not port.isdigit():
        raise click.UsageError(f"wanted HOST:PORT, such as 10.0.0.5:8500, got {target!r}")
    with open_ledger() as ledger:
        ledger.register_server(target, None, root)
        file = ledger.rewrite_config(root)
    say(f"{target} is registered; its --model_config_file is {file}")


@releases.command()
@click.argument("target", metavar="HOST:PORT")
def unregister(target: str) -> None:
    """Forget the server at HOST:PORT."""
    with open_ledger() as ledger:
        known = [server.target for server in ledger.servers()]
        if target not in known:
            raise ReleaseNotFound(f"{target} is not registered; these are: {', '.join(known) or 'none'}")
        ledger.unregister_server(target)
    say(f"{target} is forgotten")


@releases.command()
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=9109, help="0 picks a free one.")
def exporter(host: str, port: int) -> None:
    """Serve metrics of wanted against served to Prometheus, at /metrics, until told to stop.

    Every scrape asks the ledger and all registered servers anew. infra/alerts/releases.yml has rules for them.
    """
    from prometheus_client import CollectorRegistry, start_http_server

    from slipline.serving.releases.metrics import ReleaseCollector

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: ended.set())
    with open_ledger() as ledger:
        registry = CollectorRegistry()
        registry.register(ReleaseCollector(ledger))
        try:
            server, thread = start_http_server(port, host, registry)
        except OSError as error:
            raise SettingsError(f"cannot listen on {host}:{port}: {error.strerror}; choose another --port") from error
        say(f"metrics at http://{host}:{server.server_port}/metrics")
        ended.wait()
        server.shutdown()
        server.server_close()
        thread.join()
    say("stopped")


def _rows(release: ReleaseRow) -> Iterator[tuple[str, ...]]:
    """A row for each time the release was live or on trial; one row if it never was."""
    head: tuple[str, ...] = (release.model, str(release.version), release.state)
    periods = [("live", period) for period in release.live_periods]
    periods += [(f"canary {period.percent:g} %", period) for period in release.canary_periods]
    if not periods:
        yield *head, "", "", "", release.by, f"published {_time(release.at)}, run {release.origin}"
    said = None
    for kind, period in sorted(periods, key=lambda pair: pair[1].since):
        until = _time(period.until) if period.until else "now"
        left = f"; left: {period.until_reason} ({period.until_by})" if period.until_reason else ""
        figures = f"; {period.figures}" if period.figures and period.figures != said else ""
        said = period.figures
        yield *head, kind, _time(period.since), until, period.by, f"{period.reason}{left}{figures}"
        head = ("", "", "")


def _time(at: str) -> str:
    return at[:19].replace("T", " ")
