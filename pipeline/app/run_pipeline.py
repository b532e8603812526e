"""Runs a pipeline from Python: a script, with or without a guard, a prompt, or a notebook."""

from __future__ import annotations

import sys
from pathlib import Path

from slipline.pipeline.app.settings.home import home_from_environment
from slipline.pipeline.core.artifact import Artifact
from slipline.pipeline.core.graph import Pipeline
from slipline.pipeline.core.visible import visible
from slipline.pipeline.runners.display import open_display
from slipline.pipeline.runners.execute import Status
from slipline.pipeline.runners.local import LocalRunner
from slipline.pipeline.runners.run_report import RunReport, words_of
from slipline.pipeline.store.store import Store


def run(
    pipeline: Pipeline,
    *,
    home: Path | None = None,
    until: str | None = None,
    fresh: bool = False,
    parallel: int | None = None,
    quiet: bool = False,
) -> RunReport:
    """Runs every step that has no earlier result, and tells how each went.

    Args:
      pipeline: What to run.
      home: The folder that keeps results; by default `SLIPLINE_HOME`, or `.slipline` in the working directory.
      until: The name of the step to end with.
      fresh: Whether to run every step, even where an earlier result could stand in.
      parallel: How many steps run side by side at most; by default what pays on this machine.
      quiet: Whether to print nothing.

    Returns:
      The outcome of each step: `passed`, and `made(step)`, which has its artifact. A step that fails, or a verdict that
      does not pass, is an outcome and raises nothing.

    Raises:
      GraphError: There is no step called `until`.
      StoreError: The home cannot be used.
      KeyboardInterrupt: The run was interrupted; nothing half-written is left, and what was done counts.
    """
    show_artifacts()
    asked = pipeline if until is None else pipeline.until(until)
    with Store.open(home or home_from_environment().path) as store, open_display(asked, quiet=quiet) as display:
        report = LocalRunner(store=store, display=display, fresh=fresh, parallel=parallel).run(asked)
    if not quiet:
        for outcome in report.outcomes:
            if not outcome.passed:
                step = "" if outcome.status is Status.FAILED else f"{outcome.step}: "  # a failure names it itself
                print(visible(f"{step}{words_of(outcome)}", keep="\n\t"))
    return report


def show_artifacts() -> None:
    """Has the notebook that this runs in, if it does, show artifacts as the report does."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is not None:
        shell.display_formatter.formatters["text/html"].for_type(Artifact, _html)


def _html(artifact: Artifact) -> str:
    from slipline.pipeline.report.sections.by_class import artifact_html

    return artifact_html(artifact)
