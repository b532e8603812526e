from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
UNNAMED_UID = 54321


def person(setup: str, **variables: str) -> str:
    imports = "import os; from slipline.serving.releases.store.records import current_person"
    code = f"{imports}; {setup}; print(current_person())"
    kept = {name: value for name, value in os.environ.items() if name not in ("LOGNAME", "USER", "LNAME", "USERNAME")}
    command = [sys.executable, "-c", code]
    environment = {**kept, **variables}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def test_person_is_the_user_who_is_logged_in() -> None:
    assert person("pass", LOGNAME="ada") == "ada"


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become another user")
def test_user_without_a_name_is_told_by_number() -> None:
    assert person(f"os.setuid({UNNAMED_UID})") == f"uid {UNNAMED_UID}"
