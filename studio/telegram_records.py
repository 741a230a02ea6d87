"""What the bot hears and says, in our own words: no library's objects pass a client."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final, Literal

LANGUAGES: Final = ("en", "de", "it", "zh")

MAX_DOWNLOAD_BYTES: Final = 20_000_000
"""What a bot may fetch of what people send."""
MAX_PHOTO_BYTES: Final = 10_000_000
MAX_UPLOAD_BYTES: Final = 50_000_000
MAX_ALBUM: Final = 10
MAX_CHAT_PICTURES: Final = 8
"""So many one message to a language model has."""

MediaKind = Literal["photo", "video", "audio", "document"]


@dataclass(frozen=True, slots=True)
class File:
    """A file in a message. ``size_bytes`` is what Telegram says, ``None`` when it says nothing."""

    id: str
    kind: MediaKind
    name: str
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Incoming:
    """One update of a private chat: a message, or a button that was pressed.

    ``album`` is shared by the photos that were sent as one; ``message_id`` is the message's own,
    or that of the message whose button it was.
    """

    update_id: int
    chat_id: int
    name: str
    username: str | None
    language: str
    message_id: int
    text: str = ""
    files: tuple[File, ...] = ()
    album: str | None = None
    button: str | None = None
    button_id: str | None = None


@dataclass(frozen=True, slots=True)
class Button:
    """A button below a message; ``data`` comes back when it is pressed, 64 bytes at most."""

    text: str
    data: str


Buttons = tuple[tuple[Button, ...], ...]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that is to be sent, or the one that is to be changed (``edits``).

    ``run_id`` names the run, or the reply, that it shows: once it was sent, that one knows its id.
    ``follows`` names the one whose message it changes while nobody knows that message's id yet.
    ``asset_ids`` are files of ``user_id``, who may read them.
    """

    text: str = ""
    buttons: Buttons = ()
    asset_ids: tuple[str, ...] = ()
    user_id: str | None = None
    edits: int | None = None
    run_id: str | None = None
    follows: str | None = None

    def as_data(self) -> dict[str, Any]:
        """What its row's body keeps: all but ``follows``, which older code cannot read there."""
        data = asdict(self)
        del data["follows"]
        return data

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Outgoing:
        """The message of a row."""
        buttons = tuple(
            tuple(Button(each["text"], each["data"]) for each in line) for line in data["buttons"]
        )
        known = {each.name for each in fields(cls)}
        # Without what a newer Studio wrote there and this one does not know.
        kept = {name: value for name, value in data.items() if name in known}
        return cls(**{**kept, "buttons": buttons, "asset_ids": tuple(data["asset_ids"])})


@dataclass(frozen=True, slots=True)
class Media:
    """A file that is to be sent: how, and where its bytes lie."""

    kind: MediaKind
    path: str
    name: str


@dataclass(frozen=True, slots=True)
class BotName:
    """Who the token makes of us."""

    id: int
    username: str
    name: str


@dataclass(frozen=True, slots=True)
class Person:
    """A chat that is paired, and the user it stands for. Times are milliseconds since the epoch."""

    id: str
    chat_id: int
    user_id: str
    user_name: str
    role: str
    name: str
    username: str | None
    language: str
    default_preset: str | None
    notify_jobs: bool
    notify_disk: bool
    paired_at: int
    blocked_at: int | None = None
    """When Telegram said that the bot may not write there any more."""


@dataclass(frozen=True, slots=True)
class Run:
    """What was ordered in a chat: the order, its jobs, and the message that shows how far it is."""

    id: str
    chat_id: int
    user_id: str
    title: str
    order: dict[str, Any]
    job_ids: tuple[str, ...]
    message_id: int | None
    created_at: int
    done_at: int | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message in the outbox. ``seq`` is its place among those of its chat."""

    seq: int
    id: str
    chat_id: int
    message: Outgoing
    attempts: int
    created_at: int


@dataclass(frozen=True, slots=True)
class Owed:
    """An answer that a language model owes: whose it is, and what was said in which conversation.

    ``said`` is the id that the message has there. ``album`` is shared by pictures that were sent as
    one: those that come later join the first.
    """

    id: str
    user_id: str
    conversation_id: str
    said: str
    text: str
    files: tuple[str, ...] = ()
    album: str | None = None


@dataclass(slots=True)
class Effects:
    """All that one update changes, stored by one commit with the update's id.

    ``dialogue`` replaces what the chat was in the midst of: ``None`` ends it, ``KEEP`` leaves it.
    ``reply`` is an answer that is owed from now on; ``goes_on`` is the id of one that waited for a
    yes or a no.
    """

    messages: list[Outgoing] = field(default_factory=list)
    dialogue: dict[str, Any] | Literal["keep"] | None = "keep"
    reply: Owed | None = None
    goes_on: str | None = None


KEEP: Final = "keep"


def clipped(text: str, most: int) -> str:
    """The beginning of a text, as long as Telegram counts: what is beyond Unicode's first plane,
    such as emoji, counts twice."""
    units = 0
    for at, char in enumerate(text):
        units += 2 if ord(char) > 0xFFFF else 1
        if units > most:
            return text[:at]
    return text
