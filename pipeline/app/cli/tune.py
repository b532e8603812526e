"""`slipline tune`."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

import click

from slipline.pipeline.app.cli.terminal import print_table, say
from slipline.pipeline.app.settings.home import home_from_environment
from slipline.pipeline.app.settings.training_settings import DEFAULT_SETTINGS, TrainingSettings, load_settings
from slipline.pipeline.app.tuning.display import open_search_display
from slipline.pipeline.app.tuning.search import Search, Searcher
from slipline.pipeline.app.tuning.space import importance_words, reason_words, short_name, space_of, value_words
from slipline.pipeline.core.visible import short_path, visible
from slipline.pipeline.store.store import Store
from slipline.serving.folders.whole_file import write_whole

SHOWN = 5
"""Trials in the table of the best."""

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("settings", default=DEFAULT_SETTINGS)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one setting: tune.seed=2.")
@click.option("--trials", type=click.IntRange(min=1), help="Trainings in all, in place of the setting tune.trials.")
@click.option("--to", "target", type=FILE, help="Write the best settings to this new file as well.")
@click.option("--restart", is_flag=True, help="Forget the trials of an earlier search of the same settings.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def tune(
    settings: str, overrides: tuple[str, ...], trials: int | None, target: Path | None, restart: bool, as_json: bool
) -> None:
    """Search better settings for the training.

    SETTINGS is a TOML file, or the name of one that Slipline brings; its sections [tune] and [tune.space] say what is
    searched. Each trial trains as `slipline run` would, but for records that it holds out of the training split to
    be measured on; the test split plays no part. Interrupted or killed, the same command carries on where it was; when
    all trials are done, it shows what they came to.
    """
    if find_spec("optuna") is None or find_spec("tomli_w") is None:
        raise click.ClickException("tune needs Optuna, which is not installed: pip install 'slipline[tune]'")
    if target is not None and target.exists():
        raise click.ClickException(f"{target} exists, and is not overwritten; give another name with --to")
    told = overrides if trials is None else (*overrides, f"tune.trials={trials}")
    loaded = load_settings(settings, told)
    space = space_of(loaded, settings)
    home = home_from_environment()
    with Store.open(home.path) as store, open_search_display(loaded.tune.metric, quiet=as_json) as display:
        searcher = Searcher(settings=loaded, space=space, home=home, store=store, watcher=display)
        search = searcher.search(restart=restart)
    written = home.path / "tuning" / f"{search.name}.toml"
    text = settings_toml(search.settings, _comments(search, loaded))
    for file in (written, target):
        if file is not None:
            write_whole(file, text)
    page = written.with_suffix(".html")
    if search.done_now or not page.exists():
        from slipline.pipeline.app.tuning.page import page_html

        write_whole(page, page_html(search, written))
    say(_as_json(search, target or written, page) if as_json else _in_words(search, target or written, page))


def _comments(search: Search, settings: TrainingSettings) -> tuple[str, ...]:
    searched = ", ".join(settings.tune.space)
    return (
        f"Found by `slipline tune`, search {search.name}: the best of {len(search.trials)} trials of {searched}.",
        f"Trial {search.best.number}: {search.metric} {search.best.score}, on records held out of the split "
        f"{settings.train.split!r}.",
        "`slipline run` with this file trains, evaluates and releases it.",
    )


def _in_words(search: Search, written: Path, page: Path) -> str:
    _print_best(search)
    lines = []
    if search.importance:
        lines.append(f"what the metric depends on: {importance_words(search.importance)}")
    if failed := [trial for trial in search.trials if trial.score is None]:
        lines.append(
            f"{len(failed)} of {len(search.trials)} trials failed, the last with: {reason_words(failed[-1].reason)}"
        )
    if (left := search.wanted - len(search.trials)) > 0:
        lines.append(f"{left} trials are left, as tune.timeout_s is over; the same command goes on with them")
    lines.append(f"report   {short_path(page)}")
    lines.append(f"settings {short_path(written)}; `slipline run {short_path(written)}` trains and releases them")
    return "\n".join(lines)


def _print_best(search: Search) -> None:
    names = (short_name(parameter.name) for parameter in search.space.parameters)
    print_table(
        ("trial", search.metric, *names, "seconds", "execution"),
        [
            (
                str(trial.number),
                f"{trial.score:.4f}",
                *map(value_words, trial.values.values()),
                f"{trial.seconds:.1f}",
                str(trial.execution_id),
            )
            for trial in search.ranking[:SHOWN]
            if trial.score is not None
        ],
    )


def _as_json(search: Search, written: Path, page: Path) -> str:
    plain = {
        "search": search.name,
        "metric": search.metric,
        "wanted": search.wanted,
        "trials": [asdict(trial) for trial in search.trials],
        "best": search.best.number,
        "importance": search.importance,
        "settings": str(written),
        "report": str(page),
    }
    return json.dumps(plain, indent=1)


def settings_toml(settings: TrainingSettings, comments: tuple[str, ...] = ()) -> str:
    """All settings as TOML, below comments of a line each; read again, they are equal."""
    import tomli_w

    head = "".join(f"# {visible(comment)}\n" for comment in comments)
    # TOML knows neither paths nor, for what is not set, a word.
    return f"{head}\n{tomli_w.dumps(settings.model_dump(mode='json', by_alias=True, exclude_none=True))}"
