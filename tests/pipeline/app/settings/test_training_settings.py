from dataclasses import fields
from pathlib import Path

import pytest

from slipline.components.validation.validate_settings import ValidateParams
from slipline.pipeline.app.settings.home import Home, home_from_environment
from slipline.pipeline.app.settings.settings_file import tomllib
from slipline.pipeline.app.settings.training_settings import TRAINING, TrainingSettings, load_settings
from slipline.pipeline.core.errors import SettingsError


def test_the_default_settings_file_states_the_defaults_of_the_code() -> None:
    assert load_settings("mnist") == TrainingSettings()


def test_the_default_settings_file_leaves_only_alternatives_out() -> None:
    stated = tomllib.loads((Path("pipeline/app/settings/mnist.toml")).read_text())
    for section in ("ingest", "statistics", "train", "export", "convert", "evaluate", "infra_validate", "beam"):
        names = {field.name for field in fields(getattr(TrainingSettings(), section))}
        assert names - set(stated[section]) <= {"folder", "files", "split"}, section
    assert stated["pipeline"] == TRAINING
    assert set(stated["validate"]) == {field.name for field in fields(ValidateParams)}


def test_an_override_is_read_as_toml_and_a_bare_word_as_text() -> None:
    settings = load_settings("mnist", ["train.seed=2", "train.learning_rate=0.5", "ingest.dataset=letters", 'name="x"'])
    assert (settings.train.seed, settings.train.learning_rate, settings.ingest.dataset) == (2, 0.5, "letters")
    assert settings.name == "x"


def test_a_file_sets_what_it_names_and_leaves_the_rest_at_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('schema = "mine.pbtxt"\n[train]\nepochs = 9\n')
    settings = load_settings(str(file))
    assert settings.train.epochs == 9
    assert settings.train.batch_size == 64
    assert settings.schema_path == Path("mine.pbtxt")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.epoch=3", r"unknown key train\.epoch; did you mean epochs\? Known here: augment, batch_size, "),
        ("trian.epochs=3", r"unknown key trian; did you mean train\? Known here: beam, "),
        ("train.epochs=0", r"train: epochs must be greater than 0, got 0$"),
        ("train.epochs=two", r"train\.epochs: input should be a valid integer.*, got 'two'$"),
        ("train.network=digits", r"train: network must read package\.module:function, got 'digits'$"),
        ("evaluate.min_accuracy=1.5", r"min_accuracy must be from 0 to 1, got 1\.5$"),
        ("name=a/b", r"name: a model's name has letters, .*, got 'a/b'"),
        ("name=models.config", r"name: .*models\.config"),
        ("train.seed=-1", r"train: seed must be at least 0, got -1$"),
        ("train.learning_rate=nan", r"learning_rate must be greater than 0, got nan$"),
        ("train.network=no.such:f", r"train: network=no\.such:f: no module 'no\.such'; name one as package\.module"),
        ("evaluate.split=tset", r"evaluate\.split must be one of the splits .*, \['train', 'test'\], got 'tset'$"),
        ("validate.policy=ignore", r"validate: policy must be one of stop, set_aside, got 'ignore'$"),
        ("validate.max_asides=1", r"unknown key validate\.max_asides; did you mean max_set_aside\?"),
        ("evaluate.max_log_loss=nan", r"max_log_loss must be at least 0, got nan$"),
        ("train", r"--set train: wanted SECTION\.KEY=VALUE, such as train\.seed=2"),
        ("name.first=x", r"--set name\.first=x: name is a value, not a section; the sections are: beam, convert, "),
    ],
)
def test_a_wrong_setting_is_refused_with_key_value_and_remedy(override: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_settings("mnist", [override])


def test_a_file_that_is_not_there_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml: cannot be read as settings .*or one of mnist, test"):
        load_settings(str(tmp_path / "nowhere.toml"))


def test_a_file_that_is_not_toml_is_named_with_the_line(tmp_path: Path) -> None:
    file = tmp_path / "broken.toml"
    file.write_text("[train\n")
    with pytest.raises(SettingsError, match=r"broken\.toml: not valid TOML: .*line 1"):
        load_settings(str(file))


def test_slipline_brings_its_data_along_wherever_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings("mnist")
    assert (settings.ingest.data_dir / "mnist" / "3.0.1" / "dataset_info.json").is_file()
    assert settings.schema_path.is_file()


def test_a_schema_and_data_of_ones_own_are_left_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "schema").mkdir(parents=True)
    (tmp_path / "data" / "schema" / "mnist.pbtxt").touch()
    (tmp_path / "data" / "mnist").mkdir()
    settings = load_settings("mnist")
    assert (settings.schema_path, settings.ingest.data_dir) == (Path("data/schema/mnist.pbtxt"), Path("data"))
    (tmp_path / "data" / "mnist").rmdir()
    settings = load_settings("mnist", ["schema=mine.pbtxt", "ingest.dataset=letters"])
    assert (settings.schema_path, settings.ingest.data_dir) == (Path("mine.pbtxt"), Path("data"))
    assert load_settings("mnist", ["ingest.data_dir=mine"]).ingest.data_dir == Path("mine")
    assert load_settings("mnist", ["ingest.folder=mine"]).ingest.data_dir == Path("data")


def test_settings_of_another_pipeline_are_refused_where_the_training_is_meant(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('pipeline = "mine.flow:pipeline"\n')
    with pytest.raises(SettingsError, match=r"names the pipeline mine\.flow:pipeline"):
        load_settings(str(file))
    file.write_text(f'pipeline = "{TRAINING}"\n')
    assert load_settings(str(file)) == TrainingSettings()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        TrainingSettings().name = "x"  # type: ignore[misc]


def test_the_home_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SLIPLINE_HOME", str(tmp_path))
    assert home_from_environment() == Home(tmp_path)
    monkeypatch.delenv("SLIPLINE_HOME")
    assert home_from_environment() == Home(Path.cwd() / ".slipline")
