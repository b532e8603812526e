from __future__ import annotations

import re
from pathlib import Path

from slipline.pipeline.app.settings.training_settings import TrainingSettings
from slipline.pipeline.app.tuning.page import page_html
from slipline.pipeline.app.tuning.search import Search
from slipline.pipeline.app.tuning.space import space_of
from slipline.pipeline.app.tuning.study import Trial


def trial(number: int, rate: float, batch_size: int, score: float | None, reason: str = "") -> Trial:
    values = {"train.learning_rate": rate, "train.batch_size": batch_size}
    return Trial(number=number, values=values, score=score, reason=reason, execution_id=f"made-{number}")


def test_the_page_shows_every_trial_from_best_to_worst_and_the_metric_by_each_setting() -> None:
    settings = TrainingSettings()
    trials = (trial(1, 0.001, 64, 0.9), trial(2, 0.01, 32, None, "the loss is <nan>"), trial(3, 0.0012345, 128, 0.95))
    search = Search(
        name="mnist-123",
        space=space_of(settings),
        metric="validation_accuracy",
        trials=trials,
        done_now=3,
        wanted=3,
        best=trials[2],
        importance={"train.learning_rate": 0.75, "train.batch_size": 0.25},
        settings=settings,
    )
    html = page_html(search, Path("best.toml"))
    assert re.findall(r'<tr><th scope="row">(\d+)</th>', html) == ["3", "1", "2"]
    assert "validation accuracy 0.9500 in trial 3" in html
    assert "the loss is &lt;nan&gt;" in html
    assert "learning_rate 75 %, batch_size 25 %" in html
    assert html.count("<svg") == 3
    assert 'aria-label="64: 0.9000, 128: 0.9500"' in html
