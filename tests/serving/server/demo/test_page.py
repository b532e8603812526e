"""The page in a real browser: drawn strokes, a trained model, both engines, and life without the server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from slipline.serving.releases.ledger import Ledger
from slipline.serving.server.process import Server
from tests.embedded_server import free_port
from tests.end_to_end.conftest import User
from tests.serving.server.demo.chromium import Chromium, Page, chromium
from tests.serving.server.demo.mnist_like import centred
from tests.serving.server.demo.picture_model import save_picture_model
from tests.serving.server.demo.released import DemoServer, another_model, release, trained_home
from tests.serving.server.demo.written_digits import WRITTEN, Stroke

pytestmark = pytest.mark.slow

SEEN = """(() => {
  const context = new OffscreenCanvas(28, 28).getContext("2d", {willReadFrequently: true});
  context.drawImage(document.querySelector("#seen"), 0, 0);
  return [...context.getImageData(0, 0, 28, 28).data];
})()"""
FORGET_MODELS = """caches.open("slipline-demo").then(async (cache) => {
  const models = (await cache.keys()).filter(({ url }) => url.includes("/models/"));
  await Promise.all(models.map((request) => cache.delete(request)));
})"""
STORED = "document.querySelector('#offline').innerText.startsWith('Page and model are stored')"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> User:
    return trained_home(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="module")
def served(home: User) -> Iterator[str]:
    """The address of the page while its server runs."""
    server = DemoServer(home, free_port())
    with server.running():
        yield server.address


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chromium]:
    with chromium(tmp_path / "profile") as browser:
        yield browser


def bars(panel: str) -> str:
    """JavaScript for the probabilities that a panel shows."""
    return f"[...document.querySelectorAll('#{panel} .bar')].map((bar) => Number(bar.style.transform.slice(7, -1)))"


def both_say(digit: int) -> str:
    """JavaScript for whether both engines are done and mean that digit, no probability differing by more than 1e-3."""
    return f"""(() => {{
      const [here, there] = [{bars("in-page")}, {bars("served")}];
      const likeliest = (values) => values.indexOf(Math.max(...values));
      return likeliest(here) === {digit} && likeliest(there) === {digit} && Math.max(...here) > 0.5
        && here.every((value, at) => Math.abs(value - there[at]) <= 1e-3);
    }})()"""


def begun(page: Page) -> Page:
    """The page, once a model runs in it."""
    page.until("document.querySelector('#in-page .by').innerText.includes('version')")
    return page


def by_pillow(strokes: list[Stroke]) -> NDArray[Any]:
    """What the model ought to see of strokes, drawn by Pillow with the page's pen."""
    side, pen = 800, 0.085
    image = Image.new("L", (side, side))
    draw = ImageDraw.Draw(image)
    for stroke in strokes:
        points = [(x * side, y * side) for x, y in stroke]
        draw.line(points, fill=255, width=round(pen * side))
        for x, y in points:
            draw.circle((x, y), pen * side / 2, fill=255)
    return centred(np.asarray(image, float) / 255)


def off_by(seen: NDArray[Any], strokes: list[Stroke]) -> float:
    """The mean difference of a picture from Pillow's, of 255.

    A digit as symmetrical as ours is centred a pixel to one side or the other.
    """
    wanted = by_pillow(strokes)
    near = [np.roll(wanted, shift, (0, 1)) for shift in product((-1, 0, 1), repeat=2)]
    return min(float(np.abs(seen - each).mean()) for each in near)


