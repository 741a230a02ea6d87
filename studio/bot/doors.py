"""The way back into Studio for somebody who lost their password."""

from __future__ import annotations

from studio.bot.talk import Talk
from studio.services.people import WAY_IN_MS, PeopleService
from studio.services.telegram_link import TelegramLink


class Doors:
    """Makes links that set a new password of whoever the chat belongs to.

    Args:
        base: how people reach Studio, ``None`` when nobody knows.
    """

    def __init__(self, *, people: PeopleService, link: TelegramLink, base: str | None) -> None:
        self._people = people
        self._link = link
        self._base = base

    async def login(self, talk: Talk) -> None:
        """Send a link that works once.

        It is said at once and not by the outbox: no row and no snapshot may have such a link.

        Raises:
            TelegramUnavailable: the update comes again, and another link is made then.
        """
        made = await self._people.way_in(talk.person.user_id)
        key = "login_path" if self._base is None else "login_link"
        text = talk.word(key, url=made.address(self._base or ""), minutes=WAY_IN_MS // 60_000)
        await self._link.client().say(talk.heard.chat_id, text)
