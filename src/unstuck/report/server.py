"""A report that grows with its record, served to this machine only."""

from __future__ import annotations

import os
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from urllib.parse import parse_qs, urlsplit

from unstuck.log_files import LogError
from unstuck.record import RecordError
from unstuck.report import Report

__all__ = ["Server"]

HOST = "127.0.0.1"


class Server:
    """Serves the report of a record, on loopback; the page asks for what is new.

    Args:
        record: Path of the record.
        make: Reads it and diagnoses.
        port: Where it listens; 0 for any that is free.

    Raises:
        OSError: When the port is taken.
    """

    def __init__(self, record: str, make: Callable[[], Report], port: int = 0) -> None:
        self._record = record
        self._make = make
        self._lock = Lock()
        self._known: tuple[str, Report] | None = None
        self._http = ThreadingHTTPServer((HOST, port), _handler(self))
        self._http.daemon_threads = True

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        return f"http://{HOST}:{self._http.server_port}/"

    def answer(self, path: str, host: str) -> tuple[int, str]:
        """Return status and text of an answer.

        Args:
            path: What is asked for, ``/`` or ``/content?known=STATE``.
            host: Whom the browser thinks it is asking: no page of another name may read this one.
        """
        asked = urlsplit(path)
        known = parse_qs(asked.query).get("known", [""])[0]
        if host not in {f"{name}:{self._http.server_port}" for name in (HOST, "localhost")}:
            return 403, "This page is for this machine only.\n"
        if asked.path not in ("/", "/content"):
            return 404, "There is nothing here.\n"
        if asked.path == "/content" and known == self._state():
            return 204, ""
        try:
            state, report = self._report()
        except (LogError, RecordError) as error:
            return 503, f"unstuck: {error}\n"
        from unstuck.report.html import page, update

        return 200, page(report, state) if asked.path == "/" else update(report, state)

    def _state(self) -> str:
        """Return what tells the record from what it becomes: times and sizes of its files."""
        found = []
        for path in (self._record, f"{self._record}-wal"):
            if os.path.exists(path):
                status = os.stat(path)
                found.append(f"{status.st_mtime_ns}-{status.st_size}")
        return "-".join(found)

    def _report(self) -> tuple[str, Report]:
        with self._lock:
            state = self._state()
            if self._known is None or self._known[0] != state:
                self._known = (state, self._make())
            return self._known

    def serve(self) -> None:
        """Answer until interrupted."""
        try:
            self._http.serve_forever()
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the port."""
        self._http.server_close()

    def stop(self) -> None:
        """End `serve`, which runs in another thread."""
        self._http.shutdown()


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers one request."""

        def do_GET(self) -> None:
            """Answer with the page, or with what is new."""
            status, text = server.answer(self.path, self.headers.get("Host", ""))
            body = text.encode()
            kind = "html" if status == 200 else "plain"
            self.send_response(status)
            self.send_header("Content-Type", f"text/{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Keep the terminal quiet."""

    return Handler
