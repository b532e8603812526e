"""A headless Chromium, driven through DevTools over a pair of pipes; without a further package."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from select import select
from typing import Any

import pytest

PATIENCE_S = 60.0
Point = tuple[float, float]


class Chromium:
    """The browser process: commands go to its file descriptor 3, answers and events come from 4, each ended by NUL."""

    def __init__(self, process: subprocess.Popen[bytes], to: int, back: int) -> None:
        self.process = process
        self._to = to
        self._back = back
        self._rest = b""
        self._count = 0
        self._answers: dict[int, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []

    def send(self, method: str, session: str | None = None, **params: Any) -> Any:
        """The result of a command; what happens meanwhile is added to `events`."""
        self._count += 1
        number = self._count
        command = {"id": number, "method": method, "params": params, **({"sessionId": session} if session else {})}
        os.write(self._to, json.dumps(command).encode() + b"\0")
        deadline_s = time.monotonic() + PATIENCE_S
        while number not in self._answers:
            assert time.monotonic() < deadline_s, f"Chromium did not answer {method}"
            self.listen(1.0)
        answer = self._answers.pop(number)
        assert "error" not in answer, f"{method}: {answer}"
        return answer["result"]

    def listen(self, seconds: float) -> None:
        """Takes what comes, for that long at most."""
        if not select([self._back], [], [], seconds)[0]:
            return
        self._rest += os.read(self._back, 1 << 20)
        *whole, self._rest = self._rest.split(b"\0")
        for text in whole:
            message = json.loads(text)
            if "id" in message:
                self._answers[message["id"]] = message
            else:
                self.events.append(message)

    def end(self) -> None:
        """Ends the browser, with all its processes."""
        try:
            self.send("Browser.close")
            self.process.wait(PATIENCE_S)
        except (AssertionError, OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()

    def open(self, url: str, *, width: int = 1100, height: int = 900, touch: bool = False, dark: bool = False) -> Page:
        """A new tab at that address, loaded."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.send(f"{domain}.enable")
        page.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=touch)
        page.send("Emulation.setTouchEmulationEnabled", enabled=touch)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.send("Emulation.setEmulatedMedia", features=[scheme])
        page.go(url)
        return page


@dataclass
class Page:
    """One tab.

    Attributes:
      browser: It is in.
      session: DevTools' name for the connection to it.
    """

    browser: Chromium
    session: str

    def send(self, method: str, **params: Any) -> Any:
        return self.browser.send(method, self.session, **params)

    def go(self, url: str) -> None:
        self.send("Page.navigate", url=url)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def run(self, script: str) -> Any:
        """The value of an expression in the page, once it is there."""
        result = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, f"{script}: {result['exceptionDetails']}"
        return result["result"].get("value")

    def until(self, condition: str) -> None:
        """Waits until an expression is true."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not self._holds(condition):
            assert time.monotonic() < deadline_s, f"never true: {condition}\n{self.run('document.body.innerText')}"
            time.sleep(0.02)

    def _holds(self, condition: str) -> bool:
        result = self.send("Runtime.evaluate", expression=condition, awaitPromise=True, returnByValue=True)
        return "exceptionDetails" not in result and bool(result["result"].get("value"))

    def text(self, selector: str) -> str:
        found: str = self.run(f"document.querySelector({json.dumps(selector)}).innerText")
        return found

    def click(self, selector: str) -> None:
        """With the mouse, in the middle of an element."""
        box = self.box(selector)
        at = {"x": box["left"] + box["width"] / 2, "y": box["top"] + box["height"] / 2}
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **at)

    def press(self, key: str, code: int) -> None:
        text = {"text": "\r"} if key == "Enter" else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def box(self, selector: str) -> dict[str, float]:
        """Where an element is, scrolled into view, in pixels."""
        script = f"""(() => {{
          const element = document.querySelector({json.dumps(selector)});
          element.scrollIntoView({{block: "nearest"}});
          return element.getBoundingClientRect().toJSON();
        }})()"""
        found: dict[str, float] = self.run(script)
        return found

    def draw(self, strokes: list[list[Point]], *, touch: bool = False) -> None:
        """Strokes on the drawing area, points in units of its width, with the mouse or a finger."""
        box = self.box("#pad")
        for stroke in strokes:
            points = [(box["left"] + x * box["width"], box["top"] + y * box["height"]) for x, y in stroke]
            (self._touch if touch else self._drag)(points)
        self.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")  # it is taken in

    def _drag(self, points: list[Point]) -> None:
        for kind, (x, y) in [("mousePressed", points[0]), *(("mouseMoved", point) for point in points[1:])]:
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)
        x, y = points[-1]
        self.send("Input.dispatchMouseEvent", type="mouseReleased", x=x, y=y, button="left", clickCount=1)

    def _touch(self, points: list[Point]) -> None:
        for kind, (x, y) in [("touchStart", points[0]), *(("touchMove", point) for point in points[1:])]:
            self.send("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y}])
        self.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def complaints(self) -> list[str]:
        """What the console has of errors and warnings so far."""
        self.browser.listen(0.0)
        found = []
        for event in self.browser.events:
            params = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                found.append(str(params["exceptionDetails"]))
            elif event["method"] == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
                found.append(str(params["args"]))
            elif event["method"] == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                found.append(f"{params['entry']['text']} {params['entry'].get('url')}")
        return found

    def picture(self, file: Path) -> None:
        """A PNG of the whole page."""
        data = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        file.write_bytes(base64.b64decode(data))


@contextmanager
def chromium(profile: Path) -> Iterator[Chromium]:
    """A headless browser with that profile; ends with the block."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("wants Chromium")
    (theirs_in, to), (back, theirs_out) = os.pipe(), os.pipe()
    flags = (
        "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking "
        f"--remote-debugging-pipe --user-data-dir={profile}"
    )
    command = f'exec "$0" {flags} about:blank 3<&{theirs_in} 4>&{theirs_out}'
    process = subprocess.Popen(
        ["bash", "-c", command, program],
        pass_fds=(theirs_in, theirs_out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    browser = Chromium(process, to, back)
    try:
        yield browser
    finally:
        browser.end()
        os.close(to)
        os.close(back)
