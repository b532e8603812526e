"""The files of the page as they are committed."""

from __future__ import annotations

import json
import re

import pytest

from slipline.components.exports.tfjs_layers import ACTIVATIONS, LAYERS
from slipline.serving.server.demo.site import STATIC

BUNDLE = STATIC.with_name("bundle")
OWN = sorted(file for file in STATIC.iterdir() if not file.name.startswith("tfjs.js"))
SCHEME = re.compile(r"\bhttps?:")


def test_the_page_names_no_address_of_another_site() -> None:
    named = {file.name: SCHEME.findall(file.read_text().replace("http://www.w3.org/2000/svg", "")) for file in OWN}
    assert {name for name, found in named.items() if found} == {"THIRD_PARTY.txt"}


def test_scripts_and_styles_are_files_as_the_content_security_policy_wants() -> None:
    page = (STATIC / "index.html").read_text()
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon[a-z]+=", page) == []


def test_every_import_is_of_a_file_that_is_there() -> None:
    for file in OWN:
        for name in re.findall(r'(?:from|import\()\s*"([^"]+)"', file.read_text()):
            assert (STATIC / name).is_file(), f"{file.name} imports {name}"


def test_packages_are_pinned_and_locked_without_an_address_of_a_registry() -> None:
    wanted = json.loads((BUNDLE / "package.json").read_text())
    text = (BUNDLE / "package-lock.json").read_text()
    locked = json.loads(text)["packages"]
    assert "://" not in text
    assert all(package["integrity"].startswith("sha512-") for name, package in locked.items() if name)
    for name, version in {**wanted["dependencies"], **wanted["devDependencies"]}.items():
        assert locked[f"node_modules/{name}"]["version"] == version


def test_the_notice_names_the_version_of_each_package_in_the_bundle() -> None:
    notice = (STATIC / "THIRD_PARTY.txt").read_text()
    locked = json.loads((BUNDLE / "package-lock.json").read_text())["packages"]
    google = [f"@tensorflow/tfjs-{part}" for part in ("backend-cpu", "core", "layers")]
    for name in (*google, "long", "node-fetch", "seedrandom"):
        assert f"{name} {locked[f'node_modules/{name}']['version']} " in notice


@pytest.mark.parametrize("name", sorted(LAYERS | ACTIVATIONS))
def test_the_bundle_has_every_layer_and_activation_that_an_export_may_use(name: str) -> None:
    assert f'className="{name}"' in (STATIC / "tfjs.js").read_text()
