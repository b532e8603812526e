"""Which code counts by its source and which by its version, over folders that distributions are installed into."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from slipline.pipeline.core.source_code import Code, Sources


def code_of(*modules: str) -> Code:
    return Sources().code_of(*modules)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module of no distribution, called as its file."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder / f"own_{tmp_path.name}.py"


class Site:
    """A folder that distributions can be installed into."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def install(self, name: str, files: dict[str, str], version: str = "1.0", **facts: str) -> None:
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        for file, text in files.items():
            (self.folder / file).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / file).write_text(text)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nVersion: 9\n")
        (info / "RECORD").write_text("".join(f"{file},sha256=x,1\n" for file in files) + f"{info.name}/RECORD,,\n")
        for fact, text in facts.items():
            (info / fact.replace("_json", ".json").replace("_txt", ".txt")).write_text(text)


def link_to(folder: Path) -> str:
    return json.dumps({"url": folder.as_uri(), "dir_info": {"editable": True}})


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.syspath_prepend(tmp_path / "lib with space")
    return Site(tmp_path / "lib with space")


def test_the_distribution_of_a_component_counts_by_source_where_it_is_installed(site: Site) -> None:
    site.install("mine-flow", {"mine/__init__.py": "", "mine/steps.py": "from mine import part", "mine/part.py": ""})
    before = code_of("mine.steps")
    (site.folder / "mine" / "part.py").write_text("x = 1\n")
    after = code_of("mine.steps")
    assert before.digest != after.digest
    assert before.frameworks == after.frameworks == ()


def test_another_distribution_counts_by_its_version_wherever_it_lies(site: Site, own: Path) -> None:
    site.install("other-things", {"other/__init__.py": "import third", "other/deep.py": "", "single.py": ""}, "2.1")
    own.write_text("import other.deep, single\n")
    before = code_of(own.stem)
    assert before.frameworks == ("other-things==2.1",)
    (site.folder / "other" / "deep.py").write_text("x = 1\n")
    assert code_of(own.stem) == before
    metadata = site.folder / "other_things-2.1.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("2.1", "2.2"))
    assert code_of(own.stem).frameworks != before.frameworks


def test_what_lies_among_installed_things_without_being_of_one_counts_by_source(site: Site, own: Path) -> None:
    (site.folder / "copied.py").touch()
    own.write_text("import copied\n")
    before = code_of(own.stem)
    (site.folder / "copied.py").write_text("x = 1\n")
    assert code_of(own.stem).digest != before.digest


def test_of_a_namespace_that_several_share_each_part_is_its_own_distributions(site: Site) -> None:
    site.install("space-one", {"space/one/__init__.py": "import space.two", "space/one/part.py": ""})
    site.install("space-two", {"space/two/__init__.py": "", "space/two/part.py": ""}, "2.0")
    site.install("space-three", {"space/three.py": ""}, "3.0")
    before = code_of("space.one")
    assert before.frameworks == ("space-two==2.0",)
    (site.folder / "space" / "two" / "__init__.py").write_text("x = 1\n")
    assert code_of("space.one") == before
    (site.folder / "space" / "one" / "__init__.py").write_text("import space.three, space.one.part")
    assert code_of("space.one").frameworks == ("space-three==3.0",)


@pytest.mark.parametrize("stated", ["", "linked\n"])
def test_a_working_copy_that_is_installed_as_a_link_is_its_distributions(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stated: str
) -> None:
    copy = tmp_path / "working copy"
    (copy / "src" / "linked").mkdir(parents=True)
    (copy / "src" / "linked" / "__init__.py").write_text("import own_things")
    (copy / "src" / "linked" / "part.py").touch()
    (copy / "src" / "linked" / "steps.py").write_text("from linked import part\n")
    site.install("linked-flow", {"linked.pth": str(copy / "src")}, top_level_txt=stated, direct_url_json=link_to(copy))
    site.install("own-things", {"own_things.py": "import linked.steps"})
    monkeypatch.syspath_prepend(copy / "src")
    before = code_of("linked.steps")
    assert before.frameworks == ("own-things==1.0",)
    (copy / "src" / "linked" / "part.py").write_text("x = 1\n")
    assert code_of("linked.steps").digest != before.digest
    assert Sources().code_named("linked.part").digest != Sources().code_named("linked.steps").digest
    assert code_of("own_things").frameworks == ("linked-flow==1.0",)


