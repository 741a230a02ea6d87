"""Conversations as the tests hold them."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from PIL import Image

from tests.api.studio_process import RunningStudio

_PATIENCE_S = 60.0
OVER = ("done", "stopped", "failed", "interrupted", "asking")


def good(answer: httpx.Response, status: int = 200) -> dict[str, Any]:
    """The body of an answer that must have this status."""
    assert answer.status_code == status, answer.text
    return dict(answer.json())


def begin(client: httpx.Client, **fields: Any) -> str:
    """A new conversation; its id."""
    return str(good(client.post("/api/chats", json=fields), 201)["id"])


def say(client: httpx.Client, chat: str, text: str, **fields: Any) -> str:
    """Say something; the reply's id."""
    body = {"text": text, **fields}
    answer = good(client.post(f"/api/chats/{chat}/messages", json=body), 201)
    return str(answer["reply"]["id"])


def messages(client: httpx.Client, chat: str) -> list[dict[str, Any]]:
    return list(good(client.get(f"/api/chats/{chat}"))["messages"])


def message(client: httpx.Client, chat: str, message_id: str) -> dict[str, Any]:
    return next(each for each in messages(client, chat) if each["id"] == message_id)


def last(client: httpx.Client, chat: str) -> dict[str, Any]:
    """The end of the branch that is shown."""
    view = good(client.get(f"/api/chats/{chat}"))
    return next(each for each in view["messages"] if each["id"] == view["tip"])


def until(question: Callable[[], Any], what: str) -> Any:
    """The first answer that is true; waits for it with a bound."""
    deadline_s = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline_s:
        if found := question():
            return found
        time.sleep(0.02)
    raise AssertionError(f"It did not happen: {what}")


def over(client: httpx.Client, chat: str) -> dict[str, Any]:
    """The last message, once it is not being written any more."""

    def ended() -> dict[str, Any] | None:
        found = last(client, chat)
        return found if found["status"] in OVER else None

    return dict(until(ended, "the reply ends"))


def ask(client: httpx.Client, chat: str, text: str, **fields: Any) -> dict[str, Any]:
    """Say something; the whole reply."""
    say(client, chat, text, **fields)
    return over(client, chat)


def events(lines: Iterator[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The events of a stream: kind, id, data."""
    kind = mark = ""
    for line in lines:
        if line.startswith("id: "):
            mark = line.removeprefix("id: ")
        elif line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield kind, mark, json.loads(line.removeprefix("data: "))


@contextmanager
def member(house: RunningStudio) -> Iterator[httpx.Client]:
    """Somebody else, who just came in."""
    with house.client() as owner:
        link = good(owner.post("/api/invitations", json={"role": "member"}), 201)["url"]
    body = {"token": link.rpartition("/")[2], "name": f"m{link[-6:]}", "password": "a b c d e f"}
    with house.client(None) as browser:
        browser.headers["Sec-Fetch-Site"] = "same-origin"
        good(browser.post("/api/join", json=body))
        yield browser


def picture(client: httpx.Client, side: int = 40) -> str:
    """An uploaded picture; its id."""
    out = io.BytesIO()
    Image.new("RGBA", (side, side), (255, 0, 0, 128)).save(out, "PNG")
    return upload(client, out.getvalue(), "image/png", "red.png")


def upload(client: httpx.Client, data: bytes, content_type: str, path: str) -> str:
    fields = {"content_type": content_type, "file_path": path}
    answer = client.post("/api/v2/assets", data=fields, files={"file": ("ignored", data)})
    assert answer.status_code in (200, 201), answer.text
    return str(answer.json()["id"])
