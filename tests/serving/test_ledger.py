import multiprocessing
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest

from serving.errors import (
    LedgerConflict,
    LedgerError,
    NoEarlierRelease,
    PromotionFailed,
    PublishFailed,
    ReleaseNotFound,
    ServerUnavailable,
)
from serving.file_lock import locked
from serving.ledger import Ledger
from serving.ledger_store import LedgerStore
from serving.model_config import ServedModel, render
from serving.release_records import Move, ReleaseRow
from serving.sources import read_config_file
from serving.version_folder import publish_folder, verify
from serving.wire import serving_pb2

State = serving_pb2.ModelVersionStatus.State


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "releases"


@pytest.fixture
def ledger(root: Path) -> Iterator[Ledger]:
    with Ledger(None, root) as ledger:
        yield ledger


def model_folder(root: Path, content: str) -> Path:
    folder = root.parent / f"model-{content}"
    folder.mkdir(exist_ok=True)
    (folder / "saved_model.pb").write_text(content)
    return folder


def publish(ledger: Ledger, content: str, model: str = "mnist") -> ReleaseRow:
    source = model_folder(ledger.root, content)
    return ledger.publish(model, source, by="ada", origin=f"execution-{content}")


def promote(ledger: Ledger, *versions: int) -> None:
    for version in versions:
        ledger.promote("mnist", version, by="ada", reason=f"promote {version}")


def config(ledger: Ledger) -> str:
    return ledger.config_path.read_text()


def served(ledger: Ledger, versions: tuple[int, ...], stable: int) -> str:
    base_path = str(ledger.root / "mnist")
    return render([ServedModel(name="mnist", base_path=base_path, versions=versions, labels={"stable": stable})])


def unused_target() -> str:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{unused.getsockname()[1]}"


# Publishing


def test_versions_count_from_one_for_each_model(ledger: Ledger) -> None:
    assert [publish(ledger, content).version for content in "abc"] == [1, 2, 3]
    assert publish(ledger, "a", model="fashion").version == 1


def test_published_release_tells_where_it_is_from(ledger: Ledger) -> None:
    release = publish(ledger, "a")
    assert release == ledger.release("mnist", 1)
    assert (release.by, release.origin) == ("ada", "execution-a")
    assert (release.path, release.state, release.predecessor) == (ledger.root / "mnist" / "1", "published", None)
    assert (release.path / "saved_model.pb").read_text() == "a"


def test_same_content_is_published_once(ledger: Ledger) -> None:
    assert publish(ledger, "a") == publish(ledger, "a")
    assert len(ledger.releases("mnist")) == 1


def test_content_whose_release_was_damaged_is_published_anew(ledger: Ledger) -> None:
    (publish(ledger, "a").path / "saved_model.pb").write_text("b")
    again = publish(ledger, "a")
    assert again.version == 2
    assert ledger.find_by_digest("mnist", again.digest) == again


def test_release_is_found_by_its_digest(ledger: Ledger) -> None:
    release = publish(ledger, "a")
    assert ledger.find_by_digest("mnist", release.digest) == release
    assert ledger.find_by_digest("mnist", "0" * 64) is None
    assert ledger.find_by_digest("fashion", release.digest) is None


def test_predecessor_is_what_was_live_at_the_time(ledger: Ledger) -> None:
    publish(ledger, "a")
    promote(ledger, 1)
    assert publish(ledger, "b").predecessor == 1
    promote(ledger, 2)
    assert publish(ledger, "c").predecessor == 2
    assert ledger.release("mnist", 2).predecessor == 1


def test_folder_left_by_a_crash_is_adopted_if_it_holds_the_same(ledger: Ledger) -> None:
    publish_folder(model_folder(ledger.root, "a"), ledger.root / "mnist", 1)
    assert publish(ledger, "a").version == 1
    assert publish(ledger, "b").version == 2


def test_number_of_a_folder_left_by_a_crash_is_passed_over_if_it_holds_something_else(ledger: Ledger) -> None:
    publish_folder(model_folder(ledger.root, "a"), ledger.root / "mnist", 1)
    (ledger.root / "mnist" / "7").mkdir()
    assert publish(ledger, "b").version == 8


def test_failed_publishing_adds_no_release(ledger: Ledger) -> None:
    with pytest.raises(PublishFailed, match="there is none"):
        ledger.publish("mnist", ledger.root / "nowhere", by="ada", origin="")
    assert ledger.releases() == ()


@pytest.mark.parametrize("name", ["", "../mnist", "a/b", ".hidden", "7 up"])
def test_model_name_that_is_no_folder_name_is_refused(name: str, ledger: Ledger) -> None:
    with pytest.raises(PublishFailed, match="a model's name has letters, digits"):
        publish(ledger, "a", model=name)


