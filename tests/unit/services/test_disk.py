"""Volumes: what RunPod says of its quota counts, and nothing that it does not say is guessed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from studio.clients.runpod import Volume, read_volume
from studio.model_settings import ModelSettings, Pod
from studio.services.disk import level, volumes

KEY = "canary-pod-key-71c2"


@contextmanager
def api(status: int, body: bytes) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """RunPod's API on loopback with one answer; what it was asked."""
    asked: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers.get("Authorization")))
            self.send_response(status)
            self.send_header("Location", "http://127.0.0.1:9/")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing on the tests' console."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("said", "volume"),
    [
        (
            {"volumeInGb": 20, "volumeMountPath": "/workspace", "networkVolume": {"size": 50}},
            Volume("/workspace", 50_000_000_000),
        ),
        ({"volumeInGb": 20, "volumeMountPath": "/data"}, Volume("/data", 20_000_000_000)),
        ({"volumeInGb": 0, "volumeMountPath": "/data"}, None),
        ({"volumeInGb": "20"}, None),
        ({"volumeInGb": True}, None),
        ([], None),
    ],
)
async def test_the_pods_own_api_says_how_large_its_volume_is(
    said: Any, volume: Volume | None
) -> None:
    with api(200, json.dumps(said).encode()) as (url, asked):
        assert await read_volume(Pod("pod/1", url, KEY)) == volume
    assert asked == [("/v1/pods/pod%2F1?includeNetworkVolume=true", f"Bearer {KEY}")]


@pytest.mark.parametrize(
    ("status", "body"),
    [(401, b"{}"), (302, b""), (500, b"oops"), (200, b"<html>"), (200, b"1" * (1 << 21))],
)
async def test_an_api_that_does_not_answer_rightly_says_nothing(status: int, body: bytes) -> None:
    with api(status, body) as (url, asked):
        assert await read_volume(Pod("pod", url, KEY)) is None
    assert len(asked) == 1


async def test_an_api_that_cannot_be_reached_says_nothing() -> None:
    assert await read_volume(Pod("pod", "http://127.0.0.1:9/v1", KEY)) is None


def test_a_pod_is_asked_only_with_its_own_key_which_shows_itself_nowhere() -> None:
    environ = {"RUNPOD_POD_ID": "abc", "RUNPOD_API_KEY": KEY}
    settings = ModelSettings.from_env(environ, Path("/base"))
    assert settings.pod == Pod("abc", "https://rest.runpod.io/v1", KEY)
    assert KEY not in repr(settings)
    for name in environ:
        fewer = {key: value for key, value in environ.items() if key != name}
        assert ModelSettings.from_env(fewer, Path("/base")).pod is None


def test_a_quota_counts_against_what_really_lies_there(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "big").write_bytes(b"x" * 900)
    roles = {"models": tmp_path / "models", "gone": tmp_path / "gone"}
    [plain] = volumes(roles, None)
    assert plain["source"] == "filesystem" and plain["roles"] == ["models"]
    [quota] = volumes(roles, Volume(str(tmp_path), 1_000))
    assert (quota["source"], quota["total_bytes"], quota["free_bytes"]) == ("runpod", 1_000, 100)


@pytest.mark.parametrize(
    ("total", "free", "expected"),
    [
        (1000 << 30, 500 << 30, None),
        (1000 << 30, 21 << 30, None),
        (1000 << 30, 19 << 30, "low"),
        (1000 << 30, 1 << 29, "full"),
        (20 << 30, 3 << 30, None),
        (20 << 30, 1 << 30, "low"),
        (20 << 30, 1 << 28, "full"),
        (20 << 30, 0, "full"),
    ],
)
def test_a_disk_warns_before_it_is_full(total: int, free: int, expected: str | None) -> None:
    assert level(total, free) == expected
