"""Servers of the suite: an answering function behind HTTP on 127.0.0.1, and a line that fails."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

#: Status and body of an answer; None hangs up without one.
Answer = tuple[int, bytes] | None
#: Answers (method, path with query, headers, body).
Answering = Callable[[str, str, Mapping[str, str], bytes], Answer]


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"

    def do_GET(self):
        self._answer()

    def do_POST(self):
        self._answer()

    def _answer(self):
        size = int(self.headers.get("content-length") or 0)
        answer = self.server.answering(self.command, self.path, self.headers, self.rfile.read(size))
        if answer is None:
            self.close_connection = True
            return
        status, body = answer
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """Say nothing: what fails is said by the test."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, answering: Answering):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answering = answering


@contextmanager
def serving(answering: Answering) -> Iterator[str]:
    """Serve in a thread; yield the address to talk to."""
    with _Server(answering) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def said(status: int, value: object) -> Answer:
    """Return an answer in JSON."""
    return status, json.dumps(value).encode()


class Line:
    """What lies between the adapter and a server; it loses what a test tells it to lose."""

    def __init__(self, answering: Answering):
        self._answering = answering
        self._losses: list[str] = []
        self.posts: list[bytes] = []

    def lose(self, what: str, *, after: int = 0) -> None:
        """Lose the "request" or the "answer" of the next POST, or of a later one."""
        self._losses = [""] * after + [what]

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        loss = self._losses.pop(0) if method == "POST" and self._losses else ""
        if method == "POST":
            self.posts.append(body)
        if loss == "request":
            return None
        answered = self._answering(method, path, headers, body)
        return None if loss == "answer" else answered


def forwarding(base: str) -> Answering:
    """Return what asks another server."""
    host = urlsplit(base).netloc

    def answer(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        connection = HTTPConnection(host, timeout=10)
        try:
            kept = {name: value for name, value in headers.items() if name.lower() != "connection"}
            connection.request(method, path, body, kept)
            found = connection.getresponse()
            return found.status, found.read()
        finally:
            connection.close()

    return answer
