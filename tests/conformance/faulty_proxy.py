"""A proxy before a payment provider that loses answers, or says that something went wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

__all__ = ["Proxy", "faulty_proxy"]

HEADERS = ("authorization", "content-type", "idempotency-key", "stripe-version", "sandbox-account")


@dataclass
class Proxy:
    """`fault` is what happens to the next call that changes something, once: `lost` (done, and the connection ends
    without an answer), `error_after`, `error_before`, `busy`."""

    url: str
    fault: str | None = None
    skipped: int = 0
    """How many calls that change something go well before."""


@contextmanager
def faulty_proxy(target: str) -> Iterator[Proxy]:
    """A proxy before the provider at `target`."""

    class Between(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.relay("GET", b"")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = None
            if proxy.skipped:
                proxy.skipped -= 1
            else:
                fault, proxy.fault = proxy.fault, None
            if fault == "busy":
                self.answer(429, b'{"error": {"message": "busy"}}', {"Retry-After": "7"})
            elif fault == "error_before":
                self.answer(500, b"<html>", {})
            else:
                self.relay("POST", body, fault)

        def relay(self, method: str, body: bytes, fault: str | None = None) -> None:
            headers = {name: self.headers[name] for name in HEADERS if self.headers.get(name)}
            said = client.request(method, f"{target}{self.path}", content=body, headers=headers)
            if fault == "lost":
                self.close_connection = True
                self.connection.close()
            elif fault == "error_after":
                self.answer(500, b"<html>", {})
            else:
                self.answer(said.status_code, said.content, {"Content-Type": said.headers.get("content-type", "")})

        def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

        def finish(self) -> None:
            with suppress(OSError, ValueError):  # closed on purpose
                super().finish()

    client = httpx.Client(trust_env=False, timeout=30)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Between)
    proxy = Proxy(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        client.close()
