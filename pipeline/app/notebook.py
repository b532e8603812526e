"""In a notebook, an artifact that a cell ends with shows itself."""

from __future__ import annotations

import sys

from slipline.pipeline.core.artifact import Artifact


def show_artifacts() -> None:
    """Has the notebook that this runs in, if it does, show artifacts as the report does."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is not None:
        shell.display_formatter.formatters["text/html"].for_type(Artifact, _html)


def _html(artifact: Artifact) -> str:
    from slipline.pipeline.report.artifact_html import artifact_html

    return artifact_html(artifact)
