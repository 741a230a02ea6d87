"""Settings: what the environment says wins, tokens go in and never come out, services are asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from studio.app import open_studio
from studio.clients.token_owners import ServiceUnreachable, TokenOwners, TokenRefused
from studio.server import front
from studio.settings import Settings
from tests.api.graphs import code_of
from tests.api.house import KEY

TOKEN = "canary-token-of-a-hub-3f9e"
OTHER = "canary-other-token-77d0"
BOT = "123456789:canary-bot-token-0123456789012345"
ACCOUNTS = {
    "HF_TOKEN": {"name": "anna"},
    "CIVITAI_API_KEY": {"id": 1, "username": "anna"},
    "TELEGRAM_BOT_TOKEN": {"ok": True, "result": {"username": "anna"}},
}
URLS = {
    "HF_TOKEN": "HF_ENDPOINT",
    "CIVITAI_API_KEY": "CIVITAI_URL",
    "TELEGRAM_BOT_TOKEN": "TELEGRAM_API_URL",
}
ASKED = {
    "HF_TOKEN": ("/api/whoami-v2", f"Bearer {TOKEN}"),
    "CIVITAI_API_KEY": ("/api/v1/me", f"Bearer {TOKEN}"),
    "TELEGRAM_BOT_TOKEN": (f"/bot{TOKEN}/getMe", None),
}


class Hub:
    """A service on loopback that answers every question the same, and remembers what was asked."""

    def __init__(self, status: int, body: bytes) -> None:
        self.asked: list[tuple[str, str | None]] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.asked.append((self.path, self.headers.get("Authorization")))
                self.send_response(status)
                self.send_header("Location", "http://127.0.0.1:9/")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing on the tests' console."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@contextmanager
def hub(status: int, body: Any) -> Iterator[Hub]:
    made = Hub(status, body if isinstance(body, bytes) else json.dumps(body).encode())
    thread = Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        thread.join()
        made.server.server_close()


@asynccontextmanager
async def owner_of(folder: Path, **environ: str) -> AsyncIterator[httpx.AsyncClient]:
    """The owner's client of a Studio in ``folder`` with these variables."""
    (folder / "run").mkdir(exist_ok=True)
    own = {"STUDIO_DIR": str(folder / "house"), "STUDIO_RUN_DIR": str(folder / "run")}
    settings = Settings.from_env({**own, "API_KEY": KEY, **environ})
    async with open_studio(settings) as studio:
        transport = httpx.ASGITransport(app=front(studio, settings))
        headers = {"Authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://studio", headers=headers
        ) as client:
            yield client


async def setting(client: httpx.AsyncClient, key: str) -> dict[str, Any]:
    answer = await client.get("/api/settings")
    assert TOKEN not in answer.text
    assert OTHER not in answer.text
    found = [
        item for group in answer.json()["groups"] for item in group["items"] if item["key"] == key
    ]
    assert len(found) == 1
    return dict(found[0])


@pytest.mark.parametrize("key", ACCOUNTS)
async def test_a_stored_token_is_said_to_be_there_and_works_and_is_never_shown(
    tmp_path: Path, key: str
) -> None:
    with hub(200, ACCOUNTS[key]) as service:
        async with owner_of(tmp_path, **{URLS[key]: service.url}) as client:
            assert (await setting(client, key))["set"] is False
            stored = await client.put(f"/api/settings/{key}", json={"value": f" {TOKEN}\n"})
            assert stored.status_code == 200
            assert TOKEN not in stored.text
            found = await setting(client, key)
            assert (found["set"], found["value"], found["source"]) == (True, None, "stored")
            tested = await client.post(f"/api/settings/{key}/test")
            assert tested.json()["ok"] is True
            assert tested.json()["account"] == "anna"
            assert TOKEN not in tested.text
            assert service.asked == [ASKED[key]]
            assert (await client.delete(f"/api/settings/{key}")).json()["set"] is False
            gone = await client.post(f"/api/settings/{key}/test")
            assert (gone.status_code, code_of(gone)) == (409, "conflict")


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, {"error": "no"}, TokenRefused),
        (404, {"ok": False}, TokenRefused),
        (500, {}, ServiceUnreachable),
        (302, {}, ServiceUnreachable),
        (200, b"<html>", ServiceUnreachable),
        (200, b"[" * 30_000, ServiceUnreachable),
        (200, {"name": 5, "username": None, "result": "x"}, ServiceUnreachable),
        (200, b" " * 100_000, ServiceUnreachable),
    ],
    ids=str,
)
@pytest.mark.parametrize("key", ACCOUNTS)
async def test_a_service_that_says_no_or_nonsense_is_told_from_one_that_knows_the_token(
    key: str, status: int, body: Any, error: type[Exception]
) -> None:
    with hub(status, body) as service:
        with pytest.raises(error) as told:
            await TokenOwners({key: service.url}).ask(key, TOKEN)
        assert TOKEN not in f"{told.value} {told.value.__cause__}"
        assert len(service.asked) == 1


