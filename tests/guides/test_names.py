"""What a guide names is there: paths, links, commands, options, settings, make targets, imports."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
import pytest

from slipline.pipeline.app.cli.main import main
from slipline.pipeline.app.settings.training_settings import TrainingSettings
from slipline.pipeline.core.errors import SettingsError
from slipline.serving.server.flags.options import ACCEPTED_FLAGS, ServerOptions
from tests.guides.blocks import GUIDES, Guide, read_guide
from tests.small_mnist import ROOT

LIMIT_BYTES = {"README.md": 8 * 1024}
OTHERS_LIMIT_BYTES = 16 * 1024

FACES = ("slipline.pipeline", "slipline.pipeline.report", "slipline.components", "slipline.serving.client")
OPTIONAL = ("slipline.serving.client.prometheus", "slipline.serving.client.opentelemetry")
"""Parts of the client that need a package more."""

PATH = re.compile(r"(?<![\w/.-])(?:pipeline|components|serving|data|infra|tests|\.readme)/[\w./-]*[\w*]")
QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")
OF_OTHER_PROGRAMS = {
    "--logdir": "tensorboard",
    "--kustomize": "kubectl",
    "--data": "curl",
    "--silent": "curl",
    "--file": "docker compose",
    "--detach": "docker compose",
    "--service_port": "Beam's pool of workers",
    "--tfserving-binary": "tests/conftest.py",
    "--tfserving-target": "tests/conftest.py",
}
BEAM_OPTIONS = re.compile(
    r"--(job_|environment_|flink_|spark_|sdk_|parallelism|project|region|temp_location|port)[\w-]*"
)

guides = pytest.mark.parametrize("guide", [pytest.param(read_guide(name), id=name) for name in GUIDES])


@guides
def test_guide_fits(guide: Guide) -> None:
    assert len(guide.text.encode()) <= LIMIT_BYTES.get(guide.name, OTHERS_LIMIT_BYTES)


@guides
def test_guide_says_first_for_whom_it_is(guide: Guide) -> None:
    title, first = [line for line in guide.text.splitlines() if line][:2]
    assert title.startswith("# ")
    assert guide.name == "README.md" or first.startswith("For ")


@guides
def test_links_lead_somewhere(guide: Guide) -> None:
    for link in guide.links:
        if link.startswith(("http://", "https://")):
            continue
        path, _, heading = link.partition("#")
        target = (guide.folder / path).resolve() if path else ROOT / guide.name
        assert target.exists(), link
        if heading:
            named = read_guide(str((target / "README.md" if target.is_dir() else target).relative_to(ROOT)))
            assert heading in named.headings, link


def test_every_guide_is_linked_from_the_readme_or_the_guide_above_it() -> None:
    for name in GUIDES[1:]:
        above = "infra/README.md" if name.startswith("infra/flink") else "README.md"
        guide = read_guide(above)
        assert ROOT / name in {(guide.folder / link.partition("#")[0]).resolve() for link in guide.links}


@guides
def test_paths_of_the_tree_are_there(guide: Guide) -> None:
    named = {path for text in _code(guide) for path in PATH.findall(text)}
    written = {block.file for block in guide.blocks}
    assert not {path for path in named - written if not any(ROOT.glob(path))}


@guides
def test_commands_and_their_options_are_there(guide: Guide) -> None:
    for call in _calls(guide):
        command, words = _command(call)
        known = {option for param in command.params for option in (*param.opts, *param.secondary_opts)}
        assert {*OPTION.findall(QUOTED.sub("", words))} <= known | {"--help"}, call


@guides
def test_options_named_alone_are_some_commands(guide: Guide) -> None:
    named = {option for text in _code(guide) if "slipline " not in text for option in OPTION.findall(text)}
    ours = {option for command in _all_commands(main) for param in command.params for option in param.opts}
    servers = {f"--{name}" for name in (*ServerOptions.__dataclass_fields__, *ACCEPTED_FLAGS)}
    strange = named - ours - servers - set(OF_OTHER_PROGRAMS) - {"--help"}
    assert not {option for option in strange if not BEAM_OPTIONS.fullmatch(option)}


@guides
def test_settings_it_names_are_there(guide: Guide) -> None:
    sections = [name for name, field in _fields().items() if hasattr(field, "__dataclass_fields__")]
    named = re.compile(rf"(?<![\w./-])(?:{'|'.join(sections)})\.[a-z_]+(?:\.[a-z_]+)*(?![\w/])")
    defaults = TrainingSettings()
    for span in guide.spans:
        for key in [*named.findall(span), *re.findall(r"^\[([a-z_.]+)\]$", span)]:
            try:
                defaults.value(key.removeprefix("project."))
            except (KeyError, TypeError, SettingsError) as error:
                raise AssertionError(f"{guide.name}: there is no setting {key}") from error


@guides
def test_make_targets_are_there(guide: Guide) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {name for text in _code(guide) for name in re.findall(r"\bmake ([a-z-]+)", text)} <= targets


@guides
def test_programs_import_public_names_alone(guide: Guide) -> None:
    for block in guide.blocks:
        if block.language != "python":
            continue
        for module, names in _imports(block.text):
            if module.partition(".")[0] == "slipline":
                assert module in (*FACES, *OPTIONAL), f"{guide.name}:{block.line}: {module}"
                found = import_module(module)
                public = found.__all__ if module in FACES else vars(found)
                assert not set(names) - set(public), f"{guide.name}:{block.line}"


def test_the_example_of_a_pipeline_in_the_readme_takes_under_thirty_lines() -> None:
    (flow,) = [block for block in read_guide("README.md").blocks if block.language == "python" and block.file]
    assert flow.text.count("@component") == 2
    assert len(flow.text.splitlines()) - flow.text.count("\n\n") < 30


def _code(guide: Guide) -> tuple[str, ...]:
    """Spans and blocks of code."""
    return (*guide.spans, *(block.text for block in guide.blocks))


def _calls(guide: Guide) -> list[str]:
    """Each `slipline ...` that it names, to its end."""
    lines = [
        *guide.spans,
        *(line for block in guide.blocks if block.language == "sh" for line in _lines(block.text)),
    ]
    told = [line.partition("#")[0] for line in lines]
    return [call.strip() for line in told for call in re.findall(r"(?:^|[;|&(] *|\$ )(slipline [^;|&]+)", line)]


def _lines(text: str) -> list[str]:
    return re.sub(r"\\\n\s*", "", text).splitlines()


def _command(call: str) -> tuple[click.Command, str]:
    """The command that a call names, and the rest of its words."""
    command: click.Command = main
    words = call.split()[1:]
    while isinstance(command, click.Group) and words:
        context = click.Context(command)
        if words[0] not in command.list_commands(context):
            assert command is not main or words[0].startswith("-"), f"there is no command {words[0]}: {call}"
            break
        found = command.get_command(context, words.pop(0))
        assert found is not None
        command = found
    return command, " ".join(words)


def _all_commands(group: click.Group) -> Iterator[click.Command]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield command
        if isinstance(command, click.Group):
            yield from _all_commands(command)


def _fields() -> dict[str, object]:
    settings = TrainingSettings()
    return {field.alias or name: getattr(settings, name) for name, field in TrainingSettings.model_fields.items()}


def _imports(program: str) -> Iterator[tuple[str, list[str]]]:
    for node in ast.walk(ast.parse(program)):
        if isinstance(node, ast.ImportFrom):
            yield node.module or "", [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)


def test_every_guide_in_the_tree_is_held_by_these_tests() -> None:
    found = {str(file.relative_to(ROOT)) for file in _guides_below(ROOT)}
    assert found == set(GUIDES)


def _guides_below(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.iterdir()):
        if file.is_dir() and not file.is_symlink() and not file.name.startswith("."):
            yield from _guides_below(file)
        elif file.suffix == ".md":
            yield file
