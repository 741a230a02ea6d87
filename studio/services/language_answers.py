"""What our own language servers answer: chunks whose marks are read, and the whole they are."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from typing import Any, Final

from studio.services.language_marks import MarkReader, Part, Text, Thought

_READ: Final = frozenset({"content", "tool_calls", "function_call"})
_THINKS: Final = "studio_thinks"
"""What ``boot/llama_server.py`` says in the first chunk of an answer that begins in thoughts."""


class Unmarked:
    """Takes a chat's chunks; those that it gives have thoughts and calls of tools in their places.

    Thoughts are ``reasoning_content``, as DeepSeek and llama.cpp's own server call them.

    Args:
        most_calls: how many tools the model may ask for at once.
    """

    def __init__(self, reader: MarkReader, *, most_calls: int | None = None) -> None:
        self._reader = reader
        self._most_calls = most_calls
        self._calls = 0
        self._named: set[int] = set()
        self._head: dict[str, Any] = {}
        self._is_over = False

    def add(self, chunk: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """What one more chunk makes certain."""
        if chunk.get(_THINKS):
            self._reader.open_thoughts()
        chunk = {name: value for name, value in chunk.items() if name != _THINKS}
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        delta = choice.get("delta") if isinstance(choice, dict) else None
        if not isinstance(choice, dict) or not isinstance(delta, dict):
            yield chunk
            return
        self._head = {name: value for name, value in chunk.items() if name != "choices"}
        words, finish = delta.get("content"), choice.get("finish_reason")
        parts = self._reader.add(words) if isinstance(words, str) else []
        if finish is not None:
            parts += self._reader.end()
            self._is_over = True
        yield from self._written(parts)
        rest = {name: value for name, value in delta.items() if name not in _READ and value}
        if calls := delta.get("tool_calls"):
            rest["tool_calls"] = [self._once(call) for call in calls]
        if rest or finish is not None:
            if finish == "stop" and self._calls:
                finish = "tool_calls"
            yield self._chunk(rest, finish)

    def end(self) -> Iterator[dict[str, Any]]:
        """The rest of an answer that did not say why it ended."""
        if not self._is_over:
            yield from self._written(self._reader.end())

    def _written(self, parts: list[Part]) -> Iterator[dict[str, Any]]:
        for part in parts:
            if isinstance(part, Text):
                yield self._chunk({"content": part.text})
            elif isinstance(part, Thought):
                yield self._chunk({"reasoning_content": part.text})
            elif self._most_calls is None or self._calls < self._most_calls:
                function = {"name": part.name, "arguments": part.arguments}
                # Nine letters and digits: Mistral's templates take no other id back.
                call_id = secrets.token_hex(5)[:9]
                call = {"id": call_id, "type": "function", "function": function}
                yield self._chunk({"tool_calls": [{"index": self._calls, **call}]})
                self._calls += 1

    def _once(self, call: Mapping[str, Any]) -> dict[str, Any]:
        """A piece of a call that llama.cpp's server wrote, which says its name with each."""
        index, function = call.get("index", 0), call["function"]
        if index not in self._named:
            self._named.add(index)
            return dict(call)
        return {"index": index, "function": {"arguments": function["arguments"]}}

    def _chunk(self, delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**self._head, "choices": [choice]}


class Joiner:
    """Takes chunks; ``whole`` is the answer that they are."""

    def __init__(self) -> None:
        self._head: dict[str, Any] = {}
        self._choices: dict[int, _Choice] = {}

    def add(self, chunk: Mapping[str, Any]) -> None:
        """One more."""
        self._head |= {name: value for name, value in chunk.items() if name != "choices"}
        for said in chunk.get("choices") or ():
            self._choices.setdefault(said.get("index", 0), _Choice()).add(said)

    def whole(self) -> dict[str, Any]:
        """What they are together."""
        kind = str(self._head.get("object", "text_completion")).removesuffix(".chunk")
        choices = [
            {"index": index, **self._choices[index].whole(is_chat=kind == "chat.completion")}
            for index in sorted(self._choices)
        ]
        return {**self._head, "object": kind, "choices": choices}


class _Choice:
    def __init__(self) -> None:
        self._text = ""
        self._thoughts = ""
        self._calls: dict[int, dict[str, Any]] = {}
        self._finish: str | None = None

    def add(self, said: Mapping[str, Any]) -> None:
        self._finish = said.get("finish_reason") or self._finish
        delta = said.get("delta")
        if delta is None:
            self._text += said.get("text") or ""
            return
        self._text += delta.get("content") or ""
        self._thoughts += delta.get("reasoning_content") or ""
        for piece in delta.get("tool_calls") or ():
            call = self._calls.get(piece["index"])
            if call is None:
                whole = {name: value for name, value in piece.items() if name != "index"}
                self._calls[piece["index"]] = {**whole, "function": dict(piece["function"])}
            else:
                call["function"]["arguments"] += piece["function"]["arguments"]

    def whole(self, *, is_chat: bool) -> dict[str, Any]:
        told = {"finish_reason": self._finish, "logprobs": None}
        if not is_chat:
            return {**told, "text": self._text}
        message: dict[str, Any] = {"role": "assistant", "content": self._text}
        if self._thoughts:
            message["reasoning_content"] = self._thoughts
        if self._calls:
            message["content"] = self._text or None
            message["tool_calls"] = [self._calls[index] for index in sorted(self._calls)]
        return {**told, "message": message}