@pytest.mark.parametrize("name", ["models.config", "ledger.sqlite", "ledger.sqlite-wal"])
def test_model_name_of_one_of_the_ledgers_files_is_refused(name: str, ledger: Ledger) -> None:
    with pytest.raises(PublishFailed, match=rf"a model cannot be called '{name}': files .*; choose another name"):
        publish(ledger, "a", model=name)


def published_elsewhere(root: Path, content: str) -> int:
    with Ledger(None, root) as ledger:
        return publish(ledger, content).version


def test_processes_that_publish_at_once_get_different_versions(root: Path) -> None:
    contents = "abcdef"
    with futures.ProcessPoolExecutor(6, multiprocessing.get_context("spawn")) as pool:
        versions = list(pool.map(published_elsewhere, [root] * len(contents), contents))
    assert sorted(versions) == [1, 2, 3, 4, 5, 6]
    with Ledger(None, root) as ledger:
        assert all(verify(release.path) == () for release in ledger.releases())


# Reading


def test_unknown_version_names_those_there_are_and_the_command(ledger: Ledger) -> None:
    publish(ledger, "a")
    with pytest.raises(ReleaseNotFound, match=r"wanted version 4 of 'mnist', .* has 1; `slipline releases`"):
        ledger.release("mnist", 4)


def test_nothing_is_live_in_a_new_ledger(ledger: Ledger) -> None:
    assert ledger.live("mnist") is None
    assert ledger.releases() == ledger.servers() == ()


def test_ledger_outlives_its_process(root: Path) -> None:
    with Ledger(None, root) as ledger:
        publish(ledger, "a")
        promote(ledger, 1)
        releases = ledger.releases()
    with Ledger(None, root) as ledger:
        assert ledger.releases() == releases
        live = ledger.live("mnist")
        assert live is not None
        assert live.version == 1


def test_releases_tell_who_was_live_from_when_to_when_and_why(ledger: Ledger) -> None:
    publish(ledger, "a")
    publish(ledger, "b")
    promote(ledger, 1, 2)
    ledger.roll_back("mnist", by="bob", reason="accuracy fell")
    first, second = ledger.releases("mnist")
    assert [(period.reason, period.until_reason) for period in first.live_periods] == [
        ("promote 1", "promote 2"),
        ("accuracy fell", None),
    ]
    assert [(period.reason, period.until_reason) for period in second.live_periods] == [("promote 2", "accuracy fell")]
    assert second.live_periods[0].until == first.live_periods[1].since


def test_damaged_database_is_an_error_with_a_remedy(root: Path) -> None:
    root.mkdir()
    (root / "ledger.sqlite").write_text("not a database " * 100)
    with pytest.raises(
        LedgerError, match=r"cannot be read or written: file is not a database; check the database's URL"
    ):
        Ledger(None, root)


def test_root_that_cannot_be_made_is_an_error_with_a_remedy(root: Path) -> None:
    root.write_text("a file")
    with pytest.raises(LedgerError, match=r"cannot be read or written: .* check the database's URL, its permissions"):
        Ledger(None, root)


def test_model_folder_that_cannot_be_made_is_an_error_with_a_remedy(ledger: Ledger) -> None:
    (ledger.root / "mnist").write_text("a file")
    with pytest.raises(LedgerError, match=r"cannot work in .*mnist: File exists; mend its permissions"):
        publish(ledger, "a")


def test_url_of_an_unknown_database_is_an_error_with_a_remedy(root: Path) -> None:
    with pytest.raises(LedgerError, match="check the database's URL"):
        Ledger("nosuchdatabase://host/ledger", root)


# Promoting and rolling back, config file only


def test_first_promotion_serves_that_version_alone(ledger: Ledger) -> None:
    publish(ledger, "a")
    release = ledger.promote("mnist", 1, by="ada", reason="first")
    assert (release.version, release.state, release.warnings) == (1, "live", ())
    assert config(ledger) == served(ledger, (1,), stable=1)


def test_promotion_keeps_the_former_version_loaded(ledger: Ledger) -> None:
    for content in "abc":
        publish(ledger, content)
    promote(ledger, 1, 2, 3)
    assert config(ledger) == served(ledger, (2, 3), stable=3)


def test_roll_back_withdraws_and_unloads_the_present_version(ledger: Ledger) -> None:
    publish(ledger, "a")
    publish(ledger, "b")
    promote(ledger, 1, 2)
    assert ledger.roll_back("mnist", by="bob", reason="accuracy fell").version == 1
    assert config(ledger) == served(ledger, (1,), stable=1)
    assert ledger.release("mnist", 2).state == "withdrawn"


