"""What a person on call watches of releases: wanted against served, as Prometheus reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, get_args

from slipline.serving.releases.ledger import Ledger
from slipline.serving.releases.status import ReleaseStatus, release_status
from slipline.serving.releases.store.move_history import canary_move, live_periods, live_version
from slipline.serving.releases.store.records import Move, MoveKind

if TYPE_CHECKING:
    from prometheus_client import Metric
    from prometheus_client.core import GaugeMetricFamily


class ReleaseCollector:
    """Asks the ledger and all registered servers anew whenever it is collected: a prometheus_client Collector."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def collect(self) -> Iterator[Metric]:
        """The metrics, as they are now.

        Raises:
          LedgerError: The database cannot be read.
        """
        yield from _of_servers(release_status(self._ledger))
        yield from _of_models(self._ledger.moves())

    def describe(self) -> Iterator[Metric]:
        """None, so that registering it asks nobody."""
        return iter(())


def render_metrics(ledger: Ledger) -> str:
    """All metrics in Prometheus' text format."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    registry.register(ReleaseCollector(ledger))
    return generate_latest(registry).decode()


def _of_servers(status: ReleaseStatus) -> Iterator[Metric]:
    up = _gauge("target_up", "Whether a registered server answers.", "target")
    differs = _gauge(
        "differs",
        "Whether a server serves something else than the ledger wants, 1 also if it does not answer.",
        "target",
    )
    wanted = _gauge("wanted_version", "The version that a label is to name.", "target", "model", "label")
    served = _gauge(
        "served_version",
        "The version that a label names at a server; absent where it names none.",
        *("target", "model", "label"),
    )
    loaded = _gauge("loaded", "1 for each version that requests can reach.", "target", "model", "version")
    folders = _gauge(
        "folder_intact",
        "Whether the folder of a version to be served has the files and lengths of its manifest.",
        *("model", "version"),
    )
    for target in status.targets:
        up.add_metric([target.target], float(target.answers))
        differs.add_metric([target.target], float(target.differs))
        for model in target.models:
            for label, version in sorted(model.wanted_labels.items()):
                wanted.add_metric([target.target, model.model, label], version)
            for label, found in sorted(model.served_labels.items()):
                if found is not None:
                    served.add_metric([target.target, model.model, label], found)
            for version in model.served_versions:
                loaded.add_metric([target.target, model.model, str(version)], 1)
    for folder in status.folders:
        folders.add_metric([folder.model, str(folder.version)], float(not folder.problems))
    yield from (up, differs, wanted, served, loaded, folders)


def _of_models(moves: Mapping[str, tuple[Move, ...]]) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily

    made = CounterMetricFamily(
        "slipline_release_moves", "Promotions, roll-backs, trials and withdrawals so far.", labels=["model", "kind"]
    )
    since = _gauge("live_since_seconds", "When the live version went live, Unix time.", "model")
    share = _gauge("canary_percent", "The share of requests meant for the canary; 0 without one.", "model")
    for model, of_model in sorted(moves.items()):
        counted = Counter(move.kind for move in of_model)
        for kind in get_args(MoveKind):
            made.add_metric([model, kind], counted[kind])
        live, trial = live_version(of_model), canary_move(of_model)
        if live is not None:
            began = live_periods(live, of_model)[-1].since
            since.add_metric([model], datetime.fromisoformat(began).timestamp())
        share.add_metric([model], (trial.percent or 0.0) if trial else 0.0)
    yield from (made, since, share)


def _gauge(name: str, words: str, *labels: str) -> GaugeMetricFamily:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(f"slipline_release_{name}", words, labels=labels)
