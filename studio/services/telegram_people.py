"""Who may talk to the bot: one-time codes, the chats that they pair, and guessing, made slow."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from studio.clock import Clock, new_id
from studio.errors import Unprocessable
from studio.models import ROLE_SCOPES, Identity, Record, Role
from studio.services.tokens import digest
from studio.store.telegram import TelegramStore
from studio.store.telegram_chats import Heard, TelegramChats
from studio.telegram_records import LANGUAGES, Effects, Incoming, Person

CODE_MS: Final = 600_000
GUESSES: Final = 5
"""Wrong codes of one chat in an hour, before it is not listened to."""
GUESSES_OF_ALL: Final = 60
"""Of all chats together; codes have 40 random bits, and live ten minutes."""
_HOUR_MS: Final = 3_600_000
_TOLD_OF_ALL: Final = 60
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH: Final = 8
_CODE: Final = re.compile(r"[0-9A-Za-z]{4}[- ]?[0-9A-Za-z]{4}")
_SPELLINGS: Final = str.maketrans("ILOU", "110V")


@dataclass(frozen=True, slots=True)
class PairingCode:
    """A code that was just made, shown this once. ``expires_at`` is milliseconds."""

    code: str
    expires_at: int


class TelegramPeople:
    """Pairings of a caller; the owner sees all.

    Args:
        record: tells the activity log: who, what kind of thing, which.
    """

    def __init__(
        self, *, people: TelegramStore, chats: TelegramChats, clock: Clock, record: Record
    ) -> None:
        self._people = people
        self._chats = chats
        self._clock = clock
        self._record = record

    async def make_code(self, identity: Identity) -> PairingCode:
        """A code that pairs one chat with the caller within ten minutes; the one before ends."""
        code = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
        expires_at = self._clock.now_ms() + CODE_MS
        await self._people.put_code(identity.user_id, digest(code), expires_at)
        return PairingCode(code, expires_at)

    async def chats(self, identity: Identity) -> list[Person]:
        """The caller's chats; for the owner everybody's."""
        return await self._people.people(_viewer(identity))

    async def get(self, identity: Identity, pairing_id: str) -> Person:
        """Raises ``NotFound`` for a chat that the caller may not see."""
        return await self._people.get(pairing_id, _viewer(identity))

    async def update(
        self, identity: Identity, pairing_id: str, changes: Mapping[str, Any]
    ) -> Person:
        """Change ``language``, ``default_preset``, ``notify_jobs`` or ``notify_disk``.

        Raises:
            NotFound: the caller has no such chat.
            Unprocessable: a value does not fit, or the disk is none of that person's business.
        """
        person = await self._people.get(pairing_id, _viewer(identity))
        if changes.get("language", "en") not in LANGUAGES:
            raise Unprocessable(
                f"language must be one of {', '.join(LANGUAGES)}.", details={"field": "language"}
            )
        if changes.get("notify_disk") and person.role != Role.OWNER:
            raise Unprocessable(
                "Only the owner is told of full disks.", details={"field": "notify_disk"}
            )
        return await self._people.update(
            pairing_id, _viewer(identity), changes, self._clock.now_ms()
        )

    async def remove(self, identity: Identity, pairing_id: str) -> None:
        """End a pairing, and all that is under way in its chat.

        Raises:
            NotFound: the caller has no such chat.
        """
        person = await self._people.remove(pairing_id, _viewer(identity))
        self._record(identity.user_id, "telegram.unpaired", person.name)

    # -- for the bot -----------------------------------------------------------------------------

    async def person(self, chat_id: int) -> Person | None:
        """Whom a chat stands for, or ``None`` for a stranger."""
        return await self._people.person(chat_id)

    async def everybody(self) -> list[Person]:
        """All chats."""
        return await self._people.people(None)

    async def pair(
        self,
        heard: Heard,
        incoming: Incoming,
        code: str,
        *,
        paired: Effects,
        wrong: Effects,
        too_many: Effects,
    ) -> None:
        """Try a code; a chat that guessed too often is told so, once an hour, and not listened to.

        So is a world of chats that did, but for whoever has a code: strangers keep nobody out.
        """
        now_ms = self._clock.now_ms()
        hour, code_hash = now_ms - _HOUR_MS, digest(_normal(code))
        if await self._people.attempts("guess", hour, heard.chat_id) >= GUESSES:
            await self._tell_once(heard, too_many, "too_many")
            return
        of_all = await self._people.attempts("guess", hour)
        if of_all >= GUESSES_OF_ALL and not await self._people.valid_code(code_hash, now_ms):
            # Counted all the same, or this chat could guess on and on.
            await self._tell_once(heard, too_many, "too_many", "guess")
            return
        taken = await self._chats.pair(
            heard,
            code_hash,
            {
                "id": new_id(),
                "chat_id": incoming.chat_id,
                "name": incoming.name,
                "username": incoming.username,
                "language": language_of(incoming.language),
            },
            paired=paired,
            wrong=wrong,
            now_ms=now_ms,
        )
        person = await self._people.person(heard.chat_id) if taken else None
        if person is not None:
            self._record(person.user_id, "telegram.paired", person.name)

    async def brush_off(self, heard: Heard, effects: Effects) -> None:
        """Tell a stranger something, once an hour; and not the whole world at once."""
        await self._tell_once(heard, effects, "told")

    async def _tell_once(self, heard: Heard, effects: Effects, kind: str, *noted: str) -> None:
        now_ms = self._clock.now_ms()
        hour = now_ms - _HOUR_MS
        if (
            await self._people.attempts(kind, hour, heard.chat_id)
            or await self._people.attempts(kind, hour) >= _TOLD_OF_ALL
        ):
            await self._chats.brush_off(heard, Effects(), noted, now_ms)
        else:
            await self._chats.brush_off(heard, effects, (kind, *noted), now_ms)

    async def block(self, chat_id: int) -> None:
        """Telegram lets the bot not write there any more."""
        await self._people.block(chat_id, self._clock.now_ms())

    async def unblock(self, person: Person) -> Person:
        """The bot may write there again."""
        await self._people.unblock(person.chat_id)
        return replace(person, blocked_at=None)


def is_code(text: str) -> bool:
    """Whether somebody may have meant a code."""
    return _CODE.fullmatch(text.strip()) is not None


def identity_of(person: Person) -> Identity:
    """What a paired chat may do: what its user may, logged in."""
    role = Role(person.role)
    return Identity(user_id=person.user_id, role=role, scopes=ROLE_SCOPES[role])


def language_of(code: str) -> str:
    """The language of ours that is nearest to what somebody's Telegram speaks."""
    main = code.partition("-")[0].lower()
    return main if main in LANGUAGES else LANGUAGES[0]


def _normal(code: str) -> str:
    """A code as it was made, however somebody wrote it."""
    return re.sub(r"[- ]", "", code.strip()).upper().translate(_SPELLINGS)


def _viewer(identity: Identity) -> str | None:
    return None if identity.sees_all else identity.user_id
