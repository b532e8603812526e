from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from slipline.pipeline.app.cli.tune import settings_toml
from slipline.pipeline.app.settings.training_settings import TrainingSettings, load_settings
from slipline.pipeline.app.settings.tune_settings import Searched

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)
RATES = st.floats(min_value=0, exclude_min=True, allow_infinity=False)
SPACES = st.dictionaries(
    st.sampled_from(["train.epochs", "train.batch_size"]),
    st.one_of(
        st.builds(lambda low, more, step: Searched(low=low, high=low + more, step=step), *[st.integers(1, 9)] * 3),
        st.builds(lambda values: Searched(choices=tuple(values)), st.sets(st.integers(1, 99), min_size=1)),
    ),
    min_size=1,
)


@given(
    values=st.fixed_dictionaries(
        {
            "train.learning_rate": RATES,
            "train.epochs": st.integers(1, 10**6),
            "train.augment.flip": st.booleans(),
            "evaluate.max_log_loss": st.one_of(RATES, st.just(math.inf)),
        }
    ),
    schema=TEXTS,
    serving_data=st.lists(TEXTS),
    space=SPACES,
)
def test_what_is_written_is_read_as_the_same_settings(
    values: dict[str, float], schema: str, serving_data: list[str], space: dict[str, Searched]
) -> None:
    base = TrainingSettings(schema=Path(schema), serving_data=serving_data, tune={"space": space})
    settings = base.changed(values)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "winner.toml"
        file.write_text(settings_toml(settings, ("found", f"so {schema}")), "utf-8")
        assert file.read_text("utf-8").startswith("# found\n# so ")
        assert load_settings(str(file)) == settings


def test_only_the_values_changed_differ() -> None:
    base = TrainingSettings()
    changed = base.changed({"train.epochs": 9, "train.augment.zoom": 0.2})
    assert changed.changed({"train.epochs": base.train.epochs, "train.augment.zoom": 0.0}) == base
    assert (changed.train.epochs, changed.train.augment.zoom) == (9, 0.2)
