"""Requests that wait together run together. A gate holds a first run, so that what comes meanwhile waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import ModuleType

import grpc
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipline.serving.errors import BadRequest
from slipline.serving.models.graph_traits import GraphTraits
from slipline.serving.models.loaded_model import LoadedModel
from slipline.serving.models.tensorflow.saved_model import SavedModel
from slipline.serving.server.batching.batched_model import MAX_LANES, BatchedModel
from slipline.serving.server.batching.lanes import QueueFull
from slipline.serving.server.batching.parameters import Batching
from slipline.serving.server.batching.rows import agree
from slipline.serving.server.event_loop import EventLoop
from slipline.serving.wire import saved_model_pb2
from slipline.serving.wire.grpc_errors import code_of
from slipline.serving.wire.tensors import Array
from tests.serving.conftest import until
from tests.serving.server.batching.batching_models import save_batchable

ONE_AT_A_TIME = Batching(concurrent_runs=1)


@pytest.fixture(scope="module")
def plain(tf: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SavedModel]:
    """Never batches."""
    folder = tmp_path_factory.mktemp("batchable")
    save_batchable(tf, folder)
    with SavedModel.load(folder) as model:
        yield model


class Held(LoadedModel):
    """A real model whose runs are counted in rows, and held until it is opened; it stays loaded."""

    def __init__(self, model: SavedModel) -> None:
        super().__init__(model.folder, model.signatures)
        self.model = model
        self.sizes: list[int] = []
        self.entered = threading.Semaphore(0)
        self.open = threading.Event()

    def compute(self, feeds: Mapping[str, Array], fetches: Sequence[str]) -> dict[str, Array]:
        self.sizes.append(len(next(iter(feeds.values()))))
        self.entered.release()
        assert self.open.wait(60)
        return self.model.compute(feeds, fetches)

    def traits(self) -> Mapping[str, GraphTraits]:
        return self.model.traits()

    def close(self) -> None:
        pass


class Gate:
    """Asks one signature of a held model from many threads."""

    def __init__(self, model: SavedModel, signature: str, batching: Batching | None, *, parts: int) -> None:
        self.held = Held(model)
        self.signature = signature
        self.events = EventLoop("test")
        self.threads = ThreadPoolExecutor(40)
        self.batched = BatchedModel(self.held, batching, self.events, parts=parts, max_threads=8, quick_s=0)

    def ask(self, x: Array) -> Array:
        return self.batched.run({"x": x}, self.signature)["y"]

    def alone(self, x: Array) -> Array:
        return self.held.model.run({"x": x}, self.signature)["y"]

    def inside(self) -> int:
        """Requests that run or wait."""
        return sum(lane.running + len(lane.waiting) for lane in list(self.batched._lanes.values()))

    def ask_together(self, *xs: Array) -> list[Future[Array]]:
        """Holds a first run until all of `xs` run or wait, then lets everything go; their answers, in order."""
        self.held.open.clear()
        first = self.threads.submit(self.ask, xs[0][:1])
        assert self.held.entered.acquire(timeout=60)
        asked: list[Future[Array]] = []
        for x in xs:
            inside = self.inside()
            asked.append(self.threads.submit(self.ask, x))
            while self.inside() == inside and not asked[-1].done():
                threading.Event().wait(0.001)
        self.held.open.set()
        for future in (first, *asked):
            future.exception(60)
        while self.held.entered.acquire(blocking=False):
            pass
        return asked

    def prove(self) -> Gate:
        """The same after the checks of its first five batches; nothing counted."""
        for _ in range(5):
            self.ask_together(rows(1), rows(2))
        self.held.sizes.clear()
        return self

    def close(self) -> None:
        self.held.open.set()
        self.threads.shutdown()
        self.batched.close()
        self.events.stop()


MakeGate = Callable[..., Gate]


@pytest.fixture
def gate(plain: SavedModel) -> Iterator[MakeGate]:
    gates: list[Gate] = []

    def make(signature: str, batching: Batching | None = ONE_AT_A_TIME, *, parts: int = 1) -> Gate:
        gates.append(Gate(plain, signature, batching, parts=parts))
        return gates[-1]

    yield make
    for made in gates:
        made.close()


def rows(*values: float, width: int = 4) -> Array:
    return np.float32([[value + column / 8 for column in range(width)] for value in values])


def test_lone_requests_run_alone_and_at_once(gate: MakeGate) -> None:
    lone = gate("affine")
    lone.held.open.set()
    for value in range(5):
        assert np.array_equal(lone.ask(rows(value)), lone.alone(rows(value)))
    assert lone.held.sizes == [1] * 5


def test_requests_that_wait_run_together_and_each_gets_its_own_answer(gate: MakeGate) -> None:
    many = gate("affine").prove()
    xs = [rows(*range(n, 2 * n)) for n in range(1, 6)]
    answers = many.ask_together(*xs)
    assert many.held.sizes == [1, 15]
    assert all(np.allclose(a.result(), many.alone(x), rtol=0, atol=1e-6) for a, x in zip(answers, xs, strict=True))


def test_requests_run_one_by_one_where_that_is_asked_for(gate: MakeGate) -> None:
    apart = gate("affine", None)
    asked = [apart.threads.submit(apart.ask, rows(value)) for value in range(3)]
    assert all(apart.held.entered.acquire(timeout=60) for _ in asked)
    apart.held.open.set()
    assert [len(future.result(60)) for future in asked] == [1, 1, 1]
    assert apart.held.sizes == [1, 1, 1]


def test_batch_has_at_most_so_many_rows(gate: MakeGate) -> None:
    many = gate("affine", Batching(concurrent_runs=1, max_batch_size=4)).prove()
    answers = many.ask_together(rows(1, 2), rows(3), rows(4, 5), rows(6))
    assert many.held.sizes == [1, 3, 3]
    assert [len(answer.result()) for answer in answers] == [2, 1, 2, 1]


def test_first_batches_are_also_run_request_by_request(gate: MakeGate) -> None:
    many = gate("affine")
    for batch in range(1, 7):
        many.held.sizes.clear()
        many.ask_together(rows(1), rows(2))
        assert many.held.sizes == ([1, 2, 1, 1] if batch in (1, 2, 3, 5) else [1, 2])


def test_equal_requests_before_the_first_check_share_one_run(gate: MakeGate) -> None:
    many = gate("centred")
    answers = many.ask_together(rows(1), rows(1), rows(1))
    assert many.held.sizes == [1, 1]
    assert all(np.array_equal(answer.result(), many.alone(rows(1))) for answer in answers)


@pytest.mark.parametrize("signature", ["centred", "pairs"])
def test_model_whose_rows_depend_on_each_other_is_never_run_in_batches_again(gate: MakeGate, signature: str) -> None:
    many = gate(signature)
    answers = many.ask_together(rows(1), rows(2, 3))
    assert many.held.sizes == [1, 3, 1, 2]
    assert np.array_equal(answers[1].result(), many.alone(rows(2, 3)))
    many.held.sizes.clear()
    many.held.open.clear()
    asked = [many.threads.submit(many.ask, rows(value)) for value in (1, 2)]
    assert all(many.held.entered.acquire(timeout=60) for _ in asked)  # side by side, none waits
    many.held.open.set()
    assert all(len(future.result(60)) for future in asked)
    assert many.held.sizes == [1, 1]


@pytest.mark.parametrize("signature", ["counted", "noisy"])
def test_model_with_state_or_chance_is_not_run_in_batches(gate: MakeGate, signature: str) -> None:
    apart = gate(signature)
    asked = [apart.threads.submit(apart.ask, rows(value)) for value in (1, 2)]
    assert all(apart.held.entered.acquire(timeout=60) for _ in asked)
    apart.held.open.set()
    assert all(len(future.result(60)) == 1 for future in asked)


@pytest.mark.parametrize("is_proven", [True, False])
def test_bad_request_in_a_batch_fails_alone(gate: MakeGate, is_proven: bool) -> None:
    many = gate("picky")
    if is_proven:
        many.prove()
    good, bad, other = many.ask_together(rows(1), rows(12), rows(3))
    assert np.array_equal(good.result(), 2 * rows(1))
    assert np.array_equal(other.result(), 2 * rows(3))
    with pytest.raises(BadRequest, match="x must be small"):
        bad.result()
    many.prove().ask_together(rows(1), rows(2))
    assert many.held.sizes == [1, 2]  # the good ones run together as before


class Doubling(LoadedModel):
    """Doubles rows of any width, without TensorFlow; those of width 1 only once it is open."""

    def __init__(self) -> None:
        any_width = saved_model_pb2.TensorInfo(name="x", dtype=1, tensor_shape={"dim": [{"size": -1}, {"size": -1}]})
        y = saved_model_pb2.TensorInfo(name="y", dtype=1, tensor_shape=any_width.tensor_shape)
        double = saved_model_pb2.SignatureDef(inputs={"x": any_width}, outputs={"y": y})
        super().__init__(Path(), {"double": double})
        self.open = threading.Event()
        self.held: list[int] = []

    def traits(self) -> Mapping[str, GraphTraits]:
        return {"double": GraphTraits(is_state_free=True, has_loops=False)}

    def compute(self, feeds: Mapping[str, Array], fetches: Sequence[str]) -> dict[str, Array]:
        if feeds["x"].shape[1] == 1:
            self.held.append(len(feeds["x"]))
            assert self.open.wait(60)
        return {"y": 2 * feeds["x"]}

    def close(self) -> None:
        pass


def test_shapes_are_not_remembered_for_ever_but_those_that_wait_are() -> None:
    """Clients choose the shapes."""
    model, events, threads = Doubling(), EventLoop("test"), ThreadPoolExecutor(4)
    batched = BatchedModel(model, Batching(concurrent_runs=1), events, max_threads=8)

    def ask(width: int) -> Array:
        return batched.compute({"x": np.ones((1, width), np.float32)}, ["y"])["y"]

    def waiting() -> int:
        return sum(len(lane.waiting) for lane in list(batched._lanes.values()))

    first = threads.submit(ask, 1)
    until(lambda: model.held)
    second = threads.submit(ask, 1)
    until(lambda: waiting() == 1)
    assert all(ask(width).shape == (1, width) for width in range(2, MAX_LANES + 3))
    assert len(batched._lanes) <= MAX_LANES
    third = threads.submit(ask, 1)
    until(lambda: waiting() == 2)
    model.open.set()
    assert [each.result(60).tolist() for each in (first, second, third)] == [[[2]]] * 3
    assert model.held[:2] == [1, 1]  # equal ones share a run, which no lane of their own would
    assert len(model.held) == 2
    threads.shutdown()
    batched.close()
    events.stop()


class Adding(LoadedModel):
    """Adds what has as many rows, without TensorFlow, and gives the first alone where the second has other ones."""

    def __init__(self) -> None:
        infos = {name: saved_model_pb2.TensorInfo(name=name, dtype=1) for name in "aby"}
        for info in infos.values():
            info.tensor_shape.dim.add(size=-1)
        y = {"y": infos.pop("y")}
        super().__init__(Path(), {"add": saved_model_pb2.SignatureDef(inputs=infos, outputs=y)})
        self.sizes: list[int] = []

    def traits(self) -> Mapping[str, GraphTraits]:
        return {"add": GraphTraits(is_state_free=True, has_loops=False)}

    def compute(self, feeds: Mapping[str, Array], fetches: Sequence[str]) -> dict[str, Array]:
        a, b = feeds["a"], feeds["b"]
        self.sizes.append(len(a))
        return {"y": a + b if len(a) == len(b) else a}

    def close(self) -> None:
        pass


def test_requests_without_rows_in_common_run_alone_and_keep_no_others_from_running_together() -> None:
    model, events = Adding(), EventLoop("test")
    batched = BatchedModel(model, Batching(concurrent_runs=1), events, max_threads=8)

    async def asked(*sizes: tuple[int, int]) -> list[list[float]]:
        feeds = [{"a": np.arange(a, dtype="float32"), "b": np.ones(b, "float32")} for a, b in sizes]
        waiting = [batched.compute_soon(each, ["y"]) for each in feeds]
        return [(await answer)["y"].tolist() for answer in waiting]

    assert events.run(asked((2, 3), (1, 2))) == [[0, 1], [0]]
    assert events.run(asked((0, 0), (0, 0))) == [[], []]
    for _ in range(4):
        model.sizes.clear()
        assert events.run(asked((2, 2), (1, 1))) == [[1, 2], [1]]
    assert model.sizes == [3]
    batched.close()
    events.stop()


def test_requests_of_other_shapes_are_not_mixed(gate: MakeGate) -> None:
    many = gate("any_width")
    for _ in range(6):
        many.held.sizes.clear()
        xs = [rows(1), rows(2, 3, width=5), rows(4), rows(5, width=5)]
        answers = many.ask_together(*xs)
        assert all(np.array_equal(answer.result(), many.alone(x)) for answer, x in zip(answers, xs, strict=True))
    assert sorted(many.held.sizes) == [1, 1, 2, 2]


def test_request_whose_client_has_gone_is_dropped_before_the_run(gate: MakeGate) -> None:
    many = gate("affine").prove()
    many.held.open.clear()
    first = many.threads.submit(many.ask, rows(1))
    assert many.held.entered.acquire(timeout=60)
    run = many.batched.plan("affine", ("x",)).run({"x": rows(2)})

    async def ask_and_go() -> None:
        many.batched.compute_soon(run.feeds, run.fetches).cancel()

    many.events.run(ask_and_go())
    last = many.threads.submit(many.ask, rows(3))
    until(lambda: many.inside() == 3)
    many.held.open.set()
    assert len(first.result(60)) == len(last.result(60)) == 1
    assert many.held.sizes == [1, 1]


def test_batch_is_filled_up_to_an_allowed_size(gate: MakeGate) -> None:
    many = gate("affine", Batching(concurrent_runs=1, max_batch_size=8, allowed_batch_sizes=(4, 8))).prove()
    xs = [rows(1), rows(2), rows(3, 4, 5)]
    answers = many.ask_together(*xs)
    assert many.held.sizes == [1, 8]
    assert all(np.allclose(a.result(), many.alone(x), rtol=0, atol=1e-6) for a, x in zip(answers, xs, strict=True))


def test_batch_waits_for_company_where_that_is_asked_for(gate: MakeGate) -> None:
    waits = gate("affine", Batching(concurrent_runs=1, max_batch_size=2, wait_s=30))
    waits.held.open.set()
    asked = [waits.threads.submit(waits.ask, rows(value)) for value in (1, 2)]
    assert [len(future.result(20)) for future in asked] == [1, 1]


def test_request_beyond_those_that_may_wait_is_told_so(gate: MakeGate) -> None:
    many = gate("affine", Batching(concurrent_runs=1, max_batch_size=2, max_enqueued_batches=1))
    answers = many.ask_together(rows(1), rows(2), rows(3))
    with pytest.raises(QueueFull, match="queue to which this task was submitted is full") as caught:
        answers[2].result()
    assert code_of(caught.value) is grpc.StatusCode.UNAVAILABLE
    assert [len(answer.result()) for answer in answers[:2]] == [1, 1]


def test_larger_request_runs_alone_or_is_refused_where_that_is_asked_for(gate: MakeGate) -> None:
    large = rows(*range(5))
    lenient, strict = (gate("affine", Batching(max_batch_size=4, refuses_larger=refuses)) for refuses in (False, True))
    lenient.held.open.set()
    assert len(lenient.ask(large)) == 5
    with pytest.raises(BadRequest, match="Task size 5 is larger than maximum input batch size 4"):
        strict.ask(large)


@pytest.mark.parametrize("signature", ["affine", "centred"])
def test_large_request_is_run_in_parts_unless_its_rows_depend_on_each_other(
    gate: MakeGate, signature: str, caplog: pytest.LogCaptureFixture
) -> None:
    one = gate(signature, parts=2)
    one.held.open.set()
    for start in range(5):
        x = rows(*range(start, start + 200))
        assert np.allclose(one.ask(x), one.alone(x), rtol=0, atol=1e-6)
    one.held.sizes.clear()
    one.ask(rows(*range(200)))
    assert one.held.sizes == ([100, 100] if signature == "affine" else [200])
    assert ("run one by one" in caplog.text) == (signature == "centred")


@settings(max_examples=10, deadline=None)
@given(sizes=st.lists(st.integers(1, 4), min_size=2, max_size=24), concurrent_runs=st.integers(1, 2))
def test_many_callers_get_what_they_would_get_alone(plain: SavedModel, sizes: list[int], concurrent_runs: int) -> None:
    random = np.random.default_rng(len(sizes))
    words = [np.array([b"%d" % n for n in range(size)], object) for size in sizes]
    inputs = [{"word": word, "x": random.random((len(word), 2))} for word in words]
    shared = Gate(plain, "joined", Batching(max_batch_size=8, concurrent_runs=concurrent_runs), parts=2)
    shared.held.open.set()
    answers = list(shared.threads.map(partial(shared.batched.run, signature="joined"), inputs * 4))
    shared.close()
    alone = [plain.run(one, "joined") for one in inputs]
    assert all(agree(one, other) for one, other in zip(alone * 4, answers, strict=True))


def test_model_with_a_counter_counts_every_request(gate: MakeGate) -> None:
    counted = gate("counted")
    counted.held.open.set()
    before = counted.ask(rows(0))[0, 0]
    list(counted.threads.map(lambda value: counted.ask(rows(value)), range(200)))
    assert counted.ask(rows(0))[0, 0] == before + 201


def test_model_with_a_fixed_batch_is_run_as_before(gate: MakeGate) -> None:
    fixed = gate("fixed")
    fixed.held.open.set()
    answers = list(fixed.threads.map(lambda value: fixed.ask(rows(value)), range(50)))
    assert all(np.array_equal(answer, 2 * rows(value)) for value, answer in enumerate(answers))


def test_model_that_mixes_rows_answers_as_if_each_request_ran_alone(gate: MakeGate) -> None:
    mixed = gate("centred")
    mixed.held.open.set()
    answers = list(mixed.threads.map(lambda value: mixed.ask(rows(value % 7)), range(200)))
    assert all(np.array_equal(answer, 0 * answer) for answer in answers)
