"""Sends recorded requests to two versions of a model, and compares what they answer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

from slipline.serving.client.client_settings import ClientSettings, RetryPolicy
from slipline.serving.client.known_models import Choice
from slipline.serving.client.sync_client import PredictClient
from slipline.serving.errors import PromotionFailed, ServingError
from slipline.serving.folders.prediction_log import SAMPLE_NAME, WARM_UP_FILE, read_predict_requests
from slipline.serving.releases.compare.compare_answers import Answer, Tally
from slipline.serving.releases.compare.comparison import Comparison, Replay, breaches
from slipline.serving.wire import serving_pb2
from slipline.serving.wire.tensors import Array, to_array

Request = serving_pb2.PredictRequest

_ONCE = ClientSettings(check_signature=False, retry=RetryPolicy(max_attempts=1))


class PairCaller:
    """Asks two versions the same, one after the other; which of them is first alternates.

    A context manager with a connection of its own.
    """

    def __init__(self, target: str, model: str, choices: tuple[Choice, Choice]) -> None:
        """`target` is `host:port` of a server."""
        self._client = PredictClient.connect(target, model, settings=_ONCE)
        self._choices = choices
        self._turn = 0

    def __enter__(self) -> PairCaller:
        return self

    def __exit__(self, *ended: object) -> None:
        self._client.close()

    def ask(self, request: Request, timeout_s: float) -> tuple[Answer, Answer]:
        """What the first and the second version answer."""
        self._turn += 1
        answers = [self._ask(request, choice, timeout_s) for choice in self._choices[:: (-1) ** self._turn]]
        first, second = answers[:: (-1) ** self._turn]
        return first, second

    def _ask(self, request: Request, choice: Choice, timeout_s: float) -> Answer:
        inputs, signature = inputs_of(request), request.model_spec.signature_name
        begin_s = time.perf_counter()
        try:
            found = self._client.predict(inputs, **choice._asdict(), signature=signature, timeout_s=timeout_s)
        except ServingError as error:
            return Answer(seconds=time.perf_counter() - begin_s, error=str(error))
        return Answer(seconds=time.perf_counter() - begin_s, outputs=found.outputs, version=found.version)


def sample_for(version_folder: Path, given: Path | None = None) -> tuple[Request, ...]:
    """The requests to ask two versions: those `given`, or the model's stored sample, or the version's warm-up requests.

    Raises:
      DataLoss: The file cannot be read, or holds something else.
    """
    stored = (version_folder.parent / SAMPLE_NAME, version_folder / WARM_UP_FILE)
    files = (given,) if given else tuple(file for file in stored if file.is_file())
    return read_predict_requests(files[0]) if files else ()


def inputs_of(request: Request) -> dict[str, Array]:
    """The request's tensors by name."""
    return {name: to_array(proto) for name, proto in request.inputs.items()}


def compare_versions(
    targets: Sequence[str], model: str, versions: tuple[int, int], sample: Sequence[Request], params: Replay
) -> Comparison:
    """What the live version and a newer one, both loaded, make of the sample at every server.

    Args:
      targets: `host:port` of the servers.
      model: Its name.
      versions: The live one, and the newer one.
      sample: At least one request.
      params: How often they are sent, and the limits.

    Raises:
      PromotionFailed: A limit is exceeded; the message says each with its measured value.
    """
    tally = Tally(params.limits.tolerance)
    deadline_s = time.monotonic() + params.max_s
    for target in targets:
        with PairCaller(target, model, (Choice(versions[0]), Choice(versions[1]))) as caller:
            caller.ask(sample[0], params.timeout_s)  # connects
            for number, request in enumerate(cycle(sample)):
                done = number >= max(params.min_requests, len(sample))
                if done or (number and time.monotonic() > deadline_s):
                    break
                tally.add(inputs_of(request), *caller.ask(request, params.timeout_s))
    found = tally.comparison()
    if broken := breaches(found, params.limits):
        raise PromotionFailed(
            f"on {found.requests} recorded requests, version {versions[1]} of {model!r} is beyond its limits: "
            f"{'; '.join(broken)}{_first(tally)}"
        )
    return found


def _first(tally: Tally) -> str:
    return f". Its first error: {tally.first_error}" if tally.first_error else ""
