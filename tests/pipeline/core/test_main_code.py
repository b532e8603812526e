import os
import subprocess
import sys
from pathlib import Path

import pytest

from slipline.pipeline.core.main_code import statements_behind

ASK = "from slipline.pipeline.core.source_code import Sources\nprint(Sources().code_of('__main__', function='work'))\n"


def ask(folder: Path, *arguments: str, text: str = "") -> str:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONSAFEPATH": ""},
        input=text,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_a_script_counts_with_what_it_imports_from_beside_it(tmp_path: Path) -> None:
    script, beside = tmp_path / "script.py", tmp_path / "beside.py"
    script.write_text(f"import beside, numpy\n{ASK}")
    beside.write_text("x = 1\n")
    seen = {ask(tmp_path.parent, str(script))}
    assert "numpy==" in next(iter(seen))
    beside.write_text("x = 2\n")
    seen.add(ask(tmp_path, "script.py"))
    script.write_text(f"{script.read_text()}# changed\n")
    seen.add(ask(tmp_path, "script.py"))
    assert len(seen) == 3


def test_a_module_that_was_started_is_the_module_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "flow.py").write_text(ASK)
    same = ASK.replace("__main__", "package.flow")
    assert ask(tmp_path, "-m", "package.flow") == ask(tmp_path, "-c", same)


def test_what_came_from_standard_input_is_never_taken_for_the_same(tmp_path: Path) -> None:
    again = ASK + "print(Sources().code_of('__main__', function='work'))\n"
    first, second = (ask(tmp_path, "-", text=again).splitlines() for _ in range(2))
    assert first[0] == first[1] != second[0] == second[1]


def test_a_notebook_counts_by_its_cells_whatever_started_it(tmp_path: Path) -> None:
    (tmp_path / "kernel.py").write_text(f"from pathlib import Path\nIn = ['', Path('cell').read_text()]\n{ASK}")
    seen = []
    for cell in ("def work(): ...", "def work(): ...\nother = 1", "import numpy\ndef work(): numpy"):
        (tmp_path / "cell").write_text(cell)
        seen.append(ask(tmp_path, "-m", "kernel"))
    (tmp_path / "kernel.py").write_text((tmp_path / "kernel.py").read_text() + "# changed\n")
    seen.append(ask(tmp_path, "kernel.py"))
    assert seen[0] == seen[1] != seen[2] == seen[3]
    assert "numpy==" in seen[2]
    assert "slipline" not in seen[2]


CELLS = [
    "from __future__ import annotations",
    "import numpy as np, os.path\nfrom a import b as c",
    "RATE = 1\nRATE += 2\nRATE += 2\nother = 5",
    "def helper(x):\n    # a remark\n    return np.sum(x) * RATE",
    "this is no Python",
    "class Kind(c):\n    size: int",
    "@component\ndef work(x) -> Kind:\n    return helper(x)",
    "helper(3)\nprint(other)",
]


def lines(source: str) -> list[str]:
    return [line for line in source.splitlines() if line]


def test_what_is_behind_a_name_of_a_notebook_is_a_module_of_its_own() -> None:
    assert lines(statements_behind("work", CELLS)) == [
        "from __future__ import annotations",
        "import numpy as np, os.path",
        "from a import b as c",
        "RATE = 1",
        "RATE += 2",
        "RATE += 2",
        "def helper(x):",
        "    return np.sum(x) * RATE",
        "class Kind(c):",
        "    size: int",
        "@component",
        "def work(x) -> Kind:",
        "    return helper(x)",
    ]


@pytest.mark.parametrize("cell", ["other = 6", "def unused(): ...", "print(RATE)", CELLS[3], "# nothing", "%%magic"])
def test_a_later_cell_that_is_not_behind_it_changes_nothing(cell: str) -> None:
    behind = statements_behind("work", CELLS)
    later = statements_behind("work", [*CELLS, cell])
    assert sorted(lines(later)) == sorted(lines(behind))


@pytest.mark.parametrize(
    "cell",
    [
        "RATE = 3",
        "RATE -= 1",
        "for RATE in range(3): pass",
        "def helper(x): return x",
        "if True:\n    def helper(x): return x",
        "class Kind: pass",
        "import b as c",
        "from everything import *",
        "def work(x): return x",
        "async def helper(x): return x",
    ],
)
def test_a_later_cell_that_gives_a_name_behind_it_another_meaning_counts(cell: str) -> None:
    assert statements_behind("work", [*CELLS, cell]) != statements_behind("work", CELLS)
