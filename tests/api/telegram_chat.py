"""A Studio with a bot, and people who talk to it."""

from __future__ import annotations

import contextlib
import io
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from tests.api.people import OWN_PAGE, PASSWORD
from tests.api.presets import SMALL, good, preset
from tests.api.studio_process import OWNER_KEY, RunningStudio, run_studio
from tests.fakes.telegram import TOKEN, Telegram, running_telegram
from tests.fakes.telegram_shapes import Message

_chats = itertools.count(5_000)


@dataclass
class Phone:
    """Somebody's chat with the bot."""

    telegram: Telegram
    chat_id: int

    def say(self, text: str) -> None:
        self.telegram.say(self.chat_id, text)

    def press(self, message: Message, label: str) -> None:
        self.telegram.press(message, label)

    def photo(self, data: bytes, caption: str = "", album: str | None = None) -> None:
        self.telegram.send_photo(self.chat_id, data, caption, album=album)

    def hears(self, words: str) -> Message:
        """The newest message with these words, once there is one."""
        return self.telegram.await_message(self.chat_id, lambda message: words in message.text)

    def gets(self, kind: str) -> Message:
        """The newest message of that kind, once there is one."""
        return self.telegram.await_message(self.chat_id, lambda message: message.kind == kind)

    def texts(self) -> list[str]:
        return [message.text for message in self.telegram.of(self.chat_id)]

    def count(self, kind: str) -> int:
        return sum(message.kind == kind for message in self.telegram.of(self.chat_id))


@dataclass
class Bot:
    """A Studio, its Telegram, and its owner's browser."""

    studio: RunningStudio
    telegram: Telegram
    owner: httpx.Client

    def phone(self) -> Phone:
        """The chat of somebody new."""
        return Phone(self.telegram, next(_chats))

    def paired(self, client: httpx.Client | None = None) -> Phone:
        """A chat that is paired with the owner, or with whose browser that is."""
        phone = self.phone()
        phone.say(f"/start {self.code(client)}")
        phone.hears("Welcome")
        return phone

    def code(self, client: httpx.Client | None = None) -> str:
        made = good((client or self.owner).post("/api/telegram/code"), 201)
        return str(made["code"])

    def chat(self, phone: Phone) -> dict[str, Any]:
        """A chat as its page shows it."""
        name = f"anna{phone.chat_id}"
        chats = good(self.owner.get("/api/telegram"))["chats"]
        return dict(next(chat for chat in chats if chat["username"] == name))

    def save(self, **fields: Any) -> str:
        """A preset of the owner's."""
        return str(good(self.owner.post("/api/presets", json=preset(**fields)), 201)["id"])

    def save_changer(self, name: str, prompt: str) -> str:
        """A preset of the owner's that needs a picture."""
        values = {
            "prompt": prompt,
            "steps": 2,
            "megapixels": 0.1,
            "checkpoint": SMALL["checkpoint"],
        }
        body = {"name": name, "workflow_id": "image-to-image", "values": values}
        return str(good(self.owner.post("/api/presets", json=body), 201)["id"])

    def make_default(self, phone: Phone, preset_id: str) -> None:
        path = f"/api/telegram/chats/{self.chat(phone)['id']}"
        good(self.owner.patch(path, json={"default_preset": preset_id}))


@contextlib.contextmanager
def bot_in(
    folder: Path, environ: Mapping[str, str] | None = None, telegram: Telegram | None = None
) -> Iterator[Bot]:
    """A Studio with the embedded engine and a bot, until the block ends."""
    with contextlib.ExitStack() as stack:
        place = telegram or stack.enter_context(running_telegram())
        variables = {
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "TELEGRAM_API_URL": place.url,
            **(environ or {}),
        }
        studio = stack.enter_context(run_studio(folder, variables))
        yield Bot(studio, place, stack.enter_context(owner_in(studio)))


@contextlib.contextmanager
def owner_in(studio: RunningStudio) -> Iterator[httpx.Client]:
    """The owner's browser, logged in."""
    with httpx.Client(base_url=studio.url, headers=OWN_PAGE, timeout=30) as client:
        answer = client.post("/api/setup", json={"api_key": OWNER_KEY, "password": PASSWORD})
        if answer.status_code == 409:
            answer = client.post("/api/session", json={"password": PASSWORD})
        assert answer.status_code == 200, answer.text
        yield client


def picture(color: str = "red", side: int = 64) -> bytes:
    """A small JPEG, as phones send them."""
    data = io.BytesIO()
    Image.new("RGB", (side, side), color).save(data, "JPEG")
    return data.getvalue()
