"""Sends recorded requests to two versions of a model, and compares what they answer."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import grpc

from slipline.serving.errors import PromotionFailed, ServingError
from slipline.serving.folders.prediction_log import SAMPLE_NAME, WARM_UP_FILE, read_predict_requests
from slipline.serving.releases.compare.compare_answers import Answer, Tally
from slipline.serving.releases.compare.comparison import Comparison, Replay, breaches
from slipline.serving.wire import serving_pb2
from slipline.serving.wire.grpc_errors import translated_errors
from slipline.serving.wire.tensors import Array, to_array

_PREDICT = "/tensorflow.serving.PredictionService/Predict"

Request = serving_pb2.PredictRequest


@dataclass(frozen=True)
class Side:
    """A version of a model, as a request names it: by number or by label."""

    version: int | None = None
    label: str | None = None


class PairCaller:
    """Asks two versions the same, one after the other; which of them is first alternates."""

    def __init__(self, channel: grpc.Channel, target: str, model: str, choices: tuple[Side, Side]) -> None:
        self._predict = channel.unary_unary(
            _PREDICT,
            request_serializer=Request.SerializeToString,
            response_deserializer=serving_pb2.PredictResponse.FromString,
        )
        self._target = target
        self._model = model
        self._choices = choices
        self._turn = 0

    def ask(self, request: Request, timeout_s: float) -> tuple[Answer, Answer]:
        """What the first and the second version answer."""
        self._turn += 1
        answers = [self._ask(request, choice, timeout_s) for choice in self._choices[:: (-1) ** self._turn]]
        first, second = answers[:: (-1) ** self._turn]
        return first, second

    def _ask(self, request: Request, choice: Side, timeout_s: float) -> Answer:
        own = Request(inputs=request.inputs)
        own.model_spec.name, own.model_spec.signature_name = self._model, request.model_spec.signature_name
        if choice.version is not None:
            own.model_spec.version.value = choice.version
        if choice.label is not None:
            own.model_spec.version_label = choice.label
        begin_s = time.perf_counter()
        try:
            with translated_errors(self._target):
                response = self._predict(own, timeout=timeout_s)
        except ServingError as error:
            return Answer(seconds=time.perf_counter() - begin_s, error=str(error))
        seconds = time.perf_counter() - begin_s
        outputs = {name: to_array(proto) for name, proto in response.outputs.items()}
        return Answer(seconds=seconds, outputs=outputs, version=response.model_spec.version.value)


@contextmanager
def pair_caller(target: str, model: str, choices: tuple[Side, Side]) -> Iterator[PairCaller]:
    """A caller with a connection of its own to `target`, `host:port`, for the length of the block."""
    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(target, [*unlimited, ("grpc.use_local_subchannel_pool", 1)]) as channel:
        yield PairCaller(channel, target, model, choices)


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
        with pair_caller(target, model, (Side(versions[0]), Side(versions[1]))) as caller:
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
