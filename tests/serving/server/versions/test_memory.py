from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipline.serving.server.versions import memory
from slipline.serving.server.versions.memory import (
    NoRoom,
    Room,
    available_bytes,
    drop_cached_files,
    resident_bytes,
)

ROOT = Path(__file__).parents[4]


def folder_of(path: Path, size_bytes: int) -> Path:
    (path / "sub").mkdir(parents=True)
    (path / "sub" / "file").write_bytes(bytes(size_bytes))
    return path


def test_version_needs_a_fifth_more_than_it_has_on_disk() -> None:
    assert Room(available=lambda: 1200).claim(1000) == 1200
    with pytest.raises(NoRoom, match=r"needs about 1200 bytes of memory .* and 1199 are free"):
        Room(available=lambda: 1199).claim(1000)


def test_memory_that_a_load_under_way_has_yet_to_take_is_not_free() -> None:
    room = Room(available=lambda: 2000)
    claimed = room.claim(1000)
    with pytest.raises(NoRoom):
        room.claim(1000)
    room.loaded(claimed)  # from now on the system's own figure shows it
    room.claim(1000)


def test_limit_counts_what_is_loaded_until_it_is_given_back() -> None:
    room = Room(limit_bytes=2000, available=lambda: None)
    claimed = room.claim(1000)
    room.loaded(claimed)
    with pytest.raises(NoRoom):
        room.claim(1000)
    room.give_back(claimed)
    room.claim(1000)


@given(
    steps=st.lists(st.sampled_from([0, 120, 600, 1200, "loaded", "given back"]), max_size=30),
    limit=st.none() | st.integers(0, 3000),
    machine=st.none() | st.integers(0, 3000),
)
def test_version_gets_room_where_both_the_limit_and_the_machine_have_it(
    steps: list[int | str], limit: int | None, machine: int | None
) -> None:
    loading: list[int] = []
    loaded: list[int] = []
    room = Room(limit_bytes=limit, available=lambda: None if machine is None else machine - sum(loaded))
    for step in steps:
        if isinstance(step, int):
            taken = sum(loading) + sum(loaded) + step
            fits = (limit is None or taken <= limit) and (machine is None or taken <= machine)
            try:
                assert room.claim(step * 5 // 6) == step
                loading.append(step)
            except NoRoom:
                assert not fits
            else:
                assert fits
        elif step == "loaded" and loading:
            room.loaded(loading[-1])
            loaded.append(loading.pop())
        elif step == "given back" and loaded:
            room.give_back(loaded.pop())


def test_system_says_what_is_free_and_what_this_process_takes() -> None:
    available = available_bytes()
    assert available is not None
    assert available > 0
    assert resident_bytes() > 2**20


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({"memory.max": "max", "memory.current": "10"}, None),
        ({"memory.max": "100", "memory.current": "70", "memory.stat": "anon 5\ninactive_file 20\n"}, 50),
        (
            {
                "memory/memory.limit_in_bytes": "100",
                "memory/memory.usage_in_bytes": "70",
                "memory/memory.stat": "total_inactive_file 5\n",
            },
            35,
        ),
        ({}, None),
    ],
)
def test_limit_of_a_container_is_kept(tmp_path: Path, files: dict[str, str], free: int | None) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert memory._free_in_cgroup(tmp_path) == free


def test_files_whose_content_is_forgotten_stay_as_they_are(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "m", 1000)
    drop_cached_files(folder)
    assert (folder / "sub" / "file").read_bytes() == bytes(1000)


def test_freed_memory_is_kept_for_the_next_request_until_it_is_returned() -> None:
    kept, left = _left_after(
        "block = b'x' * SIZE; del block; kept = grown();",
        "with freed_memory_returned(): pass",
    )
    assert kept > 15 << 20
    assert left < 5 << 20


def test_memory_that_another_thread_took_is_returned_when_it_is_freed() -> None:
    _, left = _left_after(
        "from concurrent.futures import ThreadPoolExecutor as Pool; kept = 0; pools = [Pool(1) for _ in range(3)];"
        "blocks = [pool.submit(bytes.ljust, b'', SIZE, b'x').result() for pool in pools];",
        "with freed_memory_returned(): blocks.clear()",
    )
    assert left < 5 << 20


def _left_after(taking: str, returning: str) -> tuple[int, int]:
    """How much larger a process is, in bytes, that has run `taking`, and then `returning`."""
    program = (
        "from slipline.serving.server.versions.memory import *; SIZE = 20 << 20; keep_freed_memory();"
        f"before = resident_bytes(); grown = lambda: resident_bytes() - before; {taking}"
        f"\n{returning}\nprint(kept, grown())"
    )
    printed = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    kept, left = map(int, printed.stdout.split())
    return kept, left