async def test_a_service_that_is_not_there_is_said_to_be_so_without_the_token(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = "TELEGRAM_BOT_TOKEN"
    caplog.set_level("DEBUG", logger="studio")
    async with owner_of(tmp_path, **{key: BOT, URLS[key]: "http://127.0.0.1:9"}) as client:
        answer = await client.post(f"/api/settings/{key}/test")
        assert answer.json()["reason"] == "unreachable"
        assert BOT not in answer.text
    assert BOT not in caplog.text


async def test_a_service_that_refuses_a_token_is_an_answer_and_no_error(tmp_path: Path) -> None:
    with hub(401, {}) as service:
        async with owner_of(tmp_path, HF_TOKEN=TOKEN, HF_ENDPOINT=service.url) as client:
            answer = await client.post("/api/settings/HF_TOKEN/test")
            assert answer.status_code == 200
            assert (answer.json()["ok"], answer.json()["reason"]) == (False, "refused")


async def test_the_environment_wins_over_what_was_stored_and_cannot_be_changed_here(
    tmp_path: Path,
) -> None:
    async with owner_of(tmp_path) as client:
        assert (
            await client.put("/api/settings/HF_TOKEN", json={"value": OTHER})
        ).status_code == 200
    with hub(200, ACCOUNTS["HF_TOKEN"]) as service:
        async with owner_of(tmp_path, HF_TOKEN=TOKEN, HF_ENDPOINT=service.url) as client:
            found = await setting(client, "HF_TOKEN")
            assert (found["source"], found["editable"]) == ("env", False)
            await client.post("/api/settings/HF_TOKEN/test")
            assert service.asked[-1][1] == f"Bearer {TOKEN}"
            for answer in (
                await client.put("/api/settings/HF_TOKEN", json={"value": OTHER}),
                await client.delete("/api/settings/HF_TOKEN"),
                await client.put("/api/settings/STUDIO_PORT", json={"value": 1}),
            ):
                assert (answer.status_code, code_of(answer)) == (409, "conflict")
        async with owner_of(tmp_path, HF_ENDPOINT=service.url) as client:
            await client.post("/api/settings/HF_TOKEN/test")
            assert service.asked[-1][1] == f"Bearer {OTHER}"


SENSELESS: list[tuple[str, object]] = [
    ("HF_TOKEN", None),
    ("HF_TOKEN", 5),
    ("HF_TOKEN", ""),
    ("HF_TOKEN", "short"),
    ("HF_TOKEN", "x" * 513),
    ("HF_TOKEN", "two words"),
    ("HF_TOKEN", "line\nbreak"),
    ("HF_TOKEN", "tökens"),
    ("JOB_RETENTION_DAYS", 0),
    ("JOB_RETENTION_DAYS", 36_501),
    ("JOB_RETENTION_DAYS", "30"),
    ("JOB_RETENTION_DAYS", True),
    ("JOB_RETENTION_DAYS", 1.5),
]


async def test_a_senseless_value_is_not_stored(tmp_path: Path) -> None:
    async with owner_of(tmp_path) as client:
        for key, value in SENSELESS:
            before = await setting(client, key)
            answer = await client.put(f"/api/settings/{key}", json={"value": value})
            assert (answer.status_code, code_of(answer)) == (422, "invalid_request"), value
            assert await setting(client, key) == before


async def test_a_stored_limit_counts_from_the_next_start_on(tmp_path: Path) -> None:
    async with owner_of(tmp_path) as client:
        answer = await client.put("/api/settings/MAX_QUEUE_DEPTH", json={"value": 1})
        assert (answer.json()["value"], answer.json()["pending"]) == (1, True)
        assert await submitted(client) == [201, 201]
        assert (await client.post("/api/queue/clear")).status_code == 200
    async with owner_of(tmp_path) as client:
        assert (await setting(client, "MAX_QUEUE_DEPTH"))["pending"] is False
        assert await submitted(client) == [201, 429]
        assert (await client.post("/api/queue/clear")).status_code == 200
    async with owner_of(tmp_path, MAX_QUEUE_DEPTH="2") as client:
        found = await setting(client, "MAX_QUEUE_DEPTH")
        assert (found["value"], found["source"]) == (2, "env")
        assert await submitted(client) == [201, 201]


async def submitted(client: httpx.AsyncClient) -> list[int]:
    body = {"workflow": {"1": {"class_type": "Anything", "inputs": {}}}}
    answers = [await client.post("/api/jobs", json=body) for _ in range(2)]
    return [answer.status_code for answer in answers]


async def test_a_folder_that_bootstrap_passes_on_as_it_is_anyway_is_a_default(
    tmp_path: Path,
) -> None:
    passed = {"ENGINE_DIR": str(tmp_path / "house" / "engine"), "MODEL_DIR": str(tmp_path / "own")}
    async with owner_of(tmp_path, **passed) as client:
        assert (await setting(client, "STUDIO_DIR"))["source"] == "env"
        assert (await setting(client, "ENGINE_DIR"))["source"] == "default"
        assert (await setting(client, "MODEL_DIR"))["source"] == "env"


async def test_an_unknown_setting_is_not_found(tmp_path: Path) -> None:
    async with owner_of(tmp_path) as client:
        for answer in (
            await client.put("/api/settings/API_KEY", json={"value": TOKEN}),
            await client.delete("/api/settings/nothing"),
            await client.post("/api/settings/JOB_RETENTION_DAYS/test"),
        ):
            assert (answer.status_code, code_of(answer)) == (404, "not_found")
