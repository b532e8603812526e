"""`slipline tune` before it searches; a search itself is in end_to_end/test_tuning.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from slipline.pipeline.app.cli.main import main


def test_help_imports_neither_the_library_that_searches_nor_a_framework() -> None:
    code = (
        "import sys; from slipline.pipeline.app.cli.main import main; main(['tune', '--help'], standalone_mode=False);"
        "print(sorted({'optuna', 'tomli_w', 'tensorflow', 'keras', 'apache_beam', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_file_of_ones_own_is_not_overwritten_and_nothing_is_searched(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("mine")
    refused = CliRunner().invoke(main, ["tune", "--to", str(tmp_path / "mine.toml")])
    assert refused.exit_code == 1
    assert "mine.toml exists, and is not overwritten" in refused.output
    assert (tmp_path / "mine.toml").read_text() == "mine"
