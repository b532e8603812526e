"""`slipline run`."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path

import click

from slipline.components.artifacts import Evaluation, Release
from slipline.pipeline.app.cli.terminal import say, say_json
from slipline.pipeline.app.find_pipeline import find_pipeline
from slipline.pipeline.app.result_words import result_words, standing_words
from slipline.pipeline.app.settings.home import Home, home_from_environment
from slipline.pipeline.app.settings.training_settings import DEFAULT_SETTINGS
from slipline.pipeline.core.artifact import Verdict
from slipline.pipeline.core.visible import short_path
from slipline.pipeline.runners.display import open_display
from slipline.pipeline.runners.execute import Outcome
from slipline.pipeline.runners.local import LocalRunner
from slipline.pipeline.runners.run_report import RunReport, words_of
from slipline.pipeline.store.history import page_name
from slipline.pipeline.store.store import Store, artifact_to_json


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
    with redirect_stdout(sys.stderr if as_json else sys.stdout):  # a module of somebody's own may print
        pipeline = find_pipeline(target or settings or DEFAULT_SETTINGS, settings if target else None, overrides, home)
        pipeline = pipeline if until is None else pipeline.until(until)
        with Store.open(home.path) as store:
            with open_display(pipeline, quiet=as_json) as display:
                runner = LocalRunner(
                    store=store, display=display, fresh=fresh, parallel=parallel, meanwhile=_import_for_report
                )
                report = runner.run(pipeline)
            page = _report_page(report, pipeline.name, store, home)
            card = _model_card(report, pipeline.name, store, page, home.cards)
    if as_json:
        say_json(_plain(report, page, card))
    else:
        say(_in_words(report, page, card, home))
    if not report.passed:
        ctx.exit(1)


def _import_for_report() -> None:
    """Loads, while workers work, what drawing the report takes a second to load."""
    for module in (
        "slipline.pipeline.report.run_report",
        "slipline.pipeline.report.card",
        "matplotlib.figure",
        "matplotlib.backends.backend_svg",
        "jinja2",
    ):
        import_module(module)


def _report_page(report: RunReport, name: str, store: Store, home: Home) -> Path:
    """The run's report; the one there is already, if nothing in it would differ."""
    told = ((each.made.execution_id if each.made else None, words_of(each)) for each in report.outcomes)
    page = home.reports / f"{page_name(name, told)}.html"
    if not page.exists():
        from slipline.pipeline.report.run_report import write_report

        write_report(report, store, page, standing=standing_words(report, home))
    return page


def _model_card(report: RunReport, name: str, store: Store, page: Path, folder: Path) -> Path | None:
    """The model card, of the release if the run came to one; None if it came to no model."""
    if report.last(Evaluation) is None:
        return None
    release = report.last(Release)
    card = folder / f"{name}-{release.version if release else page.stem}.html"
    if card.exists() and report.all_cached:
        return card
    from slipline.pipeline.report.card import write_card

    return card if write_card(report, store, page, card) else None


def _in_words(report: RunReport, page: Path, card: Path | None, home: Home) -> str:
    lines = [*result_words(report, home), f"report {short_path(page)}"]
    if card is not None:
        lines.append(f"card   {short_path(card)}")
    if not report.passed and report.log_path.exists():
        lines.append(f"log    {short_path(report.log_path)}")
    return "\n".join(lines)


def _verdict(outcome: Outcome) -> str | None:
    """Whether the step's verdict passed; None if it made none."""
    if outcome.made is None or not isinstance(outcome.made.artifact, Verdict):
        return None
    return "did not pass" if outcome.closed else "passed"


def _plain(report: RunReport, page: Path, card: Path | None) -> dict[str, object]:
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
    evaluation, release = report.last(Evaluation), report.last(Release)
    return {
        "run_id": report.run_id,
        "passed": report.passed,
        "steps": steps,
        "evaluation": json.loads(artifact_to_json(evaluation)) if evaluation else None,
        "release": json.loads(artifact_to_json(release)) if release else None,
        "report": str(page),
        "card": None if card is None else str(card),
        "log": str(report.log_path) if report.log_path.exists() else None,
    }
