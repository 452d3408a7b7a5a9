"""Headless Chromium by its DevTools protocol over a pipe: no driver program, no port, no package.

    with Browser(folder) as browser:
        browser.open(path); browser.run("document.title"); browser.picture(path)

`problems` collects console errors, exceptions and refused resources; `requests` every address that
a page asked for.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
PATIENCE = 60.0


class Browser:
    """One Chromium with one tab. profile: a folder for its files. size: width and height of the
    window, CSS pixels."""

    def __init__(self, profile: Path, size: tuple[int, int] = (1280, 900)):
        self.requests: list[str] = []
        self.problems: list[str] = []
        self._number, self._buffer, self._loaded = 0, b"", False
        inward, self._write = os.pipe()
        self._read, outward = os.pipe()

        def wire() -> None:  # the protocol's pipes are file descriptors 3 and 4 of the child
            ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (inward, outward)]
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self._process = subprocess.Popen(
            [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=wire,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(inward)
        os.close(outward)
        self._session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.resize(*size)

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)
        os.close(self._write)
        os.close(self._read)

    def resize(self, width: int, height: int) -> None:
        phone = width < 600
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=phone,
        )

    def prefer(self, scheme: str) -> None:
        """'dark' or 'light', as a desktop would."""
        self.call(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )

    def open(self, page: Path, anchor: str = "") -> None:
        """Loads a file, waits until all of it is there, and until the page's script has run."""
        self._loaded = False
        found = self.call("Page.navigate", url=page.resolve().as_uri() + anchor)
        # an anchor of the same page loads nothing
        self._wait(lambda: self._loaded or "loaderId" not in found)
        self.until("document.documentElement.dataset.ready === 'yes'")

    def until(self, script: str) -> None:
        """Waits until an expression is true in the page."""
        deadline = time.monotonic() + PATIENCE
        while not self.run(script):
            assert time.monotonic() < deadline, f"never true: {script}; {self.problems}"
            time.sleep(0.02)

    def run(self, script: str) -> Any:
        """The value of an expression in the page; a string for what JSON cannot hold."""
        found = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in found:
            raise RuntimeError(f"{script}: {found['exceptionDetails']}")
        return found["result"].get("value")

    def press(self, key: str, code: int) -> None:
        """A key, down and up: press('Enter', 13)."""
        text = {"Enter": "\r"}.get(key, "")
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                text=text,
            )

    def picture(self, path: Path, *, whole: bool = True) -> Path:
        """The page as PNG; the whole page, or what the window shows."""
        found = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(found["data"]))
        return path

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol and its result."""
        self._number += 1
        number, message = self._number, {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        found: dict[str, Any] = {}
        self._wait(lambda: number in self._answers(found))
        if "error" in found[number]:
            raise RuntimeError(f"{method}: {found[number]['error']}")
        return found[number]["result"]

    def _wait(self, done) -> None:
        deadline = time.monotonic() + PATIENCE
        while not done():
            self._receive(deadline)

    def _answers(self, found: dict) -> dict:
        while b"\0" in self._buffer:
            text, self._buffer = self._buffer.split(b"\0", 1)
            message = json.loads(text)
            if "id" in message:
                found[message["id"]] = message
            else:
                self._event(message["method"], message.get("params", {}))
        return found

    def _receive(self, deadline: float) -> None:
        ready, _, _ = select.select([self._read], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, "Chromium does not answer"
        data = os.read(self._read, 1 << 20)
        assert data, "Chromium has ended"
        self._buffer += data
        if self._buffer.count(b"\0") and not self._loaded:
            self._peek()

    def _peek(self) -> None:
        """Events that came without a call waiting for them."""
        *whole, rest = self._buffer.split(b"\0")
        kept = []
        for text in whole:
            message = json.loads(text)
            if "id" in message:
                kept.append(text + b"\0")
            else:
                self._event(message["method"], message.get("params", {}))
        self._buffer = b"".join(kept) + rest

    def _event(self, method: str, parameters: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(parameters["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and parameters["type"] in (
            "error",
            "warning",
            "assert",
        ):
            self.problems.append(json.dumps(parameters["args"]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            self.problems.append(parameters["entry"]["text"])
