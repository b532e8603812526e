"""Two versions in a real server process, compared on recorded requests: before a promotion, and during a trial."""

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from slipline.serving.client.control import ServerControl
from slipline.serving.errors import PromotionFailed
from slipline.serving.folders.prediction_log import write_predict_requests
from slipline.serving.releases.compare.canary_watch import TrialEnded, Watch
from slipline.serving.releases.compare.comparison import Comparison, Limits, Replay
from slipline.serving.releases.ledger import Ledger
from slipline.serving.releases.trial import TrialPlan, run_trial
from slipline.serving.wire import serving_pb2
from slipline.serving.wire.tensors import Array, to_proto
from tests.serving.example_models import save_half_plus

pytestmark = pytest.mark.slow  # real processes, or whole steps, for each test

ANY_ANSWER = Limits(max_disagreement=1.0)
QUICK = Replay(limits=ANY_ANSWER, min_requests=10)


def request(inputs: dict[str, Array], signature: str = "") -> serving_pb2.PredictRequest:
    made = serving_pb2.PredictRequest(inputs={name: to_proto(array, packed=True) for name, array in inputs.items()})
    made.model_spec.signature_name = signature
    return made


@pytest.fixture
def ledger(ledger: Ledger, tmp_path: Path, scalers: Path) -> Ledger:
    """Three releases of `scaler`, the first of them live: `y = 10 x`, `y = 20 x`, and the first again with a note."""
    shutil.copytree(scalers / "1", tmp_path / "same")
    (tmp_path / "same" / "note").touch()
    for source in (scalers / "1", scalers / "2", tmp_path / "same"):
        ledger.publish("scaler", source, by="ada", origin="execution")
    requests = [request({"x": np.array([number], np.float32)}) for number in range(1, 31)]
    write_predict_requests(ledger.root / "scaler" / "requests.tfrecord", requests)
    ledger.promote("scaler", 1, by="ada", reason="first")
    return ledger


@pytest.fixture
def control(ledger: Ledger, start_process: Callable[..., Any]) -> Iterator[ServerControl]:
    server = start_process(f"--model_config_file={ledger.config_path}", "--max_num_load_retries=0")
    ledger.register_server(server.address, server.process.pid)
    with ServerControl(server.address) as control:
        control.wait_available("scaler", 1, 60)
        yield control


def labels(control: ServerControl) -> tuple[int | None, int | None]:
    return control.label("scaler", "stable"), control.label("scaler", "canary")


PLAN = TrialPlan(
    model="scaler",
    version=2,
    percent=5.0,
    by="ada",
    reason="try it",
    watch=Watch(requests=60, limits=ANY_ANSWER, pause_s=0.0),
)


def test_a_promotion_keeps_what_it_measured(ledger: Ledger, control: ServerControl) -> None:
    release = ledger.promote("scaler", 2, by="ada", reason="better", replay=replace(QUICK, min_requests=40))
    figures = release.live_periods[0].figures
    assert figures is not None
    assert (figures.requests, figures.errors, figures.inputs, figures.disagreements) == (40, 0, 30, 30)
    assert figures.p50_ms > 0
    assert (release.warnings, labels(control)) == ((), (2, 2))


def test_a_version_that_answers_otherwise_is_not_promoted(ledger: Ledger, control: ServerControl) -> None:
    words = r"version 1 stays live: on 50 recorded requests, .* it answered 30 of 30 inputs \(100.0%\) otherwise"
    with pytest.raises(PromotionFailed, match=words):
        ledger.promote("scaler", 2, by="ada", reason="better", replay=Replay())
    assert labels(control) == (1, 1)
    assert [release.state for release in ledger.releases()] == ["live", "published", "published"]


def test_a_version_that_fails_requests_is_not_promoted(
    ledger: Ledger, control: ServerControl, tf: ModuleType, tmp_path: Path
) -> None:
    save_half_plus(tf, tmp_path / "other")
    ledger.publish("scaler", tmp_path / "other", by="ada", origin="execution")
    write_predict_requests(tmp_path / "greetings", [request({"name": np.array([b"ada"], object)}, "greet")])
    words = r"version 1 stays live: .* it failed 10 of 10 requests .*, the limit is 0.0%. Its first error: .*\"greet\""
    with pytest.raises(PromotionFailed, match=words):
        ledger.promote("scaler", 4, by="ada", reason="", replay=replace(QUICK, requests=tmp_path / "greetings"))
    assert labels(control) == (1, 1)


