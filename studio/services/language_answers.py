"""What is asked of our own language servers, and how the pieces of an answer become a whole one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from studio.errors import InvalidRequest

_PASSED: Final = frozenset(
    {
        "messages", "prompt", "suffix", "input", "max_tokens", "temperature", "top_p", "top_k",
        "min_p", "stop", "seed", "presence_penalty", "frequency_penalty", "repeat_penalty",
        "logit_bias", "response_format", "tools", "tool_choice",
    }
)  # fmt: skip
"""What is handed on; the rest means nothing to llama.cpp, or reaches too deep into it."""


def request_for(
    endpoint: str, request: Mapping[str, Any], *, takes_pictures: bool
) -> dict[str, Any]:
    """The body that our own server gets.

    Raises:
        InvalidRequest: a picture that is not in the request itself, or that nobody can see.
    """
    passed = {name: value for name, value in request.items() if name in _PASSED}
    if (most := request.get("max_completion_tokens")) is not None:
        passed["max_tokens"] = most
    if endpoint == "chat/completions":
        for url in _pictures(passed.get("messages")):
            # The server would open any address and any file for whoever names one.
            if not isinstance(url, str) or not url.startswith("data:image/"):
                raise InvalidRequest(
                    "A picture has to be in the request: data:image/...;base64,...",
                    details={"field": "messages"},
                )
            if not takes_pictures:
                raise InvalidRequest(
                    "This model cannot see: it has no projector.", details={"field": "messages"}
                )
    return passed


def _pictures(messages: Any) -> Iterator[Any]:
    for message in messages or ():
        content = message.get("content") if isinstance(message, dict) else None
        for part in content if isinstance(content, list) else ():
            if isinstance(part, dict) and part.get("type") not in (None, "text"):
                url = part.get("image_url")
                yield url.get("url") if isinstance(url, dict) else url
            elif isinstance(part, dict) and "image_url" in part:
                yield None


class Joiner:
    """Takes chunks; ``whole`` is the answer that they are."""

    def __init__(self) -> None:
        self._head: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}

    def add(self, chunk: Mapping[str, Any]) -> None:
        """One more."""
        self._head |= {name: value for name, value in chunk.items() if name != "choices"}
        for said in chunk.get("choices") or ():
            choice = self._choices.setdefault(
                said.get("index", 0), {"role": "assistant", "text": "", "finish_reason": None}
            )
            delta = said.get("delta")
            text = said.get("text") if delta is None else delta.get("content")
            choice["text"] += text or ""
            choice["finish_reason"] = said.get("finish_reason") or choice["finish_reason"]

    def whole(self) -> dict[str, Any]:
        """What they are together."""
        kind = str(self._head.get("object", "text_completion")).removesuffix(".chunk")
        choices = [
            _choice(index, self._choices[index], is_chat=kind == "chat.completion")
            for index in sorted(self._choices)
        ]
        return {**self._head, "object": kind, "choices": choices}


def _choice(index: int, said: Mapping[str, Any], *, is_chat: bool) -> dict[str, Any]:
    whole: dict[str, Any] = {"index": index, "finish_reason": said["finish_reason"]}
    if is_chat:
        whole["message"] = {"role": said["role"], "content": said["text"]}
    else:
        whole["text"] = said["text"]
    return {**whole, "logprobs": None}
