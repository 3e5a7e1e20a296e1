"""A real browser for tests of pages: Chromium without a window, driven over a pipe.

It speaks the DevTools protocol (https://chromedevtools.github.io/devtools-protocol/): JSON, each
message with a zero byte at its end.
"""

import base64
import json
import os
import shutil
import signal
import subprocess
from contextlib import contextmanager
from itertools import count
from tempfile import TemporaryDirectory

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
READY = "document.documentElement?.dataset.ready"
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")
FLAGS += ("--no-first-run", "--disable-background-networking", "--remote-debugging-pipe")
WAIT_MILLISECONDS = 20_000


class Page:
    """A page in a browser, with the errors that its console shows, and all that it loads."""

    def __init__(self, read, write):
        self._read, self._write, self._numbers = read, write, count(1)
        self._session, self.errors, self.requests = None, [], []

    def call(self, method, **parameters):
        """Calls a method of the protocol, and returns what it answers."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = json.loads(self._next())
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self._note(answer)

    def _next(self):
        parts = []
        while (byte := self._read.read1(1 << 16)) and b"\0" not in byte:
            parts.append(byte)
        head, _, rest = byte.partition(b"\0")
        self._read.push(rest)
        return b"".join([*parts, head])

    def _note(self, event):
        method, said = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.errors.append(str(said["exceptionDetails"].get("exception", said)))
        if method == "Runtime.consoleAPICalled" and said["type"] in ("error", "warning"):
            self.errors.append(str(said["args"]))
        if method == "Log.entryAdded" and said["entry"]["level"] in ("error", "warning"):
            self.errors.append(said["entry"]["text"])
        if method == "Network.requestWillBeSent":
            self.requests.append(said["request"]["url"])

    def open(self, path, width=1280, height=900, dark=False, ready=READY):
        """Opens a file or an address in a window of a size; waits until `ready` is true there."""
        if self._session is None:
            target = self.call("Target.createTarget", url="about:blank")["targetId"]
            attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
            self._session = attached["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                self.call(f"{domain}.enable")
        self.errors.clear()
        self.requests.clear()
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=scheme)
        is_phone = width < 600
        scale = {"deviceScaleFactor": 2 if is_phone else 1, "mobile": is_phone}
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, **scale)
        url = path if isinstance(path, str) else path.absolute().as_uri()
        self.call("Page.navigate", url=url)
        self.do(f"""new Promise((done, fail) => {{
            const look = () => ({ready}) ? done() : setTimeout(look, 20);
            setTimeout(() => fail("not ready"), {WAIT_MILLISECONDS});
            look();
        }})""")
        return self

    def do(self, script):
        """Runs a script in the page, and returns its value, or that of its promise."""
        done = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in done:
            raise RuntimeError(str(done["exceptionDetails"]))
        return done["result"].get("value")

    def press(self, key, shift=False):
        """Presses a key, such as "Tab", "ArrowDown" or "s"."""
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "ArrowLeft": 37, "ArrowUp": 38}
        codes |= {"ArrowRight": 39, "ArrowDown": 40}
        text = {"Enter": "\r", " ": " "}.get(key, key if len(key) == 1 else "")
        code = codes.get(key, ord(key.upper()[0]))
        common = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def middle_of(self, selector, number=0):
        """Returns where the middle of an element is, scrolled into view."""
        return self.do(f"""(() => {{
            const element = document.querySelectorAll({json.dumps(selector)})[{number}];
            element.scrollIntoView({{block: "center"}});
            const box = element.getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2];
        }})()""")

    def point(self, x, y):
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def click(self, x, y):
        self.point(x, y)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def screenshot(self, path, whole=True):
        """Writes a picture of the page, as far as it reaches, or of what the window shows."""
        options = {"captureBeyondViewport": True} if whole else {}
        if whole:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            options["clip"] = {**size, "x": 0, "y": 0, "scale": 1}
        data = self.call("Page.captureScreenshot", format="png", **options)["data"]
        path.write_bytes(base64.b64decode(data))


class _Pipe:
    """A pipe that what was read too far can be put back into."""

    def __init__(self, descriptor):
        self._descriptor, self._rest = descriptor, b""

    def read1(self, size):
        rest, self._rest = self._rest, b""
        return rest or os.read(self._descriptor, size)

    def push(self, rest):
        self._rest = rest + self._rest


@contextmanager
def opened():
    """Starts a browser, and yields a page in it."""
    to_read, to_write = os.pipe(), os.pipe()  # what the browser reads, what it writes
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        ends = to_read[0], to_write[1]
        # The protocol's descriptors are 3 and 4, which Python itself may have in use.
        command = ["bash", "-c", f'exec "$@" 3<&{ends[0]} 4>&{ends[1]}', "bash", CHROMIUM, *FLAGS]
        command += [f"--user-data-dir={profile}", "about:blank"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        browser = subprocess.Popen(command, pass_fds=ends, start_new_session=True, **quiet)
        os.close(to_read[0])
        os.close(to_write[1])
        try:
            yield Page(_Pipe(to_write[0]), to_read[1])
        finally:
            os.killpg(browser.pid, signal.SIGKILL)
            browser.wait()
            os.close(to_read[1])
            os.close(to_write[0])
