"""One update while it is being handled: who said what, and all that shall come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from studio.bot.words import say, why
from studio.errors import StudioError
from studio.models import Identity
from studio.services.telegram_people import identity_of
from studio.store.telegram_chats import Heard
from studio.telegram_records import Button, Buttons, Effects, Incoming, Outgoing, Person


@dataclass(slots=True)
class Dialogue:
    """What a chat is in the midst of: a preset whose questions are asked one after another.

    ``key`` is part of its buttons, so those of an earlier one mean nothing. Without a preset it is
    a file (``files``) that waits for one. ``direct``: it runs once nothing is missing, unasked.
    """

    key: str
    preset_id: str = ""
    answers: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    """Assets that came for the input that is asked for, or that wait for an input."""
    asking: str | None = None
    count: int = 1
    seed: int | None = None
    direct: bool = False
    conversation: str | None = None
    """The conversation with a language model that is held."""
    album: str | None = None
    """The photos that came as one with a file that was taken: they are no new ones."""
    collecting: str | None = None
    """The photos that are coming as one, all of which are wanted."""

    @property
    def waits(self) -> bool:
        """Whether something is to be said or pressed; else it only knows an album."""
        return bool(self.preset_id or self.files or self.conversation)

    def as_data(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any] | None) -> Dialogue | None:
        """What a row keeps, without what a newer Studio wrote there and this one does not know."""
        if data is None or "key" not in data:
            return None
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in data.items() if name in known})


@dataclass(slots=True)
class Talk:
    """An update of a paired chat. ``stored``: its effects were committed already."""

    heard: Heard
    incoming: Incoming
    person: Person
    dialogue: Dialogue | None
    effects: Effects = field(default_factory=Effects)
    popup: str = ""
    stored: bool = False

    @property
    def identity(self) -> Identity:
        """What the chat may do."""
        return identity_of(self.person)

    def word(self, key: str, **facts: object) -> str:
        """A sentence in the chat's language."""
        return say(self.person.language, key, **facts)

    def failed(self, error: StudioError) -> str:
        """That something did not work, and why."""
        reason = why(self.person.language, error.code, error.message)
        return self.word("failed", reason=reason)

    def say(self, text: str, buttons: Buttons = (), *, run_id: str | None = None) -> None:
        """Answer with a message."""
        self.effects.messages.append(Outgoing(text=text, buttons=buttons, run_id=run_id))

    def show(self, text: str, buttons: Buttons = (), *, run_id: str | None = None) -> None:
        """Answer in the place of the message whose button was pressed, or with a new one."""
        edits = self.incoming.message_id if self.incoming.button is not None else None
        self.effects.messages.append(
            Outgoing(text=text, buttons=buttons, edits=edits, run_id=run_id)
        )

    def keep(self, dialogue: Dialogue) -> None:
        """Go on with that next time."""
        self.dialogue = dialogue
        self.effects.dialogue = dialogue.as_data()

    def end(self) -> None:
        """The chat is in the midst of nothing any more."""
        self.dialogue = None
        self.effects.dialogue = None

    def cancel_button(self, dialogue: Dialogue) -> tuple[Button, ...]:
        return (Button(self.word("cancel"), f"x:{dialogue.key}"),)
