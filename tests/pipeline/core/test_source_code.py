import subprocess
import sys
from pathlib import Path

import pytest

from slipline.pipeline.core.source_code import code_of


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package `plant` of three modules: work imports part, beside imports nothing."""
    package = tmp_path / f"plant_{tmp_path.name.replace('-', '_')}"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "work.py").write_text("def go():\n    from . import part\n    import numpy\n    return part.x\n")
    (package / "part.py").write_text("x = 1\n")
    (package / "beside.py").write_text("y = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    return package


def test_a_change_of_the_module_changes_the_digest(project: Path) -> None:
    before = code_of(f"{project.name}.work")
    (project / "work.py").write_text((project / "work.py").read_text() + "# changed\n")
    assert code_of(f"{project.name}.work").digest != before.digest


def test_a_change_of_an_imported_project_module_changes_the_digest_even_if_imported_in_a_function(
    project: Path,
) -> None:
    before = code_of(f"{project.name}.work")
    (project / "part.py").write_text("x = 2\n")
    assert code_of(f"{project.name}.work").digest != before.digest


def test_an_unrelated_file_beside_the_module_changes_nothing(project: Path) -> None:
    before = code_of(f"{project.name}.work")
    (project / "beside.py").write_text("y = 2\n")
    (project / "stray.py").write_text("import tensorflow\n")
    assert code_of(f"{project.name}.work") == before


def test_installed_packages_count_by_name_and_version(project: Path) -> None:
    import numpy

    assert code_of(f"{project.name}.work").frameworks == (f"numpy=={numpy.__version__}",)
    assert code_of(f"{project.name}.beside").frameworks == ()


def test_an_installed_package_counts_by_its_version() -> None:
    import numpy

    assert code_of("numpy").frameworks == (f"numpy=={numpy.__version__}",)


def test_a_module_that_is_nowhere_is_refused() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"no module 'no\.such'; name one as package\.module"):
        code_of("no.such")


def test_the_init_of_a_package_counts_as_it_runs_before_its_modules(project: Path) -> None:
    before = code_of(f"{project.name}.work")
    (project / "__init__.py").write_text("x = 3\n")
    assert code_of(f"{project.name}.work").digest != before.digest


def test_modules_that_are_run_rather_than_imported_count_too(project: Path) -> None:
    before = code_of(f"{project.name}.work", f"{project.name}.beside")
    (project / "beside.py").write_text("y = 2\n")
    assert code_of(f"{project.name}.work", f"{project.name}.beside").digest != before.digest


def test_the_trainers_digest_is_computed_without_importing_its_frameworks() -> None:
    code = (
        "import sys; from slipline.pipeline.core.source_code import code_of; "
        "print(*code_of('slipline.components.steps.train').frameworks);"
        + ("assert not {'tensorflow', 'keras', 'apache_beam'} & set(sys.modules), 'imported a framework'")
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "tensorflow==" in printed
    assert "keras==" in printed