def test_roll_back_may_name_the_release(ledger: Ledger) -> None:
    for content in "abc":
        publish(ledger, content)
    promote(ledger, 1, 2, 3)
    assert ledger.roll_back("mnist", to=1, by="bob", reason="both are bad").version == 1
    assert config(ledger) == served(ledger, (1,), stable=1)


def test_roll_back_without_an_earlier_release_is_refused(ledger: Ledger) -> None:
    publish(ledger, "a")
    publish(ledger, "b")
    promote(ledger, 1)
    with pytest.raises(
        NoEarlierRelease, match=r"no release of 'mnist' was live before .* `slipline promote MODEL VERS"
    ):
        ledger.roll_back("mnist", by="bob", reason="")
    with pytest.raises(NoEarlierRelease, match="version 2 of 'mnist' is never live"):
        ledger.roll_back("mnist", to=2, by="bob", reason="")
    with pytest.raises(NoEarlierRelease, match="version 1 of 'mnist' is live now"):
        ledger.roll_back("mnist", to=1, by="bob", reason="")


def test_promoting_the_live_version_again_only_puts_its_config_in_force(ledger: Ledger) -> None:
    publish(ledger, "a")
    promote(ledger, 1)
    ledger.config_path.unlink()
    releases = ledger.releases()
    promote(ledger, 1)
    assert ledger.releases() == releases
    assert config(ledger) == served(ledger, (1,), stable=1)


def test_promoting_an_unknown_version_changes_nothing(ledger: Ledger) -> None:
    with pytest.raises(ReleaseNotFound):
        promote(ledger, 1)
    assert not ledger.config_path.exists()


def test_altered_version_is_not_promoted(ledger: Ledger) -> None:
    publish(ledger, "a")
    publish(ledger, "b")
    promote(ledger, 1)
    (ledger.root / "mnist" / "2" / "saved_model.pb").write_text("c")
    with pytest.raises(PromotionFailed, match=r"version 1 stays live: .* not what was published: .*saved_model.pb"):
        promote(ledger, 2)
    assert config(ledger) == served(ledger, (1,), stable=1)


@pytest.mark.parametrize("with_server", [False, True])
def test_roll_back_to_an_altered_version_is_refused_even_if_it_is_served(ledger: Ledger, with_server: bool) -> None:
    publish(ledger, "a")
    publish(ledger, "b")
    server = StrictServer()
    with running(server) as target:
        if with_server:
            ledger.register_server(target, os.getpid())
        promote(ledger, 1, 2)
        before, configured = ledger.releases(), server.configs[-1:]
        shutil.rmtree(ledger.root / "mnist" / "1")
        with pytest.raises(PromotionFailed, match=r"version 2 stays live: .* not what was published: .*manifest.json"):
            ledger.roll_back("mnist", by="bob", reason="accuracy fell")
    assert (ledger.releases(), config(ledger)) == (before, served(ledger, (1, 2), stable=2))
    assert server.configs[-1:] == configured


def move_without_config(ledger: Ledger, version: int) -> None:
    """Leaves what a crash between a move and the writing of its file does."""
    store = LedgerStore(f"sqlite:///{ledger.root / 'ledger.sqlite'}", ledger.root)
    former = store.moves("mnist")[-1]
    store.add_move(
        Move(
            model="mnist",
            number=former.number + 1,
            kind="promoted",
            version=version,
            former=former.version,
            at=former.at,
            by="ada",
            reason="crashed",
        )
    )
    store.close()


def test_move_whose_file_a_crash_left_unwritten_is_mended_by_the_next_promotion_or_roll_back(ledger: Ledger) -> None:
    """Even if that one fails."""
    for content in "abc":
        publish(ledger, content)
    promote(ledger, 1)
    move_without_config(ledger, 2)
    with pytest.raises(ServerUnavailable):
        ledger.promote("mnist", 3, by="ada", reason="third", servers=[unused_target()])
    assert config(ledger) == served(ledger, (1, 2), stable=2)
    move_without_config(ledger, 3)
    with pytest.raises(ServerUnavailable):
        ledger.roll_back("mnist", by="ada", reason="third is bad", servers=[unused_target()])
    assert config(ledger) == served(ledger, (2, 3), stable=3)


def test_config_holds_every_model_that_is_live(ledger: Ledger) -> None:
    publish(ledger, "a")
    publish(ledger, "b", model="fashion")
    promote(ledger, 1)
    assert list(read_config_file(ledger.config_path)) == ["mnist"]
    ledger.promote("fashion", 1, by="ada", reason="first")
    assert list(read_config_file(ledger.config_path)) == ["fashion", "mnist"]


