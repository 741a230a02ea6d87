"""What a model is sent for a reply: the system prompt, the newest messages, what is dropped."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from studio.store.chat_records import CALL_ENDED, Manner, Message

DEFAULT_CONTEXT: Final = 16_384
"""Tokens that a model is believed to take of which nobody says how many it does."""
MAX_PICTURES: Final = 8
"""So many of the newest pictures are sent; of older ones the model is told that they were there."""
_BYTES_PER_TOKEN: Final = 3.5
_BYTES_PER_JSON_TOKEN: Final = 2.5
"""Tools are told and tell in JSON with ids."""
_LEAST_RESULT: Final = 1000
_TOKENS_PER_PICTURE: Final = 800
_TOKENS_AROUND: Final = 6
_LEAST_REPLY: Final = 512
_GO_ON: Final = "Go on exactly where you stopped. Repeat nothing, and do not say that you go on."
_LOST: Final = "This was interrupted; it is not known what became of it."

Picture = Callable[[str], Awaitable[str | None]]
"""The data URL of an asset, ``None`` when it cannot be shown."""


@dataclass(frozen=True, slots=True)
class Request:
    """The messages in OpenAI's shape, and how many of the conversation did not fit.

    ``room`` is how many tokens the conversation may take.
    """

    messages: list[dict[str, Any]]
    dropped: int
    room: int


async def assemble(
    manner: Manner,
    branch: Sequence[Message],
    *,
    context: int,
    reminder: str,
    picture: Picture | None,
    tools: Sequence[Mapping[str, Any]],
) -> Request:
    """The request for a reply to the last message of ``branch``.

    Args:
        context: tokens of the model, 0 when nobody says.
        reminder: said after the system prompt.
        picture: ``None`` for a model that sees none.
        tools: what the model may call; then it is told the ids of pictures.
    """
    options = manner.options or {}
    room = int(options.get("context") or context or DEFAULT_CONTEXT)
    reply = int(options.get("max_tokens") or max(_LEAST_REPLY, room // 4))
    head = _head(manner, reminder)
    room -= min(reply, room // 2) + sum(_tokens(each) for each in head)
    room -= math.ceil(len(orjson.dumps(tools)) / _BYTES_PER_JSON_TOKEN)
    left = room
    turns = _turns(branch)
    kept: list[list[Message]] = []
    for turn in reversed(turns):
        left -= sum(_cost(each) for each in turn)
        # The newest is always sent: a model that cannot take it says so itself.
        if kept and left < 0:
            break
        kept.insert(0, turn)
    messages = [each for turn in kept for each in turn]
    shown = await _pictures(messages, picture)
    body: list[dict[str, Any]] = []
    for message in messages:
        for each in _written(message, shown, names_files=bool(tools)):
            _join(body, each)
    if body and body[-1]["role"] == "assistant":
        body.append({"role": "user", "content": _GO_ON})
    return Request([*head, *body], len(branch) - len(messages), room)


def room_for_result(room: int, branch: Sequence[Message]) -> int:
    """How many bytes a long result of a tool may have: half of what the newest turn leaves.

    Args:
        room: of the request that the tool was asked for in answer to.
    """
    left = room - sum(_cost(each) for each in _turns(branch)[-1])
    return max(_LEAST_RESULT, int(left / 2 * _BYTES_PER_JSON_TOKEN))


def _head(manner: Manner, reminder: str) -> list[dict[str, Any]]:
    system = "\n\n".join(part for part in (manner.system.strip(), reminder) if part)
    head: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    for said, answered in manner.examples:
        head.append({"role": "user", "content": said})
        head.append({"role": "assistant", "content": answered})
    return head


def _turns(branch: Sequence[Message]) -> list[list[Message]]:
    """What somebody said, each with all that was answered to it."""
    turns: list[list[Message]] = []
    for message in branch:
        if message.role == "user" or not turns:
            turns.append([])
        turns[-1].append(message)
    return turns


def _cost(message: Message) -> int:
    said = len(message.text.encode()) / _BYTES_PER_TOKEN
    told = sum(len(call.arguments.encode()) + len(call.result.encode()) for call in message.calls)
    pictures = len(message.files) * _TOKENS_PER_PICTURE
    return math.ceil(said + told / _BYTES_PER_JSON_TOKEN) + pictures + _TOKENS_AROUND


def _tokens(message: Mapping[str, Any]) -> int:
    return math.ceil(len(str(message["content"]).encode()) / _BYTES_PER_TOKEN) + _TOKENS_AROUND


async def _pictures(messages: Sequence[Message], picture: Picture | None) -> dict[str, str]:
    """The newest pictures as data URLs, by asset."""
    shown: dict[str, str] = {}
    if picture is None:
        return shown
    for message in reversed(messages):
        for asset_id in reversed(message.files):
            if len(shown) < MAX_PICTURES and asset_id not in shown:
                url = await picture(asset_id)
                if url is not None:
                    shown[asset_id] = url
    return shown


def _written(
    message: Message, shown: Mapping[str, str], *, names_files: bool
) -> list[dict[str, Any]]:
    """One message as the model reads it; a reply that came to nothing is left out."""
    if message.role == "user":
        return [{"role": "user", "content": _content(message, shown, names_files=names_files)}]
    if not message.calls:
        return [{"role": "assistant", "content": message.text}] if message.text else []
    asked = [
        {
            "id": call.call_id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for call in message.calls
    ]
    answers = [
        {
            "role": "tool",
            "tool_call_id": call.call_id,
            "content": call.result if call.state in CALL_ENDED else _LOST,
        }
        for call in message.calls
    ]
    return [{"role": "assistant", "content": message.text, "tool_calls": asked}, *answers]


def _content(
    message: Message, shown: Mapping[str, str], *, names_files: bool
) -> str | list[dict[str, Any]]:
    notes = []
    for asset_id in message.files:
        if names_files:
            notes.append(f"[picture: asset {asset_id}]")
        elif asset_id not in shown:
            notes.append("[a picture that is not shown to you]")
    text = "\n".join([message.text, *notes]).strip()
    urls = [shown[asset_id] for asset_id in message.files if asset_id in shown]
    if not urls:
        return text
    parts: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return [*parts, {"type": "text", "text": text}] if text else parts


def _join(body: list[dict[str, Any]], each: dict[str, Any]) -> None:
    """Add a message; what one side said twice in a row is one, as templates of models want it."""
    last = body[-1] if body else None
    if (
        last is None
        or last["role"] != each["role"]
        or each["role"] == "tool"
        or "tool_calls" in last
    ):
        body.append(each)
        return
    apart = "\n\n" if each["role"] == "user" else ""
    if isinstance(last["content"], str) and isinstance(each["content"], str):
        joined: Any = f"{last['content']}{apart}{each['content']}"
    else:
        joined = [*_parts(last["content"]), *_parts(each["content"])]
    body[-1] = {**each, "content": joined}


def _parts(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
