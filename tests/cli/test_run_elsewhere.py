"""``studio run --url`` against servers that answer as the test wants."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from studio.cli.picture import FIRST_CHECKPOINT
from tests.cli.program import ROOT, Place, plain_picture

_READY = b'{"ready": true, "reasons": [], "engines": {}}'


@contextlib.contextmanager
def answering(status: int, answer: bytes, *, is_studio: bool = True) -> Iterator[str]:
    """A server on loopback that says the same to every request, but to ``/ready``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            self.rfile.read(length)
            is_probe = is_studio and self.path == "/ready"
            body = _READY if is_probe else answer
            self.send_response(200 if is_probe else status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_without_any_checkpoint_the_message_says_what_helps(place: Place) -> None:
    declared: list[object] = [[], {}]
    loader = {"CheckpointLoaderSimple": {"input": {"required": {"ckpt_name": declared}}}}
    with answering(200, json.dumps(loader).encode()) as url:
        ended = place.run("run", "a fox", "--url", url)
    assert (ended.status, ended.out) == (1, "")
    assert "models/checkpoints" in ended.err
    assert f"models pull {FIRST_CHECKPOINT}" in ended.err
    assert "[no_checkpoint]" in ended.err
    listed = json.loads((ROOT / "catalogs" / "models.json").read_text(encoding="utf-8"))["entries"]
    assert FIRST_CHECKPOINT in {entry["id"] for entry in listed}


def test_the_newer_style_of_a_list_of_checkpoints_is_understood_too(place: Place) -> None:
    declared = ["COMBO", {"options": ["one.safetensors", "two.safetensors"]}]
    loader = {"CheckpointLoaderSimple": {"input": {"required": {"ckpt_name": declared}}}}
    with answering(200, json.dumps(loader).encode()) as url:
        ended = place.run("run", "a fox", "--url", url, "--checkpoint", "three.safetensors")
    assert "one.safetensors, two.safetensors" in ended.err


@pytest.mark.parametrize("answer", [b"<html>hello</html>", b'{"detail": "Not Found"}'])
def test_a_server_that_is_not_studio_is_said_to_be_none(place: Place, answer: bytes) -> None:
    with answering(200, answer, is_studio=False) as url:
        ended = place.run("run", place.graph("plain.json", plain_picture()), "--url", url)
    assert ended.status == 1
    assert "not a Studio" in ended.err
    assert "[not_studio]" in ended.err


def test_the_words_and_code_of_a_refusal_are_shown(place: Place) -> None:
    error = {"error": {"code": "queue_full", "message": "The queue is full.", "details": None}}
    with answering(429, json.dumps(error).encode()) as url:
        ended = place.run("run", place.graph("p.json", plain_picture()), "--url", url, "--quiet")
    assert ended.status == 1
    assert ended.err == "studio: The queue is full. [queue_full]\n"


@pytest.mark.parametrize("address", ["example.org", "http://", "http://[::1", "http://x:port"])
def test_an_address_that_is_none_is_refused(place: Place, address: str) -> None:
    ended = place.run("run", "a fox", "--url", address)
    assert ended.status == 2
    assert "[usage]" in ended.err