def test_rewritten_config_says_what_the_ledger_says(ledger: Ledger) -> None:
    ledger.rewrite_config()
    assert config(ledger) == render([])
    publish(ledger, "a")
    promote(ledger, 1)
    ledger.config_path.write_text("damaged")
    assert ledger.rewrite_config() == ledger.config_path
    assert config(ledger) == served(ledger, (1,), stable=1)


# Two people at once


def promoted_elsewhere(root: Path, version: int) -> str:
    with Ledger(None, root) as ledger:
        try:
            ledger.promote("mnist", version, by=f"person {version}", reason="mine is better")
        except LedgerConflict as error:
            return str(error)
    return "won"


def waiting_for_lock(path: Path) -> int:
    """How many processes wait for the lock on `path`, as the kernel lists them."""
    waiting = re.compile(rf"-> FLOCK .*:{path.stat().st_ino} ")
    return len(waiting.findall(Path("/proc/locks").read_text()))


def test_of_people_who_promote_at_once_one_wins(root: Path) -> None:
    """Each of them looked at the ledger before the first of them moved the model."""
    with Ledger(None, root) as ledger:
        for content in "abc":
            publish(ledger, content)
    with futures.ProcessPoolExecutor(3, multiprocessing.get_context("spawn")) as pool:
        with locked(root):
            answers = [pool.submit(promoted_elsewhere, root, version) for version in (1, 2, 3)]
            while waiting_for_lock(root / ".lock") < 3:
                assert not futures.wait(answers, timeout=0.05).done
        outcomes = [answer.result() for answer in answers]
    assert outcomes.count("won") == 1
    assert outcomes.count("somebody else moved 'mnist' meanwhile; see `slipline releases`, then decide again") == 2
    winner = outcomes.index("won") + 1
    with Ledger(None, root) as ledger:
        assert [release.version for release in ledger.releases() if release.live_periods] == [winner]
        assert config(ledger) == served(ledger, (winner,), stable=winner)


# Servers


@dataclass
class StrictServer(grpc.GenericRpcHandler):  # type: ignore[misc]
    """A real gRPC server with TensorFlow Serving's rules for configs and without its models.

    Labels are checked before anything is loaded, against what is loaded then.

    Attributes:
      broken: Versions whose load fails.
      refuse_label: A version it will not label, loaded or not.
      loaded: Versions that requests would reach.
      configs: Every config received, as (versions, stable).
    """

    broken: frozenset[int] = frozenset()
    refuse_label: int | None = None
    loaded: frozenset[int] = frozenset()
    failed: frozenset[int] = frozenset()
    configs: list[tuple[tuple[int, ...], int | None]] = field(default_factory=list)

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        if details.method.endswith("/GetModelStatus"):
            return grpc.unary_unary_rpc_method_handler(
                self.status, None, serving_pb2.GetModelStatusResponse.SerializeToString
            )
        return grpc.unary_unary_rpc_method_handler(
            self.reload,
            serving_pb2.ReloadConfigRequest.FromString,
            serving_pb2.ReloadConfigResponse.SerializeToString,
        )

    def status(self, request: bytes, context: grpc.ServicerContext) -> serving_pb2.GetModelStatusResponse:
        response = serving_pb2.GetModelStatusResponse()
        for version in sorted(self.loaded | self.failed):
            status = response.model_version_status.add(version=version)
            status.state = State.AVAILABLE if version in self.loaded else State.END
            if version in self.failed:
                status.status.error_code, status.status.error_message = 5, "Op type not registered 'X'"
        return response

    def reload(
        self, request: serving_pb2.ReloadConfigRequest, context: grpc.ServicerContext
    ) -> serving_pb2.ReloadConfigResponse:
        (model,) = request.config.model_config_list.config or [serving_pb2.ModelConfig()]
        versions = frozenset(model.model_version_policy.specific.versions)
        label = model.version_labels.get("stable")
        if label is not None and (label not in self.loaded or label == self.refuse_label):
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"Request to assign label to version {label}")
        self.configs.append((tuple(sorted(versions)), label))
        self.loaded = versions - self.broken
        self.failed = self.failed | (versions & self.broken)
        return serving_pb2.ReloadConfigResponse()


@contextmanager
def running(server: StrictServer) -> Iterator[str]:
    grpc_server = grpc.server(futures.ThreadPoolExecutor(2), handlers=(server,))
    port = grpc_server.add_insecure_port("127.0.0.1:0")
    grpc_server.start()
    yield f"127.0.0.1:{port}"
    grpc_server.stop(None).wait()


