from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

from slipline.serving.models.graph_traits import GraphTraits, traits_of
from slipline.serving.models.tensorflow.native import Session, Threads
from slipline.serving.models.tensorflow.native_graph import graph_def, op_def
from slipline.serving.models.tensorflow.saved_model import SERVE_TAG, read_signatures
from tests.serving.server.batching.batching_models import save_batchable, save_reference_counter


class Loaded:
    def __init__(self, folder: Path) -> None:
        self.signatures = read_signatures(folder)
        self.session = Session.load(folder, [SERVE_TAG], Threads())

    def traits(self, signature: str) -> GraphTraits:
        fetches = [info.name for info in self.signatures[signature].outputs.values()]
        return traits_of(graph_def(self.session), fetches, partial(op_def, self.session))


@pytest.fixture(scope="module")
def new(tf: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    folder = tmp_path_factory.mktemp("batchable")
    save_batchable(tf, folder)
    loaded = Loaded(folder)
    yield loaded
    loaded.session.close()


@pytest.fixture(scope="module")
def old(tf: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    folder = tmp_path_factory.mktemp("old") / "model"
    save_reference_counter(tf, folder)
    loaded = Loaded(folder)
    yield loaded
    loaded.session.close()


@pytest.mark.parametrize("signature", ["affine", "joined", "picky", "looked_up", "centred"])
def test_graph_that_only_reads_variables_and_tables_is_free_of_state(new: Loaded, signature: str) -> None:
    assert new.traits(signature).is_state_free


@pytest.mark.parametrize("signature", ["counted", "noisy"])
def test_graph_that_counts_or_draws_at_random_inside_a_function_is_not(new: Loaded, signature: str) -> None:
    assert not new.traits(signature).is_state_free


def test_variables_of_tensorflow_1_may_be_read_and_not_written(old: Loaded) -> None:
    assert old.traits("read").is_state_free
    assert not old.traits("counted").is_state_free


def test_loops_are_seen_inside_functions(new: Loaded) -> None:
    assert new.traits("repeated").has_loops
    assert not new.traits("affine").has_loops