@pytest.mark.parametrize("installed", [True, False])
def test_what_a_build_left_beside_the_sources_of_a_working_copy_changes_nothing(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    copy = tmp_path / "copy"
    (copy / "src").mkdir(parents=True)
    (copy / "src" / "built.py").touch()
    monkeypatch.syspath_prepend(copy / "src")
    if installed:
        site.install("built", {}, direct_url_json=link_to(copy))
    before = Sources().code_named("built"), code_of("built")
    left = copy / "src" / "built.egg-info"
    left.mkdir()
    facts = {"PKG-INFO": "Name: built\nVersion: 1.0\n", "SOURCES.txt": "", "top_level.txt": "built\n"}
    for name, text in facts.items():
        (left / name).write_text(text)
    assert (Sources().code_named("built"), code_of("built")) == before
    (copy / "src" / "built.py").write_text("x = 1\n")
    assert Sources().code_named("built").digest != before[0].digest


def test_of_working_copies_inside_each_other_the_innermost_counts(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outer, inner = tmp_path / "outer", tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    (outer / "outside.py").write_text("import inside")
    (inner / "inside.py").touch()
    site.install("outer", {}, direct_url_json=link_to(outer))
    site.install("inner", {}, "2.0", direct_url_json=link_to(inner))
    monkeypatch.syspath_prepend(outer)
    monkeypatch.syspath_prepend(inner)
    assert code_of("outside").frameworks == ("inner==2.0",)


def test_an_archive_is_no_working_copy(site: Site, tmp_path: Path, own: Path) -> None:
    origin = json.dumps({"url": tmp_path.as_uri(), "archive_info": {}})
    site.install("from-archive", {"packed.py": ""}, direct_url_json=origin)
    own.write_text("import packed\n")
    assert Sources().code_named("packed").frameworks == ("from-archive==1.0",)
    assert Sources().code_named(own.stem).frameworks == ("from-archive==1.0",)


@pytest.mark.parametrize("origin", ["{", "[]", '{"dir_info": {"editable": true}}'])
def test_an_origin_that_cannot_be_read_is_no_link(site: Site, own: Path, origin: str) -> None:
    site.install("strange", {"strange.py": ""}, direct_url_json=origin)
    own.write_text("import strange\n")
    assert code_of(own.stem).frameworks == ("strange==1.0",)
    assert Sources().code_named("strange").frameworks == ("strange==1.0",)


def test_what_an_older_installation_left_among_installed_things_counts_by_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: Path
) -> None:
    info = tmp_path / "site-packages" / "older.egg-info"
    info.mkdir(parents=True)
    (info / "PKG-INFO").write_text("Name: older\nVersion: 0.3\n")
    for name, text in {"SOURCES.txt": "", "top_level.txt": "older\n", "../older.py": ""}.items():
        (info / name).write_text(text)
    monkeypatch.syspath_prepend(info.parent)
    own.write_text("import older\n")
    assert Sources().code_named("older").frameworks == code_of(own.stem).frameworks == ("older==0.3",)


@pytest.mark.parametrize("as_file", [True, False])
def test_older_kinds_of_metadata_are_read(site: Site, own: Path, as_file: bool) -> None:
    info = site.folder / "older-0.3-py3.11.egg-info"
    text = "Metadata-Version: 1.0\nName: older\nVersion: 0.3\n"
    (site.folder / "older.py").touch()
    own.write_text("import older\n")
    if as_file:
        info.write_text(text)
    else:
        info.mkdir()
        (info / "PKG-INFO").write_text(text)
        (info / "top_level.txt").write_text("older\n")
    assert code_of(own.stem).frameworks == ("older==0.3",)


SETUPTOOLS = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "linked-flow"
version = "1.5"
[tool.setuptools]
packages = ["linked.steps"]
package-dir = {"linked.steps" = "here/steps"}
"""


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["lenient", "strict"])
def test_what_setuptools_links_is_found_where_it_lies(tmp_path: Path, mode: str) -> None:
    steps = tmp_path / "copy" / "here" / "steps"
    steps.mkdir(parents=True)
    (steps / "__init__.py").touch()
    (steps / "work.py").write_text("from linked.steps import part\n")
    (steps / "part.py").write_text("x = 1\n")
    (tmp_path / "copy" / "pyproject.toml").write_text(SETUPTOOLS)
    build = "import sys, setuptools.build_meta as s; s.build_editable(sys.argv[1], dict([sys.argv[2:]]))"
    run_python(build, str(tmp_path), "editable_mode", mode, folder=tmp_path / "copy")
    site = tmp_path / "site"
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(site)
    (next(site.glob("*.dist-info")) / "direct_url.json").write_text(link_to(tmp_path / "copy"))  # as pip does
    ask = "import site, sys; site.addsitedir(sys.argv[1]); from slipline.pipeline.core.source_code import Sources;"
    ask += "code = Sources().code_of('linked.steps.work'); print(code.digest, *code.frameworks)"
    before = run_python(ask, str(site), folder=tmp_path)
    (steps / "part.py").write_text("x = 2\n")
    assert len(before.split()) == 1
    assert run_python(ask, str(site), folder=tmp_path) != before


def run_python(code: str, *arguments: str, folder: Path) -> str:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