def test_promotion_loads_first_and_moves_the_label_second(ledger: Ledger) -> None:
    publish(ledger, "a")
    publish(ledger, "b")
    server = StrictServer()
    with running(server) as target:
        ledger.register_server(target, os.getpid())
        promote(ledger, 1, 2)
    assert server.configs == [((1,), None), ((1,), 1), ((1, 2), 1), ((1, 2), 2)]


def test_roll_back_to_a_loaded_version_is_one_call(ledger: Ledger) -> None:
    publish(ledger, "a")
    publish(ledger, "b")
    server = StrictServer()
    with running(server) as target:
        ledger.register_server(target, os.getpid())
        promote(ledger, 1, 2)
        calls = len(server.configs)
        ledger.roll_back("mnist", by="bob", reason="accuracy fell")
    assert server.configs[calls:] == [((1,), 1)]


def test_roll_back_to_an_unloaded_version_loads_it_first(ledger: Ledger) -> None:
    for content in "abc":
        publish(ledger, content)
    server = StrictServer()
    with running(server) as target:
        ledger.register_server(target, os.getpid())
        promote(ledger, 1, 2, 3)
        calls = len(server.configs)
        ledger.roll_back("mnist", to=1, by="bob", reason="both are bad")
    assert server.configs[calls:] == [((1, 3), 3), ((1,), 1)]


def test_version_that_does_not_load_leaves_the_live_one_untouched(ledger: Ledger) -> None:
    publish(ledger, "a")
    publish(ledger, "b")
    server = StrictServer(broken=frozenset({2}))
    with running(server) as target:
        ledger.register_server(target, os.getpid())
        promote(ledger, 1)
        releases, before = ledger.releases(), config(ledger)
        with pytest.raises(PromotionFailed, match=r"version 1 stays live: .* cannot load version 2 .* Op type not reg"):
            promote(ledger, 2)
    assert (ledger.releases(), config(ledger)) == (releases, before)
    assert server.configs[-1] == ((1,), 1)


def test_move_that_one_server_refuses_is_undone_at_all(ledger: Ledger) -> None:
    publish(ledger, "a")
    publish(ledger, "b")
    willing, unwilling = StrictServer(), StrictServer(refuse_label=2)
    with running(willing) as first, running(unwilling) as second:
        ledger.promote("mnist", 1, by="ada", reason="first", servers=[first, second])
        with pytest.raises(PromotionFailed, match=r"version 1 stays live: .* assign label to version 2"):
            ledger.promote("mnist", 2, by="ada", reason="second", servers=[first, second])
    assert willing.configs[-2:] == [((1, 2), 2), ((1,), 1)]
    assert unwilling.configs[-1] == ((1,), 1)
    assert config(ledger) == served(ledger, (1,), stable=1)
    assert len(ledger.release("mnist", 1).live_periods) == 1
    assert [row.state for row in ledger.releases("mnist")] == ["live", "published"]


def test_registered_server_that_does_not_answer_is_passed_over_with_a_warning(ledger: Ledger) -> None:
    publish(ledger, "a")
    target = unused_target()
    ledger.register_server(target, os.getpid())
    (warning,) = ledger.promote("mnist", 1, by="ada", reason="first").warnings
    assert warning.startswith(f"passed over {target}: nothing answers at {target}; start a server with")
    assert config(ledger) == served(ledger, (1,), stable=1)
    assert [server.target for server in ledger.servers()] == [target]


def test_named_server_that_does_not_answer_is_an_error(ledger: Ledger) -> None:
    publish(ledger, "a")
    with pytest.raises(ServerUnavailable, match="nothing answers"):
        ledger.promote("mnist", 1, by="ada", reason="first", servers=[unused_target()])
    assert ledger.live("mnist") is None


def test_server_whose_process_ended_is_forgotten(ledger: Ledger) -> None:
    """Another's server may listen at its port by now."""
    publish(ledger, "a")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    server = StrictServer()
    with running(server) as target:
        ledger.register_server(target, ended.pid)
        (warning,) = ledger.promote("mnist", 1, by="ada", reason="first").warnings
    assert warning == f"passed over {target}: its process {ended.pid} has ended"
    assert server.configs == []
    assert ledger.servers() == ()


def test_server_registered_again_is_one_server(ledger: Ledger) -> None:
    ledger.register_server("host:8500", 1)
    ledger.register_server("host:8500", None)
    (server,) = ledger.servers()
    assert (server.target, server.pid) == ("host:8500", None)
    ledger.unregister_server("host:8500")
    ledger.unregister_server("host:8500")
    assert ledger.servers() == ()
