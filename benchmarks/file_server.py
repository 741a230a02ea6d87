"""Serves one folder as fast as the kernel can, with ranges and validators; counts what is asked.

    python -m benchmarks.file_server FOLDER

It prints its port. ``GET /.asked`` answers how many bytes were asked for.
"""

from __future__ import annotations

import os
import socket
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Final

_COMMIT: Final = "0" * 40
_counted = threading.Lock()
_asked = 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder: Path

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        if self.path == "/.asked":
            body = str(_asked).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        self._answer(with_body=True)

    def log_message(self, *_: object) -> None:
        """Silence is faster."""

    def _answer(self, *, with_body: bool) -> None:
        path = self.folder / self.path.split("?")[0].rsplit("/", 1)[-1]
        if not path.is_file():
            self.send_error(404)
            return
        size = path.stat().st_size
        start, end, status = 0, size, 200
        wanted = self.headers.get("Range", "")
        if wanted.startswith("bytes="):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, end, status = int(first), min(size, int(last) + 1 if last else size), 206
        self.send_response(status)
        self.send_header("Content-Length", str(end - start))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", f'"{size:x}"')
        # What the client of Hugging Face asks of the place of a file.
        self.send_header("X-Repo-Commit", _COMMIT)
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        self.end_headers()
        if with_body:
            self._send(path, start, end)

    def _send(self, path: Path, start: int, end: int) -> None:
        global _asked
        self.wfile.flush()
        with _counted:
            _asked += end - start
        with path.open("rb") as file:
            while start < end:
                start += os.sendfile(
                    self.connection.fileno(), file.fileno(), start, min(end - start, 1 << 24)
                )


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """Clients that hang up are what is measured."""

    def get_request(self) -> tuple[socket.socket, object]:
        connection, address = super().get_request()
        connection.settimeout(None)
        return connection, address


def main(folder: Path) -> None:
    """Serve until killed."""
    _Handler.folder = folder
    with _Server(("127.0.0.1", 0), _Handler) as server:
        sys.stdout.write(f"{server.server_address[1]}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