def test_both_engines_know_all_ten_digits_as_people_write_them_and_agree(served: str, browser: Chromium) -> None:
    page = begun(browser.open(served))
    for digit, strokes in WRITTEN.items():
        page.click("#clear")
        page.draw(strokes)
        page.until(both_say(digit))
        assert page.text("#in-page .digit") == page.text("#served .digit") == str(digit)
        assert page.text("#in-page .took").endswith("ms")
        assert page.text("#served .took").endswith("ms")
        seen = np.array(page.run(SEEN), float).reshape(28, 28, 4)[:, :, 0]
        assert off_by(seen, strokes) < 4, digit  # the page's lines are rounder at corners
    assert page.text("#in-page .by").split() == ["TensorFlow.js", "version", "1"]
    assert page.text("#served .by").split() == ["REST", "version", "1"]
    page.until("document.querySelector('#spoken').textContent.startsWith('In this page: 9 with')")
    assert page.complaints() == []


def test_a_digit_written_small_in_a_corner_is_known_too(served: str, browser: Chromium) -> None:
    page = begun(browser.open(served))
    for digit in (2, 5, 8):
        page.click("#clear")
        page.draw([[(0.05 + 0.25 * x, 0.7 + 0.25 * y) for x, y in stroke] for stroke in WRITTEN[digit]])
        page.until(both_say(digit))


def test_requests_do_not_pile_up_and_the_last_drawing_is_answered(served: str, browser: Chromium) -> None:
    page = begun(browser.open(served))
    for digit in (3, 8, 0, 6):
        page.click("#clear")
        page.draw(WRITTEN[digit])
    page.until(both_say(6))
    waiting: set[str] = set()
    most = asked = 0
    for event in page.browser.events:
        params = event["params"]
        if event["method"] == "Network.requestWillBeSent" and params["request"]["url"].endswith(":predict"):
            waiting.add(params["requestId"])
            asked, most = asked + 1, max(most, len(waiting))
        elif event["method"] in ("Network.loadingFinished", "Network.loadingFailed"):
            waiting.discard(params["requestId"])
    assert asked > 4
    assert most == 1


def test_a_finger_draws_on_a_phone_and_the_page_does_not_scroll(served: str, browser: Chromium) -> None:
    page = begun(browser.open(served, width=375, height=700, touch=True, dark=True))
    page.draw(WRITTEN[4], touch=True)
    page.until(both_say(4))
    assert page.run("[scrollX, scrollY, document.documentElement.scrollWidth]") == [0, 0, 375]


def test_the_keyboard_clears_the_drawing(served: str, browser: Chromium) -> None:
    page = begun(browser.open(served))
    page.draw(WRITTEN[7])
    page.until(both_say(7))
    page.press("Tab", 9)
    assert page.run("document.activeElement.id") == "clear"
    page.press("Enter", 13)
    page.until(f"Math.max(...{bars('in-page')}, ...{bars('served')}) === 0")
    assert page.text("#hint") == "Draw here"


def test_bars_do_not_move_while_a_person_draws(served: str, browser: Chromium) -> None:
    page = begun(browser.open(served))
    places = "JSON.stringify([...document.querySelectorAll('.track')].map((track) => track.getBoundingClientRect()))"
    page.draw(WRITTEN[1])
    page.until(both_say(1))
    before = page.run(places)
    page.click("#clear")
    page.until(f"Math.max(...{bars('in-page')}, ...{bars('served')}) === 0")
    assert page.run(places) == before


def test_without_the_server_a_reload_brings_the_page_and_the_model_and_both_engines_are_back_with_it(
    home: User, browser: Chromium
) -> None:
    server = DemoServer(home, free_port())
    with server.running() as process:
        page = browser.open(server.address)
        page.until(STORED)
        process.terminate()
        process.wait(60)
        page.send("Page.reload")
        page.until("document.querySelector('#standing').innerText.startsWith('The server does not answer; mnist')")
        begun(page)
        page.draw(WRITTEN[2])
        page.until("document.querySelector('#in-page .digit').innerText === '2'")
        page.until("document.querySelector('#served .problem').innerText === 'The server does not answer.'")
        page.until("!document.querySelector('#keeping button').disabled")
        page.click("#keeping button")
        page.until("document.querySelectorAll('#keeping li').length === 1")
        page.run(FORGET_MODELS)
        page.send("Network.clearBrowserCache")
        page.send("Page.reload")
        page.until("document.querySelector('#in-page .by').innerText.includes('version 1, kept')")
        page.draw(WRITTEN[2])
        page.until("document.querySelector('#in-page .digit').innerText === '2'")
    with server.running():
        page.until(both_say(2))


