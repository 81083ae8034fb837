"""A headless Chromium, spoken to by its DevTools protocol over two pipes: no driver, no port, no further package."""

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


class BrowserError(Exception):
    """The browser said no, or nothing."""


class Browser:
    """One page of a browser of its own. ``errors`` collects what the page's console and network complained of."""

    def __init__(self, width: int = 1400, height: int = 1000) -> None:
        """Start it."""
        self._profile = tempfile.mkdtemp(prefix="chromium-")
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()
        # Chromium reads from 3 and writes to 4: a shell puts the pipes there, whatever their numbers are here.
        line = f'exec 3<&{theirs_in} 4>&{theirs_out}; exec "$0" "$@"'
        self._process = subprocess.Popen(
            ["bash", "-c", line, shutil.which("chromium") or "chromium", *_FLAGS, f"--user-data-dir={self._profile}"],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._in, self._out = ours_in, ours_out
        self._buffer = b""
        self._numbers = itertools.count(1)
        self._session: str | None = None
        self._events: list[dict[str, Any]] = []
        self.errors: list[str] = []
        self.requested: list[str] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")
        self.size(width, height)

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)
        os.close(self._out)
        shutil.rmtree(self._profile, ignore_errors=True)

    def size(self, width: int, height: int) -> None:
        """Set the size of the page."""
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def open(self, url: str) -> None:
        """Go to a page and wait until it has loaded. Raises BrowserError."""
        self._events.clear()
        answer = self.send("Page.navigate", url=url)
        if answer.get("errorText"):
            raise BrowserError(answer["errorText"])
        self.wait_loaded()

    def wait_loaded(self, seconds: float = 60.0) -> None:
        """Wait for the page's load event. Raises BrowserError."""
        until = time.monotonic() + seconds
        while not any(event["method"] == "Page.loadEventFired" for event in self._events):
            self._receive(until)

    def run(self, script: str) -> Any:  # noqa: ANN401 - whatever the script gives
        """Run an expression in the page and give its value. Raises BrowserError."""
        answer = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise BrowserError(json.dumps(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def wait_for(self, script: str, seconds: float = 60.0) -> Any:  # noqa: ANN401 - whatever the script gives
        """Wait until an expression is true. Raises BrowserError."""
        until = time.monotonic() + seconds
        while True:
            try:
                if value := self.run(script):
                    return value
            except BrowserError:
                pass  # between two pages there is nothing to ask
            if time.monotonic() > until:
                raise BrowserError(f"never true: {script}")
            time.sleep(0.05)

    def submit(self, script: str) -> None:
        """Run what submits a form or follows a link, and wait for the next page. Raises BrowserError."""
        self._events.clear()
        self.run(script)
        self.wait_loaded()

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Keep a picture of the page, or of all of it."""
        options: dict[str, Any] = {"format": "png"}
        if whole:
            options["captureBeyondViewport"] = True
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", **options)["data"]))

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401 - the protocol's values
        """Send one command and give its answer. Raises BrowserError."""
        number = next(self._numbers)
        command: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session:
            command["sessionId"] = self._session
        os.write(self._out, json.dumps(command).encode() + b"\0")
        until = time.monotonic() + 60
        while True:
            answer = self._receive(until)
            if answer.get("id") == number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer.get("result", {})
                return result

    def _receive(self, until: float) -> dict[str, Any]:
        """Give the next message; events are kept. Raises BrowserError when none comes in time."""
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], max(0.0, until - time.monotonic()))
            block = os.read(self._in, 1 << 20) if ready else b""
            if not block:
                raise BrowserError("the browser does not answer" if not ready else "the browser has ended")
            self._buffer += block
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        if "method" in message:
            self._events.append(message)
            self._note(message["method"], message.get("params", {}))
        return message

    def _note(self, method: str, about: dict[str, Any]) -> None:
        """Note what went wrong in the page, and what it asked for."""
        if method == "Runtime.exceptionThrown":
            self.errors.append(str(about["exceptionDetails"].get("exception", {}).get("description", about)))
        elif method == "Log.entryAdded" and about["entry"]["level"] == "error":
            self.errors.append(f"{about['entry']['text']} {about['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.requested.append(about["request"]["url"])
