"""The command line `slipline`; each command's module is imported when it is called."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from slipline.pipeline.app.cli.extras import remedy_for

COMMANDS = {
    "run": "Run a pipeline: the training that comes with Slipline, or your own.",
    "init": "Write a small project of your own, which runs at once.",
    "tune": "Search better settings for the training.",
    "runs": "List what ran, the latest first.",
    "lineage": "Show what TARGET was made of, back to the data.",
    "clean": "Remove what a crash left, and with --keep old runs.",
    "schema": "Propose or show a schema.",
    "serve": "Serve the releases over gRPC until told to stop.",
    "deploy": "Serve the releases with TensorFlow Serving.",
    "predict": "Ask MODEL about images, arrays or JSON.",
    "predict-batch": "Ask MODEL about whole files, without a server.",
    "load-test": "Measure how fast MODEL answers under load.",
    "releases": "List the releases: who was live when, and why.",
    "promote": "Make a release the live one.",
    "canary": "Try a release on a share of the requests.",
    "rollback": "Serve the release that was live before again.",
}


class LazyGroup(click.Group):
    """Knows its commands by name and first line, so that help imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands, in the order a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, its module imported now."""
        if cmd_name not in COMMANDS:
            return None
        ctx.invoked_subcommand = cmd_name  # also where its module cannot be imported
        module = cmd_name.replace("-", "_")
        command: click.Command = getattr(import_module(f"slipline.pipeline.app.cli.{module}"), module)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the commands and their first lines."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Runs a command; what goes wrong comes out as one message and exit status 1."""
        gc.set_threshold(100_000, 20, 100)  # looking for garbage takes a fifth of what a command imports
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what gRPC has to say is in our messages
        os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker")  # said when a run is killed
        sys.path.append(str(Path.cwd()))  # where a person's own modules lie; last, so that none hides another's
        from slipline.pipeline.core.component import ComponentError
        from slipline.pipeline.core.errors import PipelineError
        from slipline.pipeline.core.visible import visible
        from slipline.serving.errors import ServingError

        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            error.message = visible(error.message, keep="\n\t")  # type: ignore[misc]
            raise
        except BrokenPipeError:  # whoever read what is printed has enough
            raise
        except (PipelineError, ComponentError, ServingError, OSError, ModuleNotFoundError) as error:
            if remedy := remedy_for(error):
                raise click.ClickException(f"slipline {ctx.invoked_subcommand} {remedy}") from error
            if isinstance(error, ModuleNotFoundError):
                raise
            raise click.ClickException(visible(_words_of(error), keep="\n\t")) from error
        except KeyboardInterrupt:
            raise click.ClickException("interrupted; the same command carries on where it was") from None


def _words_of(error: Exception) -> str:
    if not isinstance(error, OSError):
        return str(error)
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}; mend that and run the command again"


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(package_name="slipline")
def main() -> None:
    """Take data to a served, versioned, reversible model."""