def test_a_kept_model_outlives_promotions_which_the_page_offers_to_take_up(
    home: User, browser: Chromium, tmp_path: Path
) -> None:
    server = DemoServer(home, free_port())
    with server.running():
        page = begun(browser.open(server.address))
        page.until("document.querySelector('#keeping button').innerText.startsWith('Keep this model here (')")
        page.click("#keeping button")
        page.until("document.querySelector('#keeping li')?.innerText.startsWith('mnist version 1, 0.4')")
        page.draw(WRITTEN[3])
        page.until(both_say(3))
        version = release(another_model(home, tmp_path / "again"), home.home)
        try:
            page.draw([[(0.5, 0.5)]])
            page.until(f"document.querySelector('#served .by').innerText.includes('version {version}')")
            page.until("document.querySelector('#notice').checkVisibility()")
            assert page.text("#notice-text") == f"Version {version} is live now; the page still runs version 1."
            page.click("#take-up")
            page.until(f"document.querySelector('#in-page .by').innerText.includes('version {version}')")
            page.until("!document.querySelector('#notice').checkVisibility()")
            page.until("!document.querySelector('#keeping li button').disabled")
            page.click("#keeping li button")
            page.until("document.querySelector('#in-page .by').innerText.includes('version 1, kept')")
            page.until(both_say(3))
        finally:
            with Ledger(None, home.home / "releases") as ledger:
                ledger.roll_back("mnist", by="ada", reason="test")
        page.draw([[(0.5, 0.5)]])
        page.until("document.querySelector('#standing').innerText === 'mnist version 1 is live.'")
        page.click("#keeping li button + button")
        page.until("document.querySelectorAll('#keeping li').length === 0")
        assert page.complaints() == []


def test_without_a_release_the_page_says_what_to_do_and_takes_up_the_first_by_itself(
    home: User, browser: Chromium, tmp_path: Path
) -> None:
    server = DemoServer(User(tmp_path / "home"), free_port())
    with server.running(until_live=False):
        page = browser.open(server.address)
        page.until("document.querySelector('#standing').innerText.includes('“slipline run” makes one')")
        assert page.text("#in-page .problem") == page.text("#served .problem") == "There is no release to ask."
        page.draw(WRITTEN[9])
        release(another_model(home, tmp_path / "first"), tmp_path / "home")
        page.until(both_say(9))
        assert page.complaints() == []


def test_models_that_the_page_cannot_run_or_cannot_draw_for_are_told_in_words(
    start: Callable[..., Server], browser: Chromium, tmp_path: Path
) -> None:
    save_picture_model(tmp_path / "plain" / "1")
    save_picture_model(tmp_path / "coloured" / "1", shape=(32, 32, 3))
    options = {"enable_demo_page": True, "file_system_poll_wait_seconds": 0.05}
    pages = {}
    for name in ("plain", "coloured"):
        server = start(rest_api_port=free_port(), model_name=name, model_base_path=str(tmp_path / name), **options)
        pages[name] = browser.open(f"{server.rest_address}/demo")
        pages[name].until(f"document.querySelector('#standing').innerText === '{name} version 1 is live.'")
    assert pages["coloured"].text("#in-page .problem") == pages["coloured"].text("#served .problem")
    assert pages["coloured"].text("#served .problem").startswith("It takes pictures of 32 x 32 x 3")
    page = pages["plain"]
    page.send("Page.bringToFront")
    assert "tfjs_layers" in page.text("#in-page .problem")
    page.draw(WRITTEN[1])
    page.until("document.querySelector('#served .by').innerText.includes('version 1')")
    assert json.loads(page.run(f"JSON.stringify({bars('served')})"))[0] > 0
