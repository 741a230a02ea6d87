"""Telegram's Bot API on loopback, in the shapes that it has, and as troublesome as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from threading import Lock, Thread
from typing import Any

from aiohttp import web

from tests.fakes.telegram_shapes import (
    Message,
    buttons_of,
    good,
    person_of,
    read,
    refusal,
)

TOKEN = "123456789:canary-bot-token-0123456789012345"
BOT = {"id": 123456789, "is_bot": True, "first_name": "Studio", "username": "studio_test_bot"}
_LOOK_S = 0.02
_STARTS_S = 30
_MOST = 55 * 1024 * 1024
_MEDIA = {"sendPhoto": "photo", "sendVideo": "video", "sendDocument": "document",
          "sendAudio": "audio"}  # fmt: skip


class Telegram:
    """One bot's Telegram. Whatever people do is put in from any thread."""

    def __init__(self) -> None:
        self.url = ""
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.messages: list[Message] = []
        self.files: dict[str, bytes] = {}
        self.answered: list[dict[str, Any]] = []
        self.token = TOKEN
        self.forced: dict[str, list[tuple[int, dict[str, Any]]]] = {}
        """Answers by method that are given instead, one each."""
        self.repeats = 0
        """How many questions are answered with all updates, whatever offset they name."""
        self.backwards = False
        self.hold = False
        """Nothing is heard while this is set: what is put in meanwhile comes together."""
        self.stuck: set[tuple[str, int]] = set()
        """Methods and chats whose answers do not come while they are in here."""
        self.generous = False
        """Whether it offers files of any size, as a Bot API server of one's own does."""
        self.fetched: list[str] = []
        self.file_takes_s = 0.0
        self.fetching = self.most_fetching = 0
        self._updates: list[dict[str, Any]] = []
        self._update_ids = itertools.count(7_000)
        self._message_ids = itertools.count(100)
        self._lock = Lock()

    # -- what people do --------------------------------------------------------------------------

    def say(self, chat_id: int, text: str, **fields: Any) -> int:
        """Somebody writes to the bot; the answer is the update's id."""
        return self._put("message", {**self._message(chat_id), "text": text}, **fields)

    def press(self, message: Message, label: str) -> int:
        """Somebody presses a button below a message."""
        chat_id = message.chat_id
        return self._put(
            "callback_query",
            {
                "id": f"press-{next(self._message_ids)}",
                "from": person_of(chat_id),
                "chat_instance": "1",
                "data": message.button(label),
                "message": {
                    **self._message(chat_id, from_bot=True),
                    "message_id": message.message_id,
                    "text": message.text,
                },
            },
        )

    def send_photo(
        self, chat_id: int, data: bytes, caption: str = "", *, album: str | None = None
    ) -> int:
        """Somebody sends a photo."""
        file_id = f"photo-{len(self.files)}"
        self.files[file_id] = data
        size = {"file_unique_id": file_id, "width": 64, "height": 64, "file_size": len(data)}
        message: dict[str, Any] = {
            **self._message(chat_id),
            "photo": [
                {**size, "file_id": "thumb", "width": 8, "height": 8},
                {**size, "file_id": file_id},
            ],
        }
        if caption:
            message["caption"] = caption
        if album is not None:
            message["media_group_id"] = album
        return self._put("message", message)

    def send_document(self, chat_id: int, name: str, data: bytes, size: int | None = None) -> int:
        """Somebody sends a file."""
        file_id = f"file-{len(self.files)}"
        self.files[file_id] = data
        document = {"file_id": file_id, "file_unique_id": file_id, "file_name": name,
                    "file_size": len(data) if size is None else size}  # fmt: skip
        return self._put("message", {**self._message(chat_id), "document": document})

    def renumber(self, following: int) -> None:
        """Ids of updates go on from there, as they do after a week of silence."""
        self._update_ids = itertools.count(following)

    def forget(self) -> None:
        """What was not asked for within a day is gone."""
        with self._lock:
            self._updates.clear()

    def _put(self, kind: str, content: dict[str, Any], **fields: Any) -> int:
        with self._lock:
            update_id = next(self._update_ids)
            self._updates.append({"update_id": update_id, kind: {**content, **fields}})
        return update_id

    def _message(self, chat_id: int, *, from_bot: bool = False) -> dict[str, Any]:
        return {
            "message_id": next(self._message_ids),
            "date": int(time.time()),
            "chat": {"id": chat_id, "type": "private", "first_name": "Anna"},
            "from": BOT if from_bot else person_of(chat_id),
        }

    # -- what people see -------------------------------------------------------------------------

    def of(self, chat_id: int) -> list[Message]:
        """All that the bot wrote to a chat."""
        return [message for message in self.messages if message.chat_id == chat_id]

    def last(self, chat_id: int) -> Message:
        return self.of(chat_id)[-1]

    def await_message(
        self, chat_id: int, fits: Callable[[Message], bool], *, patience_s: float = 30
    ) -> Message:
        """The newest message of a chat that fits, once there is one."""
        deadline = time.monotonic() + patience_s
        while True:
            for message in reversed(self.of(chat_id)):
                if fits(message):
                    return message
            if time.monotonic() > deadline:
                said = [(message.kind, message.text) for message in self.of(chat_id)]
                raise AssertionError(f"the bot never said that; it said {said}")
            time.sleep(_LOOK_S)

    def asked(self, method: str) -> list[dict[str, Any]]:
        """What the bot asked of a method."""
        return [fields for name, fields in self.calls if name == method]

    def refuse(self, method: str, status: int, description: str, **parameters: Any) -> None:
        """Answer the next call of a method so."""
        body: dict[str, Any] = {"ok": False, "error_code": status, "description": description}
        if parameters:
            body["parameters"] = parameters
        self.forced.setdefault(method, []).append((status, body))

    # -- the server ------------------------------------------------------------------------------

    def app(self) -> web.Application:
        app = web.Application(client_max_size=_MOST)
        app.router.add_get("/file/bot{token}/{path:.*}", self._file)
        app.router.add_route("*", "/bot{token}/{method}", self._answer)
        return app

    async def _file(self, request: web.Request) -> web.Response:
        data = self.files.get(request.match_info["path"])
        self.fetched.append(request.match_info["path"])
        self.fetching += 1
        self.most_fetching = max(self.most_fetching, self.fetching)
        await asyncio.sleep(self.file_takes_s)
        self.fetching -= 1
        return web.Response(status=404) if data is None else web.Response(body=data)

    async def _answer(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        form = dict(await request.post())
        if request.match_info["token"] != self.token:
            return refusal(401, "Unauthorized")
        fields = {
            name: value.file.read() if isinstance(value, web.FileField) else read(str(value))
            for name, value in form.items()
        }
        fields["_names"] = {
            name: value.filename for name, value in form.items() if isinstance(value, web.FileField)
        }
        self.calls.append((method, fields))
        for _ in range(3_000):
            if (method, int(fields.get("chat_id") or 0)) not in self.stuck:
                break
            await asyncio.sleep(_LOOK_S)
        if self.forced.get(method):
            status, body = self.forced[method].pop(0)
            return web.json_response(body, status=status)
        return await self._do(method, fields)

    async def _do(self, method: str, fields: dict[str, Any]) -> web.Response:
        if method == "getMe":
            return good({**BOT, "can_join_groups": True})
        if method == "getUpdates":
            return good(await self._heard(fields))
        if method == "getFile":
            return self._place(fields)
        if method == "editMessageText":
            return self._edit(fields)
        if method == "editMessageCaption":
            return self._edit({**fields, "text": fields.get("caption", "")}, kind="photo")
        if method == "editMessageMedia":
            return self._change(fields)
        if method == "answerCallbackQuery":
            self.answered.append(fields)
        for name, most in (("text", 4_096), ("caption", 1_024)):
            if len(str(fields.get(name, "")).encode("utf-16-le", "replace")) > 2 * most:
                return refusal(400, "Bad Request: message is too long")
        if method == "sendMessage":
            return good(self._show(fields, str(fields["text"]), "text", []))
        if method == "sendMediaGroup":
            return self._album(fields)
        if method in _MEDIA:
            kind = _MEDIA[method]
            text = str(fields.get("caption", ""))
            return good(self._show(fields, text, kind, [fields[kind]]))
        return good(True)

    async def _heard(self, fields: dict[str, Any]) -> list[dict[str, Any]]:
        offset = int(fields.get("offset") or 0)
        deadline = time.monotonic() + min(float(fields.get("timeout") or 0), 30)
        while True:
            with self._lock:
                if self.hold:
                    found = []
                elif self.repeats:
                    found = list(self._updates)
                else:
                    found = [each for each in self._updates if each["update_id"] >= offset]
                if found and self.repeats:
                    self.repeats -= 1
            if found or time.monotonic() >= deadline:
                return found[::-1] if self.backwards else found
            await asyncio.sleep(_LOOK_S)

    def _place(self, fields: dict[str, Any]) -> web.Response:
        file_id = str(fields["file_id"])
        size = len(self.files[file_id])
        if size > 20_000_000 and not self.generous:
            return refusal(400, "Bad Request: file is too big")
        place = {"file_id": file_id, "file_unique_id": file_id, "file_path": file_id}
        return good({**place, "file_size": size})

    def _change(self, fields: dict[str, Any]) -> web.Response:
        """A picture comes into a message of words, or takes the place of another picture."""
        media = fields["media"]
        name = str(media["media"]).removeprefix("attach://")
        for message in self.of(int(fields["chat_id"])):
            if message.message_id == int(fields["message_id"]):
                message.edits.append(message.text)
                message.kind, message.files = "preview", [fields[name]]
                message.text, message.buttons = media.get("caption", ""), buttons_of(fields)
                return good(self._body(message))
        return refusal(400, "Bad Request: message to edit not found")

    def _edit(self, fields: dict[str, Any], kind: str = "text") -> web.Response:
        wanted = int(fields["chat_id"]), int(fields["message_id"])
        for message in self.messages:
            if (message.chat_id, message.message_id) == wanted:
                if kind == "text" and message.kind != "text":
                    return refusal(400, "Bad Request: there is no text in the message to edit")
                if message.text == fields["text"] and message.buttons == buttons_of(fields):
                    return refusal(400, "Bad Request: message is not modified")
                message.edits.append(message.text)
                message.text, message.buttons = str(fields["text"]), buttons_of(fields)
                return good(self._body(message))
        return refusal(400, "Bad Request: message to edit not found")

    def _album(self, fields: dict[str, Any]) -> web.Response:
        found = []
        for media in fields["media"]:
            name = str(media["media"]).removeprefix("attach://")
            found.append(self._show(fields, str(media.get("caption", "")), "photo", [fields[name]]))
        return good(found)

    def _show(
        self, fields: dict[str, Any], text: str, kind: str, files: list[bytes]
    ) -> dict[str, Any]:
        names = list(fields["_names"].values())
        message = Message(
            int(fields["chat_id"]),
            next(self._message_ids),
            text,
            buttons_of(fields),
            kind,
            files,
            names,
        )
        self.messages.append(message)
        return self._body(message)

    def _body(self, message: Message) -> dict[str, Any]:
        return {
            **self._message(message.chat_id, from_bot=True),
            "message_id": message.message_id,
            "text": message.text,
        }


@contextlib.contextmanager
def running_telegram() -> Iterator[Telegram]:
    """A Telegram that answers until the block ends, from a thread of its own."""
    telegram = Telegram()
    opened: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        runner = web.AppRunner(telegram.app(), shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        telegram.url = f"http://127.0.0.1:{port}"
        over = asyncio.Event()
        opened.set_result((asyncio.get_running_loop(), over))
        await over.wait()
        await runner.cleanup()

    thread = Thread(target=asyncio.run, args=(serve(),), name="telegram")
    thread.start()
    loop, over = opened.result(_STARTS_S)
    try:
        yield telegram
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
