"""Errors that nobody foresaw: told with a traceback, and without a secret (row 47)."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import httpx
import pytest

from studio.logs import redaction, set_up
from studio.services.passwords import Passwords
from studio.store.secrets import SecretStore
from tests.api.house import KEY, House
from tests.api.people import OWN_PAGE, PASSWORD, owner_in

STORED = "canary-unforeseen-secret-27aa"


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What Studio writes to its log, by its own format."""
    written = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setattr("sys.stderr", written)
    set_up()
    redaction.hide("API_KEY", KEY)
    try:
        yield written
    finally:
        redaction.hide("API_KEY", None)
        root.handlers[:] = handlers
        root.setLevel(level)


def broken(*_: object, **__: object) -> object:
    """Fails as code does that is wrong, with a secret of the environment in its words."""
    raise RuntimeError(f"nobody foresaw this; {KEY}")


@pytest.mark.parametrize("way", ["login", "change", "secret"])
async def test_an_unforeseen_error_is_told_without_a_secret_of_its_request(
    house: House, log: io.StringIO, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    async with owner_in(house) as owner:
        cookie = owner.cookies["studio"]
        # As a server would: the exception is the application's, and no caller's.
        transport = httpx.ASGITransport(house.app, raise_app_exceptions=False)
        headers = {**OWN_PAGE, "cookie": f"studio={cookie}"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://studio", headers=headers
        ) as client:
            monkeypatch.setattr(Passwords, "verify", broken)
            monkeypatch.setattr(SecretStore, "put", broken)
            if way == "login":
                answer = await client.post("/api/session", json={"password": PASSWORD})
            elif way == "change":
                body = {"current": PASSWORD, "new": f"{PASSWORD} and more"}
                answer = await client.post("/api/session/password", json=body)
            else:
                answer = await client.put("/api/secrets/comfy_org", json={"value": STORED})
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "upstream_error")
    told = log.getvalue()
    assert "Traceback" in told and "nobody foresaw this; ***" in told
    for secret in (KEY, PASSWORD, STORED, cookie):
        assert secret not in told
        assert secret not in answer.text
    assert "foresaw" not in answer.text and "Traceback" not in answer.text
