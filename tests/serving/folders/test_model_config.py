import threading
from pathlib import Path

import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_serving.config import model_server_config_pb2

from slipline.serving.errors import ConfigRefused
from slipline.serving.folders.model_config import ServedModel, render, write_config
from tests.conftest import Flushed

MNIST = ServedModel(name="mnist", base_path="/releases/mnist", versions=(1, 2), labels={"stable": 1})

versions = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=4, unique=True)
text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@st.composite
def served_models(draw: st.DrawFn) -> ServedModel:
    numbers = draw(versions)
    return ServedModel(
        name=draw(text),
        base_path="/" + draw(text),
        versions=tuple(numbers),
        labels=draw(st.dictionaries(text, st.sampled_from(numbers), max_size=3)),
    )


def test_rendered_text_is_what_tensorflow_serving_reads() -> None:
    """Field names, nesting and map entries are those of its own config files."""
    wanted = (
        'model_config_list { config { name: "mnist" base_path: "/releases/mnist" model_platform: "tensorflow" '
        "model_version_policy { specific { versions: 1 versions: 2 } } "
        'version_labels { key: "stable" value: 1 } } }'
    )
    assert " ".join(render([MNIST]).split()) == wanted


@given(st.lists(served_models(), max_size=3, unique_by=lambda model: model.name))
def test_tensorflow_servings_own_message_reads_the_text(models: list[ServedModel]) -> None:
    read = text_format.Parse(render(models), model_server_config_pb2.ModelServerConfig())
    for config, model in zip(read.model_config_list.config, models, strict=True):
        assert (config.name, config.base_path, config.model_platform) == (model.name, model.base_path, "tensorflow")
        assert tuple(config.model_version_policy.specific.versions) == model.versions
        assert dict(config.version_labels) == model.labels


def test_no_models_are_a_config_too() -> None:
    read = text_format.Parse(render([]), model_server_config_pb2.ModelServerConfig())
    assert (read.WhichOneof("config"), len(read.model_config_list.config)) == ("model_config_list", 0)


def test_relative_base_path_is_refused() -> None:
    with pytest.raises(ConfigRefused, match="model 'mnist': base_path must be absolute, got 'releases'"):
        ServedModel(name="mnist", base_path="releases", versions=(1,))


def test_base_path_may_be_a_uri() -> None:
    assert ServedModel(name="mnist", base_path="gs://bucket/mnist", versions=(1,)).base_path == "gs://bucket/mnist"


def test_label_of_a_version_not_loaded_is_refused() -> None:
    with pytest.raises(ConfigRefused, match=r"label 'stable' points to version 3, .* versions to load, \[1, 2\]"):
        ServedModel(name="mnist", base_path="/releases/mnist", versions=(1, 2), labels={"stable": 3})


def test_model_without_a_name_is_refused() -> None:
    with pytest.raises(ConfigRefused, match="has no name"):
        ServedModel(name="", base_path="/releases/mnist", versions=(1,))


def test_model_listed_twice_is_refused() -> None:
    with pytest.raises(ConfigRefused, match="model 'mnist' is listed 2 times"):
        render([MNIST, MNIST])


def test_reader_sees_the_old_file_or_the_new_never_a_part(tmp_path: Path) -> None:
    path = tmp_path / "models.config"
    configs = [[MNIST], [ServedModel(name=f"m{i}", base_path="/m", versions=(1,)) for i in range(200)]]
    allowed = {render(config) for config in configs}
    write_config(path, configs[0])
    done = threading.Event()
    seen: set[str] = set()

    def read() -> None:
        while not done.is_set():
            seen.add(path.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for round_ in range(40):
        write_config(path, configs[round_ % 2])
    done.set()
    reader.join()
    assert seen
    assert seen <= allowed


def test_config_has_its_name_only_once_it_is_on_disk(tmp_path: Path, flushed: list[Flushed]) -> None:
    write_config(tmp_path / "new" / "models.config", [MNIST])
    (aside,) = flushed
    assert aside.path.parent == tmp_path / "new"
    assert aside.path.name != "models.config"
    assert aside.size_bytes == len(render([MNIST]))


def test_writing_leaves_no_other_file(tmp_path: Path) -> None:
    write_config(tmp_path / "models.config", [MNIST])
    assert [path.name for path in tmp_path.iterdir()] == ["models.config"]


def test_config_that_cannot_be_written_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "models.config").mkdir()
    with pytest.raises(ConfigRefused, match=r"models.config cannot be written: Is a directory; make room"):
        write_config(tmp_path / "models.config", [MNIST])
    assert [path.name for path in tmp_path.iterdir()] == ["models.config"]
