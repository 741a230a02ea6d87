"""Rows of answers that a model owes: whose words an album has, and how long anybody waits."""

from __future__ import annotations

from studio.settings import DAY_MS
from studio.store.telegram_chats import KEPT_MS, Heard, TelegramChats
from studio.store.telegram_replies import TelegramReplies
from studio.telegram_records import Effects, Owed
from tests.fakes.asset_app import Library

CHAT = 77


async def owe(library: Library, update: int, text: str, album: str | None = None) -> None:
    """Something is said to a model, with a picture."""
    owed = Owed(str(update), "ann", "talk", str(update), text, (f"picture-{update}",), album)
    heard = Heard(1, update, CHAT)
    await TelegramChats(library.db).commit(heard, Effects(reply=owed), library.clock.now_ms())


async def test_words_that_stand_at_any_picture_of_an_album_are_heard(library: Library) -> None:
    for update, text in enumerate(("", "What is this?", "", "And this?")):
        await owe(library, update, text, "album")
    [reply] = await TelegramReplies(library.db).owed(0)
    assert reply.text == "What is this?\nAnd this?"
    assert reply.files == tuple(f"picture-{number}" for number in range(4))


async def test_answers_that_were_owed_for_days_are_neither_given_nor_kept(
    library: Library,
) -> None:
    replies = TelegramReplies(library.db)

    async def owed() -> list[str]:
        return [each.text for each in await replies.owed(library.clock.now_ms() - KEPT_MS)]

    await owe(library, 1, "last month")
    library.clock.advance(4 * DAY_MS / 1000)
    await owe(library, 2, "today")
    assert await owed() == ["today"]
    await TelegramChats(library.db).forget_old(library.clock.now_ms())
    assert [each.text for each in await replies.of_chat(CHAT)] == ["today"]


async def test_an_answer_that_an_older_studio_owes_is_not_taken_for_an_old_one(
    library: Library,
) -> None:
    await library.db.write(
        lambda connection: connection.execute(
            "INSERT INTO telegram_replies (id, chat_id, user_id, text) "
            "VALUES ('1', 77, 'ann', 'hi')"
        )
    )
    await TelegramChats(library.db).forget_old(library.clock.now_ms())
    [reply] = await TelegramReplies(library.db).owed(library.clock.now_ms() - KEPT_MS)
    assert reply.text == "hi"
