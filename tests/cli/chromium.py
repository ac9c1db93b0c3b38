"""A headless Chromium as these tests ask it, by the DevTools protocol over a pipe."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

TIMEOUT = 60
EXECUTABLE = shutil.which("chromium") or shutil.which("google-chrome")
# Without a sandbox, which root has none of, and without the shared memory of a container.
_OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")


class Page:
    """The one tab of a browser.

    :ivar events: what the browser has reported since the page was opened.
    """

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read = write, read
        self._rest = b""
        self._number = 0
        self._session = ""
        self.events: list[tuple[str, dict[str, Any]]] = []

    def start(self) -> None:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def open(self, path: Path, fragment: str = "") -> None:
        """Open a file, and wait until it is loaded."""
        for url in ("about:blank", path.as_uri() + fragment):  # or a fragment would load nothing
            self.events.clear()
            self.call("Page.navigate", url=url)
            self._wait_for("Page.loadEventFired")

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression, as JSON has it; a promise is waited for."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True,
            userGesture=True,
        )  # fmt: skip
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def set_screen(self, width: int, height: int, scheme: str = "light") -> None:
        """Set the size of the screen, and whether it is light or dark."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def press(self, key: str) -> None:
        """Press a key."""
        text = {"Enter": "\r", "Escape": "\x1b"}.get(key, key)
        code = ord(text.upper())
        for kind, typed in (("keyDown", text), ("keyUp", "")):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind, key=key, windowsVirtualKeyCode=code, text=typed,
            )  # fmt: skip

    def take_screenshot(self) -> bytes:
        """Return the visible part of the page as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot")["data"])

    @property
    def requested(self) -> list[str]:
        """The URLs that were asked for."""
        sent = [event for name, event in self.events if name == "Network.requestWillBeSent"]
        return [event["request"]["url"] for event in sent]

    @property
    def problems(self) -> list[str]:
        """What the console has: errors of scripts, and what the policy has refused."""
        texts = [event["entry"]["text"] for name, event in self.events if name == "Log.entryAdded"]
        thrown = [str(event) for name, event in self.events if name == "Runtime.exceptionThrown"]
        called = [str(event) for name, event in self.events if name == "Runtime.consoleAPICalled"]
        return [*texts, *thrown, *called]

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol, and return its result."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        deadline = monotonic() + TIMEOUT
        while True:
            answer = self._receive(deadline)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                result: dict[str, Any] = answer["result"]
                return result

    def _wait_for(self, name: str) -> None:
        deadline = monotonic() + TIMEOUT
        while not any(event == name for event, _ in self.events):
            self._receive(deadline)

    def _receive(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], max(0, deadline - monotonic()))
            assert ready, "Chromium does not answer"
            data = os.read(self._read, 1 << 20)
            assert data, "Chromium has ended"
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        if "method" in answer:
            self.events.append((answer["method"], answer["params"]))
        return answer


@contextmanager
def browse() -> Iterator[Page]:
    """Start a browser and give its page."""
    assert EXECUTABLE is not None
    to_browser, from_browser = os.pipe(), os.pipe()
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # The protocol has descriptors 3 and 4, which the shell script round the program keeps.
        script = f'exec "$@" 3<&{to_browser[0]} 4>&{from_browser[1]}'
        options = (*_OPTIONS, f"--user-data-dir={profile}", "--remote-debugging-pipe")
        process = subprocess.Popen(
            ["/bin/bash", "-c", script, "bash", EXECUTABLE, *options],
            pass_fds=(to_browser[0], from_browser[1]),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_browser[0])
        os.close(from_browser[1])
        page = Page(to_browser[1], from_browser[0])
        try:
            page.start()
            yield page
        finally:
            with suppress(OSError, AssertionError):
                page._session = ""
                page.call("Browser.close")
            os.close(to_browser[1])
            os.close(from_browser[0])
            try:
                process.wait(TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
