"""What a model's chunks add up to: words, thoughts, tools that it asks for, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from studio.store.chat_records import Call

MAX_TEXT: Final = 200_000
"""Characters of one reply; whoever writes more has lost the thread."""
MAX_CALLS_AT_ONCE: Final = 16
MAX_TITLE: Final = 80
_MAX_ARGUMENTS: Final = 20_000
_MAX_NAME: Final = 100
_OPEN, _CLOSE = "<think>", "</think>"


class Answer:
    """Adds chunks up. Whatever is not in OpenAI's shape is passed over."""

    def __init__(self) -> None:
        self._said = ""
        self._thought = ""
        self._calls: dict[int, dict[str, str]] = {}
        self.usage: dict[str, Any] = {}

    @property
    def text(self) -> str:
        """What is for the reader."""
        return self._split()[1]

    @property
    def thoughts(self) -> str:
        """What the model said to itself, in a channel of its own or before its answer."""
        return self._thought + self._split()[0]

    @property
    def is_too_long(self) -> bool:
        """Whether nobody should go on reading."""
        return len(self._said) + len(self._thought) > MAX_TEXT

    def add(self, chunk: Mapping[str, Any]) -> None:
        """Take one chunk."""
        usage = chunk.get("usage")
        if isinstance(usage, dict):
            for name in ("prompt_tokens", "completion_tokens"):
                if type(usage.get(name)) is int:
                    self.usage[name] = usage[name]
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            return
        if isinstance(choice.get("finish_reason"), str):
            self.usage["finish"] = choice["finish_reason"][:_MAX_NAME]
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            return
        if isinstance(delta.get("content"), str):
            self._said += delta["content"]
        if isinstance(delta.get("reasoning_content"), str):
            self._thought += delta["reasoning_content"]
        for call in delta.get("tool_calls") or ():
            if isinstance(call, dict):
                self._add_call(call)

    def calls(self) -> tuple[Call, ...]:
        """The tools that it asks for, in its order."""
        return tuple(
            Call(number=number, call_id=call["id"] or f"call_{number}", name=call["name"],
                 arguments=call["arguments"] or "{}")
            for number, call in enumerate(self._calls[at] for at in sorted(self._calls))
        )  # fmt: skip

    def _add_call(self, delta: Mapping[str, Any]) -> None:
        at = delta.get("index")
        at = at if type(at) is int else len(self._calls)
        if at not in self._calls and len(self._calls) >= MAX_CALLS_AT_ONCE:
            return
        call = self._calls.setdefault(at, {"id": "", "name": "", "arguments": ""})
        if isinstance(delta.get("id"), str) and delta["id"]:
            call["id"] = delta["id"][:_MAX_NAME]
        function = delta.get("function")
        if isinstance(function, dict):
            for name, most in (("name", _MAX_NAME), ("arguments", _MAX_ARGUMENTS)):
                if isinstance(function.get(name), str):
                    call[name] = (call[name] + function[name])[:most]

    def _split(self) -> tuple[str, str]:
        """Thoughts and words of a model that writes both into one channel."""
        said = self._said.lstrip()
        if not said.startswith(_OPEN):
            # Its very first letters may become that mark.
            return "", "" if said and _OPEN.startswith(said) else self._said
        thoughts, _, words = said.removeprefix(_OPEN).partition(_CLOSE)
        return thoughts.strip(), words.lstrip()


def title_of(answer: Mapping[str, Any]) -> str:
    """The title that a whole answer gives, "" when it is none."""
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, str) or "<think>" in content:
        return ""
    lines = [line for line in content.strip().splitlines() if line.strip()]
    title = lines[0].strip().strip("\"'“”„«»*#").strip() if lines else ""
    return title[:MAX_TITLE] if title.isprintable() else ""
