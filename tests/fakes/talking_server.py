"""A language server on loopback that answers with what it was told, word by word."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any


class Talker:
    """What it was asked, and whether it may go on (``goes``)."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.goes = Event()
        self.goes.set()
        self.breaks = False
        self.holds: str | None = None
        """What waits for ``goes``; everything, unless it is said."""
        talker = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps({"data": [{"id": "parrot", "object": "model"}]}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                request = json.loads(self.rfile.read(length))
                talker.asked.append(request)
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.end_headers()
                said = request["messages"][-1]["content"]
                with contextlib.suppress(OSError):
                    for word in ("You ", "said: ", said):
                        delta = {"choices": [{"index": 0, "delta": {"content": word}}]}
                        self.wfile.write(b"data: " + json.dumps(delta).encode() + b"\n\n")
                        self.wfile.flush()
                        if talker.breaks:
                            return
                        if talker.holds in (None, said):
                            talker.goes.wait(60)
                    self.wfile.write(b"data: [DONE]\n\n")

            def log_message(self, *_: object) -> None:
                """Nothing on the tests' console."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@contextlib.contextmanager
def running_talker() -> Iterator[Talker]:
    """A server that answers until the block ends."""
    talker = Talker()
    thread = Thread(target=talker.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield talker
    finally:
        talker.goes.set()
        talker.server.shutdown()
        thread.join()
        talker.server.server_close()
