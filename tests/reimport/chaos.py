"""A proxy on the loopback interface that harms what goes through it, by a seed.

It cuts before the server has seen a request, after the server has done it (a server that commits
and dies), or in the middle of the answer; it delays, delivers twice, delivers late (after the
client has given up), and answers 500, 503 and 429 on its own.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

import httpx

from tests.reimport.server import serving

FAULTS = (
    "cut before",
    "cut after",
    "cut within",
    "delay",
    "twice",
    "late",
    "500",
    "503",
    "429",
)


@dataclass
class Chaos:
    """Faults to come: one request in `1 / rate` is harmed; `met` counts each kind."""

    seed: int
    rate: float = 0.25
    met: Counter[str] = field(default_factory=Counter)
    passed: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._draw = random.Random(self.seed)

    def next(self) -> str:
        with self.lock:
            self.passed += 1
            fault = self._draw.choice(FAULTS) if self._draw.random() < self.rate else ""
            self.met[fault] += 1
            return fault


@contextmanager
def proxy(upstream: str, chaos: Chaos) -> Iterator[str]:
    """URL that stands for `upstream` (a base URL) with faults in between."""
    path = "/" + upstream.split("/", 3)[3] if upstream.count("/") > 2 else ""
    origin = upstream.removesuffix(path)
    late: list[threading.Thread] = []
    client = httpx.Client(timeout=120, trust_env=False)

    def forward(method: str, url: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        return client.request(method, origin + url, content=body, headers=headers)

    def forward_late(method: str, url: str, body: bytes, headers: dict[str, str]) -> None:
        time.sleep(0.05)
        with suppress(httpx.HTTPError):
            forward(method, url, body, headers)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            dropped = {"host", "content-length", "connection", "accept-encoding"}
            headers = {n: v for n, v in self.headers.items() if n.lower() not in dropped}
            # The proxy always has a whole answer in hand before it harms it.
            headers["Accept-Encoding"] = "identity"
            fault = chaos.next()
            call = (self.command, self.path, body, headers)
            if fault == "cut before":
                return self._cut()
            if fault == "late":
                thread = threading.Thread(target=forward_late, args=call, daemon=True)
                late.append(thread)
                thread.start()
                return self._cut()
            if fault in {"500", "503", "429"}:
                return self._say(int(fault), b"", {"Retry-After": "0"})
            if fault == "delay":
                time.sleep(0.05)
            answer = forward(*call)
            if fault == "twice":
                answer = forward(*call)
            if fault == "cut after":
                return self._cut()
            kept = {
                name: value
                for name, value in answer.headers.items()
                if name in {"etag", "location", "content-location", "content-type"}
            }
            if fault == "cut within":
                half = answer.content[: len(answer.content) // 2]
                self._say(answer.status_code, half, kept, len(answer.content))
                return self._cut()
            return self._say(answer.status_code, answer.content, kept)

        do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815

        def _say(
            self, status: int, body: bytes, headers: dict[str, str], length: int | None = None
        ) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) if length is None else length))
            self.end_headers()
            self.wfile.write(body)

        def _cut(self) -> None:
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

        def log_message(self, format: str, *args: object) -> None:
            return

    with client, serving(Handler) as port:
        try:
            yield f"http://127.0.0.1:{port}{path}"
        finally:
            for thread in late:
                thread.join()
