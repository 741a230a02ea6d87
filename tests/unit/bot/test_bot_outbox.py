"""Files by the best way that Telegram takes them, each message once, in order, until it is sent."""

from __future__ import annotations

import asyncio

import pytest

from studio.settings import DAY_MS
from studio.store.telegram_chats import Heard
from studio.telegram_records import Effects, Outgoing
from tests.unit.asset_library import upload
from tests.unit.bot.lines import CHAT, Line

MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(64)


async def test_a_video_is_sent_as_one_and_what_is_neither_as_a_document(line: Line) -> None:
    video = await upload(line.library, MP4, "a.mp4")
    other = await upload(line.library, b"words", "a.txt")
    for asset in (video, other):
        await line.post(Outgoing(text="here", asset_ids=(asset.id,), user_id="ann"))
    await line.until(lambda: len(line.telegram.messages) == 2)
    first, second = line.telegram.messages
    assert (first.kind, first.files, first.names) == ("video", [MP4], ["a.mp4"])
    assert (second.kind, second.files, second.names) == ("document", [b"words"], ["a.txt"])


async def test_a_file_that_is_too_large_comes_as_a_link(line: Line) -> None:
    asset = await upload(line.library, bytes(50_000_001), "large.bin")
    await line.post(Outgoing(text="here", asset_ids=(asset.id,), user_id="ann"))
    await line.until(lambda: bool(line.telegram.messages))
    [message] = line.telegram.messages
    assert message.kind == "text"
    assert f"https://studio.example/ann/{asset.id}" in message.text
    assert "large.bin" in message.text


async def test_a_file_that_is_gone_is_told_of_and_holds_nothing_up(line: Line) -> None:
    await line.post(Outgoing(text="here", asset_ids=("none",), user_id="ann"))
    await line.post(Outgoing(text="after it"))
    await line.until(lambda: len(line.telegram.messages) == 2)
    assert [message.text for message in line.telegram.messages] == [
        "“none” is not there any more.", "after it",
    ]  # fmt: skip


async def test_files_of_somebody_else_are_never_sent_to_a_chat_that_was_given_away(
    line: Line,
) -> None:
    asset = await upload(line.library, b"secret", "a.txt")
    await line.post(Outgoing(text="here", asset_ids=(asset.id,), user_id="bob"))
    await line.post(Outgoing(text="after it"))
    await line.until(lambda: bool(line.telegram.messages))
    assert [message.text for message in line.telegram.messages] == ["after it"]


async def test_a_message_that_was_deleted_is_said_anew(line: Line) -> None:
    await line.post(Outgoing(text="now", edits=999))
    await line.until(lambda: bool(line.telegram.messages))
    assert line.telegram.messages[0].text == "now"


async def test_messages_keep_their_order_over_failures(line: Line) -> None:
    for _ in range(2):
        line.telegram.refuse("sendMessage", 502, "Bad Gateway")
    await line.post(*(Outgoing(text=str(number)) for number in range(5)))
    await line.until(lambda: len(line.telegram.asked("sendMessage")) == 1)
    for _ in range(3):
        line.library.clock.advance(10)
        line.outbox.wake()
        await asyncio.sleep(0.1)
    await line.until(lambda: len(line.telegram.messages) == 5)
    assert [message.text for message in line.telegram.messages] == list("01234")


async def test_what_cannot_be_sent_for_a_day_is_given_up(line: Line) -> None:
    line.telegram.refuse("sendMessage", 502, "Bad Gateway")
    await line.post(Outgoing(text="old"))
    await line.until_attempts(1)
    line.telegram.refuse("sendMessage", 502, "Bad Gateway")
    line.library.clock.advance(DAY_MS / 1000 + 60)
    line.outbox.wake()
    await line.until(lambda: len(line.telegram.asked("sendMessage")) == 2)
    await line.post(Outgoing(text="new"))
    await line.until(lambda: bool(line.telegram.messages))
    assert [message.text for message in line.telegram.messages] == ["new"]


async def test_an_update_that_comes_twice_says_its_words_once(line: Line) -> None:
    heard = Heard(1, 900, CHAT)
    for _ in range(2):
        await line.chats.commit(
            heard, Effects([Outgoing(text="once")]), line.library.clock.now_ms()
        )
    await line.post(Outgoing(text="after it"))
    await line.until(lambda: len(line.telegram.messages) == 2)
    assert [message.text for message in line.telegram.messages] == ["once", "after it"]


async def test_a_slow_chat_holds_no_other_up(line: Line) -> None:
    line.telegram.stuck.add(("sendMessage", CHAT))
    await line.post(Outgoing(text="slow"))
    await line.until(lambda: len(line.telegram.asked("sendMessage")) == 1)
    for text in ("first", "second"):
        await line.post(Outgoing(text=text), chat_id=78)
    await line.until(lambda: len(line.telegram.messages) == 2)
    assert [message.text for message in line.telegram.messages] == ["first", "second"]
    line.telegram.stuck.clear()
    await line.until(lambda: len(line.telegram.messages) == 3)
    assert len(line.telegram.asked("sendMessage")) == 3


async def test_of_an_album_that_is_refused_nothing_comes_twice(line: Line) -> None:
    found = [await upload(line.library, data, name) for data, name in ((MP4, "a.mp4"), (b"b", "b"))]
    line.telegram.refuse("sendMediaGroup", 400, "Bad Request: PHOTO_INVALID_DIMENSIONS")
    line.telegram.refuse("sendDocument", 502, "Bad Gateway")
    await line.post(
        Outgoing(asset_ids=tuple(asset.id for asset in found), user_id="ann"),
        Outgoing(text="after it"),
    )
    await line.until(lambda: len(line.telegram.asked("sendDocument")) == 1)
    for _ in range(600):
        if len(line.telegram.messages) == 3:
            break
        await asyncio.sleep(0.05)
        line.library.clock.advance(1)
        line.outbox.wake()
    assert [message.kind for message in line.telegram.messages] == ["video", "document", "text"]
    assert len(line.telegram.asked("sendVideo")) == 1


async def test_what_does_not_get_through_in_time_comes_as_a_link_after_three_tries(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.clients.telegram._UPLOAD_S", 0.3)
    asset = await upload(line.library, b"words", "a.txt")
    line.telegram.stuck.add(("sendDocument", CHAT))
    await line.post(Outgoing(asset_ids=(asset.id,), user_id="ann"), Outgoing(text="after it"))
    await line.until(lambda: len(line.telegram.asked("sendDocument")) == 1)
    for _ in range(600):
        if line.telegram.messages:
            break
        await asyncio.sleep(0.05)
        line.library.clock.advance(1)
        line.outbox.wake()
    await line.until(lambda: len(line.telegram.messages) == 2)
    first, second = line.telegram.messages
    assert "“a.txt” does not get through" in first.text
    assert f"https://studio.example/ann/{asset.id}" in first.text
    assert second.text == "after it"
    assert len(line.telegram.asked("sendDocument")) == 3
    line.telegram.stuck.clear()


async def test_a_file_that_goes_while_it_is_sent_holds_nothing_up(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = await upload(line.library, b"words", "a.txt")

    def gone(path: str) -> bytes:
        raise FileNotFoundError(path)

    monkeypatch.setattr("studio.clients.telegram._bytes", gone)
    await line.post(Outgoing(asset_ids=(asset.id,), user_id="ann"), Outgoing(text="after it"))
    await line.until(lambda: bool(line.telegram.messages))
    assert [message.text for message in line.telegram.messages] == ["after it"]