def test_requests_that_even_the_live_version_fails_are_a_warning(
    ledger: Ledger, control: ServerControl, tmp_path: Path
) -> None:
    write_predict_requests(tmp_path / "strange", [request({"z": np.array([1.0], np.float32)})])
    release = ledger.promote("scaler", 2, by="ada", reason="", replay=replace(QUICK, requests=tmp_path / "strange"))
    (warning,) = release.warnings
    assert warning == (
        "version 2 was not compared with version 1: that one answered none of the stored requests; "
        "`--sample FILE` names others"
    )
    assert labels(control) == (2, 2)


def test_a_promotion_without_stored_requests_says_so(ledger: Ledger, control: ServerControl) -> None:
    (ledger.root / "scaler" / "requests.tfrecord").unlink()
    (warning,) = ledger.promote("scaler", 2, by="ada", reason="better", replay=Replay()).warnings
    assert warning == "version 2 was not compared with version 1: no requests are stored; `--sample FILE` names some"


def test_a_trial_within_its_limits_ends_with_a_promotion(ledger: Ledger, control: ServerControl) -> None:
    during = []
    outcome, release = run_trial(ledger, PLAN, say=lambda figures, seconds: during.append(labels(control)))
    assert during[0] == (1, 2)
    assert (release.state, labels(control)) == ("live", (2, 2))
    assert (outcome.breaches, outcome.figures.requests, outcome.figures.inputs) == ((), 60, 30)
    (trial,) = release.canary_periods
    assert (trial.percent, trial.figures, trial.until_by) == (5.0, outcome.figures, "ada")
    assert trial.until_reason is not None
    assert trial.until_reason.startswith("kept within its limits for ")


def test_a_trial_beyond_its_limits_is_withdrawn_at_once(ledger: Ledger, control: ServerControl) -> None:
    outcome, release = run_trial(ledger, replace(PLAN, watch=Watch(seconds=600, pause_s=0.0)))
    assert (release.state, labels(control)) == ("withdrawn", (1, 1))
    (breach,) = outcome.breaches
    assert breach == "it answered 20 of 20 inputs (100.0%) otherwise than the live version, the limit is 25.0%"
    assert release.canary_periods[0].until_reason == breach
    assert release.canary_periods[0].figures == outcome.figures


def test_a_trial_may_leave_the_version_on_trial(ledger: Ledger, control: ServerControl) -> None:
    assert run_trial(ledger, replace(PLAN, keep=True))[1].state == "canary"
    assert labels(control) == (1, 2)


def test_a_trial_that_somebody_else_ends_stops(ledger: Ledger, control: ServerControl) -> None:
    def withdraw(figures: Comparison, seconds: float) -> None:
        with Ledger(None, ledger.root) as other:
            other.withdraw_canary("scaler", by="bob", reason="I do not like it")

    with pytest.raises(TrialEnded, match="somebody else ended the trial of scaler version 2; see `slip"):
        run_trial(ledger, PLAN, say=withdraw)
    assert ledger.release("scaler", 2).canary_periods[0].until_by == "bob"


def test_a_trial_that_is_interrupted_is_withdrawn(ledger: Ledger, control: ServerControl) -> None:
    def interrupt(figures: Comparison, seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_trial(ledger, PLAN, say=interrupt)
    assert (ledger.release("scaler", 2).state, labels(control)) == ("withdrawn", (1, 1))
    assert ledger.release("scaler", 2).canary_periods[0].until_reason == "not watched to the end: interrupted"


def test_a_trial_whose_watch_was_killed_goes_on_where_it_is_watched_again(
    ledger: Ledger, control: ServerControl
) -> None:
    ledger.start_canary("scaler", 2, percent=5.0, by="ada", reason="killed")
    assert run_trial(ledger, replace(PLAN, percent=10.0))[1].state == "live"
    assert [period.percent for period in ledger.release("scaler", 2).canary_periods] == [5.0, 10.0]


def test_a_trial_whose_server_dies_does_not_end_with_a_promotion(
    ledger: Ledger, control: ServerControl, start_process: Callable[..., Any]
) -> None:
    def kill(figures: Comparison, seconds: float) -> None:
        for server in ledger.servers():
            os.kill(server.pid or 0, signal.SIGKILL)
        time.sleep(0.1)

    watch = Watch(requests=5, limits=ANY_ANSWER, pause_s=0.0, timeout_s=1.0)
    outcome, release = run_trial(ledger, replace(PLAN, watch=watch), say=kill)
    assert release.state == "withdrawn"
    assert outcome.breaches == ("the live version answered none of 5 requests, so there was nothing to compare with",)


def test_a_trial_without_a_server_or_without_requests_is_refused(ledger: Ledger) -> None:
    with pytest.raises(PromotionFailed, match=r"version 2 of 'scaler' cannot be tried: no registered server answers; "):
        run_trial(ledger, PLAN)
    assert ledger.release("scaler", 2).state == "published"
