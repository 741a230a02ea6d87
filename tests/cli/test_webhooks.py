"""``--webhook``: a command's own job is told of, also by a Studio that ends with the command."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from tests.cli.program import Place, plain_picture, wait_for
from tests.cli.test_presets import PRESET


class Receiver(ThreadingHTTPServer):
    """Keeps what it is told, and answers ``status``."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.got: list[dict[str, Any]] = []
        self.status = 204

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"


class _Taking(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append(json.loads(body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Not into the tests' output."""


@pytest.fixture
def receiver(place: Place) -> Iterator[Receiver]:
    """A receiver that the Studio of this place may reach."""
    place.more = {"STUDIO_OUTBOUND_ALLOW": "127.0.0.1"}
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_studio_that_ends_with_its_command_tells_before(place: Place, receiver: Receiver) -> None:
    graph = place.graph("plain.json", plain_picture())
    ended = place.run("run", graph, "--webhook", receiver.url)
    assert ended.status == 0, ended.err
    [told] = receiver.got
    assert (told["type"], told["data"]["title"]) == ("job.succeeded", "plain")
    assert "webhook" not in ended.err


def test_what_a_receiver_does_not_take_is_left_for_the_next_studio(
    place: Place, receiver: Receiver
) -> None:
    receiver.status = 500
    graph = place.graph("plain.json", plain_picture())
    ended = place.run("run", graph, "--webhook", receiver.url)
    assert ended.status == 0, ended.err
    assert "The webhook has not taken it yet" in ended.err
    assert len(receiver.got) >= 1


def test_a_preset_s_runs_are_told_of_and_an_address_at_home_is_refused(
    place: Place, receiver: Receiver
) -> None:
    with place.serving():
        transport = httpx.HTTPTransport(uds=str(place.run_dir / "control.sock"))
        with httpx.Client(transport=transport, base_url="http://studio.local") as client:
            assert client.post("/api/presets", json=PRESET).status_code == 201
            words = client.post(
                "/api/create", json={"prompt": "a fox", "webhook_url": receiver.url}
            )
            assert words.status_code == 201, words.text
        answers = ("--answer", "animal=fox", "--answer", "Where?=a wood")
        run = ("presets", "run", "Small animals", *answers, "--count", "2")
        ended = place.run(*run, "--webhook", receiver.url)
        assert ended.status == 0, ended.err
        refused = place.run(*run, "--webhook", "https://10.0.0.1/")
        assert refused.status != 0
        assert "[blocked_address]" in refused.err
        wait_for(lambda: len(receiver.got) >= 3)
    titles = {told["data"]["title"] for told in receiver.got}
    assert {told["type"] for told in receiver.got} == {"job.succeeded"}
    assert titles == {"a fox", "a fox in a wood (1)", "a fox in a wood (2)"}
