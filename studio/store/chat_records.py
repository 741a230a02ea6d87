"""The records of conversations, frozen, and how rows become them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

WRITING: Final = "writing"
ASKING: Final = "asking"
"""A tool waits for a yes or a no."""
DONE: Final = "done"
STOPPED: Final = "stopped"
FAILED: Final = "failed"
INTERRUPTED: Final = "interrupted"
"""Studio ended before the reply did."""
CALL_ENDED: Final = frozenset({DONE, FAILED, "declined", STOPPED})


@dataclass(frozen=True, slots=True)
class Manner:
    """How a conversation is answered: by whom, told what, and whether the model may run presets."""

    model: str | None = None
    """``None`` is the default model."""
    system: str = ""
    examples: tuple[tuple[str, str], ...] = ()
    """What somebody said, and how the model should have answered."""
    options: Mapping[str, float] | None = None
    """``temperature``, ``top_p``, ``max_tokens`` and ``context``, those that were chosen."""
    tools: bool = True

    def written(self) -> str:
        """The column's text."""
        return orjson.dumps(
            {
                "model": self.model,
                "system": self.system,
                "examples": self.examples,
                "options": dict(self.options or {}),
                "tools": self.tools,
            }
        ).decode()

    @classmethod
    def read(cls, text: str) -> Manner:
        """What ``written`` made."""
        found = orjson.loads(text)
        return cls(
            model=found["model"],
            system=found["system"],
            examples=tuple((said, answered) for said, answered in found["examples"]),
            options=found["options"],
            tools=found["tools"],
        )


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation without its messages. Times are milliseconds since the epoch.

    ``titled_by`` is ``words`` (the first ones), ``model`` or ``person``. ``tip`` is the last
    message of the branch that is shown.
    """

    id: str
    user_id: str
    title: str
    titled_by: str
    preset_id: str | None
    manner: Manner
    tip: str | None
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class Call:
    """A tool that the model asks for.

    ``state`` is ``new``, ``asking``, ``agreed``, ``running``, or one of ``CALL_ENDED``. ``result``
    is what the model is told; ``error`` is a refusal as the API answers it, for people.
    """

    number: int
    call_id: str
    name: str
    arguments: str
    state: str = "new"
    title: str = ""
    expected_ms: int | None = None
    job_id: str | None = None
    result: str = ""
    assets: tuple[str, ...] = ()
    began_at: int | None = None
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One message; a reply that used tools goes on in another one below it.

    ``dropped`` is how many earlier messages did not fit into what the model was sent.
    """

    id: str
    conversation_id: str
    parent: str | None
    role: str
    text: str
    status: str
    created_at: int
    updated_at: int
    thoughts: str = ""
    error: Mapping[str, Any] | None = None
    model: str = ""
    usage: Mapping[str, Any] | None = None
    dropped: int = 0
    files: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True, slots=True)
class ChatPreset:
    """A manner to begin conversations in."""

    id: str
    user_id: str
    user_name: str
    name: str
    description: str
    manner: Manner
    shared: bool
    created_at: int
    updated_at: int


def conversation(row: sqlite3.Row) -> Conversation:
    """One row of ``conversations``."""
    return Conversation(
        id=row["id"],
        user_id=row["user_id"],
        title=row["title"],
        titled_by=row["titled_by"],
        preset_id=row["preset_id"],
        manner=Manner.read(row["manner"]),
        tip=row["tip"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def message(row: sqlite3.Row, files: tuple[str, ...], calls: tuple[Call, ...]) -> Message:
    """One row of ``messages`` with what belongs to it."""
    return Message(
        id=row["id"],
        conversation_id=row["conversation_id"],
        parent=row["parent"],
        role=row["role"],
        text=row["text"],
        status=row["status"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        thoughts=row["thoughts"],
        error=None if row["error"] is None else orjson.loads(row["error"]),
        model=row["model"],
        usage=None if row["usage"] is None else orjson.loads(row["usage"]),
        dropped=row["dropped"],
        files=files,
        calls=calls,
    )


def call(row: sqlite3.Row) -> Call:
    """One row of ``message_calls``."""
    return Call(
        number=row["number"],
        call_id=row["call_id"],
        name=row["name"],
        arguments=row["arguments"],
        state=row["state"],
        title=row["title"],
        expected_ms=row["expected_ms"],
        job_id=row["job_id"],
        result=row["result"],
        assets=tuple(orjson.loads(row["assets"])),
        began_at=row["began_at"],
        error=None if row["error"] is None else orjson.loads(row["error"]),
    )
