"""The payment sandbox as a process of its own, and somebody who hears its notices."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from deploy.local.process import free_port
from services.payments.providers.sandbox import SandboxProvider
from tests.waiting import eventually

__all__ = ["KEY", "SECRET", "Heard", "Sandbox", "hearing", "running_sandbox"]

KEY, SECRET = "sk_of_the_tests", "whsec_of_the_tests"
START_SECONDS = 30


@dataclass
class Sandbox:
    """One that runs. `options` are those of `python -m deploy.sandbox`."""

    folder: Path
    port: int
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Run, on the ledger of the folder, and answer."""
        (self.folder / "key").write_text(f"{KEY}\n")
        (self.folder / "secret").write_text(f"{SECRET}\n")
        said = [
            *("--port", str(self.port), "--ledger", str(self.folder / "ledger.sqlite3")),
            *("--key-file", str(self.folder / "key"), "--secret-file", str(self.folder / "secret")),
        ]
        log = (self.folder / "sandbox.log").open("ab")
        with log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "deploy.sandbox", *said, *self.options], stdout=log, stderr=log
            )
        eventually(self._answers, START_SECONDS, "the sandbox")

    def _answers(self) -> bool:
        assert self.process is not None and self.process.poll() is None, (self.folder / "sandbox.log").read_text()
        try:
            return httpx.get(f"{self.url}/health", trust_env=False).is_success
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """End it without a word."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def provider(self, account: str = "multi", answer_seconds: float = 10.0) -> SandboxProvider:
        """Our adapter to it."""
        return SandboxProvider(self.url, KEY, account, answer_seconds)

    def get(self, path: str, account: str = "multi", **named: str) -> Any:
        """What it answers a merchant."""
        return self._ask("GET", path, account, params=named).json()

    def post(self, path: str, account: str = "multi", **body: Any) -> Any:
        """What it answers, to somebody with the key."""
        return self._ask("POST", path, account, json=body).json()

    def text(self, path: str, account: str = "multi") -> str:
        """The same of what is no JSON."""
        return self._ask("GET", path, account).text

    def _ask(self, method: str, path: str, account: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {KEY}", "Sandbox-Account": account}
        with httpx.Client(trust_env=False) as client:
            answer = client.request(method, f"{self.url}{path}", headers=headers, **more)
        assert answer.is_success, answer.text
        return answer

    def made(self, kind: str, key: str, account: str = "multi") -> list[Any]:
        """What calls with this key made there."""
        made: list[Any] = self.get("/search", account, key=key, kind=kind)["data"]
        return made


@contextmanager
def running_sandbox(folder: Path, *options: str) -> Iterator[Sandbox]:
    """A sandbox with a ledger in this folder, stopped afterwards."""
    folder.mkdir(exist_ok=True)
    sandbox = Sandbox(folder, free_port(), options)
    sandbox.start()
    try:
        yield sandbox
    finally:
        sandbox.kill()


@dataclass
class Heard:
    """The notices that came, as they came: body and headers (names in lower case), in order."""

    url: str
    notices: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)
    refusing: int = 0
    """How many of the next are answered 500."""


@contextmanager
def hearing() -> Iterator[Heard]:
    """Somebody who takes notices."""

    class Ear(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.notices.append((body, {name.lower(): value for name, value in self.headers.items()}))
            heard.refusing -= 1
            self.send_response(500 if heard.refusing >= 0 else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Ear)
    heard = Heard(f"http://127.0.0.1:{server.server_address[1]}/notices")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield heard
    finally:
        server.shutdown()
        server.server_close()
