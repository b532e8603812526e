"""The file for LiteRT in browsers, in a browser."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue

import numpy as np
import pytest

from slipline.serving.models.tensorflow.saved_model import SavedModel
from tests.components.exports.conftest import Made

pytestmark = pytest.mark.slow


class Site(SimpleHTTPRequestHandler):
    """Serves a folder, and takes what its page found."""

    found: Queue[str] = Queue()

    def do_POST(self) -> None:
        self.found.put(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Says nothing."""


@contextmanager
def site(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Site, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def browser(address: str, profile: Path) -> Iterator[None]:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("wants Chromium")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", f"--user-data-dir={profile}"]
    process = subprocess.Popen([chromium, *flags, address], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def test_litert_in_a_browser_answers_as_the_saved_model_does(made: Made, node_modules: Path, tmp_path: Path) -> None:
    images = made.test_digits()[0][:20]
    root = tmp_path / "site"
    root.mkdir()
    (root / "node_modules").symlink_to(node_modules)
    (root / "images.json").write_text(json.dumps(images.reshape(20, -1).tolist()))
    shutil.copy2(made.file("litert_web"), root / "web.tflite")
    shutil.copy2(Path(__file__).with_name("ask_litert.html"), root)
    with site(root) as address, browser(f"{address}/ask_litert.html", tmp_path / "profile"):
        found = Site.found.get(timeout=60)
    assert found.startswith("[["), found
    wanted = SavedModel.load(made.plain.path).run({"images": images})["probabilities"]
    np.testing.assert_allclose(np.array(json.loads(found)), wanted, atol=1e-5)
