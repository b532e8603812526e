"""`slipline run`."""

from __future__ import annotations

import hashlib
import json
from importlib import import_module
from pathlib import Path

import click

from slipline.components.artifacts import Evaluation, Examples, Release
from slipline.components.validation.offenders import LISTING
from slipline.pipeline.app.data_words import data_words
from slipline.pipeline.app.find_pipeline import find_pipeline
from slipline.pipeline.app.settings.home import Home, home_from_environment
from slipline.pipeline.app.settings.training_settings import DEFAULT_SETTINGS, TrainingSettings
from slipline.pipeline.core.artifact import Verdict
from slipline.pipeline.runners.display import open_display
from slipline.pipeline.runners.execute import Outcome, Status
from slipline.pipeline.runners.local import LocalRunner, RunReport
from slipline.pipeline.runners.run_report import words_of
from slipline.pipeline.store.store import Store, artifact_to_json
from slipline.serving.releases.ledger import Ledger


@click.command()
@click.argument("target", required=False)
@click.option("--settings", metavar="FILE", help="The settings of TARGET, a TOML file, where TARGET names a pipeline.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one setting: train.seed=2.")
@click.option("--fresh", is_flag=True, help="Run every step, even where an earlier result could stand in.")
@click.option("--until", metavar="STEP", help="End with this step, such as validate.")
@click.option("--parallel", type=click.IntRange(min=1), metavar="N", help="Run at most N steps side by side.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@click.pass_context
def run(
    ctx: click.Context,
    target: str | None,
    settings: str | None,
    overrides: tuple[str, ...],
    fresh: bool,
    until: str | None,
    parallel: int | None,
    as_json: bool,
) -> None:
    """Run a pipeline: the training that comes with Slipline, or your own.

    TARGET is a TOML file of settings, which may name its pipeline (pipeline = "mine.flow:pipeline"); or the name of one
    that Slipline brings (mnist, the default, or test); or package.module:attribute, a Pipeline, or a function of a
    settings record that returns one, found from the working directory. It ends with status 1 if a step fails or a
    verdict does not pass.
    """
    home = home_from_environment()
    asked = find_pipeline(target or settings or DEFAULT_SETTINGS, settings if target else None, overrides, home)
    pipeline = asked.pipeline if until is None else asked.pipeline.until(until)
    told = asked.settings if isinstance(asked.settings, TrainingSettings) else None
    with Store.open(home.path) as store:
        with open_display(pipeline, quiet=as_json) as display:
            runner = LocalRunner(
                store=store, display=display, fresh=fresh, parallel=parallel, meanwhile=_import_for_report
            )
            report = runner.run(pipeline)
        page = None if told is None else _report_page(report, told, store, home.reports)
        card = None if told is None or page is None else _model_card(report, told, store, page, home.cards)
    split = told.evaluate.split if told else ""
    click.echo(_as_json(report, page, card) if as_json else _in_words(report, split, page, card, home))
    if not report.passed:
        ctx.exit(1)


def _import_for_report() -> None:
    """Loads, while workers work, what drawing the report takes a second to load."""
    for module in (
        "slipline.pipeline.app.report",
        "slipline.pipeline.app.model_card",
        "matplotlib.figure",
        "matplotlib.backends.backend_svg",
        "jinja2",
    ):
        import_module(module)


def _report_page(report: RunReport, settings: TrainingSettings, store: Store, folder: Path) -> Path:
    """The run's report; the one there is already, if nothing in it would differ."""
    from slipline.pipeline.app.report import write_report

    told = [(outcome.made.execution_id if outcome.made else "", outcome.message) for outcome in report.outcomes]
    page = folder / f"{hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]}.html"
    if not page.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_report(report, settings, store, page)
    return page


def _model_card(report: RunReport, settings: TrainingSettings, store: Store, page: Path, folder: Path) -> Path | None:
    """The model card, of the release if the run came to one; None if it came to no model."""
    evaluation, release = report.made("evaluate"), report.made("push")
    if evaluation is None:
        return None
    version = release.artifact.version if release and isinstance(release.artifact, Release) else None
    card = folder / f"{settings.name}-{version or page.stem}.html"
    if card.exists() and report.all_cached:
        return card
    from slipline.pipeline.app.model_card import write_card

    return card if write_card(report, settings, store, page, card) else None


def _in_words(report: RunReport, split: str, page: Path | None, card: Path | None, home: Home) -> str:
    lines = []
    if report.all_cached:
        lines.append(f"Nothing to do: all {len(report.outcomes)} steps are cached.")
    lines.extend(
        _problem(outcome) for outcome in report.outcomes if not outcome.passed and outcome.status is not Status.SKIPPED
    )
    lines.extend(data_words(report))
    if aside := set_aside_words(report):
        lines.append(aside)
    evaluation, release = report.made("evaluate"), report.made("push")
    if evaluation and isinstance(evaluation.artifact, Evaluation):
        overall = evaluation.artifact.overall
        lines.append(f"{split} accuracy {overall.accuracy:.4f}, log loss {overall.log_loss:.4f}")
    if release and isinstance(release.artifact, Release):
        lines.append(_standing(release.artifact, home))
    if page is not None:
        lines.append(f"report {_short(page)}")
    if card is not None:
        lines.append(f"card   {_short(card)}")
    if not report.passed:
        lines.append(f"log    {_short(report.log_path)}")
    return "\n".join(lines)


def set_aside_words(report: RunReport) -> str:
    """What was left out and where it is listed; empty if all records went on."""
    validated, rest = report.made("validate"), report.made("set_aside")
    if not validated or not rest or not isinstance(rest.artifact, Examples) or not rest.artifact.set_aside:
        return ""
    aside = rest.artifact.set_aside
    listing = _short(validated.artifact.path / LISTING)
    return f"set aside {aside:,} of {rest.artifact.records + aside:,} records, see {listing}"


def _standing(release: Release, home: Home) -> str:
    """The release, and that it is not live if so: a rerun does not bring back what a person withdrew."""
    with Ledger(home.ledger_url, home.releases) as ledger:
        state, live = ledger.release(release.model, release.version).state, ledger.live(release.model)
    words = f"released {release.model} version {release.version}"
    if state == "live" or live is None:
        return words
    return f"{words} ({state}; version {live.version} is live, `slipline promote` changes that)"


def _problem(outcome: Outcome) -> str:
    if outcome.closed:
        return f"{outcome.step} did not pass:\n  " + words_of(outcome).replace("\n", "\n  ")
    if outcome.status is Status.BLOCKED:
        return f"{outcome.step} did not run, its gate is closed:\n  " + outcome.message.replace("\n", "\n  ")
    return outcome.message


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _verdict(outcome: Outcome) -> str | None:
    """Whether the step's verdict passed; None if it made none."""
    if outcome.made is None or not isinstance(outcome.made.artifact, Verdict):
        return None
    return "did not pass" if outcome.closed else "passed"


def _as_json(report: RunReport, page: Path | None, card: Path | None) -> str:
    steps = [
        {
            "step": outcome.step,
            "status": outcome.status.value,
            "seconds": round(outcome.seconds, 3),
            "verdict": _verdict(outcome),
            "message": words_of(outcome),
            "execution_id": outcome.made.execution_id if outcome.made else None,
        }
        for outcome in report.outcomes
    ]
    evaluation, release = report.made("evaluate"), report.made("push")
    plain = {
        "run_id": report.run_id,
        "passed": report.passed,
        "steps": steps,
        "evaluation": json.loads(artifact_to_json(evaluation.artifact)) if evaluation else None,
        "release": json.loads(artifact_to_json(release.artifact)) if release else None,
        "report": None if page is None else str(page),
        "card": None if card is None else str(card),
        "log": str(report.log_path),
    }
    return json.dumps(plain, indent=1)
