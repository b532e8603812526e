from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st

from slipline.serving.errors import ConfigRefused
from slipline.serving.folders.model_config import ServedModel, render
from slipline.serving.folders.version_folder import find_versions
from slipline.serving.server.versions.sources import (
    ModelSource,
    config_of,
    folder_stamp,
    read_config,
    read_config_file,
)
from slipline.serving.wire import serving_pb2


def config(text: str) -> serving_pb2.ModelServerConfig:
    return text_format.Parse(text, serving_pb2.ModelServerConfig())


def model(rest: str = "", name: str = "m", path: str = "/models/m", platform: str = "tensorflow") -> str:
    return f'config {{ name: "{name}" base_path: "{path}" model_platform: "{platform}" {rest} }}'


def read_one(rest: str = "") -> ModelSource:
    return read_config(config(f"model_config_list {{ {model(rest)} }}"))["m"]


@pytest.mark.parametrize(
    ("name", "number"),
    [("1", 1), ("00000123", 123), ("-1", -1), ("+5", 5), (" 7 ", 7), ("0", 0), ("9223372036854775807", 2**63 - 1)],
)
def test_child_whose_name_is_a_number_is_a_version(tmp_path: Path, name: str, number: int) -> None:
    (tmp_path / name).mkdir()
    assert find_versions(tmp_path) == {number: tmp_path / name}


@pytest.mark.parametrize(
    "name", ["v1", "1.tmp", "1_copy", "1_0", ".1", "tmp", "1 2", "٣", "9223372036854775808", "--1"]
)
def test_child_of_another_name_is_ignored(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    assert find_versions(tmp_path) == {}


def test_of_two_children_with_one_number_the_last_in_order_is_used(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "01").mkdir()
    assert find_versions(tmp_path) == {1: tmp_path / "1"}


def test_missing_base_path_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        find_versions(tmp_path / "missing")


FOUND = {number: Path(str(number)) for number in (1, 2, 3)}


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        ("", {3}),
        ("model_version_policy { latest { num_versions: 2 } }", {2, 3}),
        ("model_version_policy { latest {} }", {3}),
        ("model_version_policy { all {} }", {1, 2, 3}),
        ("model_version_policy { specific { versions: [1, 3, 4] } }", {1, 3}),
        ("model_version_policy { specific {} }", set()),
    ],
)
def test_policy_chooses_among_the_versions_found(policy: str, wanted: set[int]) -> None:
    source = read_one(policy)
    assert source.wanted(FOUND).keys() == wanted
    assert source.wants_nothing == (not wanted)


@given(found=st.sets(st.integers()), newest=st.integers(1, 5))
def test_newest_versions_are_the_highest_numbers(found: set[int], newest: int) -> None:
    wanted = ModelSource(name="m", base_path=Path("/m"), newest=newest).wanted({n: Path(str(n)) for n in found})
    assert len(wanted) == min(newest, len(found))
    assert all(one >= other for one in wanted for other in found - wanted.keys())


def test_labels_are_read() -> None:
    assert read_one('version_labels { key: "stable" value: 2 }').labels == {"stable": 2}


def test_old_spelling_of_the_platform_is_read() -> None:
    text = 'model_config_list { config { name: "m" base_path: "/m" model_type: TENSORFLOW } }'
    assert list(read_config(config(text))) == ["m"]


@pytest.mark.parametrize("text", ["", "model_config_list {}"])
def test_config_without_models_is_legal(text: str) -> None:
    assert read_config(config(text)) == {}


@pytest.mark.parametrize(
    ("models", "words"),
    [
        (model() + model(), "Illegal to list model m multiple times"),
        (model(path="models/m"), "absolute path or URI; got base_path\\(\\)=models/m"),
        (model(name=""), "needs a name"),
        (model(platform="caffe"), "Model m requests unsupported platform caffe"),
        (model(platform=""), "Illegal setting neither"),
        (model("model_type: TENSORFLOW"), "Illegal setting both"),
    ],
)
def test_config_that_cannot_be_followed_is_refused(models: str, words: str) -> None:
    with pytest.raises(ConfigRefused, match=words):
        read_config(config(f"model_config_list {{ {models} }}"))


def test_custom_config_is_refused() -> None:
    with pytest.raises(ConfigRefused, match="custom_model_config is not supported"):
        read_config(config("custom_model_config {}"))


def test_file_that_the_ledger_writes_is_read(tmp_path: Path) -> None:
    file = tmp_path / "models.config"
    file.write_text(render([ServedModel(name="m", base_path="/m", versions=(1, 2), labels={"stable": 2})]))
    source = ModelSource(name="m", base_path=Path("/m"), only=frozenset({1, 2}), labels={"stable": 2})
    assert read_config_file(file) == {"m": source}


@pytest.mark.parametrize("content", [b"model_config_list {", b"nix: 1", b"\xff"])
def test_file_that_is_no_config_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "models.config"
    file.write_bytes(content)
    with pytest.raises(ConfigRefused, match=f"Invalid protobuf file: '{file}'"):
        read_config_file(file)


def test_stamp_of_a_folder_changes_with_its_files(tmp_path: Path) -> None:
    before = folder_stamp(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "file").write_text("content")
    assert folder_stamp(tmp_path) != before
    assert folder_stamp(tmp_path) == folder_stamp(tmp_path)


versions = st.integers(-(2**63), 2**63 - 1)
policies = st.builds(
    ModelSource,
    name=st.text(min_size=1),
    base_path=st.text("abc/", min_size=1).map(lambda path: Path("/", path)),
    newest=st.none() | st.integers(1, 2**32 - 1),
    labels=st.dictionaries(st.text(), versions, max_size=3),
) | st.builds(
    ModelSource,
    name=st.text(min_size=1),
    base_path=st.just(Path("/models/m")),
    only=st.frozensets(versions, max_size=3),
)


@given(sources=st.lists(policies, max_size=3))
def test_config_of_models_reads_back_as_these_models(sources: list[ModelSource]) -> None:
    wanted = {source.name: source for source in sources}
    assert read_config(config_of(wanted)) == wanted
